//! One prompt's part of a generation: what it has, and what chooses the next.

use super::processor::{LogitsProcessor, RowContext};
use super::sampler::Sampler;
use super::text::RowText;
use super::token::{FinishReason, Token};
use super::{GenerateOptions, choose::Choice};
use crate::LlamaError;

/// The state of one row, whatever slot of the batch it has.
pub(super) struct Row<'a> {
    /// The prompt's place among those given.
    pub(super) index: usize,
    pub(super) prompt: Vec<u32>,
    pub(super) generated: Vec<u32>,
    pub(super) processors: Vec<Box<dyn LogitsProcessor + 'a>>,
    pub(super) sampler: Sampler,
    /// Absent where there is no tokenizer.
    pub(super) text: Option<RowText<'a>>,
    /// Why the row has ended, once it has.
    pub(super) finish: Option<FinishReason>,
}

impl Row<'_> {
    /// Whether the most probable token is taken as the model has it.
    pub(super) fn is_plain(&self) -> bool {
        self.processors.is_empty() && matches!(self.sampler, Sampler::Greedy)
    }

    /// The place of the next token in the sequence.
    pub(super) fn position(&self) -> usize {
        self.prompt.len() + self.generated.len()
    }

    /// Processes the logits and chooses a token by what they then are.
    pub(super) fn choose(&mut self, logits: &mut [f32]) -> Result<u32, LlamaError> {
        let (row, position) = (self.index, self.position());
        let context = RowContext {
            row,
            prompt: &self.prompt,
            generated: &self.generated,
        };
        for processor in &mut self.processors {
            processor.process(context, logits);
        }
        if logits.iter().any(|&l| l.is_nan() || l == f32::INFINITY) {
            return Err(LlamaError::NotFinite { row, position });
        }
        let id = self.sampler.choose(logits);
        id.ok_or(LlamaError::NothingAllowed { row, position })
    }

    /// Appends a token, and ends the row where that is its last.
    pub(super) fn accept(
        &mut self,
        (id, logprob): Choice,
        options: &GenerateOptions,
    ) -> Result<Token, LlamaError> {
        if logprob.is_nan() {
            let (row, position) = (self.index, self.position());
            return Err(LlamaError::NotFinite { row, position });
        }
        self.generated.push(id);
        self.finish = if options.end_ids.contains(&id) {
            Some(FinishReason::EndToken)
        } else if self.generated.len() == options.max_new_tokens {
            Some(FinishReason::Length)
        } else {
            None
        };
        let mut text = None;
        if let Some(decoder) = &mut self.text {
            let (piece, stopped) = decoder.push(id, self.finish.is_some())?;
            text = Some(piece);
            if stopped {
                self.finish = Some(FinishReason::StopString);
            }
        }
        Ok(Token {
            row: self.index,
            id,
            logprob,
            text,
            finish: self.finish,
        })
    }
}
