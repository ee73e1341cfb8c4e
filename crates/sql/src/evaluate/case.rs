//! What is judged.

/// One question with its gold and its prediction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Case {
    /// The database: a folder name under [`Source::Folder`](crate::Source::Folder).
    pub db_id: String,
    /// The question.
    pub question: String,
    /// The gold SQL.
    pub gold: String,
    /// The SQL to judge, already cleaned ([`clean_sql`](crate::clean_sql)); `None` is judged as an empty text.
    pub predicted: Option<String>,
    /// The CREATE TABLE text of the row, where there is one.
    pub context: Option<String>,
}

impl Case {
    pub(super) fn prediction(&self) -> &str {
        self.predicted.as_deref().unwrap_or_default()
    }
}
