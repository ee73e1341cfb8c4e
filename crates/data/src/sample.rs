//! Rows with a meaning: what a record teaches, whatever its file called the fields.

use serde::{Deserialize, Serialize};

use crate::{Message, Place};

/// A row: what it teaches, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where it stands.
    pub place: Place,
    /// What it teaches.
    pub sample: Sample,
}

/// What a row teaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sample {
    /// A question about a schema, with the SQL that answers it.
    Sql(SqlSample),
    /// A conversation, whose assistant's turns are learned.
    Conversation(Vec<Message>),
    /// A prompt and what follows it, which alone is learned.
    Completion(Completion),
    /// Two answers to one prompt, one of which is preferred.
    Preference(Preference),
}

/// A question about a schema, with the SQL that answers it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SqlSample {
    /// The question in natural language.
    pub question: String,
    /// The schema as CREATE TABLE statements, where the row brings it.
    pub context: Option<String>,
    /// The gold SQL.
    pub sql: String,
    /// The database that is asked, where the row names it.
    pub db_id: Option<String>,
    /// How hard the question is, in the data set's own word, where the row tells.
    pub difficulty: Option<String>,
    /// What the data set's makers say against the row, if anything; such a row is well formed, but
    /// should be set apart and counted rather than learned.
    pub flaw: Option<Flaw>,
}

/// What is known against a row that reads well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// Its SQL does not run on its database (`exec_ok` is false).
    SqlFails,
    /// Its database lacks the rows that the question is about (`missing_data` is true).
    MissingData,
}

impl std::fmt::Display for Flaw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SqlFails => "its SQL does not run on its database (`exec_ok` is false)",
            Self::MissingData => {
                "its database lacks the rows it asks about (`missing_data` is true)"
            }
        })
    }
}

/// A prompt, and what follows it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// What is given: nothing of it is learned, an earlier answer of the assistant neither.
    pub prompt: Vec<Message>,
    /// What is learned: the assistant's turns.
    pub completion: Vec<Message>,
}

/// Two answers to one prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preference {
    /// What both answer.
    pub prompt: Vec<Message>,
    /// The better answer.
    pub chosen: Vec<Message>,
    /// The worse answer.
    pub rejected: Vec<Message>,
}
