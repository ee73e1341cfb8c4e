//! Fine-tuning from start to end in three minutes at most: `cargo run --release --example quickstart`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anneal_examples::quickstart::{QuickstartSettings, quickstart, summary};
use anneal_examples::{ExampleError, finish, keep_freed_memory, on_pool};
use anneal_train::ProgressReport;
use burn::tensor::Device;
use clap::Parser;

/// Fine-tunes a small Llama on text-to-SQL, and measures it before and after.
///
/// Needs no flags, no network and nothing beside the repository. The model in
/// examples/model has seen many kinds of databases, but none of a beekeepers'
/// association. Databases of that kind are made, with contents, questions and SQL;
/// LoRA teaches some of them, and the SQL for the others is judged by running it.
#[derive(Parser)]
struct Flags {
    /// The folder for adapter, data and report; one of an earlier quickstart is emptied
    #[arg(long, default_value = "anneal-quickstart")]
    output: PathBuf,
    /// The seed of data, adapter and order
    #[arg(long, default_value_t = 5)]
    seed: u64,
    /// Steps of the training: fewer are quicker, more learn more
    #[arg(long, default_value_t = QuickstartSettings::default().steps)]
    steps: u64,
    /// Print the report as one JSON document
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    keep_freed_memory();
    let flags = Flags::parse();
    finish(on_pool(|| run(flags)))
}

fn run(flags: Flags) -> Result<(), ExampleError> {
    let settings = QuickstartSettings {
        output: flags.output,
        seed: flags.seed,
        steps: flags.steps,
        ..QuickstartSettings::default()
    };
    let mut out = std::io::stdout();
    let closed = || ExampleError::io("standard output");
    if !flags.json {
        writeln!(
            out,
            "A small Llama learns the words of a beekeepers' association: databases and questions are\n\
             made, the model is measured on databases that it will not learn from, LoRA trains it on\n\
             the others, and it is measured again. This takes about two minutes on two cores.\n"
        )
        .map_err(closed())?;
    }
    let device = Device::flex().autodiff();
    let report = quickstart(&settings, &device, ProgressReport::Auto)?;
    let text = if flags.json {
        serde_json::to_string(&report).map_err(ExampleError::json("standard output"))?
    } else {
        format!("\n{}", summary(&report, &settings.output))
    };
    writeln!(out, "{}", text.trim_end()).map_err(closed())
}
