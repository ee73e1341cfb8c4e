//! What a layer keeps for the backward pass, in values per token.
//!
//! Counted from `anneal-llama`'s layers and the operations of `anneal-kernels`: an operation keeps its inputs if it
//! has something to differentiate. A tensor that several operations keep lies in memory once.

use anneal_llama::LlamaConfig;
use anneal_train::TrainedParameter;

/// How a linear layer is trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Linear {
    /// Not at all: its gradient needs the weight alone.
    #[default]
    Frozen,
    /// Its weight, or LoRA in one kernel: the input is kept.
    KeepsInput,
    /// An adapter that the kernel does not know (dropout): each layer keeps its own input and its mask.
    KeepsOwnInputs,
    /// DoRA: the output before and after its scale, besides the input.
    KeepsOutputs,
}

/// The seven linear layers and two norms of a decoder layer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Layer {
    /// q, k, v, o, gate, up, down.
    pub(super) linears: [Linear; 7],
    /// Before attention, before the feed-forward layer.
    pub(super) norms: [bool; 2],
}

const LINEARS: [&str; 7] = [
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
];
const NORMS: [&str; 2] = ["input_layernorm.weight", "post_attention_layernorm.weight"];

/// What is trained of each layer; from the paths of the parameters.
pub(super) fn layers(
    config: &LlamaConfig,
    trained: &[TrainedParameter],
    dropout: bool,
) -> Vec<Layer> {
    let mut layers = vec![Layer::default(); config.num_hidden_layers];
    for parameter in trained {
        let Some((index, rest)) = parameter
            .path
            .strip_prefix("model.layers.")
            .and_then(|path| path.split_once('.'))
        else {
            continue;
        };
        let Some(layer) = index
            .parse::<usize>()
            .ok()
            .and_then(|index| layers.get_mut(index))
        else {
            continue;
        };
        if let Some(norm) = NORMS.iter().position(|&name| name == rest) {
            layer.norms[norm] = true;
        }
        for (at, name) in LINEARS.iter().enumerate() {
            let Some(rest) = rest.strip_prefix(name) else {
                continue;
            };
            let adapter = rest.strip_prefix(".weight.");
            let kind = match adapter {
                Some(own) if own.contains("magnitude") => Linear::KeepsOutputs,
                Some(_) if layer.linears[at] == Linear::KeepsOutputs => Linear::KeepsOutputs,
                Some(_) if dropout => Linear::KeepsOwnInputs,
                _ => Linear::KeepsInput,
            };
            layer.linears[at] = kind;
        }
    }
    layers
}

impl Layer {
    /// Whether anything in it is trained.
    pub(super) fn trains(&self) -> bool {
        self.norms.contains(&true) || self.linears.iter().any(|&linear| linear != Linear::Frozen)
    }

    /// Values per token that stand beside what it keeps while its gradients are made: those of its output and of the
    /// sum in its middle, and of both halves of the feed-forward layer.
    pub(super) fn passing(config: &LlamaConfig) -> f64 {
        3.0 * config.hidden_size as f64 + 2.0 * config.intermediate_size as f64
    }

    /// Values per token that it keeps. `below`: whether something before it is trained, so that its input has a
    /// gradient too.
    pub(super) fn kept(&self, config: &LlamaConfig, below: bool) -> f64 {
        let d = config.hidden_size as f64;
        let q = (config.num_attention_heads * config.head_dim) as f64;
        let k = (config.num_key_value_heads * config.head_dim) as f64;
        let inner = config.intermediate_size as f64;
        let trains = |range: std::ops::Range<usize>| {
            self.linears[range]
                .iter()
                .any(|&linear| linear != Linear::Frozen)
        };
        let keeps = |range: std::ops::Range<usize>| {
            let linears = &self.linears[range];
            linears.contains(&Linear::KeepsInput) || linears.contains(&Linear::KeepsOutputs)
        };
        let when = |condition: bool, values: f64| if condition { values } else { 0.0 };
        let mut kept = 0.0;

        // The norm keeps its input; a trained one its result before the weight, too.
        let in_attention = below || self.norms[0];
        kept += when(in_attention, d) + when(self.norms[0], d) + when(keeps(0..3), d);
        // Attention keeps the turned q and k, v, its result, and one number for each head.
        let attends = in_attention || trains(0..3);
        kept += when(
            attends,
            2.0 * q + 2.0 * k + config.num_attention_heads as f64,
        );
        // The heads side by side are a copy, which the output projection keeps.
        kept += when(keeps(3..4), q);

        let after = attends || trains(3..4) || self.norms[1];
        kept += when(after, d) + when(self.norms[1], d) + when(keeps(4..6), d);
        // SwiGLU keeps gate and up, the last projection their product.
        kept += when(after || trains(4..6), 2.0 * inner) + when(keeps(6..7), inner);

        // Adapters outside of the kernel.
        let sizes = [
            (d, q),
            (d, k),
            (d, k),
            (q, d),
            (d, inner),
            (d, inner),
            (inner, d),
        ];
        for (linear, (input, output)) in self.linears.iter().zip(sizes) {
            kept += match linear {
                Linear::Frozen | Linear::KeepsInput => 0.0,
                Linear::KeepsOwnInputs => 2.0 * input,
                Linear::KeepsOutputs => 2.0 * output,
            };
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::DType;

    fn trained(paths: &[&str]) -> Vec<TrainedParameter> {
        let one = |path: &&str| TrainedParameter {
            path: (*path).to_owned(),
            shape: vec![2, 3],
            dtype: DType::F32,
        };
        paths.iter().map(one).collect()
    }

    #[test]
    fn smollm2_with_lora_on_everything_keeps_9033_values_a_token_and_layer() {
        let config = LlamaConfig::smollm2_135m();
        let all = Layer {
            linears: [Linear::KeepsInput; 7],
            norms: [false; 2],
        };
        // 4 · 576 (inputs and normed inputs), 3 · 576 + 2 · 192 + 9 in attention, 3 · 1,536 in the feed-forward layer.
        assert_eq!(all.kept(&config, true), 9_033.0);
        // The first layer's input has no gradient.
        assert_eq!(all.kept(&config, false), 9_033.0 - 576.0);
        // q and v alone: no copy for o, no normed input and no product in the feed-forward layer.
        let mut two = Layer::default();
        (two.linears[0], two.linears[2]) = (Linear::KeepsInput, Linear::KeepsInput);
        assert_eq!(two.kept(&config, true), 9_033.0 - 576.0 - 576.0 - 1_536.0);
        assert_eq!(Layer::default().kept(&config, false), 0.0);
    }

    #[test]
    fn what_is_trained_is_read_from_the_paths() {
        let mut config = LlamaConfig::smollm2_135m();
        config.num_hidden_layers = 3;
        let paths = [
            "model.layers.1.self_attn.q_proj.weight.lora.a",
            "model.layers.2.mlp.down_proj.weight",
            "model.layers.2.input_layernorm.weight",
            "model.embed_tokens.weight",
            "model.layers.7.mlp.up_proj.weight",
        ];
        let found = layers(&config, &trained(&paths), false);
        assert!(!found[0].trains());
        assert_eq!(
            found[1].linears,
            [
                Linear::KeepsInput,
                Linear::Frozen,
                Linear::Frozen,
                Linear::Frozen,
                Linear::Frozen,
                Linear::Frozen,
                Linear::Frozen
            ]
        );
        assert_eq!(
            (found[2].linears[6], found[2].norms),
            (Linear::KeepsInput, [true, false])
        );
        assert_eq!(
            layers(&config, &trained(&paths), true)[1].linears[0],
            Linear::KeepsOwnInputs
        );
    }
}
