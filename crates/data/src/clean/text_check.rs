//! Checks of the text alone, which need no database: what a broken export leaves behind.

use super::{Check, Fault, Reason};
use crate::split::row_text;
use crate::split::sql_text::{Piece, pieces};
use crate::{Message, Role, Row, Sample, normal_question, table_names};

/// The words with which an answer in SQL may begin.
const STATEMENTS: [&str; 13] = [
    "select", "with", "values", "insert", "update", "delete", "replace", "create", "drop", "alter",
    "merge", "explain", "pragma",
];

/// One check of a row's text; each can be a step of its own or be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextCheck {
    /// The question (or every user turn) is empty or white space.
    EmptyQuestion,
    /// The answer is empty or white space; of a conversation, any assistant turn.
    EmptyAnswer,
    /// The answer in SQL does not begin with a statement's word, after comments and parentheses.
    NoStatement,
    /// A control character other than tab, line feed and carriage return, anywhere.
    ControlCharacter,
    /// U+FFFD, which stands where a text was decoded wrongly, anywhere.
    ReplacementCharacter,
    /// A context that creates no table. A row without a context passes.
    NoTable,
    /// The answer is the question again.
    QuestionIsAnswer,
}

impl TextCheck {
    /// All checks, in the order in which they should run.
    pub const ALL: [Self; 7] = [
        Self::EmptyQuestion,
        Self::EmptyAnswer,
        Self::ReplacementCharacter,
        Self::ControlCharacter,
        Self::NoTable,
        Self::QuestionIsAnswer,
        Self::NoStatement,
    ];

    /// What a row that fails is counted under; also a good name for the step.
    pub const fn reason(self) -> Reason {
        Reason::new(match self {
            Self::EmptyQuestion => "empty question",
            Self::EmptyAnswer => "empty answer",
            Self::NoStatement => "answer is no statement",
            Self::ControlCharacter => "control character",
            Self::ReplacementCharacter => "replacement character",
            Self::NoTable => "context without a table",
            Self::QuestionIsAnswer => "question is answer",
        })
    }

    /// What is wrong, in words, if anything is.
    fn complaint(self, row: &Row) -> Option<String> {
        match self {
            Self::EmptyQuestion => {
                let blank = row_text::questions(row)
                    .iter()
                    .all(|text| text.trim().is_empty());
                blank.then(String::new)
            }
            Self::EmptyAnswer => {
                let answers = answers(row);
                let blank = answers.is_empty() || answers.iter().any(|text| text.trim().is_empty());
                blank.then(String::new)
            }
            Self::NoStatement => {
                let first = first_word(row_text::sql(row)?);
                let known = STATEMENTS
                    .iter()
                    .any(|word| first.eq_ignore_ascii_case(word));
                (!known).then(|| format!("its first word is {first:?}"))
            }
            Self::ControlCharacter => {
                find(row, |c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
            }
            Self::ReplacementCharacter => find(row, |c| c == char::REPLACEMENT_CHARACTER),
            Self::NoTable => table_names(row_text::context(row)?)
                .is_empty()
                .then(String::new),
            Self::QuestionIsAnswer => {
                let question = normal_question(&row_text::question(row));
                let answers = answers(row);
                let same = answers
                    .iter()
                    .any(|answer| normal_question(answer) == question);
                same.then(String::new)
            }
        }
    }
}

impl Check for TextCheck {
    fn check(&self, row: &Row) -> Result<(), Fault> {
        match self.complaint(row) {
            None => Ok(()),
            Some(detail) => Err(Fault::new(self.reason(), detail)),
        }
    }
}

/// What is learned: the SQL, the assistant's turns, or both answers of a preference.
fn answers(row: &Row) -> Vec<&str> {
    match &row.sample {
        Sample::Sql(sample) => vec![&sample.sql],
        Sample::Conversation(turns) => assistant(turns).collect(),
        Sample::Completion(row) => assistant(&row.completion).collect(),
        Sample::Preference(preference) => assistant(&preference.chosen)
            .chain(assistant(&preference.rejected))
            .collect(),
    }
}

fn assistant(turns: &[Message]) -> impl Iterator<Item = &str> {
    let said = turns.iter().filter(|turn| turn.role == Role::Assistant);
    said.map(|turn| turn.content.as_str())
}

/// Every text of the row with its name.
fn texts(row: &Row) -> Vec<(&'static str, &str)> {
    match &row.sample {
        Sample::Sql(sample) => {
            let context = sample.context.as_deref().unwrap_or_default();
            vec![
                ("question", &sample.question),
                ("context", context),
                ("answer", &sample.sql),
            ]
        }
        Sample::Conversation(turns) => turns
            .iter()
            .map(|turn| (turn.role.as_str(), turn.content.as_str()))
            .collect(),
        Sample::Completion(row) => row
            .prompt
            .iter()
            .chain(&row.completion)
            .map(|turn| (turn.role.as_str(), turn.content.as_str()))
            .collect(),
        Sample::Preference(preference) => {
            let turns = preference
                .prompt
                .iter()
                .chain(&preference.chosen)
                .chain(&preference.rejected);
            turns
                .map(|turn| (turn.role.as_str(), turn.content.as_str()))
                .collect()
        }
    }
}

/// The first character that is `wrong`, and where it stands.
fn find(row: &Row, wrong: impl Fn(char) -> bool) -> Option<String> {
    texts(row).into_iter().find_map(|(name, text)| {
        let place = text.chars().position(&wrong)?;
        let found = text.chars().nth(place).map_or(0, u32::from);
        Some(format!(
            "U+{found:04X} at character {place} of the {name}, counted from 0"
        ))
    })
}

/// The first word of a query behind parentheses; empty where none stands.
fn first_word(sql: &str) -> &str {
    match pieces(sql).find(|piece| *piece != Piece::Sign('(')) {
        Some(Piece::Word(word)) => word,
        _ => "",
    }
}
