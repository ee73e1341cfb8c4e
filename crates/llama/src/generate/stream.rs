//! Tokens as they come.

use std::collections::VecDeque;
use std::fmt;

use super::GenerateOptions;
use super::batch::Batch;
use super::choose::{most_probable, processed};
use super::row::Row;
use super::token::Token;
use crate::{LlamaError, LlamaForCausalLM};

/// The tokens of a generation, in the order in which they are chosen: one of
/// every prompt that still runs, then the next of each.
///
/// Nothing is computed before it is asked for, so dropping the stream ends the
/// generation. After an error there is nothing more.
pub struct TokenStream<'a> {
    model: &'a LlamaForCausalLM,
    options: &'a GenerateOptions,
    rows: Vec<Row<'a>>,
    // `None` once all rows have ended: the cache is large.
    batch: Option<Batch<'a>>,
    ready: VecDeque<Token>,
}

impl<'a> TokenStream<'a> {
    /// `batch` has the places of the prompts of `rows`, if there are any.
    pub(super) fn new(
        model: &'a LlamaForCausalLM,
        options: &'a GenerateOptions,
        rows: Vec<Row<'a>>,
        batch: Option<Batch<'a>>,
    ) -> Self {
        Self {
            model,
            options,
            rows,
            batch,
            ready: VecDeque::new(),
        }
    }

    /// Chooses a token for every running row; the batch, if any still runs.
    fn step(&mut self, mut batch: Batch<'a>) -> Result<Option<Batch<'a>>, LlamaError> {
        let logits = if self.rows.iter().all(|row| row.generated.is_empty()) {
            let prompts: Vec<Vec<u32>> = self.rows.iter().map(|row| row.prompt.clone()).collect();
            batch.read_prompts(self.model, &prompts)
        } else {
            batch.drop_finished(|row| self.rows[row].finish.is_none());
            let rows = batch.rows().iter();
            let last = rows.filter_map(|&row| self.rows[row].generated.last());
            let last: Vec<u32> = last.copied().collect();
            batch.step(self.model, &last)
        };
        let choices = if self.rows.iter().all(Row::is_plain) {
            most_probable(logits)?
        } else {
            processed(logits, batch.rows(), &mut self.rows)?
        };
        for (&row, choice) in batch.rows().iter().zip(choices) {
            let row = &mut self.rows[row];
            if row.finish.is_none() {
                self.ready.push_back(row.accept(choice, self.options)?);
            }
        }
        let running = self.rows.iter().any(|row| row.finish.is_none());
        Ok(running.then_some(batch))
    }
}

impl Iterator for TokenStream<'_> {
    type Item = Result<Token, LlamaError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            let batch = self.batch.take()?;
            match self.step(batch) {
                Ok(batch) => self.batch = batch,
                Err(error) => {
                    self.ready.clear();
                    return Some(Err(error));
                }
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

impl std::iter::FusedIterator for TokenStream<'_> {}

impl fmt::Debug for TokenStream<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generated = self.rows.iter().map(|row| &row.generated);
        f.debug_struct("TokenStream")
            .field("options", self.options)
            .field("generated", &generated.collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
