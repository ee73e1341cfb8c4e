//! What `ask` is asked for.

use std::path::PathBuf;

use clap::Args;

use crate::device::Compute;
use crate::prompting::PromptFlags;

/// The flags of `ask`.
#[derive(Debug, Args)]
pub struct AskFlags {
    /// The model: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    pub model: PathBuf,
    /// A folder with a PEFT adapter for the model; several add up
    #[arg(long, value_name = "DIR")]
    pub adapter: Vec<PathBuf>,
    /// The SQLite file that is asked
    #[arg(long, value_name = "FILE.sqlite")]
    pub database: PathBuf,
    /// The question; without one you are asked for questions
    pub question: Option<String>,
    /// How the model is asked
    #[command(flatten)]
    pub prompt: PromptFlags,
    /// Tokens of the SQL at most; the schema gets what the model has left
    #[arg(long, default_value_t = 128, value_name = "TOKENS")]
    pub max_new_tokens: usize,
    /// Rows of a result that are shown
    #[arg(long, default_value_t = 20)]
    pub rows: usize,
    /// Device and precision
    #[command(flatten)]
    pub compute: Compute,
    /// Print one JSON document for each question, each in a line: question, sql, columns, rows, truncated (there are
    /// more rows), error (null if the SQL ran), prompt_tokens, seconds, schema_tables_left_out
    #[arg(long)]
    pub json: bool,
}
