//! Continues a prompt: `cargo run --release --example generate -- --help`.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anneal_data::Message;
use anneal_examples::device::Compute;
use anneal_examples::{
    Conversation, ExampleError, finish, keep_freed_memory, on_pool, open_model, print,
};
use anneal_llama::{GenerateOptions, Generator, LlamaError, LoadOptions, LoadedModel};
use clap::Parser;
use serde::Serialize;

/// Continues a prompt: greedily, or by chance where a temperature is given.
///
/// The text is printed as it comes; --json prints one document at the end.
#[derive(Parser)]
struct Flags {
    /// The model: a GGUF file, a Hugging Face folder, or a Hub id (org/name, org/name@revision, org/name:file.gguf)
    #[arg(long)]
    model: String,
    /// A folder with a PEFT adapter (adapter_config.json, adapter_model.safetensors); several add up
    #[arg(long)]
    adapter: Vec<PathBuf>,
    #[command(flatten)]
    prompt: Prompt,
    /// Tokens to add at most [default: 128, or as many as the model has positions for]
    #[arg(long)]
    max_new_tokens: Option<usize>,
    #[command(flatten)]
    sampling: Sampling,
    /// A text that ends the answer, which is cut before it; may be given several times
    #[arg(long)]
    stop: Vec<String>,
    #[command(flatten)]
    compute: Compute,
    /// Print one JSON document: prompt_ids, token_ids (an end token included), logprobs
    /// (natural log under the model's own distribution, one per token), text, tokens_per_second
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Prompt {
    /// Text to continue, as it stands; special tokens written in it are recognised
    #[arg(long)]
    prompt: Option<String>,
    /// Token ids to continue: 1,2,3
    #[arg(long, value_delimiter = ',')]
    prompt_ids: Option<Vec<u32>>,
    /// A JSON file of chat messages, [{"role": "user", "content": ".."}]; the model's template renders them
    #[arg(long)]
    messages: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Sampling {
    /// Draw by chance: below 1 closer to the most probable tokens, above 1 further away; 0 is greedy
    #[arg(long, default_value_t = 0.0, allow_negative_numbers = true)]
    temperature: f64,
    /// Draw from this many of the most probable tokens; 0 is off
    #[arg(long)]
    top_k: Option<usize>,
    /// Draw from the most probable tokens that together have this probability; 1 is off
    #[arg(long, allow_negative_numbers = true)]
    top_p: Option<f64>,
    /// Draw from tokens with at least this share of the largest probability; 0 is off
    #[arg(long, allow_negative_numbers = true)]
    min_p: Option<f64>,
    /// What the draws depend on [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Make tokens that were seen before less probable; 1 is off, and best for SQL, which repeats names
    #[arg(long, default_value_t = 1.0, allow_negative_numbers = true)]
    repetition_penalty: f64,
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
    let flags = Flags::parse();
    finish(on_pool(|| run(&flags)).map_err(by_flag))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    let (device, precision) = flags.compute.open()?;
    let mut options = options(flags);
    options.validate()?;
    note_idle(&flags.sampling);
    let path = Path::new(&flags.model);
    let adapters = flags.adapter.iter().map(PathBuf::as_path);
    let loaded = open_model(
        path,
        adapters,
        &LoadOptions::default().with_precision(precision),
        &device,
    )?;
    let prompt_ids;
    (prompt_ids, options.end_ids) = prompt(flags, path, &loaded)?;
    if flags.max_new_tokens.is_none() {
        let free = loaded.config.context_length();
        let taken = loaded.model.num_virtual_tokens() + prompt_ids.len();
        let free = free.saturating_sub(taken);
        options.max_new_tokens = options.max_new_tokens.min(free).max(1);
    }
    let mut generator =
        Generator::new(&loaded.model, &loaded.config, &device).with_options(options);
    if let Some(tokenizer) = &loaded.tokenizer {
        generator = generator.with_tokenizer(tokenizer);
    }
    let output = answer(&generator, prompt_ids, !flags.json)?;
    if flags.json || output.text.is_none() {
        let json = serde_json::to_string(&output).map_err(ExampleError::json("standard output"))?;
        return print(&format!("{json}\n"));
    }
    print("\n")
}

/// Generates, and shows the text as it comes if `show`.
fn answer(generator: &Generator, prompt: Vec<u32>, show: bool) -> Result<Output, ExampleError> {
    let start = Instant::now();
    let (mut token_ids, mut logprobs, mut text) = (Vec::new(), Vec::new(), None);
    for token in generator.stream(std::slice::from_ref(&prompt))? {
        let token = token?;
        token_ids.push(token.id);
        logprobs.push(token.logprob);
        if let Some(piece) = token.text {
            if show && !piece.is_empty() {
                print(&piece)?;
            }
            text.get_or_insert_with(String::new).push_str(&piece);
        }
    }
    Ok(Output {
        tokens_per_second: token_ids.len() as f64 / start.elapsed().as_secs_f64(),
        prompt_ids: prompt,
        token_ids,
        logprobs,
        text,
    })
}

/// What the flags say.
fn options(flags: &Flags) -> GenerateOptions {
    let sampling = &flags.sampling;
    let default = GenerateOptions::default();
    GenerateOptions {
        max_new_tokens: flags.max_new_tokens.unwrap_or(default.max_new_tokens),
        stop: flags.stop.clone(),
        temperature: sampling.temperature,
        top_k: sampling.top_k.unwrap_or(default.top_k),
        top_p: sampling.top_p.unwrap_or(default.top_p),
        min_p: sampling.min_p.unwrap_or(default.min_p),
        repetition_penalty: sampling.repetition_penalty,
        seed: sampling.seed.unwrap_or(default.seed),
        ..default
    }
}

/// Says which flags of a greedy run can't have an effect.
fn note_idle(sampling: &Sampling) {
    let idle = [
        ("--top-k", sampling.top_k.is_some()),
        ("--top-p", sampling.top_p.is_some()),
        ("--min-p", sampling.min_p.is_some()),
        ("--seed", sampling.seed.is_some()),
    ];
    for (flag, given) in idle {
        if given && sampling.temperature == 0.0 {
            let note = "has no effect without a --temperature above 0";
            // The note is a courtesy; a closed standard error can do without.
            let _ = writeln!(std::io::stderr(), "note: {flag} {note}");
        }
    }
}

/// The ids to continue, and those that end the continuation.
fn prompt(
    flags: &Flags,
    model: &Path,
    loaded: &LoadedModel,
) -> Result<(Vec<u32>, Vec<u32>), ExampleError> {
    let Prompt {
        prompt,
        prompt_ids,
        messages,
    } = &flags.prompt;
    if let Some(path) = messages {
        let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
        let messages: Vec<Message> =
            serde_json::from_str(&text).map_err(ExampleError::json(path))?;
        let conversation = Conversation::new(loaded, model, "--messages")?;
        let end_ids = conversation.end_ids().to_vec();
        return Ok((conversation.prompt_ids(&messages)?, end_ids));
    }
    let end_ids = loaded.end_ids.clone();
    if let Some(ids) = prompt_ids {
        return Ok((ids.clone(), end_ids));
    }
    let missing = || ExampleError::NoTokenizer {
        model: model.to_owned(),
    };
    let tokenizer = loaded.tokenizer.as_ref().ok_or_else(missing)?;
    let ids = tokenizer.encode(prompt.as_deref().unwrap_or_default(), true)?;
    Ok((ids, end_ids))
}

/// An option out of its range, by the name of its flag.
fn by_flag(error: ExampleError) -> ExampleError {
    match error {
        ExampleError::Llama(LlamaError::GenerateOption {
            option,
            found,
            expected,
        }) => ExampleError::Setting {
            setting: match option {
                "max_new_tokens" => "max-new-tokens",
                "top_p" => "top-p",
                "min_p" => "min-p",
                "repetition_penalty" => "repetition-penalty",
                same => same,
            },
            found,
            expected: expected.to_owned(),
        },
        other => other,
    }
}
