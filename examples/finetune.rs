//! Fine-tunes a model on text-to-SQL: `cargo run --release --example finetune -- --help`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anneal_examples::settings::GivenSettings;
use anneal_examples::{ExampleError, evaluation, finetune, finish, keep_freed_memory, on_pool};
use anneal_train::{Ended, ProgressReport, StopSignal};
use clap::Parser;

/// What a shell takes for a command that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// Fine-tunes a Llama on questions and their SQL, and measures it by execution
/// on databases that it has not seen.
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
    let flags = Flags::parse();
    match on_pool(|| run(flags)) {
        Ok(Ended::Signal) => ExitCode::from(INTERRUPTED),
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => finish(Err(error)),
    }
}

fn run(flags: Flags) -> Result<Ended, ExampleError> {
    let settings = flags.settings.beneath(flags.config.as_deref())?.resolve()?;
    let stop = StopSignal::listen()?;
    let report = finetune::finetune_until(settings, flags.resume, ProgressReport::Auto, stop)?;
    let text = if flags.json {
        serde_json::to_string(&report).map_err(ExampleError::json("standard output"))?
    } else {
        summary(&report)
    };
    writeln!(std::io::stdout(), "{text}").map_err(ExampleError::io("standard output"))?;
    if report.ended == Ended::Signal {
        let done = report.steps;
        let line =
            format!("stopped after step {done}; the same command with --resume goes on from there");
        writeln!(std::io::stderr(), "{line}").map_err(ExampleError::io("standard error"))?;
    }
    Ok(report.ended)
}

fn summary(report: &finetune::Report) -> String {
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
    if let Some(comparison) = &report.comparison {
        text.push_str(&format!("\n{}", comparison.to_text().trim_end()));
    }
    if report.skipped_steps > 0 {
        let skipped = report.skipped_steps;
        text.push_str(&format!(
            "\n{skipped} steps were left out: their loss or gradient was not finite"
        ));
    }
    if let Some(best) = &report.best {
        text.push_str(&format!("\nbest checkpoint: after step {}", best.step));
        if let Some(loss) = best.loss {
            text.push_str(&format!(", loss {loss:.4} on held-out rows"));
        }
    }
    text.push_str(&format!("\nresult: {}", report.result.display()));
    text
}
