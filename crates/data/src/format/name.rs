//! The formats by name, and the fields that each has.

use std::fmt;
use std::str::FromStr;

use super::FormatError;
use super::field::{
    ANSWER, CHOSEN, COMPLETION, CONTEXT, CONVERSATIONS, DB_ID, DIFFICULTY, EXEC_OK, Field, HISTORY,
    INPUT, INSTRUCTION, MESSAGES, MISSING_DATA, OUTPUT, PROMPT, QUESTION, REJECTED, SQL, SYSTEM,
};

/// How the fields of a row are to be read.
///
/// # Example
/// ```
/// use anneal_data::Format;
///
/// let format: Format = "sql-create-context".parse()?;
/// assert_eq!(format, Format::SqlCreateContext);
/// assert_eq!(format.to_string(), "sql-create-context");
/// # Ok::<(), anneal_data::FormatError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// `question`, `context` (CREATE TABLE statements) and `answer` (SQL): b-mc2/sql-create-context.
    SqlCreateContext,
    /// `db_id`, `question` and `sql` (or `query`, Spider's own name), perhaps `context`,
    /// `difficulty` (or `hardness`), `exec_ok` and `missing_data`.
    Spider,
    /// `instruction` and `output`, perhaps `input`, `system` and `history`: Stanford's Alpaca.
    Alpaca,
    /// `conversations`, turns of `from` and `value`, perhaps `system`.
    ShareGpt,
    /// `messages`, turns of `role` and `content`.
    Messages,
    /// `prompt` and `completion` (or `response`), each a text or a list of turns.
    PromptCompletion,
    /// `chosen` and `rejected`, perhaps `prompt`, each a text or a list of turns.
    Preference,
}

impl Format {
    /// All formats, in the order in which a message lists them.
    pub const ALL: [Self; 7] = [
        Self::SqlCreateContext,
        Self::Spider,
        Self::Alpaca,
        Self::ShareGpt,
        Self::Messages,
        Self::PromptCompletion,
        Self::Preference,
    ];

    /// Its name, as a `--format` flag takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SqlCreateContext => "sql-create-context",
            Self::Spider => "spider",
            Self::Alpaca => "alpaca",
            Self::ShareGpt => "sharegpt",
            Self::Messages => "messages",
            Self::PromptCompletion => "prompt-completion",
            Self::Preference => "preference",
        }
    }

    /// The fields without which it is not this format.
    pub(super) fn needs(self) -> &'static [Field] {
        match self {
            Self::SqlCreateContext => &[QUESTION, CONTEXT, ANSWER],
            Self::Spider => &[DB_ID, QUESTION, SQL],
            Self::Alpaca => &[INSTRUCTION, OUTPUT],
            Self::ShareGpt => &[CONVERSATIONS],
            Self::Messages => &[MESSAGES],
            Self::PromptCompletion => &[PROMPT, COMPLETION],
            Self::Preference => &[CHOSEN, REJECTED],
        }
    }

    /// The fields that it reads where they stand.
    fn optional(self) -> &'static [Field] {
        match self {
            Self::Spider => &[CONTEXT, DIFFICULTY, EXEC_OK, MISSING_DATA],
            Self::Alpaca => &[INPUT, SYSTEM, HISTORY],
            Self::ShareGpt => &[SYSTEM],
            Self::Preference => &[PROMPT],
            Self::SqlCreateContext | Self::Messages | Self::PromptCompletion => &[],
        }
    }

    /// The names that a column mapping may use.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let fields = self.needs().iter().chain(self.optional());
        fields.map(|field| field.name)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, FormatError> {
        let found = Self::ALL.into_iter().find(|format| format.name() == name);
        found.ok_or_else(|| FormatError::UnknownFormat {
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}
