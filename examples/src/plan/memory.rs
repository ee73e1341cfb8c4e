//! The expected peak of resident memory on a CPU.
//!
//! | part | bytes |
//! |---|---|
//! | weights | the model's values, in their type |
//! | adapters | 4 · 4.44 for each value: itself, its gradient, two moments, and space between them |
//! | gradients and moments | of weights that are trained: the sum of gradients, two moments, and the gradients that a micro-batch makes |
//! | activations | what every layer keeps of the largest micro-batch ([`layer`](super::layer)), · 4 · 1.13 |
//! | with gradient checkpointing | in their place the input of every layer, and what one of them keeps and makes; gradients of one layer's weights |
//! | head | the logits of a chunk, and as much again twice |
//! | runtime | program, tokenizer, rows |
//!
//! The two factors and the runtime were fitted to SmolLM2-135M (see the test `plan.rs` and the lab log for the
//! tables). 1.13 is backward's temporaries, and blocks that the allocator rounds up and keeps; without it every
//! run was underestimated by the same part.

use std::collections::BTreeMap;

use anneal_data::MicroBatch;
use anneal_llama::LlamaConfig;
use anneal_train::TrainedParameter;
use serde::Serialize;

use super::layer::{Layer, layers};
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

/// What a forward pass keeps besides what its layers need by their kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Whether adapters drop some of their inputs: they keep their own and the masks.
    pub dropout: bool,
    /// Whether layers keep their inputs alone and are computed once more on the way back.
    pub recompute: bool,
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
    /// Bytes that there are for the run, of the machine or of its card, where the system says so.
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
    /// these sizes, where there is so much memory.
    #[must_use]
    pub fn expected(
        config: &LlamaConfig,
        weight_bytes: usize,
        trained: &[TrainedParameter],
        kept: Kept,
        sizes: &[MicroBatchSize],
        available_bytes: Option<u64>,
    ) -> Self {
        let (own, base): (Vec<_>, Vec<_>) = trained.iter().cloned().partition(is_adapter);
        let (adapters, own_weights) = (values(&own) as f64, values(&base) as f64);
        let largest_tensor = base
            .iter()
            .map(|parameter| values(std::slice::from_ref(parameter)))
            .max()
            .unwrap_or(0) as f64;
        let activations = activations(config, trained, kept);
        let costs = |size: &MicroBatchSize| {
            let rows = (CHUNK_LOGITS / config.vocab_size.max(1))
                .max(1)
                .min(size.targets);
            let head = CHUNKS * F32 * (rows * config.vocab_size) as f64;
            activations.parts(size.tokens, head)
        };
        let total = |size: &MicroBatchSize| costs(size).iter().map(|(_, bytes)| bytes).sum::<f64>();
        let largest = sizes.iter().copied();
        let largest = largest.max_by(|a, b| total(a).total_cmp(&total(b)));
        let largest = largest.unwrap_or_default();
        // Trained weights: the sum of gradients and the moments stand beside the activations and the gradients that
        // a micro-batch makes on the way back; when those are gone, the new values of an update do.
        let state = 3.0 * F32 * own_weights;
        let made = match kept.recompute {
            true => F32 * largest_piece(&base),
            false => F32 * own_weights,
        };
        let backward = total(&largest) + made;
        let update = F32 * (own_weights + UPDATE * largest_tensor);
        let working = match update > backward {
            true => vec![("new values of an update", update)],
            false => [vec![("gradients of a micro-batch", made)], costs(&largest)].concat(),
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
            available_bytes,
        }
    }

    /// `helps`: whether gradient checkpointing is off and would need less.
    pub(super) fn warning(&self, helps: bool) -> Option<String> {
        let available = self
            .available_bytes
            .filter(|&available| available < self.peak_bytes)?;
        let (needed, has) = (bytes(self.peak_bytes), bytes(available));
        let remedy = match helps {
            true => "turn gradient_checkpointing on, or lower micro_tokens or max_length",
            false => "lower micro_tokens or max_length",
        };
        Some(format!(
            "the run needs about {needed} of memory, and {has} are there: {remedy}"
        ))
    }
}

/// A parameter that stands beside a weight: `….weight.lora.a`.
fn is_adapter(parameter: &TrainedParameter) -> bool {
    parameter.path.contains(".weight.")
}

/// The values of the largest part that gradients of weights come in: a layer's, or one tensor's of another place.
fn largest_piece(base: &[TrainedParameter]) -> f64 {
    let mut pieces: BTreeMap<&str, usize> = BTreeMap::new();
    for parameter in base {
        let path = parameter.path.as_str();
        let layer = path.strip_prefix("model.layers.");
        let piece = layer.and_then(|rest| rest.split('.').next());
        *pieces.entry(piece.unwrap_or(path)).or_default() +=
            values(std::slice::from_ref(parameter));
    }
    pieces.into_values().max().unwrap_or(0) as f64
}

/// Values per token that are held together.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Activations {
    /// What all layers keep, beside the head's logits.
    Whole(f64),
    /// The inputs of the layers; beside them either what one layer keeps and makes, or the head's states and logits.
    ByBlock {
        inputs: f64,
        block: f64,
        states: f64,
    },
}

impl Activations {
    /// Bytes by name for a micro-batch whose logits take `head`.
    fn parts(self, tokens: usize, head: f64) -> Vec<(&'static str, f64)> {
        let bytes = |values: f64| RETAINED * F32 * values * tokens as f64;
        let logits = ("logits of a chunk", head);
        match self {
            Self::Whole(kept) => vec![
                ("activations of the largest micro-batch", bytes(kept)),
                logits,
            ],
            Self::ByBlock {
                inputs,
                block,
                states,
            } => {
                let inputs = ("inputs of the layers", bytes(inputs));
                match bytes(block) > bytes(states) + head {
                    true => vec![
                        inputs,
                        ("one layer of the largest micro-batch", bytes(block)),
                    ],
                    false => vec![inputs, ("states before the head", bytes(states)), logits],
                }
            }
        }
    }
}

/// What the whole model keeps.
fn activations(config: &LlamaConfig, trained: &[TrainedParameter], kept: Kept) -> Activations {
    let d = config.hidden_size as f64;
    let mut below = trained
        .iter()
        .any(|parameter| parameter.path.starts_with("model.embed_tokens."));
    let (mut whole, mut inputs, mut block) = (0.0, 0.0, 0.0_f64);
    for layer in layers(config, trained, kept.dropout) {
        let own = layer.kept(config, below);
        whole += own;
        block = block.max(own + Layer::passing(config));
        below |= layer.trains();
        inputs += if below { d } else { 0.0 };
    }
    // The last norm's input, and its result.
    let states = 2.0 * d;
    match kept.recompute {
        true => Activations::ByBlock {
            inputs,
            block,
            states,
        },
        false => Activations::Whole(whole + states),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::DType;

    /// LoRA of rank 2 on every up projection.
    fn trained(config: &LlamaConfig) -> Vec<TrainedParameter> {
        let one = |layer: usize| TrainedParameter {
            path: format!("model.layers.{layer}.mlp.up_proj.weight.adapters.default.a"),
            shape: vec![config.hidden_size, 2],
            dtype: DType::F32,
        };
        (0..config.num_hidden_layers).map(one).collect()
    }

    fn peak(config: &LlamaConfig, tokens: usize, recompute: bool) -> f64 {
        let size = MicroBatchSize {
            tokens,
            targets: 10,
        };
        let kept = Kept {
            dropout: false,
            recompute,
        };
        let memory = Memory::expected(config, 4, &trained(config), kept, &[size], None);
        memory.peak_bytes as f64
    }

    #[test]
    fn with_recomputing_a_layer_costs_its_input_and_no_more() {
        let mut deep = LlamaConfig::smollm2_135m();
        let mut shallow = deep.clone();
        (shallow.num_hidden_layers, deep.num_hidden_layers) = (10, 30);
        let tokens = 4_096;
        let weights = |config: &LlamaConfig| {
            let adapters: usize = trained(config).iter().map(|p| p.shape[0] * 2).sum();
            config.parameter_count() as f64 * F32 + F32 * ADAPTER * adapters as f64
        };
        let beside = weights(&deep) - weights(&shallow);
        let grows = |recompute| {
            let [less, more] = [&shallow, &deep].map(|config| peak(config, tokens, recompute));
            (more - less - beside) / 20.0 / tokens as f64 / (RETAINED * F32)
        };
        assert!((grows(true) - 576.0).abs() < 0.1, "{}", grows(true));
        assert!(grows(false) > 6_000.0, "{}", grows(false));
        // And it grows by the token in either way.
        let twice = peak(&deep, 2 * tokens, true) - peak(&deep, tokens, true);
        let once = peak(&deep, tokens, true) - peak(&deep, 0, true);
        assert!(
            twice / once > 0.9 && twice / once < 1.1,
            "{twice} after {once}"
        );
    }

    #[test]
    fn gradients_of_weights_come_layer_by_layer() {
        let parameter = |path: &str, rows: usize| TrainedParameter {
            path: path.to_owned(),
            shape: vec![rows, 2],
            dtype: DType::F32,
        };
        let base = [
            parameter("model.layers.0.mlp.up_proj.weight", 3),
            parameter("model.layers.1.mlp.up_proj.weight", 3),
            parameter("model.layers.1.mlp.down_proj.weight", 4),
            parameter("model.norm.weight", 5),
        ];
        assert_eq!(largest_piece(&base), 14.0);
        assert_eq!(largest_piece(&[]), 0.0);
    }
}
