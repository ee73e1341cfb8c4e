//! Shows an adapter, and exports it for every reader of PEFT's files:
//! `cargo run --release --example adapter -- --help`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anneal_examples::adapter::{summarise, verdicts};
use anneal_examples::{ExampleError, device, finish, keep_freed_memory, open_model, require_empty};
use anneal_llama::LoadOptions;
use anneal_peft::{DEFAULT_ADAPTER, export_adapter, portability, save_adapter};
use clap::{Parser, Subcommand};
use serde_json::json;

/// Shows what an adapter is and which programs compute what it means, or writes it anew so
/// that all of them do.
#[derive(Parser)]
#[command(after_help = "\
Programs read the same two files (adapter_config.json, adapter_model.safetensors) in their own
ways: llama.cpp knows nothing of rank-stabilised scales, vLLM takes one scale for all layers,
few take DoRA. `show` says what each of them makes of an adapter:

  adapter show runs/sql/adapter

`export` writes a plain LoRA adapter whose scale is part of lora_B, of one rank, without
patterns; PiSSA, OLoRA and VeRA become such adapters of the base as it was published:

  adapter export --model org/name --adapter runs/sql/adapter --output portable

What low-rank factors cannot say (DoRA, IA3, trained biases) is refused; merge such an adapter
into its model with the example `convert`.")]
struct Flags {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Method, ranks, scales, size and settings of an adapter, and what each program makes of it
    Show {
        /// A folder with a PEFT adapter
        folder: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Writes an adapter so that every program computes the same
    Export {
        /// The model: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
        #[arg(long)]
        model: PathBuf,
        /// A folder with a PEFT adapter of that model
        #[arg(long)]
        adapter: PathBuf,
        /// The folder to write, new or empty
        #[arg(long)]
        output: PathBuf,
        /// Keep the method: check the files against the model and write them as Anneal does, PiSSA
        /// and OLoRA as plain LoRA of twice the rank
        #[arg(long)]
        as_is: bool,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

fn main() -> ExitCode {
    keep_freed_memory();
    finish(run(&Flags::parse()))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    let text = match &flags.task {
        Task::Show { folder, json } => {
            let summary = summarise(folder)?;
            if *json {
                serde_json::to_string(&summary).map_err(ExampleError::json("standard output"))?
            } else {
                summary.to_string()
            }
        }
        Task::Export {
            model,
            adapter,
            output,
            as_is,
            json,
        } => export(model, adapter, output, *as_is, *json)?,
    };
    writeln!(std::io::stdout(), "{text}").map_err(ExampleError::io("standard output"))
}

fn export(
    model: &Path,
    adapter: &Path,
    output: &Path,
    as_is: bool,
    json: bool,
) -> Result<String, ExampleError> {
    require_empty(output)?;
    let loaded = open_model(
        model,
        [adapter],
        &LoadOptions::default(),
        &device::parse("cpu")?,
    )?;
    let portability = if as_is {
        save_adapter(&loaded.model, output)?;
        portability(&loaded.model, DEFAULT_ADAPTER)?
    } else {
        export_adapter(&loaded.model, DEFAULT_ADAPTER, output)?
    };
    if json {
        let document = json!({"output": output, "portability": verdicts(&portability)});
        return Ok(document.to_string());
    }
    Ok(format!("{}: written\n{portability}", output.display()))
}
