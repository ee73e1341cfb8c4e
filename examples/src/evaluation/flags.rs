//! What `evaluate` is asked for.

use std::path::PathBuf;

use anneal_data::{Columns, Format};
use anneal_sql::{EvaluateOptions, GenerateOptions, GoldPolicy};
use clap::{Args, ValueEnum};

use super::Databases;
use crate::device::Compute;
use crate::prompting::PromptFlags;

/// The flags of `evaluate`.
#[derive(Debug, Args)]
pub struct EvaluateFlags {
    /// Questions with their gold SQL: {"db_id", "question", "sql", "context"} or {"question", "context", "answer"};
    /// JSON lines, JSON arrays, CSV, TSV (plain, .xz, .gz or .zst), Parquet, Arrow
    #[arg(long, value_name = "FILE")]
    pub questions: PathBuf,
    /// What the questions' fields mean: sql-create-context or spider [default: told by the fields of the first row]
    #[arg(long)]
    pub format: Option<Format>,
    /// What the file calls the format's fields: question=utterance,sql=query
    #[arg(
        long,
        default_value = "",
        hide_default_value = true,
        value_name = "FIELD=COLUMN,.."
    )]
    pub columns: Columns,
    /// The folder of the databases, DIR/<db_id>/<db_id>.sqlite and perhaps more beside it, on all of which results
    /// must agree [default: databases are made from each question's context and gold]
    #[arg(long, value_name = "DIR")]
    pub databases: Option<PathBuf>,
    /// How many databases are made for each question [default: 11]
    #[arg(long, value_name = "COUNT", conflicts_with = "databases")]
    pub test_databases: Option<usize>,
    /// The seed of databases that are made
    #[arg(long, default_value_t = 0, conflicts_with = "databases")]
    pub seed: u64,
    /// Where the predicted SQL comes from
    #[command(flatten)]
    pub source: SourceFlags,
    /// A folder with a PEFT adapter for the model; several add up
    #[arg(long, requires = "model", value_name = "DIR")]
    pub adapter: Vec<PathBuf>,
    /// How the model is asked
    #[command(flatten)]
    pub prompt: PromptFlags,
    /// Prompts that are answered together
    #[arg(long, default_value_t = 20)]
    pub batch_size: usize,
    /// Tokens of an answer at most
    #[arg(long, default_value_t = 96)]
    pub max_new_tokens: usize,
    /// Device and precision
    #[command(flatten)]
    pub compute: Compute,
    /// Take DISTINCT out of both queries before they are judged, as Spider's script does without --keep_distinct
    #[arg(long)]
    pub ignore_distinct: bool,
    /// What becomes of a question whose gold SQL does not run: it ends the run with its line, or it is left out
    /// of all figures and counted
    #[arg(long, value_enum, default_value_t = FailingGold::Fail)]
    pub on_failing_gold: FailingGold,
    /// Time matching queries against their golds, so many runs each, for BIRD's R-VES (which takes 100)
    #[arg(long, value_name = "RUNS")]
    pub time: Option<usize>,
    /// Threads that judge [default: one for each processor]; the verdicts are the same for any number
    #[arg(long)]
    pub threads: Option<usize>,
    /// Write the report to this file: {"meta", "totals", "by_hardness", "by_database", "failures", "examples"}
    #[arg(long, value_name = "FILE.json")]
    pub report: Option<PathBuf>,
    /// Write each question with its verdicts as a line of JSON to this file
    #[arg(long, value_name = "FILE.jsonl")]
    pub lines: Option<PathBuf>,
    /// Write a page to read in a browser: charts, and every question with both queries and their rows
    #[arg(long, value_name = "FILE.html")]
    pub html: Option<PathBuf>,
    /// An earlier report on the same questions: say what was gained and lost, and whether it is more than chance
    #[arg(long, value_name = "FILE.json")]
    pub compare: Option<PathBuf>,
    /// What the report calls the predictions [default: the file or the model]
    #[arg(long)]
    pub name: Option<String>,
    /// Print the report as one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Where the predicted SQL comes from.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct SourceFlags {
    /// Predictions, JSON lines: {"sql"} in the questions' order, or {"index", "sql"}
    #[arg(long, value_name = "FILE")]
    pub predictions: Option<PathBuf>,
    /// A model to ask: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    pub model: Option<PathBuf>,
}

/// `--on-failing-gold`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailingGold {
    /// End the run
    Fail,
    /// Leave the question out of all figures
    LeaveOut,
}

/// Rows of each result that the page shows.
const SHOWN_ROWS: usize = 20;

impl EvaluateFlags {
    /// The databases.
    pub fn databases(&self) -> Databases {
        match &self.databases {
            Some(folder) => Databases::Folder(folder.clone()),
            None => {
                let mut options = GenerateOptions {
                    seed: self.seed,
                    ..GenerateOptions::default()
                };
                options.databases = self.test_databases.unwrap_or(options.databases);
                Databases::Generated(options)
            }
        }
    }

    /// How to judge.
    pub(super) fn options(&self) -> EvaluateOptions {
        EvaluateOptions {
            ignore_distinct: self.ignore_distinct,
            threads: self.threads.unwrap_or(0),
            shown_rows: self.html.as_ref().map(|_| SHOWN_ROWS),
            time_queries: self.time,
            gold: match self.on_failing_gold {
                FailingGold::Fail => GoldPolicy::Fail,
                FailingGold::LeaveOut => GoldPolicy::LeaveOut,
            },
            ..EvaluateOptions::default()
        }
    }

    /// What the report calls the predictions.
    pub(super) fn name(&self) -> String {
        let path = self.source.predictions.as_ref();
        let path = path.or(self.source.model.as_ref());
        let given = path.map(|path| path.display().to_string());
        let adapters = self.adapter.iter();
        let adapters = adapters.map(|path| format!(" with {}", path.display()));
        let made = format!(
            "{}{}",
            given.unwrap_or_default(),
            adapters.collect::<String>()
        );
        self.name.clone().unwrap_or(made)
    }
}
