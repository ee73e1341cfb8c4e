//! The text-to-SQL prompt: a question and a schema as the messages of a conversation.

mod compiled;
mod fields;
mod parts;

use std::sync::Arc;

use crate::{DataError, Message, Question, SqlSample, TemplateError};
use compiled::Compiled;
use fields::{Answer, Fields};
pub use parts::PromptParts;

/// How a question becomes messages: a template for each turn, checked before the first row.
///
/// Each part of [`PromptParts`] is Jinja over a row's fields. What a template could do wrong without being
/// noticed is refused when it is made: a field that does not exist, a part that does not parse, a prompt
/// that does not change with the question or the context, an answer that does not change with the SQL.
///
/// # Example
/// ```
/// use anneal_data::{ChatTemplate, SqlPrompt};
///
/// let messages = SqlPrompt::default().prompt("CREATE TABLE pet (name TEXT)", "How many pets?")?;
/// assert_eq!(messages[1].content, "CREATE TABLE pet (name TEXT)\n-- How many pets?");
/// let text = ChatTemplate::chatml()?.render(&messages, true)?;
/// assert!(text.ends_with("-- How many pets?<|im_end|>\n<|im_start|>assistant\n"));
///
/// let own = SqlPrompt::from_json(
///     r#"{"system": "Write {{ dialect }}.", "user": "{{ question }}\n\n{{ context }}", "constants": {"dialect": "SQLite"}}"#,
/// )?;
/// assert_eq!(own.prompt("CREATE TABLE pet (name TEXT)", "How many?")?[0].content, "Write SQLite.");
///
/// let error = SqlPrompt::from_json(r#"{"user": "{{ question }}"}"#).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "prompt part `system` and `user` ignores `context`: its text stays the same whatever the field says"
/// );
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct SqlPrompt {
    parts: PromptParts,
    compiled: Arc<Compiled>,
}

impl PartialEq for SqlPrompt {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

impl Eq for SqlPrompt {}

impl Default for SqlPrompt {
    /// The parts of [`PromptParts::default`].
    #[expect(
        clippy::expect_used,
        reason = "the default parts are constants, and tested"
    )]
    fn default() -> Self {
        Self::new(PromptParts::default()).expect("the default prompt is a good one")
    }
}

impl SqlPrompt {
    /// Compiles the parts and tries them.
    ///
    /// # Errors
    /// [`TemplateError::PromptSyntax`], [`TemplateError::PromptField`], [`TemplateError::PromptConstant`],
    /// [`TemplateError::PromptIgnores`], and [`TemplateError::PromptRender`] for a part that fails even on a
    /// row with every field.
    pub fn new(parts: PromptParts) -> Result<Self, DataError> {
        let compiled = Arc::new(Compiled::new(&parts)?);
        Ok(Self { parts, compiled })
    }

    /// The usual prompt with another system text, taken as it is and not as a template.
    ///
    /// # Errors
    /// None in practice: the parts are constants.
    pub fn with_system(system: impl Into<String>) -> Result<Self, DataError> {
        let mut parts = PromptParts {
            system: "{{ system }}".to_owned(),
            ..PromptParts::default()
        };
        parts.constants.insert("system".to_owned(), system.into());
        Self::new(parts)
    }

    /// The prompt of a JSON object with any of the fields of [`PromptParts`].
    ///
    /// # Errors
    /// [`TemplateError::PromptJson`] for unknown fields and wrong types, with the line; and as [`new`](Self::new).
    pub fn from_json(text: &str) -> Result<Self, DataError> {
        let parts =
            serde_json::from_str(text).map_err(|source| TemplateError::PromptJson { source })?;
        Self::new(parts)
    }

    /// The parts as they were given.
    pub fn parts(&self) -> &PromptParts {
        &self.parts
    }

    /// The messages that ask `question` about the schema `context`.
    ///
    /// # Errors
    /// [`TemplateError::PromptRender`], for instance if a part prints a field that is not given here.
    pub fn prompt(&self, context: &str, question: &str) -> Result<Vec<Message>, DataError> {
        Ok(self.compiled.prompt(&Fields::new(context, question))?)
    }

    /// The same with the answer.
    ///
    /// # Errors
    /// As [`prompt`](Self::prompt).
    pub fn conversation(
        &self,
        context: &str,
        question: &str,
        sql: &str,
    ) -> Result<Vec<Message>, DataError> {
        self.answered(&Fields::new(context, question), sql)
    }

    /// The conversation of a row that brings its context.
    ///
    /// # Errors
    /// [`DataError::NoContext`] if it does not; and as [`prompt`](Self::prompt).
    pub fn conversation_of(&self, row: &Question) -> Result<Vec<Message>, DataError> {
        let context = row.context.as_deref().ok_or(DataError::NoContext)?;
        let fields = Fields {
            db_id: Some(&row.db_id),
            ..Fields::new(context, &row.question)
        };
        self.answered(&fields, &row.sql)
    }

    /// The messages that ask what a sample asks, with all the fields that it has.
    ///
    /// # Errors
    /// As [`conversation_of`](Self::conversation_of).
    pub fn prompt_of_sample(&self, sample: &SqlSample) -> Result<Vec<Message>, DataError> {
        Ok(self.compiled.prompt(&Fields::of(sample)?)?)
    }

    /// The same with the answer.
    ///
    /// # Errors
    /// As [`conversation_of`](Self::conversation_of).
    pub fn conversation_of_sample(&self, sample: &SqlSample) -> Result<Vec<Message>, DataError> {
        self.answered(&Fields::of(sample)?, &sample.sql)
    }

    fn answered(&self, fields: &Fields<'_>, sql: &str) -> Result<Vec<Message>, DataError> {
        let mut messages = self.compiled.prompt(fields)?;
        let answer = Answer { fields, sql };
        messages.push(Message::assistant(self.compiled.answer(&answer)?));
        Ok(messages)
    }
}
