//! Templates for models whose files bring none, in our own words and with the published text.

use std::fmt;
use std::str::FromStr;

use super::{ChatTemplate, SpecialTokens, TemplateError};
use crate::DataError;

/// A chat template that comes with this crate.
///
/// `bos_token` and `eos_token` are the model's own, from [`SpecialTokens`]. None of them adds a system
/// turn that the conversation lacks. Refused is what the format cannot say: Llama-2 and Alpaca demand
/// turns that alternate, from the user's on.
///
/// # Example
/// ```
/// use anneal_data::{BuiltInTemplate, ChatTemplate, Message, SpecialTokens};
///
/// let kind: BuiltInTemplate = "llama-2".parse()?;
/// let tokens = SpecialTokens::new().with("bos_token", "<s>").with("eos_token", "</s>");
/// let template = ChatTemplate::built_in(kind, &tokens)?;
/// let text = template.render(&[Message::system("Be brief."), Message::user("Hi ")], true)?;
/// assert_eq!(text, "<s>[INST] <<SYS>>\nBe brief.\n<</SYS>>\n\nHi [/INST]");
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BuiltInTemplate {
    /// `[INST] <<SYS>>…<</SYS>> … [/INST] … </s>`, a bos for each exchange, trimmed texts.
    Llama2,
    /// `<|start_header_id|>role<|end_header_id|>`, an empty line, the trimmed text, `<|eot_id|>`.
    Llama3,
    /// `<|im_start|>role`, a new line, the text, `<|im_end|>` and a new line.
    ChatMl,
    /// Stanford's preamble, `### Instruction:`, `### Input:` where there is a system text, `### Response:`.
    Alpaca,
    /// The texts one after the other, and the eos after the assistant's.
    Plain,
}

impl BuiltInTemplate {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Llama2,
        Self::Llama3,
        Self::ChatMl,
        Self::Alpaca,
        Self::Plain,
    ];

    /// The name that [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama2 => "llama-2",
            Self::Llama3 => "llama-3",
            Self::ChatMl => "chatml",
            Self::Alpaca => "alpaca",
            Self::Plain => "plain",
        }
    }

    /// The Jinja text.
    pub fn source(self) -> &'static str {
        match self {
            Self::Llama2 => include_str!("built_in/llama-2.jinja"),
            Self::Llama3 => include_str!("built_in/llama-3.jinja"),
            Self::ChatMl => include_str!("built_in/chatml.jinja"),
            Self::Alpaca => include_str!("built_in/alpaca.jinja"),
            Self::Plain => include_str!("built_in/plain.jinja"),
        }
    }

    /// The special tokens that it writes, by the names that tokenizers give them.
    fn tokens(self) -> &'static [&'static str] {
        match self {
            Self::Llama2 => &["bos_token", "eos_token"],
            Self::Llama3 => &["bos_token"],
            Self::ChatMl => &[],
            Self::Alpaca | Self::Plain => &["eos_token"],
        }
    }
}

impl fmt::Display for BuiltInTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for BuiltInTemplate {
    type Err = DataError;

    fn from_str(name: &str) -> Result<Self, DataError> {
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| {
            TemplateError::UnknownBuiltIn {
                name: name.to_owned(),
                known: Self::ALL.map(Self::name).join(", "),
            }
            .into()
        })
    }
}

impl ChatTemplate {
    /// A template of this crate, with a model's special tokens.
    ///
    /// Alpaca and plain text begin with the `bos_token` if
    /// [`with_variable("add_bos_token", true)`](Self::with_variable) says so, which is right for models whose
    /// tokenizer begins every text with it.
    ///
    /// # Errors
    /// [`TemplateError::MissingToken`] if the template writes a token that the model lacks.
    pub fn built_in(kind: BuiltInTemplate, tokens: &SpecialTokens) -> Result<Self, DataError> {
        let missing = kind.tokens().iter().find(|name| tokens.get(name).is_none());
        if let Some(&token) = missing {
            let template = kind.name();
            return Err(TemplateError::MissingToken { template, token }.into());
        }
        Self::with_tokens(kind.source(), tokens)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for kind in BuiltInTemplate::ALL {
            assert_eq!(kind.to_string().parse::<BuiltInTemplate>().unwrap(), kind);
        }
        assert_eq!(
            "llama2".parse::<BuiltInTemplate>().unwrap_err().to_string(),
            "no built-in chat template `llama2`; there are llama-2, llama-3, chatml, alpaca, plain"
        );
    }

    #[test]
    fn a_token_that_a_template_writes_must_be_there() {
        let tokens = SpecialTokens::new().with("bos_token", "<s>");
        let built = |kind| ChatTemplate::built_in(kind, &tokens).map(drop);
        assert_eq!(
            built(BuiltInTemplate::Llama2).unwrap_err().to_string(),
            "the built-in chat template llama-2 writes the model's `eos_token`, and none is known"
        );
        assert!(built(BuiltInTemplate::Alpaca).is_err());
        assert!(built(BuiltInTemplate::Llama3).is_ok());
        assert!(built(BuiltInTemplate::ChatMl).is_ok());
    }
}
