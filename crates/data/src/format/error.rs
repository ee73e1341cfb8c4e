//! What can be wrong with the meaning of fields, one variant per failure.

use crate::Place;

/// What can be wrong with the meaning of fields.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormatError {
    /// A format's name is not known.
    #[error("unknown format `{name}`; expected one of {known}")]
    UnknownFormat {
        /// The name that was given.
        name: String,
        /// All names.
        known: String,
    },
    /// A row has the fields of no format.
    #[error("{place}: the fields {found:?} are those of no format; {needs}")]
    Undetected {
        /// Where.
        place: Place,
        /// The fields that are there, in their order.
        found: Vec<String>,
        /// Each format with the fields that it needs.
        needs: String,
    },
    /// A part of a column mapping is no pair.
    #[error("column mapping `{part}`: expected `name=column`, such as `question=Question Text`")]
    ColumnsSyntax {
        /// The part.
        part: String,
    },
    /// A mapping names a field of ours twice.
    #[error("the field `{name}` is mapped to two columns, `{first}` and `{second}`")]
    NameTwice {
        /// Our name.
        name: String,
        /// The first column.
        first: String,
        /// The second column.
        second: String,
    },
    /// A mapping names a column twice.
    #[error("the column `{column}` is mapped to two fields, `{first}` and `{second}`")]
    ColumnTwice {
        /// The column.
        column: String,
        /// The first of our names.
        first: String,
        /// The second of our names.
        second: String,
    },
    /// A mapping names a field that the format does not have.
    #[error("the format {format} has no field `{name}` to map; it has {known}")]
    UnknownName {
        /// The format's name.
        format: &'static str,
        /// The name that is mapped.
        name: String,
        /// The format's names.
        known: String,
    },
    /// A mapping names fields that no one format has together.
    #[error("no format has all of the mapped fields {names:?}; {known}")]
    NoSuchNames {
        /// The names that are mapped.
        names: Vec<String>,
        /// Each format with its fields.
        known: String,
    },
    /// A mapped column is not in the row.
    #[error("{place}: no column `{column}`, which is mapped to `{name}`; the row has {found:?}")]
    MappedColumn {
        /// Where.
        place: Place,
        /// Our name.
        name: String,
        /// The column that it is mapped to.
        column: String,
        /// The fields that are there, in their order.
        found: Vec<String>,
    },
    /// A text that must say something is empty or white space.
    #[error("{place}: field `{field}` is blank")]
    Blank {
        /// Where.
        place: Place,
        /// The field.
        field: String,
    },
    /// A list of turns is empty.
    #[error("{place}: `{field}` has no turns")]
    NoTurns {
        /// Where.
        place: Place,
        /// The field.
        field: String,
    },
    /// A turn, or a key of it, has the wrong JSON type.
    #[error(
        "{place}: {}turn {turn} of `{field}` must be {expected}, found {found}",
        key.map(|key| format!("`{key}` of ")).unwrap_or_default()
    )]
    TurnType {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// The turn, from 1.
        turn: usize,
        /// The key in the turn, or none if the turn itself is meant.
        key: Option<&'static str>,
        /// The type that is needed.
        expected: &'static str,
        /// The JSON type that stands there.
        found: &'static str,
    },
    /// A turn lacks a key.
    #[error("{place}: turn {turn} of `{field}` has no {expected}; it has {found:?}")]
    TurnKey {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// The turn, from 1.
        turn: usize,
        /// The key that is needed, with its other spelling.
        expected: &'static str,
        /// The keys that are there.
        found: Vec<String>,
    },
    /// A turn's role is not known.
    #[error("{place}: turn {turn} of `{field}` has the unknown role `{role}`; known are {known}")]
    UnknownRole {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// The turn, from 1.
        turn: usize,
        /// The role as it is written.
        role: String,
        /// The roles with their aliases.
        known: String,
    },
    /// A turn carries something that would be lost.
    #[error("{place}: turn {turn} of `{field}` carries `{key}`, which is not supported")]
    Unsupported {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// The turn, from 1.
        turn: usize,
        /// The key.
        key: &'static str,
    },
    /// A turn's content has a part that is no text.
    #[error(
        "{place}: `{key}` of turn {turn} of `{field}` has a part that is no text, found {found}"
    )]
    Part {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// The turn, from 1.
        turn: usize,
        /// The key of the content.
        key: &'static str,
        /// The part's type by its own word, or its JSON type.
        found: String,
    },
    /// A turn of the assistant says nothing.
    #[error("{place}: turn {turn} of `{field}` is the assistant's and blank")]
    EmptyAnswer {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// The turn, from 1.
        turn: usize,
    },
    /// The row defines tools, which a template would render.
    #[error("{place}: the row defines `tools`, which are not supported")]
    Tools {
        /// Where.
        place: Place,
    },
    /// A conversation has no turn that can be learned.
    #[error("{place}: `{field}` has no turn of the assistant in {turns} turns")]
    NoAssistant {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// How many turns there are.
        turns: usize,
    },
    /// An answer to a prompt does not begin with the assistant.
    #[error("{place}: the answer `{field}` must begin with a turn of the assistant, found {role}")]
    AnswerBegins {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// Whose turn it begins with.
        role: &'static str,
    },
    /// Two answers without a prompt have no first turn in common.
    #[error(
        "{place}: there is no prompt: `{chosen}` and `{rejected}` share no first turn, and no `prompt` stands beside them"
    )]
    NoPrompt {
        /// Where.
        place: Place,
        /// The field of the better answer.
        chosen: String,
        /// The field of the worse answer.
        rejected: String,
    },
    /// Two answers are the same, so that neither can be preferred.
    #[error("{place}: `{chosen}` and `{rejected}` are the same")]
    SameAnswers {
        /// Where.
        place: Place,
        /// The field of the better answer.
        chosen: String,
        /// The field of the worse answer.
        rejected: String,
    },
    /// An earlier exchange is no pair of texts, or its answer is blank.
    #[error(
        "{place}: entry {entry} of `{field}` must be a pair of texts, a question and an answer that is not blank"
    )]
    HistoryPair {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// The entry, from 1.
        entry: usize,
    },
}

impl FormatError {
    /// Whether one row alone is wrong, so that it can be set apart and the rest read on.
    ///
    /// The others are about the whole source: the format's name, the mapping, a first row that
    /// says nothing about the format.
    pub fn is_of_row(&self) -> bool {
        !matches!(
            self,
            Self::UnknownFormat { .. }
                | Self::Undetected { .. }
                | Self::ColumnsSyntax { .. }
                | Self::NameTwice { .. }
                | Self::ColumnTwice { .. }
                | Self::UnknownName { .. }
                | Self::NoSuchNames { .. }
        )
    }
}
