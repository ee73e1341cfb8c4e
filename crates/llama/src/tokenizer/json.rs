//! A tokenizer as `tokenizer.json`, which every library of Hugging Face reads.

use tokenizers::PostProcessorWrapper;
use tokenizers::processors::{sequence::Sequence, template::TemplateProcessing};

use super::Tokenizer;
use crate::LlamaError;

impl Tokenizer {
    /// The text of `tokenizer.json`.
    ///
    /// A begin token that a GGUF's metadata asks for becomes a post-processor,
    /// which is where `tokenizer.json` says so.
    ///
    /// # Errors
    /// [`LlamaError::Encoding`] if the tokenizer can't be written.
    pub fn to_json(&self) -> Result<String, LlamaError> {
        let fail = |what: String| LlamaError::Encoding { what };
        let Some(id) = self.bos else {
            return self.inner.to_string(true).map_err(|e| fail(e.to_string()));
        };
        let token = self
            .token(id)
            .ok_or_else(|| fail(format!("the begin token {id} is not in the vocabulary")))?;
        let template = TemplateProcessing::builder()
            .try_single(vec![token.clone(), "$A".into()])
            .map_err(&fail)?
            .special_tokens(vec![(token, id)])
            .build()
            .map_err(|e| fail(e.to_string()))?;
        let mut inner = self.inner.clone();
        let own = inner.get_post_processor().cloned();
        let steps: Vec<PostProcessorWrapper> = own.into_iter().chain([template.into()]).collect();
        inner.with_post_processor(Some(Sequence::new(steps)));
        inner.to_string(true).map_err(|e| fail(e.to_string()))
    }
}
