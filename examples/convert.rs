//! Writes any model as a Hugging Face folder:
//! `cargo run --release --example convert -- --help`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anneal_examples::{
    ExampleError, device, finish, keep_freed_memory, open_model, parse_bytes, resolve_model,
};
use anneal_llama::{LoadOptions, SaveDtype, SaveOptions};
use anneal_peft::merge;
use anneal_train::ProgressReport;
use clap::{Parser, ValueEnum};

/// Writes a model as a Hugging Face folder that transformers loads: a GGUF file with its
/// tokenizer, a folder in another type or other shards, a model with its adapter merged.
#[derive(Parser)]
struct Flags {
    /// The model: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    model: PathBuf,
    /// A folder with a PEFT adapter, to be merged into the weights; several add up
    #[arg(long)]
    adapter: Vec<PathBuf>,
    /// Give a model whose head is its embedding a head of its own, before adapters are merged:
    /// one that changes the embedding or the head alone can't be merged otherwise
    #[arg(long)]
    untie: bool,
    /// The folder to write, new or empty
    #[arg(long)]
    output: PathBuf,
    /// The type of the stored weights
    #[arg(long, value_enum, default_value = "f32")]
    dtype: Stored,
    /// The most bytes of tensors in one file: a number, with KB, MB or GB
    #[arg(long, default_value = "5GB")]
    max_shard_size: String,
}

#[derive(Clone, Copy, ValueEnum)]
enum Stored {
    F32,
    Bf16,
    F16,
}

impl From<Stored> for SaveDtype {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::F32 => Self::F32,
            Stored::Bf16 => Self::Bf16,
            Stored::F16 => Self::F16,
        }
    }
}

fn main() -> ExitCode {
    keep_freed_memory();
    finish(run(&Flags::parse()))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    let max_shard_bytes = parse_bytes("max-shard-size", &flags.max_shard_size)?;
    let path = resolve_model(&flags.model, ProgressReport::Auto)?;
    let adapters = flags.adapter.iter().map(PathBuf::as_path);
    let options = LoadOptions::default().with_untie(flags.untie);
    let mut loaded = open_model(&path, adapters, &options, &device::parse("cpu")?)?;
    if !flags.adapter.is_empty() {
        let (merged, report) = merge(loaded.model)?;
        loaded.model = merged;
        writeln!(std::io::stderr(), "{report}").map_err(ExampleError::io("standard error"))?;
    }
    let options = SaveOptions {
        dtype: flags.dtype.into(),
        max_shard_bytes,
        source: path.is_dir().then_some(path),
    };
    loaded.save(&flags.output, &options)?;
    let output = flags.output.display();
    writeln!(std::io::stdout(), "{output}: written").map_err(ExampleError::io("standard output"))
}
