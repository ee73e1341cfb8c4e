//! The expected peak of resident memory on a CPU.
//!
//! | part | bytes |
//! |---|---|
//! | weights | the model's values, in their type |
//! | adapters | 4 · 4.44 for each value: itself, its gradient, two moments, and space between them |
//! | gradients and moments | of weights that are trained: the sum of gradients, two moments, and the gradients that a micro-batch makes |
//! | activations | what every layer keeps of the largest micro-batch ([`layer`](super::layer)), · 4 · 1.13 |
//! | head | the logits of a chunk, and as much again twice |
//! | runtime | program, tokenizer, rows |
//!
//! The two factors and the runtime were fitted to SmolLM2-135M (see the test `plan.rs` and the lab log for the
//! tables). 1.13 is backward's temporaries, and blocks that the allocator rounds up and keeps; without it every
//! run was underestimated by the same part.

use anneal_data::MicroBatch;
use anneal_llama::LlamaConfig;
use anneal_train::TrainedParameter;
use serde::Serialize;

use super::layer::layers;
use super::system::memory_available;
use super::text::bytes;
use super::values;

/// Bytes of a value in f32.
const F32: f64 = 4.0;
/// Blocks that are kept for each value of an adapter, in values: see the table.
const ADAPTER: f64 = 4.44;
/// Memory held for each byte that the graph keeps.
const RETAINED: f64 = 1.13;
/// Logits held at a time, as in `anneal_kernels::linear_cross_entropy`.
const CHUNK_LOGITS: usize = 1 << 23;
/// Tensors of a chunk's size that are alive together.
const CHUNKS: f64 = 3.0;
/// Program, threads and rows; and, for each entry of the vocabulary, the tokenizer.
const RUNTIME: f64 = 30e6;
const TOKENIZER: f64 = 600.0;
/// Values of the largest trained tensor that its update holds besides.
const UPDATE: f64 = 5.0;

/// The size of a micro-batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct MicroBatchSize {
    /// Tokens with padding.
    pub tokens: usize,
    /// Tokens that the loss counts.
    pub targets: usize,
}

impl MicroBatchSize {
    /// The size of a batch.
    #[must_use]
    pub fn of(batch: &MicroBatch) -> Self {
        Self {
            tokens: batch.rows * batch.width,
            targets: batch.targets.ids.len(),
        }
    }
}

/// The expected peak of resident memory, and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memory {
    /// Bytes at the peak.
    pub peak_bytes: u64,
    /// What they are, in bytes each; they add up to the peak but for rounding.
    pub parts: Vec<MemoryPart>,
    /// The micro-batch that needs the most.
    pub largest: MicroBatchSize,
    /// Bytes that this process can come to hold, where the system says so.
    pub available_bytes: Option<u64>,
}

/// A part of the memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryPart {
    /// What it is.
    pub name: &'static str,
    /// Bytes.
    pub bytes: u64,
}

impl Memory {
    /// The expectation for a model of these dimensions whose parameters `trained` are trained on micro-batches of
    /// these sizes. `dropout`: whether adapters drop some of their inputs.
    #[must_use]
    pub fn expected(
        config: &LlamaConfig,
        weight_bytes: usize,
        trained: &[TrainedParameter],
        dropout: bool,
        sizes: &[MicroBatchSize],
    ) -> Self {
        let (own, base): (Vec<_>, Vec<_>) = trained.iter().cloned().partition(is_adapter);
        let (adapters, own_weights) = (values(&own) as f64, values(&base) as f64);
        let largest_tensor = base
            .iter()
            .map(|parameter| values(std::slice::from_ref(parameter)))
            .max()
            .unwrap_or(0) as f64;
        let per_token = per_token(config, trained, dropout);
        let costs = |size: &MicroBatchSize| {
            let activations = RETAINED * F32 * per_token * size.tokens as f64;
            let rows = (CHUNK_LOGITS / config.vocab_size.max(1))
                .max(1)
                .min(size.targets);
            (
                activations,
                CHUNKS * F32 * (rows * config.vocab_size) as f64,
            )
        };
        let largest = sizes.iter().copied().max_by(|a, b| {
            let total = |size: &MicroBatchSize| costs(size).0 + costs(size).1;
            total(a).total_cmp(&total(b))
        });
        let largest = largest.unwrap_or_default();
        let (activations, head) = costs(&largest);
        // Trained weights: the sum of gradients and the moments stand beside the activations and the gradients that
        // a micro-batch makes on the way back; when those are gone, the new values of an update do.
        let state = 3.0 * F32 * own_weights;
        let made = F32 * own_weights;
        let backward = activations + head + made;
        let update = F32 * (own_weights + UPDATE * largest_tensor);
        let working = match update > backward {
            true => vec![("new values of an update", update)],
            false => vec![
                ("gradients of a micro-batch", made),
                ("activations of the largest micro-batch", activations),
                ("logits of a chunk", head),
            ],
        };
        let weights = config.parameter_count() as f64 * weight_bytes as f64;
        let adapters = F32 * ADAPTER * adapters;
        let runtime = RUNTIME + TOKENIZER * config.vocab_size as f64;
        let standing = [
            ("weights", weights),
            ("adapters, their gradients and moments", adapters),
            ("gradients and moments of weights", state),
        ];
        let parts = standing.into_iter().chain(working);
        let parts = parts.chain([("program, tokenizer and rows", runtime)]);
        let part = |(name, bytes): (&'static str, f64)| MemoryPart {
            name,
            bytes: bytes.round() as u64,
        };
        let parts: Vec<MemoryPart> = parts.map(part).filter(|part| part.bytes > 0).collect();
        Self {
            peak_bytes: parts.iter().map(|part| part.bytes).sum(),
            parts,
            largest,
            available_bytes: memory_available(),
        }
    }

    pub(super) fn warning(&self) -> Option<String> {
        let available = self
            .available_bytes
            .filter(|&available| available < self.peak_bytes)?;
        let (needed, has) = (bytes(self.peak_bytes), bytes(available));
        Some(format!(
            "the run needs about {needed} of memory, and {has} are there: lower micro_tokens or max_length"
        ))
    }
}

/// A parameter that stands beside a weight: `….weight.lora.a`.
fn is_adapter(parameter: &TrainedParameter) -> bool {
    parameter.path.contains(".weight.")
}

/// Values per token that the whole model keeps.
fn per_token(config: &LlamaConfig, trained: &[TrainedParameter], dropout: bool) -> f64 {
    let mut below = trained
        .iter()
        .any(|parameter| parameter.path.starts_with("model.embed_tokens."));
    let mut kept = 0.0;
    for layer in layers(config, trained, dropout) {
        kept += layer.kept(config, below);
        below |= layer.trains();
    }
    // The last norm's input, and its result.
    kept + 2.0 * config.hidden_size as f64
}
