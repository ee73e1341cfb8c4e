//! A tokenizer as `tokenizer.json`, which every library of Hugging Face reads.

use super::Tokenizer;
use crate::LlamaError;

impl Tokenizer {
    /// The text of `tokenizer.json`.
    ///
    /// # Errors
    /// [`LlamaError::Encoding`] if the tokenizer can't be written.
    pub fn to_json(&self) -> Result<String, LlamaError> {
        let text = self.inner.to_string(true);
        text.map_err(|e| LlamaError::Encoding {
            what: e.to_string(),
        })
    }
}
