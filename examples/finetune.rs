//! Fine-tunes a model on text-to-SQL: `cargo run --release --example finetune -- --help`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anneal_examples::settings::GivenSettings;
use anneal_examples::{ExampleError, finetune, finish, keep_freed_memory};
use anneal_train::ProgressReport;
use clap::Parser;

/// Fine-tunes a Llama with LoRA on questions and their SQL, and measures it by
/// execution on databases that it has not seen.
#[derive(Parser)]
struct Flags {
    /// A TOML file; every key is the name of a flag with underscores, and flags win
    #[arg(long)]
    config: Option<PathBuf>,
    /// Continue from the newest checkpoint in --output
    #[arg(long)]
    resume: bool,
    /// Print the report as one JSON document
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: GivenSettings,
}

fn main() -> ExitCode {
    keep_freed_memory();
    finish(run(Flags::parse()))
}

fn run(flags: Flags) -> Result<(), ExampleError> {
    let settings = flags.settings.beneath(flags.config.as_deref())?.resolve()?;
    let adapter = settings.output.join("adapter");
    let report = finetune::finetune(settings, flags.resume, ProgressReport::Auto)?;
    let text = if flags.json {
        serde_json::to_string(&report).map_err(ExampleError::json("standard output"))?
    } else {
        summary(&report, &adapter)
    };
    writeln!(std::io::stdout(), "{text}").map_err(ExampleError::io("standard output"))
}

fn summary(report: &finetune::Report, adapter: &std::path::Path) -> String {
    use anneal_examples::evaluation;
    let mut text = format!(
        "{} steps in {:.1} minutes, {:.0} tokens/s",
        report.steps, report.training_minutes, report.tokens_per_second
    );
    for (when, measured) in [("before", &report.before), ("after", &report.after)] {
        if let Some(measured) = measured {
            text.push_str(&format!(
                "\n{when}: {}",
                evaluation::summary(&measured.totals)
            ));
        }
    }
    text.push_str(&format!("\nadapter: {}", adapter.display()));
    text
}
