//! Everything that ends an example early, in one sentence each.

use std::path::{Path, PathBuf};

/// An error of an example; most come from a library and say it themselves.
#[derive(Debug, thiserror::Error)]
pub enum ExampleError {
    /// Model, weights, tokenizer or generation.
    #[error(transparent)]
    Llama(#[from] anneal_llama::LlamaError),
    /// Adapters.
    #[error(transparent)]
    Peft(#[from] anneal_peft::PeftError),
    /// Rows, templates, masks.
    #[error(transparent)]
    Data(#[from] anneal_data::DataError),
    /// Training and checkpoints.
    #[error(transparent)]
    Train(#[from] anneal_train::TrainError),
    /// Databases.
    #[error(transparent)]
    Sql(#[from] anneal_sql::SqlError),
    /// The words of a domain.
    #[error("a domain's words, {0}")]
    Domain(#[from] crate::pretrain::DomainError),
    /// Databases that nothing can be asked about.
    #[error(transparent)]
    Compose(#[from] anneal_sql::ComposeError),
    /// Nothing to make databases of.
    #[error("there is no domain to make databases of")]
    NoDomains,
    /// A database that was made and that SQLite refuses.
    #[error("{path}: {source}")]
    MadeDatabase {
        /// Its file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// Texts that no tokenizer can be learned from.
    #[error("learning the tokenizer: {source}")]
    TrainTokenizer {
        /// The reason of the crate `tokenizers`.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system refused a file.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A JSON file that does not parse, or a value that can't be written.
    #[error("{path}: {source}")]
    Json {
        /// The file.
        path: PathBuf,
        /// The parser's reason, with line and column.
        source: serde_json::Error,
    },
    /// A TOML file that does not parse.
    #[error("{path}: line {line}: {what}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The parser's reason.
        what: String,
    },
    /// A row that says nothing about its database.
    #[error(
        "{path}: {question:?} has no `context`; give the CREATE TABLE text there, or --databases"
    )]
    NoContext {
        /// The file.
        path: PathBuf,
        /// The row's question.
        question: String,
    },
    /// A prompt that leaves no room for an answer.
    #[error(
        "the prompt of question {index}, {question:?}, has {tokens} tokens and the answer may have {new}; the model has {limit} positions"
    )]
    PromptTooLong {
        /// The question's place in its file, from 0.
        index: usize,
        /// The question.
        question: String,
        /// The prompt's tokens.
        tokens: usize,
        /// Tokens that an answer may have.
        new: usize,
        /// The model's positions.
        limit: usize,
    },
    /// A `prompt.json` of another version.
    #[error(
        "{path}: version {found}, this program reads version {expected}; give the prompt with --prompt"
    )]
    PromptVersion {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version that is read.
        expected: u64,
    },
    /// A file of prompt templates of which one is no good.
    #[error("{path}: {source}")]
    Prompt {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: anneal_data::DataError,
    },
    /// Two adapters that were trained on different prompts.
    #[error("{first} and {second} differ: choose one with --prompt")]
    PromptsDiffer {
        /// The first adapter's file.
        first: PathBuf,
        /// The other's.
        second: PathBuf,
    },
    /// A question about nothing that is known.
    #[error("{question:?} has neither a `context` nor a database to read the schema from")]
    NoSchema {
        /// The question.
        question: String,
    },
    /// A question's schema that must be written anew and cannot be read.
    #[error("the `context` of {question:?}: {source}")]
    Context {
        /// The question.
        question: String,
        /// The parser's reason.
        source: Box<anneal_sql::SchemaError>,
    },
    /// A question beside which not even a table fits.
    #[error(
        "{question:?} leaves no room for a schema: the model has {limit} positions, and the answer may have {new}; ask in fewer words or give a smaller --max-new-tokens"
    )]
    QuestionTooLong {
        /// The question.
        question: String,
        /// Tokens that an answer may have.
        new: usize,
        /// The model's positions.
        limit: usize,
    },
    /// A database with nothing to ask about.
    #[error("{path}: there is no table in this database")]
    NoTables {
        /// The file.
        path: PathBuf,
    },
    /// A setting that is neither a flag nor in the file.
    #[error("{setting} is missing: give --{setting}, or `{key}` in the file of --config")]
    Missing {
        /// The flag's name.
        setting: &'static str,
        /// The key's name.
        key: String,
    },
    /// A setting with a value of no use.
    #[error("--{setting} is {found}; expected {expected}")]
    Setting {
        /// The flag's name.
        setting: &'static str,
        /// The value found.
        found: String,
        /// What would be accepted.
        expected: String,
    },
    /// A device that this build can't use.
    #[error("--device {found}: {expected}")]
    Device {
        /// As given.
        found: String,
        /// What would be accepted, or how to build for it.
        expected: &'static str,
    },
    /// A model without tokenizer where text is needed.
    #[error("{model}: there is no tokenizer; give --prompt-ids, or a folder with tokenizer.json")]
    NoTokenizer {
        /// The model.
        model: PathBuf,
    },
    /// A model without chat template where messages are needed.
    #[error("{model}: there is no chat template, which {purpose} needs")]
    NoTemplate {
        /// The model.
        model: PathBuf,
        /// What needs it.
        purpose: &'static str,
    },
    /// A model without chat template, where no other is named.
    #[error(
        "{model}: there is no chat template; name one with --template: {known}, or a file of Jinja"
    )]
    NoChatTemplate {
        /// The model.
        model: PathBuf,
        /// The templates that have names.
        known: String,
    },
    /// Two answers to one prompt, where rows of single examples are packed.
    #[error("{place}: a preference is two examples and can't be packed; leave --pack out")]
    PackedPreference {
        /// Where it stands.
        place: anneal_data::Place,
    },
    /// A run that made something else than its manifest says.
    #[error("this run differs from {path}: {differences}")]
    Differs {
        /// The manifest.
        path: PathBuf,
        /// What was before and what is now, each difference.
        differences: String,
    },
    /// Threads that can't be had.
    #[error("--threads {threads}: {source}")]
    Threads {
        /// As given.
        threads: usize,
        /// The pool's reason.
        source: rayon::ThreadPoolBuildError,
    },
    /// An output folder that already holds a run.
    #[error("{path} holds a run already; give --resume to continue it, or another --output")]
    OutputInUse {
        /// The folder.
        path: PathBuf,
    },
    /// An output folder that another process is writing into.
    #[error("{path}: another process is writing there; wait for its end, or give another --output")]
    OutputHeld {
        /// The folder.
        path: PathBuf,
    },
    /// A place for a trained model that holds another one.
    #[error(
        "{path}: there is something already, which the trained model would replace; give another --output"
    )]
    ResultInUse {
        /// The place.
        path: PathBuf,
    },
    /// An output folder that holds something.
    #[error("{path}: there is something already; give a new or empty folder as --output")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// Nothing to continue.
    #[error("{path}: no checkpoint to resume from; leave --resume out to begin")]
    NoCheckpoint {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// Data of which no row is left.
    #[error("{path}: no row is left to {purpose}: {reason}")]
    NoRows {
        /// The file.
        path: PathBuf,
        /// What the rows were for.
        purpose: &'static str,
        /// Where they went.
        reason: String,
    },
    /// Two answers to one prompt, where one is learned from each row.
    #[error("{place}: a preference can't be learned from yet; give questions or conversations")]
    NotLearned {
        /// Where it stands.
        place: anneal_data::Place,
    },
    /// A setting that needs held-out rows, where there are none.
    #[error(
        "--{purpose} needs held-out rows of which there are none; give --validation, or hold out more with --hold-out-every or --hold-out"
    )]
    NothingHeldOut {
        /// The flag that needs them.
        purpose: &'static str,
    },
    /// A step whose loss or gradient is not finite.
    #[error("{source}{}{places}", if places.is_empty() { "" } else { "; " })]
    NotFinite {
        /// The step.
        source: Box<anneal_train::TrainError>,
        /// Where its rows stand.
        places: String,
    },
    /// Rows that are no questions.
    #[error(
        "{place}: a row of {format}, expected a question with its SQL (spider or sql-create-context)"
    )]
    NotQuestions {
        /// Where it stands.
        place: anneal_data::Place,
        /// What it is.
        format: anneal_data::Format,
    },
    /// A question that names no database, where databases lie in a folder.
    #[error(
        "{place}: there is no `db_id`, which --databases needs; leave --databases out to judge on databases made from `context`"
    )]
    NoDatabaseId {
        /// Where it stands.
        place: anneal_data::Place,
    },
    /// A question with neither a database nor a schema.
    #[error(
        "{place}: there is no `context` to make databases from; give the CREATE TABLE text there, or --databases"
    )]
    NothingToRunOn {
        /// Where it stands.
        place: anneal_data::Place,
    },
    /// What stopped a judgement.
    #[error("{place}: {source}{}", match **source { anneal_sql::EvaluateError::Database { .. } => "", _ => "; give --on-failing-gold leave-out to judge the others" })]
    Judging {
        /// The question.
        place: anneal_data::Place,
        /// The reason.
        source: Box<anneal_sql::EvaluateError>,
    },
    /// The same without the question's place.
    #[error("question {}: {source}", source.case())]
    Measuring {
        /// The reason.
        source: Box<anneal_sql::EvaluateError>,
    },
    /// A report that cannot be read or written.
    #[error(transparent)]
    Report(#[from] anneal_sql::ReportError),
    /// Two reports that are not on the same questions.
    #[error("{path}: {source}")]
    Compared {
        /// The earlier report.
        path: PathBuf,
        /// Where they differ.
        source: Box<anneal_sql::ComparisonError>,
    },
    /// Questions of which none can be judged.
    #[error("{place}: no question can be judged: the gold query fails: {reason}")]
    NothingJudged {
        /// The first question whose gold fails.
        place: anneal_data::Place,
        /// Why.
        reason: String,
    },
    /// The same for questions of a run's own.
    #[error(
        "no held-out question can be judged: the gold query of question {index} fails: {reason}"
    )]
    NothingMeasured {
        /// The first question's place among the held-out ones, from 0.
        index: usize,
        /// Why its gold fails.
        reason: String,
    },
}

impl ExampleError {
    /// For `map_err` on file operations.
    pub fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { path, source }
    }

    /// For `map_err` on TOML.
    pub fn toml(path: &Path, text: &str) -> impl FnOnce(toml::de::Error) -> Self {
        let path = path.to_owned();
        move |error| Self::Toml {
            path,
            line: error
                .span()
                .map_or(1, |span| text[..span.start].matches('\n').count() + 1),
            what: error.message().to_owned(),
        }
    }

    /// For `map_err` on JSON.
    pub fn json(path: impl Into<PathBuf>) -> impl FnOnce(serde_json::Error) -> Self {
        let path = path.into();
        move |source| Self::Json { path, source }
    }
}
