//! Fitting one row into the maximum length.

use serde::{Deserialize, Serialize};

use super::tables::table_ends;
use crate::{
    Completion, DataError, Encoder, Example, Message, SqlPrompt, SqlSample, Tokenize, Turns,
};

/// What becomes of a row that is too long.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LengthPolicy {
    /// It is dropped and counted.
    #[default]
    Drop,
    /// The schema of a question loses whole tables from its end, as few as will do; at least one stays.
    /// What does not fit then, and a row without a schema, is dropped and counted.
    ShortenContext,
}

/// A row and what its length made of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fitted {
    /// It fits as it came.
    Kept(Example),
    /// It fits without some tables of its schema.
    Shortened {
        /// The example.
        example: Example,
        /// Tables that were left out.
        tables_dropped: usize,
        /// Tokens of the row as it came.
        tokens: usize,
    },
    /// It does not fit.
    TooLong {
        /// Tokens of the row as it came.
        tokens: usize,
    },
}

impl Fitted {
    /// Tokens of the row as it came.
    pub fn tokens(&self) -> usize {
        match self {
            Self::Kept(example) => example.len(),
            Self::Shortened { tokens, .. } | Self::TooLong { tokens } => *tokens,
        }
    }

    /// The example, if the row fits.
    pub fn example(&self) -> Option<&Example> {
        match self {
            Self::Kept(example) | Self::Shortened { example, .. } => Some(example),
            Self::TooLong { .. } => None,
        }
    }

    /// The example itself, if the row fits.
    pub fn into_example(self) -> Option<Example> {
        match self {
            Self::Kept(example) | Self::Shortened { example, .. } => Some(example),
            Self::TooLong { .. } => None,
        }
    }
}

impl Encoder {
    /// Encodes a conversation and says whether it fits; a conversation is never shortened.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_conversation<T: Tokenize + ?Sized>(
        &self,
        tokenizer: &T,
        messages: &[Message],
    ) -> Result<Fitted, DataError> {
        let example = self.encode(tokenizer, messages)?;
        Ok(self.fitted(example))
    }

    fn fitted(&self, example: Example) -> Fitted {
        match example.len() {
            tokens if tokens > self.max_length() => Fitted::TooLong { tokens },
            _ => Fitted::Kept(example),
        }
    }

    /// As [`encode_conversation`](Self::encode_conversation), for a prompt and what follows it: every
    /// assistant's turn of the completion is trained, none of the prompt's is.
    ///
    /// # Errors
    /// As [`encode`](Self::encode).
    pub fn encode_completion<T: Tokenize + ?Sized>(
        &self,
        tokenizer: &T,
        row: &Completion,
    ) -> Result<Fitted, DataError> {
        let messages = [row.prompt.as_slice(), &row.completion].concat();
        let example = self.encode_after(tokenizer, &messages, row.prompt.len(), Turns::All)?;
        Ok(self.fitted(example))
    }

    /// Encodes a question with its schema, and shortens the schema where the policy says so.
    ///
    /// How many tables fit is found by halving, so that a schema of `n` tables is tokenised about
    /// `log₂ n` times: with one table more the row does not fit. (Where a prompt's text gets longer with
    /// fewer tables, still fewer may fit too.)
    ///
    /// # Errors
    /// [`DataError::NoContext`] for a row without a schema; and as [`encode`](Self::encode).
    ///
    /// # Example
    /// ```
    /// use anneal_data::{ChatTemplate, Encoder, Fitted, LengthPolicy, SqlPrompt, SqlSample};
    ///
    /// let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
    /// let sample = SqlSample {
    ///     context: Some("CREATE TABLE pet (name TEXT); CREATE TABLE shop (city TEXT)".into()),
    ///     question: "How many pets?".into(),
    ///     sql: "SELECT COUNT(*) FROM pet".into(),
    ///     ..SqlSample::default()
    /// };
    /// let encoder = Encoder::new(ChatTemplate::chatml()?, 240)?.with_policy(LengthPolicy::ShortenContext);
    /// let Fitted::Shortened { tables_dropped, tokens, example } =
    ///     encoder.encode_sql(&bytes, &SqlPrompt::default(), &sample)? else { panic!() };
    /// assert_eq!((tables_dropped, tokens - example.len()), (1, " CREATE TABLE shop (city TEXT)".len()));
    /// # Ok::<(), anneal_data::DataError>(())
    /// ```
    pub fn encode_sql<T: Tokenize + ?Sized>(
        &self,
        tokenizer: &T,
        prompt: &SqlPrompt,
        sample: &SqlSample,
    ) -> Result<Fitted, DataError> {
        let context = sample.context.as_deref().ok_or(DataError::NoContext)?;
        let encode = |sample: &SqlSample| {
            let messages = prompt.conversation_of_sample(sample)?;
            self.encode_conversation(tokenizer, &messages)
        };
        let whole = encode(sample)?;
        let Fitted::TooLong { tokens } = whole else {
            return Ok(whole);
        };
        if self.policy() == LengthPolicy::Drop {
            return Ok(whole);
        }
        let ends = table_ends(context);
        let mut shorter = sample.clone();
        // What is known: the first `fits` tables fit (0: nothing known to), the first `fails` do not.
        let (mut fits, mut fails) = (0, ends.len());
        let mut best = None;
        while fails - fits > 1 {
            let tables = fits + (fails - fits) / 2;
            shorter.context = Some(context[..ends[tables - 1]].to_owned());
            match encode(&shorter)? {
                Fitted::Kept(example) => (fits, best) = (tables, Some(example)),
                _ => fails = tables,
            }
        }
        if let Some(example) = best {
            return Ok(Fitted::Shortened {
                example,
                tables_dropped: ends.len() - fits,
                tokens,
            });
        }
        Ok(Fitted::TooLong { tokens })
    }
}
