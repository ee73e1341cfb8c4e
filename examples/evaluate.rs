//! Measures SQL by executing it: `cargo run --release --example evaluate -- --help`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anneal_data::{Question, SqlPrompt, read_predictions, read_questions};
use anneal_examples::device::Compute;
use anneal_examples::evaluation::{describe, evaluate, write_json};
use anneal_examples::{
    Conversation, ExampleError, PredictOptions, finish, keep_freed_memory, open_model,
};
use anneal_llama::{LoadOptions, Precision};
use anneal_sql::Databases;
use anneal_train::ProgressReport;
use burn::tensor::Device;
use clap::Parser;

/// Judges predicted SQL, or a model's, by the rows that it returns.
#[derive(Parser)]
struct Flags {
    /// Questions, JSON lines: {"db_id", "question", "sql", "context"}
    #[arg(long)]
    questions: PathBuf,
    /// The folder of the databases, DIR/<db_id>/<db_id>.sqlite
    #[arg(long)]
    databases: PathBuf,
    #[command(flatten)]
    source: Source,
    /// A folder with a PEFT adapter for the model
    #[arg(long, requires = "model")]
    adapter: Option<PathBuf>,
    /// Write the verdict on every question to this file
    #[arg(long)]
    report: Option<PathBuf>,
    /// The instruction of the prompt's system turn
    #[arg(long, requires = "model")]
    system: Option<String>,
    /// Prompts that are answered together
    #[arg(long, default_value_t = 20)]
    batch_size: usize,
    /// Tokens of an answer at most
    #[arg(long, default_value_t = 96)]
    max_new_tokens: usize,
    #[command(flatten)]
    compute: Compute,
    /// Print the report as one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Predictions, JSON lines: {"sql"} in the questions' order, or {"index", "sql"}
    #[arg(long)]
    predictions: Option<PathBuf>,
    /// A model to ask: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    model: Option<PathBuf>,
}

fn main() -> ExitCode {
    keep_freed_memory();
    finish(run(&Flags::parse()))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    let compute = flags.compute.open()?;
    let questions = read_questions(&flags.questions)?;
    let mut databases = Databases::new(&flags.databases);
    let predictions = match (&flags.source.predictions, &flags.source.model) {
        (Some(path), _) => read_predictions(path, questions.len())?,
        (None, Some(model)) => ask(flags, model, &questions, &mut databases, &compute)?,
        (None, None) => Vec::new(), // clap asks for one of the two
    };
    let evaluation = evaluate(&questions, &predictions, &mut databases)?;
    if let Some(path) = &flags.report {
        write_json(path, &evaluation)?;
    }
    let text = if flags.json {
        serde_json::to_string(&evaluation).map_err(ExampleError::json("standard output"))?
    } else {
        describe(&evaluation.totals)
    };
    writeln!(std::io::stdout(), "{text}").map_err(ExampleError::io("standard output"))
}

/// A model's answer to every question.
fn ask(
    flags: &Flags,
    path: &Path,
    questions: &[Question],
    databases: &mut Databases,
    (device, precision): &(Device, Precision),
) -> Result<Vec<Option<String>>, ExampleError> {
    let loaded = open_model(
        path,
        flags.adapter.as_deref(),
        &LoadOptions::default().with_precision(*precision),
        device,
    )?;
    let conversation = Conversation::new(&loaded, path, "an evaluation")?;
    let system = flags.system.clone();
    let prompt = system.map_or_else(|| Ok(SqlPrompt::default()), SqlPrompt::with_system)?;
    let options = PredictOptions {
        batch_size: flags.batch_size,
        max_new_tokens: flags.max_new_tokens,
        progress: ProgressReport::Auto,
    };
    let model = (&loaded, &loaded.model);
    let answers = conversation.predict(model, &prompt, questions, databases, device, options)?;
    Ok(answers.into_iter().map(Some).collect())
}
