//! Published Llamas, as their `config.json` describes them.
//!
//! The numbers are those of the repositories on the Hugging Face Hub that the
//! documentation of each constructor names; a test counts their parameters
//! against the published totals.

use super::{LlamaConfig, RopeConfig, RopeScaling};

/// What Meta's and TinyLlama's models share: heads as wide as the residual
/// stream allows, ε = 1e-5, no biases, a head of its own.
struct Shape {
    vocab: usize,
    hidden: usize,
    intermediate: usize,
    layers: usize,
    heads: usize,
    kv_heads: usize,
    positions: usize,
    theta: f64,
}

impl Shape {
    fn config(self) -> LlamaConfig {
        LlamaConfig {
            vocab_size: self.vocab,
            hidden_size: self.hidden,
            intermediate_size: self.intermediate,
            num_hidden_layers: self.layers,
            num_attention_heads: self.heads,
            num_key_value_heads: self.kv_heads,
            head_dim: self.hidden / self.heads,
            rms_norm_eps: 1e-5,
            max_position_embeddings: self.positions,
            tie_word_embeddings: false,
            attention_bias: false,
            mlp_bias: false,
            rope: RopeConfig::unscaled(self.theta),
        }
    }

    fn tied(self) -> LlamaConfig {
        LlamaConfig {
            tie_word_embeddings: true,
            ..self.config()
        }
    }
}

impl LlamaConfig {
    /// Llama 2 7B (`meta-llama/Llama-2-7b-hf`): 6.7 billion parameters,
    /// multi-head attention, 4,096 positions.
    pub fn llama2_7b() -> Self {
        Shape {
            vocab: 32_000,
            hidden: 4_096,
            intermediate: 11_008,
            layers: 32,
            heads: 32,
            kv_heads: 32,
            positions: 4_096,
            theta: 10_000.0,
        }
        .config()
    }

    /// Llama 2 13B (`meta-llama/Llama-2-13b-hf`).
    pub fn llama2_13b() -> Self {
        Shape {
            vocab: 32_000,
            hidden: 5_120,
            intermediate: 13_824,
            layers: 40,
            heads: 40,
            kv_heads: 40,
            positions: 4_096,
            theta: 10_000.0,
        }
        .config()
    }

    /// Llama 2 70B (`meta-llama/Llama-2-70b-hf`): 64 query heads on 8
    /// key/value heads.
    pub fn llama2_70b() -> Self {
        Shape {
            vocab: 32_000,
            hidden: 8_192,
            intermediate: 28_672,
            layers: 80,
            heads: 64,
            kv_heads: 8,
            positions: 4_096,
            theta: 10_000.0,
        }
        .config()
    }

    /// Llama 3 8B (`meta-llama/Meta-Llama-3-8B`): 8,192 positions.
    pub fn llama3_8b() -> Self {
        Shape {
            vocab: 128_256,
            hidden: 4_096,
            intermediate: 14_336,
            layers: 32,
            heads: 32,
            kv_heads: 8,
            positions: 8_192,
            theta: 500_000.0,
        }
        .config()
    }

    /// Llama 3 70B (`meta-llama/Meta-Llama-3-70B`).
    pub fn llama3_70b() -> Self {
        Shape {
            vocab: 128_256,
            hidden: 8_192,
            intermediate: 28_672,
            layers: 80,
            heads: 64,
            kv_heads: 8,
            positions: 8_192,
            theta: 500_000.0,
        }
        .config()
    }

    /// Llama 3.1 8B (`meta-llama/Llama-3.1-8B`): Llama 3's shape with 131,072
    /// positions, the frequencies scaled by 8.
    pub fn llama3_1_8b() -> Self {
        Self::llama3_8b().lengthened(8.0)
    }

    /// Llama 3.1 70B (`meta-llama/Llama-3.1-70B`).
    pub fn llama3_1_70b() -> Self {
        Self::llama3_70b().lengthened(8.0)
    }

    /// Llama 3.2 1B (`meta-llama/Llama-3.2-1B`): a tied head, the frequencies
    /// scaled by 32.
    pub fn llama3_2_1b() -> Self {
        Shape {
            vocab: 128_256,
            hidden: 2_048,
            intermediate: 8_192,
            layers: 16,
            heads: 32,
            kv_heads: 8,
            positions: 8_192,
            theta: 500_000.0,
        }
        .tied()
        .lengthened(32.0)
    }

    /// Llama 3.2 3B (`meta-llama/Llama-3.2-3B`).
    pub fn llama3_2_3b() -> Self {
        Shape {
            vocab: 128_256,
            hidden: 3_072,
            intermediate: 8_192,
            layers: 28,
            heads: 24,
            kv_heads: 8,
            positions: 8_192,
            theta: 500_000.0,
        }
        .tied()
        .lengthened(32.0)
    }

    /// Code Llama 7B (`codellama/CodeLlama-7b-hf`): Llama 2's shape with 16
    /// more tokens for infilling, θ = 1,000,000 and 16,384 positions. (The
    /// Python variant has Llama 2's 32,000 tokens.)
    pub fn code_llama_7b() -> Self {
        Self::llama2_7b().for_code(32_016)
    }

    /// Code Llama 13B (`codellama/CodeLlama-13b-hf`).
    pub fn code_llama_13b() -> Self {
        Self::llama2_13b().for_code(32_016)
    }

    /// Code Llama 34B (`codellama/CodeLlama-34b-hf`), a shape that Llama 2 was
    /// not published in.
    pub fn code_llama_34b() -> Self {
        Shape {
            vocab: 32_000,
            hidden: 8_192,
            intermediate: 22_016,
            layers: 48,
            heads: 64,
            kv_heads: 8,
            positions: 4_096,
            theta: 10_000.0,
        }
        .config()
        .for_code(32_000)
    }

    /// TinyLlama 1.1B (`TinyLlama/TinyLlama-1.1B-Chat-v1.0`).
    pub fn tiny_llama_1_1b() -> Self {
        Shape {
            vocab: 32_000,
            hidden: 2_048,
            intermediate: 5_632,
            layers: 22,
            heads: 32,
            kv_heads: 4,
            positions: 2_048,
            theta: 10_000.0,
        }
        .config()
    }

    /// SmolLM2-135M (`HuggingFaceTB/SmolLM2-135M`): the smallest released Llama
    /// that this project trains on.
    pub fn smollm2_135m() -> Self {
        Shape {
            vocab: 49_152,
            hidden: 576,
            intermediate: 1_536,
            layers: 30,
            heads: 9,
            kv_heads: 3,
            positions: 8_192,
            theta: 100_000.0,
        }
        .tied()
    }

    /// SmolLM2-360M (`HuggingFaceTB/SmolLM2-360M`).
    pub fn smollm2_360m() -> Self {
        Shape {
            vocab: 49_152,
            hidden: 960,
            intermediate: 2_560,
            layers: 32,
            heads: 15,
            kv_heads: 5,
            positions: 8_192,
            theta: 100_000.0,
        }
        .tied()
    }

    /// SmolLM2-1.7B (`HuggingFaceTB/SmolLM2-1.7B`): multi-head attention.
    pub fn smollm2_1_7b() -> Self {
        Shape {
            vocab: 49_152,
            hidden: 2_048,
            intermediate: 8_192,
            layers: 24,
            heads: 32,
            kv_heads: 32,
            positions: 8_192,
            theta: 130_000.0,
        }
        .tied()
    }

    /// As Meta lengthened Llama 3 from 8,192 to 131,072 positions.
    fn lengthened(mut self, factor: f64) -> Self {
        self.rope.scaling = RopeScaling::Llama3 {
            factor,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_max_position_embeddings: self.max_position_embeddings,
        };
        self.max_position_embeddings = 131_072;
        self
    }

    fn for_code(mut self, vocab: usize) -> Self {
        self.vocab_size = vocab;
        self.max_position_embeddings = 16_384;
        self.rope.theta = 1_000_000.0;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_as_many_as_published() {
        for (config, published) in [
            (LlamaConfig::llama2_7b(), 6_738_415_616),
            (LlamaConfig::llama2_13b(), 13_015_864_320),
            (LlamaConfig::llama2_70b(), 68_976_648_192),
            (LlamaConfig::llama3_8b(), 8_030_261_248),
            (LlamaConfig::llama3_70b(), 70_553_706_496),
            (LlamaConfig::llama3_1_8b(), 8_030_261_248),
            (LlamaConfig::llama3_1_70b(), 70_553_706_496),
            (LlamaConfig::llama3_2_1b(), 1_235_814_400),
            (LlamaConfig::llama3_2_3b(), 3_212_749_824),
            (LlamaConfig::code_llama_7b(), 6_738_546_688),
            (LlamaConfig::code_llama_13b(), 13_016_028_160),
            (LlamaConfig::code_llama_34b(), 33_743_970_304),
            (LlamaConfig::tiny_llama_1_1b(), 1_100_048_384),
            (LlamaConfig::smollm2_135m(), 134_515_008),
            (LlamaConfig::smollm2_360m(), 361_821_120),
            (LlamaConfig::smollm2_1_7b(), 1_711_376_384),
        ] {
            assert_eq!(config.parameter_count(), published, "{config:?}");
            assert!(config.contradiction().is_ok(), "{config:?}");
        }
    }

    #[test]
    fn what_no_count_shows_is_as_published() {
        let scaled = |factor| RopeConfig {
            theta: 500_000.0,
            scaling: RopeScaling::Llama3 {
                factor,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_max_position_embeddings: 8_192,
            },
        };
        for (config, heads, width, positions, rope) in [
            (
                LlamaConfig::llama2_7b(),
                (32, 32),
                128,
                4_096,
                RopeConfig::unscaled(1e4),
            ),
            (
                LlamaConfig::llama2_70b(),
                (64, 8),
                128,
                4_096,
                RopeConfig::unscaled(1e4),
            ),
            (
                LlamaConfig::llama3_8b(),
                (32, 8),
                128,
                8_192,
                RopeConfig::unscaled(5e5),
            ),
            (
                LlamaConfig::llama3_1_8b(),
                (32, 8),
                128,
                131_072,
                scaled(8.0),
            ),
            (
                LlamaConfig::llama3_1_70b(),
                (64, 8),
                128,
                131_072,
                scaled(8.0),
            ),
            (
                LlamaConfig::llama3_2_1b(),
                (32, 8),
                64,
                131_072,
                scaled(32.0),
            ),
            (
                LlamaConfig::llama3_2_3b(),
                (24, 8),
                128,
                131_072,
                scaled(32.0),
            ),
            (
                LlamaConfig::code_llama_7b(),
                (32, 32),
                128,
                16_384,
                RopeConfig::unscaled(1e6),
            ),
            (
                LlamaConfig::code_llama_34b(),
                (64, 8),
                128,
                16_384,
                RopeConfig::unscaled(1e6),
            ),
            (
                LlamaConfig::tiny_llama_1_1b(),
                (32, 4),
                64,
                2_048,
                RopeConfig::unscaled(1e4),
            ),
            (
                LlamaConfig::smollm2_360m(),
                (15, 5),
                64,
                8_192,
                RopeConfig::unscaled(1e5),
            ),
            (
                LlamaConfig::smollm2_1_7b(),
                (32, 32),
                64,
                8_192,
                RopeConfig::unscaled(1.3e5),
            ),
        ] {
            let found = (config.num_attention_heads, config.num_key_value_heads);
            assert_eq!((found, config.head_dim), (heads, width), "{config:?}");
            assert_eq!(config.max_position_embeddings, positions, "{config:?}");
            assert_eq!((config.rope, config.rms_norm_eps), (rope, 1e-5));
        }
    }
}
