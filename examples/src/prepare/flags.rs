//! What `prepare` is asked for.

use std::path::PathBuf;

use anneal_data::{Columns, Format, OnBadRow, SqlPrompt};
use clap::{Args, ValueEnum};

use crate::ExampleError;

/// Everything that decides what a trainer will see.
#[derive(Debug, Clone, Args)]
pub struct PrepareFlags {
    /// Whose tokenizer and chat template: a GGUF file, a Hugging Face folder (its tokenizer files are enough),
    /// or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    pub model: String,
    /// Files of rows, patterns in quotes ("data/*.jsonl") among them: JSON lines, JSON arrays, CSV, TSV
    /// (plain, .xz, .gz or .zst), Parquet, Arrow
    #[arg(long, required = true, num_args = 1..)]
    pub data: Vec<String>,
    /// What the rows' fields mean: sql-create-context, spider, alpaca, sharegpt, messages, prompt-completion or
    /// preference [default: told by the fields of each file's first row]
    #[arg(long)]
    pub format: Option<Format>,
    /// What the files call the format's fields: question=utterance,sql=query
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "FIELD=COLUMN,.."
    )]
    pub columns: Columns,
    /// A chat template by name (llama-2, llama-3, chatml, alpaca, plain) or a file of Jinja; the model's own unless given
    #[arg(long, value_name = "NAME|FILE")]
    pub template: Option<String>,
    /// A TOML file that says how a question and its schema become messages: system, user and answer, each a
    /// template over question, context, db_id, difficulty (and sql in answer), and constants
    #[arg(long, value_name = "FILE.toml")]
    pub prompt: Option<PathBuf>,
    /// The system turn of text-to-SQL prompts
    #[arg(long, value_name = "TEXT", conflicts_with = "prompt")]
    pub system: Option<String>,
    /// Which of a conversation's assistant turns are learned
    #[arg(long, value_enum, default_value_t = TurnsFlag::All)]
    pub turns: TurnsFlag,
    /// Tokens of an example at most, and of a packed row [default with --pack: 1024; else no limit]
    #[arg(long, value_name = "TOKENS")]
    pub max_length: Option<usize>,
    /// What becomes of longer examples: left out, or shortened by whole tables of their context, never the answer
    #[arg(long, value_enum, default_value_t = OverLength::Drop)]
    pub over_length: OverLength,
    /// Read this many rows and no more; without --json, show them all [default: read all, show 3]
    #[arg(long, value_name = "ROWS")]
    pub limit: Option<usize>,
    /// Pack examples into rows of --max-length by best fit; no example is cut
    #[arg(long)]
    pub pack: bool,
    /// Lengths that packed rows are padded to, so that kernels see few shapes
    #[arg(
        long,
        value_delimiter = ',',
        value_name = "TOKENS,..",
        requires = "pack"
    )]
    pub buckets: Vec<usize>,
    /// What becomes of a row that cannot be used: it ends the run, or it is left out and counted
    #[arg(long, default_value = "fail", value_name = "fail|set-apart")]
    pub on_bad_row: OnBadRow,
    /// Try every row's SQL on an empty database made of its context; rows where it does not run are left out
    #[arg(long)]
    pub check_sql: bool,
    /// Leave out rows that say the same as an earlier one
    #[arg(long)]
    pub dedupe: bool,
    /// Leave out the questions and databases of this file, such as a benchmark's
    #[arg(long, value_name = "FILE")]
    pub purge: Option<PathBuf>,
    /// Draw by this seed which examples share a packed row, and the rows' order [default: by length alone]
    #[arg(long, requires = "pack")]
    pub seed: Option<u64>,
    /// Threads to work with [default: one for each processor]; the result is the same for any number
    #[arg(long)]
    pub threads: Option<usize>,
    /// Write what the run was made of: sources, hashes, counts, settings
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
    /// Do it again and compare with this manifest; a difference ends with exit code 2 and says where
    #[arg(long, value_name = "FILE", conflicts_with = "manifest")]
    pub verify: Option<PathBuf>,
    /// Write the rows that cannot be used, each with its reason
    #[arg(long, value_name = "FILE.jsonl")]
    pub set_apart: Option<PathBuf>,
    /// Print one JSON document, {"examples": [{"input_ids", "labels"}]}, labels -100 where nothing is learned;
    /// with --pack also "segments" (the examples' lengths) and "positions"
    #[arg(long)]
    pub json: bool,
}

impl PrepareFlags {
    /// How a question and its schema become messages.
    ///
    /// # Errors
    /// A file that cannot be read, and parts that are no good.
    pub(super) fn sql_prompt(&self) -> Result<SqlPrompt, ExampleError> {
        let Some(path) = &self.prompt else {
            let system = self.system.clone();
            let prompt = system.map_or_else(|| Ok(SqlPrompt::default()), SqlPrompt::with_system);
            return Ok(prompt?);
        };
        let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
        let parts = toml::from_str(&text).map_err(ExampleError::toml(path, &text))?;
        Ok(SqlPrompt::new(parts)?)
    }
}

/// `--turns`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TurnsFlag {
    /// Every assistant turn
    All,
    /// The last one
    Last,
}

/// `--over-length`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OverLength {
    /// Leave it out
    Drop,
    /// Take tables off the end of its context until it fits
    Shorten,
}
