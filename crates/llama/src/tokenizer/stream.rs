//! Text from token ids as they come, for streaming and stop strings.

use super::Tokenizer;
use super::stages::Stage;
use crate::LlamaError;

/// Decodes token by token: each [`push`](Self::push) gives the text that no
/// later token can change, [`finish`](Self::finish) the rest.
///
/// All pieces together are exactly what [`Tokenizer::decode`] makes of all ids.
/// A token may hold half a character, so a piece may be empty:
///
/// * byte-level BPE waits at most for the end of one character (three bytes);
/// * SentencePiece's byte tokens wait for the end of their run, since one
///   invalid byte turns the whole run into U+FFFD.
///
/// A push costs the same however long the text is: nothing is decoded twice.
/// Decoders that no Llama uses (WordPiece, CTC) hand out everything at the end.
///
/// ```
/// use anneal_llama::{TextStream, Tokenizer};
///
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("tokenizer.json");
/// # let vocab = r#"{"Hi": 0, "Ġ": 1, "ð": 2, "Ł": 3, "ĺ": 4, "Ģ": 5}"#;
/// # std::fs::write(&path, format!(r#"{{"version": "1.0", "truncation": null,
/// #     "padding": null, "added_tokens": [], "normalizer": null,
/// #     "pre_tokenizer": {{"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true}},
/// #     "post_processor": null, "decoder": {{"type": "ByteLevel", "add_prefix_space": false,
/// #     "trim_offsets": true}}, "model": {{"type": "BPE", "vocab": {vocab}, "merges": []}}}}"#))?;
/// let tokenizer = Tokenizer::from_file(&path)?;
/// let mut stream = TextStream::new(&tokenizer, false);
/// let mut pieces = Vec::new();
/// for id in [0, 1, 2, 3, 4, 5, 2] {
///     pieces.push(stream.push(id)?); // 😀 is the four tokens 2, 3, 4, 5
/// }
/// pieces.push(stream.finish()?);
/// assert_eq!(pieces, ["Hi", " ", "", "", "", "😀", "", "\u{FFFD}"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct TextStream<'a> {
    tokenizer: &'a Tokenizer,
    special: bool,
    stages: Vec<Stage<'a>>,
}

impl<'a> TextStream<'a> {
    /// A stream before its first token; `special` as in [`Tokenizer::decode`].
    pub fn new(tokenizer: &'a Tokenizer, special: bool) -> Self {
        Self {
            tokenizer,
            special,
            stages: Stage::of(tokenizer.inner.get_decoder()),
        }
    }

    /// Adds a token and returns the text that is now certain, often empty.
    ///
    /// # Errors
    /// [`LlamaError::UnknownTokenId`] if there is no such token;
    /// [`LlamaError::Encoding`] if the decoder fails.
    pub fn push(&mut self, id: u32) -> Result<String, LlamaError> {
        let token = self.tokenizer.spelling(id, self.special)?;
        let mut pieces = Vec::from_iter(token);
        for stage in &mut self.stages {
            pieces = stage.push(pieces)?;
        }
        Ok(pieces.concat())
    }

    /// The text that was still held back; a character cut off becomes U+FFFD.
    ///
    /// # Errors
    /// [`LlamaError::Encoding`] if the decoder fails.
    pub fn finish(self) -> Result<String, LlamaError> {
        let mut pieces = Vec::new();
        for mut stage in self.stages {
            pieces = stage.push(pieces)?;
            pieces.extend(stage.finish()?);
        }
        Ok(pieces.concat())
    }
}
