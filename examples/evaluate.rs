//! Measures SQL by executing it: `cargo run --release --example evaluate -- --help`.

use std::process::ExitCode;

use anneal_examples::evaluation::{EvaluateFlags, run};
use anneal_examples::{finish, keep_freed_memory, on_pool};
use clap::Parser;

/// Judges predicted SQL, or a model's, by the rows that it returns.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    evaluate: EvaluateFlags,
}

fn main() -> ExitCode {
    keep_freed_memory();
    let flags = Flags::parse().evaluate;
    finish(on_pool(|| run(&flags)))
}
