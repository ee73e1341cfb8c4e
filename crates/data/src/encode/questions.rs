//! Encoding a whole list of questions, with an account of what was kept.

use crate::{DataError, Encoder, Example, Question, SqlPrompt, Tokenize};

/// The examples that were kept, in the order of their rows, and the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The examples.
    pub examples: Vec<Example>,
    /// What became of the rows.
    pub report: EncodeReport,
}

/// What became of the rows of a data set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EncodeReport {
    /// Rows that were read.
    pub rows: usize,
    /// Indices of the rows that were dropped because they have more tokens than the maximum.
    pub too_long: Vec<usize>,
    /// The maximum, in tokens.
    pub max_length: usize,
    /// Tokens of the longest row, dropped ones included.
    pub longest: usize,
    /// Tokens of the rows that were kept.
    pub tokens: usize,
    /// Those of them that are trained.
    pub trained_tokens: usize,
}

impl Encoder {
    /// Encodes questions that bring their context; rows over the maximum are dropped and counted, none
    /// is cut.
    ///
    /// # Errors
    /// [`DataError::Row`] with the index of the first row that fails, and why.
    pub fn encode_questions<T: Tokenize + ?Sized>(
        &self,
        tokenizer: &T,
        prompt: &SqlPrompt,
        rows: &[Question],
    ) -> Result<Encoded, DataError> {
        let mut examples = Vec::with_capacity(rows.len());
        let mut report = EncodeReport {
            rows: rows.len(),
            max_length: self.max_length(),
            ..EncodeReport::default()
        };
        for (index, row) in rows.iter().enumerate() {
            let example = prompt
                .conversation_of(row)
                .and_then(|messages| self.encode(tokenizer, &messages))
                .map_err(|source| DataError::Row {
                    row: index,
                    question: row.question.clone(),
                    source: Box::new(source),
                })?;
            report.longest = report.longest.max(example.len());
            if example.len() > self.max_length() {
                report.too_long.push(index);
                continue;
            }
            report.tokens += example.len();
            report.trained_tokens += example.target_count();
            examples.push(example);
        }
        Ok(Encoded { examples, report })
    }
}
