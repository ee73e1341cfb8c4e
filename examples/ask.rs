//! Asks a SQLite file in plain words: `cargo run --release --example ask -- --help`.

use std::process::ExitCode;

use anneal_examples::ask::{AskFlags, run};
use anneal_examples::{finish, keep_freed_memory, on_pool};
use clap::Parser;

/// Asks a SQLite file in plain words: a model writes the SQL, which is run within limits and can change nothing.
///
/// Without a question it keeps asking for them: on a terminal after a prompt, else one question a line of standard
/// input.
///
/// Exit codes: 0 where the SQL ran, 1 where it could not be run (of questions on standard input: any of them; a
/// conversation on a terminal ends with 0), 2 for a flag, a file or a model that is no good.
#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    ask: AskFlags,
}

fn main() -> ExitCode {
    keep_freed_memory();
    let flags = Flags::parse().ask;
    match on_pool(|| run(&flags)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => finish(Err(error)),
    }
}
