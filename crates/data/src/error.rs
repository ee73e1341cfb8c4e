//! Everything that can be wrong with rows, templates, masks and batches, one variant per failure.
//!
//! Messages name the file and the line (or the row), what was found and what was expected, so that
//! a program can print them as they are.

use std::path::PathBuf;

use crate::{
    CleanError, FormatError, LengthError, ManifestError, MixError, PackError, Place, SourceError,
    SplitError, TemplateError,
};

/// What went wrong between a file of rows and a batch of token ids.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The file cannot be opened or read.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file holds no row.
    #[error("`{path}` is empty; expected {expected}", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// What the file should hold.
        expected: &'static str,
    },
    /// A line is not UTF-8.
    #[error("`{path}` line {line}: invalid UTF-8 at byte {byte} of the line", path = path.display())]
    Utf8 {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The first byte that is wrong, from 1.
        byte: usize,
    },
    /// A line is not JSON.
    #[error("`{path}` line {line}: invalid JSON: {message} at column {column}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser said.
        message: String,
    },
    /// A line is JSON, but not an object.
    #[error("{place}: expected a JSON object with {expected}, found {found}")]
    NotAnObject {
        /// Where.
        place: Place,
        /// The fields that an object should have.
        expected: &'static str,
        /// The JSON type that stands there.
        found: &'static str,
    },
    /// A row lacks a field.
    #[error("{place}: no field {expected}; the row has {found:?}")]
    MissingField {
        /// Where.
        place: Place,
        /// The field that is needed, with its aliases.
        expected: &'static str,
        /// The fields that are there, in their order.
        found: Vec<String>,
    },
    /// A field has the wrong JSON type.
    #[error("{place}: field `{field}` must be {expected}, found {found}")]
    FieldType {
        /// Where.
        place: Place,
        /// The field.
        field: String,
        /// The type that is needed.
        expected: &'static str,
        /// The JSON type that stands there.
        found: &'static str,
    },
    /// Some predictions carry an index and some do not.
    #[error(
        "`{path}` line {line}: rows with and without `index` are mixed; the first row {}",
        if *first_indexed { "has one" } else { "has none" },
        path = path.display()
    )]
    MixedPredictions {
        /// The file.
        path: PathBuf,
        /// The first line that differs from the first row, from 1.
        line: usize,
        /// Whether the first row carries an index.
        first_indexed: bool,
    },
    /// Two predictions carry one index.
    #[error("`{path}` line {line}: index {index} stands on line {first_line} already", path = path.display())]
    DuplicateIndex {
        /// The file.
        path: PathBuf,
        /// The second line, from 1.
        line: usize,
        /// The index of both.
        index: usize,
        /// The first line, from 1.
        first_line: usize,
    },
    /// A prediction's index names no question.
    #[error("`{path}` line {line}: index {index} names no question; there are {questions}, counted from 0", path = path.display())]
    IndexRange {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The index.
        index: u64,
        /// How many questions there are.
        questions: usize,
    },
    /// Predictions in the questions' order are not as many as the questions.
    #[error("`{path}` line {line}: {found} predictions without `index` for {expected} questions; expected one for each", path = path.display())]
    PredictionCount {
        /// The file.
        path: PathBuf,
        /// The first line too many, or the last line of too few.
        line: usize,
        /// Predictions in the file.
        found: usize,
        /// Questions.
        expected: usize,
    },
    /// A split was asked to hold out every 0th database.
    #[error("cannot hold out every 0th database; `every` must be at least 1")]
    SplitEvery,
    /// A chat template does not parse.
    #[error("chat template line {line}: {message}")]
    TemplateSyntax {
        /// The template's line, from 1; 0 where the engine names none.
        line: usize,
        /// What the engine said.
        message: String,
    },
    /// A chat template refused the conversation with `raise_exception`.
    #[error("the chat template refuses this conversation: {message} (template line {line})")]
    TemplateRefused {
        /// The template's line, from 1; 0 where the engine names none.
        line: usize,
        /// The template's own words.
        message: String,
    },
    /// A chat template failed while it ran.
    #[error("chat template line {line} failed: {message}")]
    TemplateRender {
        /// The template's line, from 1; 0 where the engine names none.
        line: usize,
        /// What the engine said.
        message: String,
    },
    /// The template puts no end token after an answer, so that a model trained on it would never stop.
    #[error("the chat template writes nothing after the assistant's answer; name the end token")]
    NoEndToken,
    /// A conversation to train on has no assistant's turn.
    #[error("nothing to learn: no turn of the assistant among {found:?}")]
    NoAnswer {
        /// The roles of the messages, in their order.
        found: Vec<&'static str>,
    },
    /// The text of the prompt is not how the text of the whole conversation begins.
    #[error(
        "message {turn}: the rendered prompt is no prefix of the rendered conversation: `…{prompt}` against `…{full}`"
    )]
    PromptNotPrefix {
        /// The answer's message, from 0.
        turn: usize,
        /// The prompt's text around the first difference.
        prompt: String,
        /// The conversation's text around the first difference.
        full: String,
    },
    /// The answer and its end token do not follow the prompt in the rendered text.
    #[error(
        "message {turn}: expected the answer `{answer}` and then `{end}` after the rendered prompt, found `{found}`"
    )]
    AnswerNotRendered {
        /// The answer's message, from 0.
        turn: usize,
        /// The answer as given.
        answer: String,
        /// The end token.
        end: String,
        /// What follows the prompt.
        found: String,
    },
    /// The answer contains the end token, which would end it early.
    #[error("message {turn}: the answer contains the end token `{end}`: `{answer}`")]
    EndInAnswer {
        /// The answer's message, from 0.
        turn: usize,
        /// The answer as given.
        answer: String,
        /// The end token.
        end: String,
    },
    /// A token lies across the border of what is learned and what is not.
    #[error(
        "message {turn}: a token spans the end of the {part}, whose ids end {head_tail:?}: the whole text's ids at that place are {full_tail:?}"
    )]
    BoundaryToken {
        /// The answer's message, from 0.
        turn: usize,
        /// What ends there: the prompt or the answer.
        part: &'static str,
        /// The last ids of the text before the border, from the first difference.
        head_tail: Vec<u32>,
        /// The ids of the whole text from the same place.
        full_tail: Vec<u32>,
    },
    /// One of the two answers of a preference failed; the source says how.
    #[error("the {answer} answer: {source}")]
    PreferenceAnswer {
        /// Which: chosen or rejected.
        answer: &'static str,
        /// The failure.
        source: Box<DataError>,
    },
    /// An example has no token to learn.
    #[error("no token is trained: {tokens} tokens, the text ends `…{tail}`")]
    NothingTrained {
        /// Tokens of the example.
        tokens: usize,
        /// The end of the text, or of the ids where no text is known.
        tail: String,
    },
    /// An example's mask is not as long as its ids.
    #[error("{ids} token ids but {mask} mask entries")]
    MaskLength {
        /// Token ids.
        ids: usize,
        /// Mask entries.
        mask: usize,
    },
    /// The tokenizer failed.
    #[error("tokenizer: {source}")]
    Tokenize {
        /// What it said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A question has no context to put into its prompt.
    #[error("no `context`, and no schema was given in its place")]
    NoContext,
    /// A row failed; the source says how.
    #[error("row {row} (`{question}`): {source}")]
    Row {
        /// The row's index, from 0.
        row: usize,
        /// Its question.
        question: String,
        /// The failure.
        source: Box<DataError>,
    },
    /// An example that is to be batched is not in order.
    #[error("example {example}: {source}")]
    Example {
        /// The example's index, from 0.
        example: usize,
        /// What is wrong with it.
        source: Box<DataError>,
    },
    /// There is no example to make batches of.
    #[error("no examples to batch; {hint}")]
    NoExamples {
        /// What to look at.
        hint: &'static str,
    },
    /// A batch setting is out of range.
    #[error("batch setting `{setting}` must be at least 1")]
    BatchSetting {
        /// The setting's name.
        setting: &'static str,
    },
    /// One example alone is over the limit of a micro-batch.
    #[error(
        "example {example} has {tokens} tokens, padded to {width}, and `micro_tokens` is {micro_tokens}: raise it, or lower the maximum length"
    )]
    ExampleTooWide {
        /// The example's index, from 0.
        example: usize,
        /// Its tokens.
        tokens: usize,
        /// Its tokens rounded up to the width step.
        width: usize,
        /// The limit.
        micro_tokens: usize,
    },
    /// A row failed that stands here.
    #[error("{place}: {source}")]
    At {
        /// Where.
        place: Place,
        /// The failure.
        source: Box<DataError>,
    },
    /// A policy for wrong rows is unknown.
    #[error("`{found}` is no policy for wrong rows; expected fail or set-apart")]
    UnknownPolicy {
        /// The word.
        found: String,
    },
    /// A file or its format.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The meaning of fields.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// Lengths.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// Packing.
    #[error(transparent)]
    Pack(#[from] PackError),
    /// A template's files, and the prompt.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Splits and leaks.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// Cleaning.
    #[error(transparent)]
    Clean(#[from] CleanError),
    /// Mixtures and curricula.
    #[error(transparent)]
    Mix(#[from] MixError),
    /// Manifests and cursors.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl DataError {
    /// Whether only one row is affected, so that reading may go on after it.
    ///
    /// An error that says nothing about the rows to come, such as a field that is missing, is of its row.
    /// One after which rows would be lost or made up (a truncated file, a template with a syntax error) is
    /// not, and a policy that sets wrong rows apart must not hide it.
    ///
    /// ```
    /// use anneal_data::DataError;
    ///
    /// assert!(DataError::NoContext.is_row_error());
    /// assert!(!DataError::NoEndToken.is_row_error());
    /// ```
    pub fn is_row_error(&self) -> bool {
        match self {
            Self::Utf8 { .. }
            | Self::Json { .. }
            | Self::NotAnObject { .. }
            | Self::MissingField { .. }
            | Self::FieldType { .. }
            | Self::TemplateRefused { .. }
            | Self::TemplateRender { .. }
            | Self::NoAnswer { .. }
            | Self::PromptNotPrefix { .. }
            | Self::AnswerNotRendered { .. }
            | Self::EndInAnswer { .. }
            | Self::BoundaryToken { .. }
            | Self::NothingTrained { .. }
            | Self::MaskLength { .. }
            | Self::Tokenize { .. }
            | Self::NoContext
            | Self::ExampleTooWide { .. } => true,
            Self::Row { source, .. }
            | Self::Example { source, .. }
            | Self::At { source, .. }
            | Self::PreferenceAnswer { source, .. } => source.is_row_error(),
            Self::Source(source) => source.is_row_error(),
            Self::Format(source) => source.is_of_row(),
            Self::Template(source) => matches!(source, TemplateError::PromptRender { .. }),
            Self::Read { .. }
            | Self::Empty { .. }
            | Self::MixedPredictions { .. }
            | Self::DuplicateIndex { .. }
            | Self::IndexRange { .. }
            | Self::PredictionCount { .. }
            | Self::SplitEvery
            | Self::TemplateSyntax { .. }
            | Self::NoEndToken
            | Self::NoExamples { .. }
            | Self::BatchSetting { .. }
            | Self::UnknownPolicy { .. }
            | Self::Length(_)
            | Self::Pack(_)
            | Self::Split(_)
            | Self::Clean(_)
            | Self::Mix(_)
            | Self::Manifest(_) => false,
        }
    }
}
