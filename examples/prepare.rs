//! Shows what a trainer will see: `cargo run --release --example prepare -- --help`.

use std::process::ExitCode;

use anneal_examples::prepare::{PrepareFlags, prepare};
use anneal_examples::{ExampleError, finish};
use anneal_train::ProgressReport;
use clap::Parser;

/// Turns files of rows into token ids and labels, exactly as a trainer gets them.
///
/// Without --json, rows are shown as text with the learned span marked, and then what became of all rows.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    prepare: PrepareFlags,
}

fn main() -> ExitCode {
    finish(run(&Flags::parse().prepare))
}

fn run(flags: &PrepareFlags) -> Result<(), ExampleError> {
    prepare(flags, ProgressReport::Auto)
}
