//! From rows to examples, on all threads, in order.

use rayon::prelude::*;

use super::OnBadRow;
use super::chunk::Chunk;
use super::reason::set_apart;
use super::report::PrepareReport;
use crate::{
    Cleaner, DataError, Encoder, Example, Fitted, Place, PreferenceExample, Row, Sample, SetApart,
    SqlPrompt, Tokenize,
};

/// How rows become examples.
///
/// # Example
/// ```
/// use anneal_data::{ChatTemplate, Encoder, Preparer, Rows, Source};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("rows.jsonl");
/// std::fs::write(&path, r#"{"question": "How many?", "context": "CREATE TABLE t (x)", "answer": "SELECT COUNT(*) FROM t"}"#)?;
/// let source = Source::of_files(vec![path])?;
///
/// let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
/// let preparer = Preparer::new(&bytes, Encoder::new(ChatTemplate::chatml()?, 1024)?);
/// let mut examples = Vec::new();
/// let report = preparer.run(Rows::new(source.records()), |row| {
///     examples.push(row.prepared);
///     Ok::<(), anneal_data::DataError>(())
/// })?;
/// assert_eq!((report.rows, examples.len()), (1, 1));
/// assert_eq!(report.trained_tokens, "SELECT COUNT(*) FROM t<|im_end|>".len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Preparer<'a, T: ?Sized> {
    tokenizer: &'a T,
    encoder: Encoder,
    prompt: SqlPrompt,
    cleaner: Cleaner,
    on_bad_row: OnBadRow,
}

/// What a row became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prepared {
    /// An example to learn.
    Example(Example),
    /// Two answers to compare.
    Pair(PreferenceExample),
}

/// A row that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedRow {
    /// Where it stands.
    pub place: Place,
    /// What it became.
    pub prepared: Prepared,
    /// Tables that its context lost, so that it fits.
    pub tables_dropped: usize,
}

impl Prepared {
    /// Its examples: one, or the chosen and the rejected.
    pub fn examples(&self) -> impl Iterator<Item = &Example> {
        let (first, second) = match self {
            Self::Example(example) => (example, None),
            Self::Pair(pair) => (&pair.chosen, Some(&pair.rejected)),
        };
        std::iter::once(first).chain(second)
    }
}

/// What became of one row; the tokens are those that it came with.
pub(super) enum Outcome {
    Kept(PreparedRow, usize),
    TooLong(usize),
    SetApart(SetApart),
}

impl<'a, T> Preparer<'a, T>
where
    T: Tokenize + Sync + ?Sized,
{
    /// With the default prompt, no checks, and wrong rows refused.
    pub fn new(tokenizer: &'a T, encoder: Encoder) -> Self {
        Self {
            tokenizer,
            encoder,
            prompt: SqlPrompt::default(),
            cleaner: Cleaner::default(),
            on_bad_row: OnBadRow::Fail,
        }
    }

    /// With another prompt for questions about a schema.
    #[must_use]
    pub fn with_prompt(mut self, prompt: SqlPrompt) -> Self {
        self.prompt = prompt;
        self
    }

    /// With checks that set rows apart, whatever the policy for wrong rows.
    #[must_use]
    pub fn with_cleaner(mut self, cleaner: Cleaner) -> Self {
        self.cleaner = cleaner;
        self
    }

    /// With another policy for rows that cannot be rendered, tokenised or masked.
    #[must_use]
    pub fn with_on_bad_row(mut self, on_bad_row: OnBadRow) -> Self {
        self.on_bad_row = on_bad_row;
        self
    }

    /// Prepares all rows and hands them to `sink` in their order, on the threads of rayon's pool: while
    /// a chunk is prepared, the next one is read.
    ///
    /// # Errors
    /// The first error of `rows`, of a row ([`DataError::At`] names it) or of `sink`, in the order of
    /// the rows; `sink` got those before it.
    pub fn run<R, E>(
        &self,
        mut rows: R,
        mut sink: impl FnMut(PreparedRow) -> Result<(), E>,
    ) -> Result<PrepareReport, E>
    where
        R: Iterator<Item = Result<Row, DataError>> + Send,
        E: From<DataError>,
    {
        let mut report = PrepareReport::default();
        let mut chunk = Chunk::read(&mut rows);
        loop {
            let prepare = || -> Vec<Result<Outcome, DataError>> {
                chunk.rows.par_iter().map(|row| self.row(row)).collect()
            };
            let is_last = chunk.is_last;
            let (outcomes, next) =
                rayon::join(prepare, || (!is_last).then(|| Chunk::read(&mut rows)));
            for outcome in outcomes {
                if let Some(row) = report.add(outcome?) {
                    sink(row)?;
                }
            }
            if let Some(error) = chunk.error {
                return Err(error.into());
            }
            match next {
                Some(next) => chunk = next,
                None => return Ok(report),
            }
        }
    }

    fn row(&self, row: &Row) -> Result<Outcome, DataError> {
        if let Some((step, fault)) = self.cleaner.check(row) {
            return Ok(Outcome::SetApart(SetApart::new(row, step, fault)));
        }
        match self.encode(row) {
            Ok(outcome) => Ok(outcome),
            Err(error) if self.on_bad_row == OnBadRow::SetApart && error.is_row_error() => {
                let fault = set_apart(Some(row.place.clone()), "encode", &error).fault;
                Ok(Outcome::SetApart(SetApart::new(row, "encode", fault)))
            }
            Err(source) => Err(DataError::At {
                place: row.place.clone(),
                source: Box::new(source),
            }),
        }
    }

    fn encode(&self, row: &Row) -> Result<Outcome, DataError> {
        let (encoder, tokenizer) = (&self.encoder, self.tokenizer);
        let fitted = match &row.sample {
            Sample::Sql(sample) => encoder.encode_sql(tokenizer, &self.prompt, sample)?,
            Sample::Conversation(messages) => encoder.encode_conversation(tokenizer, messages)?,
            Sample::Completion(completion) => encoder.encode_completion(tokenizer, completion)?,
            Sample::Preference(preference) => {
                let pair = encoder.encode_preference(tokenizer, preference)?;
                let tokens = pair.chosen.len().max(pair.rejected.len());
                return Ok(match tokens > encoder.max_length() {
                    true => Outcome::TooLong(tokens),
                    false => kept(row, Prepared::Pair(pair), 0, tokens),
                });
            }
        };
        let tokens = fitted.tokens();
        Ok(match fitted {
            Fitted::Kept(example) => kept(row, Prepared::Example(example), 0, tokens),
            Fitted::Shortened {
                example,
                tables_dropped,
                ..
            } => kept(row, Prepared::Example(example), tables_dropped, tokens),
            Fitted::TooLong { tokens } => Outcome::TooLong(tokens),
        })
    }
}

fn kept(row: &Row, prepared: Prepared, tables_dropped: usize, tokens: usize) -> Outcome {
    let place = row.place.clone();
    let row = PreparedRow {
        place,
        prepared,
        tables_dropped,
    };
    Outcome::Kept(row, tokens)
}
