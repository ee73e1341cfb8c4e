//! Makes a small Llama from nothing: `cargo run --release --example pretrain -- --help`.

use std::io::Write;
use std::process::ExitCode;

use anneal_examples::pretrain::{PretrainSettings, pretrain};
use anneal_examples::{ExampleError, finish, keep_freed_memory, on_pool};
use anneal_train::ProgressReport;
use burn::tensor::Device;
use clap::Parser;

/// Makes a small Llama that writes SQL: data, tokenizer and weights, all from a seed.
///
/// Two stages: copying alone, then conversations about databases. The model in examples/model was made by
///
///     cargo run --release --example pretrain -- --max-steps 3600 --output small-llama
#[derive(Parser)]
#[command(verbatim_doc_comment)]
struct Flags {
    #[command(flatten)]
    settings: PretrainSettings,
    /// Print the report as one JSON document
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    keep_freed_memory();
    let flags = Flags::parse();
    finish(on_pool(|| run(&flags)))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    let device = Device::flex().autodiff();
    let report = pretrain(&flags.settings, &device, ProgressReport::Auto)?;
    let text = if flags.json {
        serde_json::to_string(&report).map_err(ExampleError::json("standard output"))?
    } else {
        let [asked, right, same] = report.held_out;
        format!(
            "{} steps in {:.1} minutes, {} parameters, {} bytes, loss {:.4}\n\
             held-out domains: {right} of {asked} questions right, {same} to the letter\n\
             model: {}",
            report.steps,
            report.minutes,
            report.parameters,
            report.bytes,
            report.loss.unwrap_or(f64::NAN),
            flags.settings.output.display(),
        )
    };
    writeln!(std::io::stdout(), "{text}").map_err(ExampleError::io("standard output"))
}
