//! Writes a prompt's logits, to compare with another program's:
//! `cargo run --release --example logits -- --help`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anneal_examples::device::Compute;
use anneal_examples::{ExampleError, finish, keep_freed_memory, on_pool, open_model, write_whole};
use anneal_llama::{LlamaConfig, LlamaError, LoadOptions};
use burn::tensor::{Int, Tensor, TensorData};
use clap::Parser;
use safetensors::tensor::{Dtype, TensorView};

/// Writes the logits at every position of a prompt to a safetensors file.
///
/// The file holds `input_ids` [1, T] in I64 and `logits` [1, T, V] in F32: what
/// crates/testkit/python/check_peft.py compares with PEFT.
#[derive(Parser)]
struct Flags {
    /// The model: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    model: PathBuf,
    /// A folder with a PEFT adapter (adapter_config.json, adapter_model.safetensors); several add up
    #[arg(long)]
    adapter: Vec<PathBuf>,
    /// Token ids: 1,2,3
    #[arg(long, value_delimiter = ',', required = true)]
    prompt_ids: Vec<u32>,
    /// The file to write
    #[arg(long)]
    output: PathBuf,
    #[command(flatten)]
    compute: Compute,
}

fn main() -> ExitCode {
    keep_freed_memory();
    let flags = Flags::parse();
    finish(on_pool(|| run(&flags)))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    let (device, precision) = flags.compute.open()?;
    let adapters = flags.adapter.iter().map(PathBuf::as_path);
    let loaded = open_model(
        &flags.model,
        adapters,
        &LoadOptions::default().with_precision(precision),
        &device,
    )?;
    check(&flags.prompt_ids, &loaded.config)?;
    let ids: Vec<i64> = flags.prompt_ids.iter().map(|&id| id.into()).collect();
    let shape = [1, ids.len()];
    let input = Tensor::<2, Int>::from_data(TensorData::new(ids.clone(), shape), &device);
    let logits = loaded.model.forward(input, &loaded.config);
    let dims = logits.dims();
    let logits = logits
        .try_into_vec_as::<f32>()
        .map_err(LlamaError::Device)?;

    let ids: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    let logits: Vec<u8> = logits.iter().flat_map(|x| x.to_le_bytes()).collect();
    let tensors = [
        ("input_ids", Dtype::I64, &shape[..], &ids),
        ("logits", Dtype::F32, &dims[..], &logits),
    ];
    write(&flags.output, &tensors)?;
    let [_, length, vocabulary] = dims;
    let path = flags.output.display();
    writeln!(
        std::io::stdout(),
        "{path}: logits of {length} positions, {vocabulary} each"
    )
    .map_err(ExampleError::io("standard output"))
}

/// Ids that the embedding has rows for, and no more of them than positions.
fn check(ids: &[u32], config: &LlamaConfig) -> Result<(), LlamaError> {
    let (length, limit) = (ids.len(), config.context_length());
    if length > limit {
        return Err(LlamaError::TooLong {
            index: 0,
            length,
            new: 0,
            limit,
        });
    }
    match ids.iter().find(|&&id| id as usize >= config.vocab_size) {
        Some(&id) => Err(LlamaError::TokenOutOfRange {
            index: 0,
            id,
            last: config.vocab_size - 1,
        }),
        None => Ok(()),
    }
}

/// Writes the file beside itself and renames it: whole or not at all.
fn write(path: &Path, tensors: &[(&str, Dtype, &[usize], &Vec<u8>)]) -> Result<(), ExampleError> {
    let views: Result<Vec<_>, _> = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| {
            TensorView::new(*dtype, shape.to_vec(), bytes).map(|view| (*name, view))
        })
        .collect();
    let bytes = views
        .and_then(|views| safetensors::serialize(views, None))
        .map_err(std::io::Error::other)
        .map_err(ExampleError::io(path))?;
    write_whole(path, bytes)
}
