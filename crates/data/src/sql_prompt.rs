//! The text-to-SQL prompt: a question and a schema as the messages of a conversation.

use crate::{DataError, Message, Question};

/// How a question becomes messages.
///
/// System: [`system`](Self::system). User: the schema, a new line, `-- ` and the question, which is
/// a comment in the language that the schema is written in. Assistant: the SQL.
///
/// # Example
/// ```
/// use anneal_data::{ChatTemplate, SqlPrompt};
///
/// let messages = SqlPrompt::default().prompt("CREATE TABLE pet (name TEXT)", "How many pets?");
/// assert_eq!(messages[1].content, "CREATE TABLE pet (name TEXT)\n-- How many pets?");
/// let text = ChatTemplate::chatml()?.render(&messages, true)?;
/// assert!(text.ends_with("-- How many pets?<|im_end|>\n<|im_start|>assistant\n"));
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlPrompt {
    /// The instruction of the system turn.
    pub system: String,
}

impl Default for SqlPrompt {
    fn default() -> Self {
        Self {
            system: "Translate the question to a SQLite query over the given schema.".into(),
        }
    }
}

impl SqlPrompt {
    /// The messages that ask `question` about the schema `context`.
    pub fn prompt(&self, context: &str, question: &str) -> Vec<Message> {
        vec![
            Message::system(self.system.clone()),
            Message::user(format!("{context}\n-- {question}")),
        ]
    }

    /// The same with the answer.
    pub fn conversation(&self, context: &str, question: &str, sql: &str) -> Vec<Message> {
        let mut messages = self.prompt(context, question);
        messages.push(Message::assistant(sql));
        messages
    }

    /// The conversation of a row that brings its context.
    ///
    /// # Errors
    /// [`DataError::NoContext`] if it does not.
    pub fn conversation_of(&self, row: &Question) -> Result<Vec<Message>, DataError> {
        let context = row.context.as_deref().ok_or(DataError::NoContext)?;
        Ok(self.conversation(context, &row.question, &row.sql))
    }
}
