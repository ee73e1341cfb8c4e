//! Encoding a whole data set, with an account of what was kept.

use crate::{ChatTemplate, DataError, Example, Message, Question, SqlPrompt, Tokenize};
use crate::{TrainingText, encode_example};

/// Renders and tokenises conversations with one template, up to one length.
///
/// # Example
/// ```
/// use anneal_data::{ChatTemplate, Encoder, Message};
///
/// let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
/// let encoder = Encoder::new(ChatTemplate::chatml()?, 128)?;
/// let example = encoder.encode(&bytes, &[Message::user("Hi"), Message::assistant("Hello")])?;
/// assert_eq!(example.target_count(), "Hello<|im_end|>".len());
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Encoder {
    template: ChatTemplate,
    end: String,
    max_length: usize,
}

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
    /// An encoder that drops what has more than `max_length` tokens; the template tells its end token.
    ///
    /// # Errors
    /// As [`ChatTemplate::end_token`].
    pub fn new(template: ChatTemplate, max_length: usize) -> Result<Self, DataError> {
        let end = template.end_token()?;
        Ok(Self {
            template,
            end,
            max_length,
        })
    }

    /// The same with the end token named, for a template that does not write it last.
    #[must_use]
    pub fn with_end(mut self, end: impl Into<String>) -> Self {
        self.end = end.into();
        self
    }

    /// The text of the token that ends an answer.
    pub fn end(&self) -> &str {
        &self.end
    }

    /// The template.
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// Encodes one conversation, however long.
    ///
    /// # Errors
    /// As [`TrainingText::new`] and [`encode_example`].
    pub fn encode<T: Tokenize + ?Sized>(
        &self,
        tokenizer: &T,
        messages: &[Message],
    ) -> Result<Example, DataError> {
        let text = TrainingText::new(&self.template, messages, &self.end)?;
        encode_example(tokenizer, &text)
    }

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
            max_length: self.max_length,
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
            if example.len() > self.max_length {
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
