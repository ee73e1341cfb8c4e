//! Continues a prompt: `cargo run --release --example generate -- --help`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anneal_data::Message;
use anneal_examples::{Conversation, ExampleError, device, finish, keep_freed_memory, open_model};
use anneal_llama::{GenerateOptions, LoadedModel, generate};
use clap::Parser;
use serde::Serialize;

/// Continues a prompt with the most probable tokens.
#[derive(Parser)]
struct Flags {
    /// The model: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    model: PathBuf,
    /// A folder with a PEFT adapter (adapter_config.json, adapter_model.safetensors)
    #[arg(long)]
    adapter: Option<PathBuf>,
    #[command(flatten)]
    prompt: Prompt,
    /// Tokens to add at most
    #[arg(long, default_value_t = 128)]
    max_new_tokens: usize,
    /// cpu, cuda:N or wgpu
    #[arg(long, default_value = "cpu")]
    device: String,
    /// Print one JSON document: prompt_ids, token_ids (an end token included), logprobs
    /// (natural log, one per token), text, tokens_per_second
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Prompt {
    /// Text to continue, as it stands
    #[arg(long)]
    prompt: Option<String>,
    /// Token ids to continue: 1,2,3
    #[arg(long, value_delimiter = ',')]
    prompt_ids: Option<Vec<u32>>,
    /// A JSON file of chat messages, [{"role": "user", "content": ".."}]; the model's template renders them
    #[arg(long)]
    messages: Option<PathBuf>,
}

#[derive(Serialize)]
struct Output {
    prompt_ids: Vec<u32>,
    token_ids: Vec<u32>,
    logprobs: Vec<f32>,
    text: Option<String>,
    tokens_per_second: f64,
}

fn main() -> ExitCode {
    keep_freed_memory();
    finish(run(&Flags::parse()))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    let device = device::parse(&flags.device)?;
    let loaded = open_model(&flags.model, flags.adapter.as_deref(), &device)?;
    let (prompt_ids, end_ids) = prompt_ids(flags, &loaded)?;
    let options = GenerateOptions {
        max_new_tokens: flags.max_new_tokens,
        end_ids,
    };
    let start = Instant::now();
    let prompts = [prompt_ids.clone()];
    let mut generated = generate(&loaded.model, &loaded.config, &prompts, &options, &device)?;
    let seconds = start.elapsed().as_secs_f64();
    let generated = generated.pop().unwrap_or_default();
    let text = match &loaded.tokenizer {
        Some(tokenizer) => Some(tokenizer.decode(&generated.token_ids, false)?),
        None => None,
    };
    let output = Output {
        tokens_per_second: generated.token_ids.len() as f64 / seconds,
        prompt_ids,
        token_ids: generated.token_ids,
        logprobs: generated.logprobs,
        text,
    };
    let text = match (&output.text, flags.json) {
        (Some(text), false) => text.clone(),
        _ => serde_json::to_string(&output).map_err(ExampleError::json("standard output"))?,
    };
    writeln!(std::io::stdout(), "{text}").map_err(ExampleError::io("standard output"))
}

/// The ids to continue, and those that end the continuation.
fn prompt_ids(flags: &Flags, loaded: &LoadedModel) -> Result<(Vec<u32>, Vec<u32>), ExampleError> {
    let Prompt {
        prompt,
        prompt_ids,
        messages,
    } = &flags.prompt;
    if let Some(path) = messages {
        let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
        let messages: Vec<Message> =
            serde_json::from_str(&text).map_err(ExampleError::json(path))?;
        let conversation = Conversation::new(loaded, &flags.model, "--messages")?;
        let end_ids = conversation.end_ids().to_vec();
        return Ok((conversation.prompt_ids(&messages)?, end_ids));
    }
    let end_ids = loaded.end_ids.clone();
    if let Some(ids) = prompt_ids {
        return Ok((ids.clone(), end_ids));
    }
    let missing = || ExampleError::NoTokenizer {
        model: flags.model.clone(),
    };
    let tokenizer = loaded.tokenizer.as_ref().ok_or_else(missing)?;
    let ids = tokenizer.encode(prompt.as_deref().unwrap_or_default(), true)?;
    Ok((ids, end_ids))
}
