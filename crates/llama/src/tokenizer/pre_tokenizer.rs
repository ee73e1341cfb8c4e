//! How byte-level BPE cuts text before merging, by llama.cpp's names for it.
//!
//! A GGUF stores only the name. Each rule here is the one of the model's own
//! `tokenizer.json`, as llama.cpp (`llama-vocab.cpp`) and transformers
//! (`integrations/gguf`) both list it; names on which they differ, or of which
//! only a guess could be made, are refused.

use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{PreTokenizerWrapper, SplitDelimiterBehavior};

/// For messages: the names of [`Rule::named`].
pub(super) const NAMES: &str = "\"llama-bpe\", \"llama3\", \"llama-v3\", \"falcon3\", \
     \"smaug-bpe\", \"dbrx\", \"tekken\", \"smollm\", \"starcoder\", \"refact\", \
     \"deepseek-coder\" or \"gpt-2\"";

const LLAMA3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
const DEEPSEEK_CODER: &[&str] = &[
    "[\r\n]",
    r"\s?\p{L}+",
    r"\s?\p{P}+",
    "[一-龥\u{800}-一가-\u{D7FF}]+",
];

/// A named way of cutting text, with what else the name implies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rule {
    /// Each cuts what the one before left; none means GPT-2's expression.
    splits: &'static [&'static str],
    /// Whether every digit then stands alone.
    digits: bool,
    /// Whether a piece that is a token is taken whole, merges or not.
    pub(super) ignore_merges: bool,
    /// Whether texts begin with the begin token unless the file says otherwise.
    pub(super) adds_bos: bool,
}

impl Rule {
    /// The rule of a name, if it is known.
    pub(super) fn named(name: &str) -> Option<Self> {
        let rule = |splits, digits| Self {
            splits,
            digits,
            ignore_merges: false,
            adds_bos: false,
        };
        let whole = |splits| Self {
            ignore_merges: true,
            adds_bos: true,
            ..rule(splits, false)
        };
        Some(match name {
            "llama-bpe" | "llama3" | "llama-v3" | "falcon3" => whole(&[LLAMA3]),
            "tekken" => whole(&[TEKKEN]),
            "smaug-bpe" | "dbrx" => rule(&[LLAMA3], false),
            "deepseek-coder" => rule(DEEPSEEK_CODER, true),
            // transformers' own reading of a GGUF forgets the single digits.
            "smollm" | "starcoder" | "refact" => rule(&[], true),
            "gpt-2" | "gpt2" => rule(&[], false),
            _ => return None,
        })
    }

    /// The steps, byte-level spelling last.
    ///
    /// # Errors
    /// The regular expression engine's reason.
    pub(super) fn build(self) -> Result<PreTokenizerWrapper, tokenizers::Error> {
        let mut steps: Vec<PreTokenizerWrapper> = Vec::new();
        for pattern in self.splits {
            let pattern = SplitPattern::Regex((*pattern).to_owned());
            steps.push(Split::new(pattern, SplitDelimiterBehavior::Isolated, false)?.into());
        }
        if self.digits {
            steps.push(Digits::new(true).into());
        }
        steps.push(ByteLevel::new(false, true, self.splits.is_empty()).into());
        Ok(Sequence::new(steps).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_testkit::fixture_path;
    use tokenizers::{OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer};

    #[test]
    fn text_is_cut_as_the_reference_cuts_it() {
        let path = fixture_path("tokenizers/splits.json");
        let goldens: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let goldens = goldens.as_object().unwrap();
        assert_eq!(goldens.len(), 8);
        for (name, cases) in goldens {
            let rule = Rule::named(name).unwrap().build().unwrap();
            for case in cases.as_array().unwrap() {
                let text = case["text"].as_str().unwrap();
                let mut cut = PreTokenizedString::from(text);
                rule.pre_tokenize(&mut cut).unwrap();
                let pieces: Vec<_> = cut
                    .get_splits(OffsetReferential::Original, OffsetType::Byte)
                    .into_iter()
                    .map(|(piece, _, _)| piece.to_owned())
                    .collect();
                let expected: Vec<String> = serde_json::from_value(case["pieces"].clone()).unwrap();
                assert_eq!(pieces, expected, "{name}: {text:?}");
            }
        }
    }

    #[test]
    fn every_name_in_the_message_is_known() {
        for name in NAMES.split('"').skip(1).step_by(2) {
            assert!(Rule::named(name).is_some(), "{name}");
        }
        assert_eq!(Rule::named("default"), None);
    }
}
