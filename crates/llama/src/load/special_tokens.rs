//! Special tokens by the names that chat templates know them by.

use std::collections::BTreeMap;

/// The names that transformers gives special tokens (5.23,
/// `PreTrainedTokenizerBase.SPECIAL_TOKENS_ATTRIBUTES`).
pub(super) const NAMES: [&str; 7] = [
    "bos_token",
    "eos_token",
    "unk_token",
    "sep_token",
    "pad_token",
    "cls_token",
    "mask_token",
];

/// The named special tokens of a model, each by its text: what transformers calls
/// `special_tokens_map`, and passes to every chat template.
///
/// ```
/// use anneal_llama::SpecialTokens;
///
/// let tokens: SpecialTokens = [("eos_token", "</s>"), ("pad_token", "</s>")].into_iter().collect();
/// assert_eq!((tokens.bos(), tokens.eos()), (None, Some("</s>")));
/// assert_eq!(tokens.get("pad_token"), Some("</s>"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SpecialTokens(BTreeMap<String, String>);

impl SpecialTokens {
    /// The text of a token by its name, such as `pad_token`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The token that begins a text (`bos_token`).
    pub fn bos(&self) -> Option<&str> {
        self.get("bos_token")
    }

    /// The token that ends a text (`eos_token`).
    pub fn eos(&self) -> Option<&str> {
        self.get("eos_token")
    }

    /// Every name with its text, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let pairs = self.0.iter();
        pairs.map(|(name, text)| (name.as_str(), text.as_str()))
    }
}

impl<N: Into<String>, T: Into<String>> FromIterator<(N, T)> for SpecialTokens {
    fn from_iter<I: IntoIterator<Item = (N, T)>>(tokens: I) -> Self {
        let tokens = tokens.into_iter();
        Self(
            tokens
                .map(|(name, text)| (name.into(), text.into()))
                .collect(),
        )
    }
}
