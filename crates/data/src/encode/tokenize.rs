//! What a tokenizer must be able to do.

use std::ops::Range;

/// Anything that turns text into token ids.
///
/// Special tokens that stand in the text (`<|im_end|>`) become their ids; none is added, since the
/// template has written them all. Closures of the same shape implement it.
pub trait Tokenize {
    /// What can go wrong.
    type Error: Into<Box<dyn std::error::Error + Send + Sync>>;

    /// The ids of `text`.
    ///
    /// # Errors
    /// Whatever the tokenizer meets.
    fn encode(&self, text: &str) -> Result<Vec<u32>, Self::Error>;

    /// The ids of `text`, and where in it special tokens stand.
    ///
    /// With the places, only the text since the last special token is tokenised again to see whether a
    /// border in the text is a border of tokens; without (the default), all before the border is. See
    /// [`Cut`] for what must hold. Leaving places out is always right.
    ///
    /// # Errors
    /// Whatever the tokenizer meets.
    fn encode_with_cuts(&self, text: &str) -> Result<(Vec<u32>, Vec<Cut>), Self::Error> {
        Ok((self.encode(text)?, Vec::new()))
    }
}

/// A special token in a text, before and after which the text is tokenised independently.
///
/// With `ids` those of the whole text, and for every `border` at or after `bytes.end`: the ids of
/// `text[..border]` are `ids[..token]` followed by the ids of `text[bytes.start..border]`, the first of
/// which is `ids[token]`. That is so for special tokens that are found in the text as it is written,
/// before a normalizer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Its bytes in the text, with white space that it swallows.
    pub bytes: Range<usize>,
    /// Its place among the ids.
    pub token: usize,
}

impl<F, E> Tokenize for F
where
    F: Fn(&str) -> Result<Vec<u32>, E>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Error = E;

    fn encode(&self, text: &str) -> Result<Vec<u32>, E> {
        self(text)
    }
}
