//! GGUF metadata as configurations, on files written here.

use std::path::PathBuf;

use anneal_testkit::{Fixture, device, hashed, max_difference};
use burn::tensor::{Int, Tensor};

use super::{GgufFile, GgufWeights, Value};
use crate::{LlamaConfig, LlamaForCausalLM, RopeConfig, RopeScaling};

/// A GGUF file of f32 tensors, as llama.cpp lays it out.
#[derive(Clone)]
struct Written {
    metadata: Vec<(String, Value)>,
    /// Name, row-major shape, values.
    tensors: Vec<(String, Vec<usize>, Vec<f32>)>,
}

impl Written {
    /// A Llama's metadata, with one tensor to tell the vocabulary by.
    fn llama() -> Self {
        let numbers = [
            ("embedding_length", 36),
            ("feed_forward_length", 40),
            ("block_count", 2),
            ("attention.head_count", 4),
            ("attention.head_count_kv", 2),
            ("attention.key_length", 10),
            ("attention.value_length", 10),
            ("rope.dimension_count", 10),
            ("context_length", 128),
        ];
        let mut written = Self {
            metadata: vec![
                ("general.architecture".into(), Value::Text("llama".into())),
                (
                    "llama.attention.layer_norm_rms_epsilon".into(),
                    Value::Float(1e-5),
                ),
            ],
            tensors: vec![("token_embd.weight".into(), vec![67, 36], vec![0.0; 67 * 36])],
        };
        for (key, value) in numbers {
            written.set(&format!("llama.{key}"), Value::Unsigned(value));
        }
        written
    }

    fn set(&mut self, key: &str, value: Value) {
        self.metadata.retain(|(other, _)| other != key);
        self.metadata.push((key.into(), value));
    }

    fn with(mut self, settings: &[(&str, Value)]) -> Self {
        for (key, value) in settings {
            self.set(key, value.clone());
        }
        self
    }

    fn without(mut self, key: &str) -> Self {
        self.metadata.retain(|(other, _)| other != key);
        self
    }

    fn tensor(mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Self {
        self.tensors.push((name.into(), shape.into(), values));
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let text = |out: &mut Vec<u8>, text: &str| {
            out.extend((text.len() as u64).to_le_bytes());
            out.extend(text.bytes());
        };
        let mut out = b"GGUF\x03\0\0\0".to_vec();
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            text(&mut out, key);
            match value {
                Value::Unsigned(v) => {
                    out.extend(4u32.to_le_bytes());
                    out.extend((*v as u32).to_le_bytes());
                }
                Value::Float(v) => {
                    out.extend(6u32.to_le_bytes());
                    out.extend((*v as f32).to_le_bytes());
                }
                Value::Text(v) => {
                    out.extend(8u32.to_le_bytes());
                    text(&mut out, v);
                }
                other => panic!("no test writes {other:?}"),
            }
        }
        let mut offset = 0u64;
        for (name, shape, values) in &self.tensors {
            text(&mut out, name);
            out.extend((shape.len() as u32).to_le_bytes());
            for size in shape.iter().rev() {
                out.extend((*size as u64).to_le_bytes());
            }
            out.extend(0u32.to_le_bytes());
            out.extend(offset.to_le_bytes());
            offset = (offset + 4 * values.len() as u64).next_multiple_of(32);
        }
        for (_, _, values) in &self.tensors {
            out.resize(out.len().next_multiple_of(32), 0);
            out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
        }
        out
    }

    /// The file as it is opened, with the folder that it lies in.
    fn open(&self) -> (tempfile::TempDir, GgufFile) {
        let folder = tempfile::tempdir().unwrap();
        let path: PathBuf = folder.path().join("model.gguf");
        std::fs::write(&path, self.bytes()).unwrap();
        let file = GgufFile::open(&path).unwrap();
        (folder, file)
    }

    fn rope(&self) -> RopeConfig {
        self.open().1.config().unwrap().rope
    }

    fn refusal(&self) -> String {
        let message = self.open().1.config().unwrap_err().to_string();
        let (_, message) = message.split_once("model.gguf: ").unwrap();
        message.to_owned()
    }
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn scaled(kind: &str) -> Written {
    Written::llama().with(&[
        ("llama.rope.scaling.type", text(kind)),
        ("llama.rope.scaling.factor", Value::Float(4.0)),
    ])
}

#[test]
fn scalings_are_read_as_llama_cpp_means_them() {
    let linear = |theta, factor| RopeConfig {
        theta,
        scaling: RopeScaling::Linear { factor },
    };
    assert_eq!(Written::llama().rope(), RopeConfig::unscaled(10_000.0));
    assert_eq!(scaled("none").rope(), RopeConfig::unscaled(10_000.0));
    let base = ("llama.rope.freq_base", Value::Float(5e5));
    assert_eq!(scaled("linear").with(&[base]).rope(), linear(5e5, 4.0));
    // Without a type a factor is linear; 0 is none.
    let untyped = |key, factor| {
        let setting = (key, Value::Float(factor));
        Written::llama().with(&[setting]).rope()
    };
    assert_eq!(untyped("llama.rope.scale_linear", 2.0), linear(1e4, 2.0));
    assert_eq!(untyped("llama.rope.scaling.factor", 8.0), linear(1e4, 8.0));
    assert_eq!(
        untyped("llama.rope.scaling.factor", 0.0),
        RopeConfig::unscaled(1e4)
    );

    let yarn = scaled("yarn").with(&[
        (
            "llama.rope.scaling.original_context_length",
            Value::Unsigned(32),
        ),
        ("llama.rope.scaling.finetuned", Value::Unsigned(1)),
        ("llama.rope.scaling.attn_factor", Value::Float(0.5)),
        ("llama.rope.scaling.yarn_beta_fast", Value::Float(16.0)),
    ]);
    let RopeScaling::Yarn {
        factor,
        original_max_position_embeddings: 32,
        attention_factor,
        beta_fast,
        beta_slow,
        truncate: true,
    } = yarn.rope().scaling
    else {
        panic!("{:?}", yarn.rope());
    };
    assert_eq!((factor, beta_fast, beta_slow), (4.0, 16.0, 1.0));
    // llama.cpp: attn_factor · (1 + 0.1·ln 4)
    assert!((attention_factor - 0.5 * 1.138_629_436).abs() < 1e-8);
    let RopeScaling::Yarn {
        original_max_position_embeddings,
        ..
    } = scaled("yarn").rope().scaling
    else {
        panic!("{:?}", scaled("yarn").rope());
    };
    assert_eq!(original_max_position_embeddings, 128);
}

#[test]
fn divisors_of_a_llama_3_are_recognised_and_others_kept() {
    let divisors = vec![1.0, 1.25, 2.0, 3.5, 8.0];
    let other = Written::llama().tensor("rope_freqs.weight", &[5], divisors.clone());
    assert_eq!(other.rope().scaling, RopeScaling::Divisors { divisors });

    // What llama.cpp's converter writes for Llama 3.2: factor 32 from 8192.
    let wave = |i: usize| std::f64::consts::TAU * 5e4f64.powf(2.0 * i as f64 / 10.0);
    let divisor = |i| match wave(i) {
        wave if wave < 2_048.0 => 1.0,
        wave if wave > 8_192.0 => 32.0,
        wave => {
            let smooth = (8_192.0 / wave - 1.0) / 3.0;
            1.0 / ((1.0 - smooth) / 32.0 + smooth)
        }
    };
    let divisors = (0..5).map(|i| divisor(i) as f32).collect();
    let base = ("llama.rope.freq_base", Value::Float(5e4));
    let meta = Written::llama().with(&[base]);
    let meta = meta.tensor("rope_freqs.weight", &[5], divisors);
    let mut expected = LlamaConfig::llama3_2_1b().rope;
    expected.theta = 5e4;
    assert_eq!(meta.rope(), expected);
    // A wave lies in the blend, so with another base they are not Llama 3's.
    let another = meta.with(&[("llama.rope.freq_base", Value::Float(4e4))]);
    assert!(matches!(
        another.rope().scaling,
        RopeScaling::Divisors { .. }
    ));

    // Divisors of 1 are Llama 3 without lengthening.
    let ones = Written::llama().tensor("rope_freqs.weight", &[5], vec![1.0; 5]);
    assert!(matches!(ones.rope().scaling, RopeScaling::Divisors { .. }));
}

#[test]
fn what_can_not_be_used_is_refused_by_its_key() {
    let set = |key, value| Written::llama().with(&[(key, value)]);
    let number = |key, value| set(key, Value::Unsigned(value));
    let divisors = |values: &[f32]| {
        let shape = [values.len()];
        Written::llama().tensor("rope_freqs.weight", &shape, values.to_vec())
    };
    let mut both = divisors(&[1.0; 5]);
    both.set("llama.rope.scale_linear", Value::Float(2.0));
    let factor = |value| {
        let factor = ("llama.rope.scaling.factor", Value::Float(value));
        scaled("yarn").with(&[factor])
    };
    let yarn = |key, value| scaled("yarn").with(&[(key, Value::Float(value))]);
    for (file, expected) in [
        (
            set("general.architecture", text("qwen2")),
            "general.architecture is \"qwen2\"; expected \"llama\"",
        ),
        (
            Written::llama().without("general.architecture"),
            "general.architecture is missing; expected \"llama\"",
        ),
        (
            number("llama.expert_count", 8),
            "llama.expert_count is 8; expected absent or 0",
        ),
        (
            set("llama.block_count", text("2")),
            "llama.block_count is \"2\"; expected a size",
        ),
        (
            number("llama.block_count", 0),
            "llama.block_count is 0; expected 1 to 2^12",
        ),
        (
            number("llama.block_count", 4_000_000_000),
            "llama.block_count is 4000000000",
        ),
        (
            number("llama.attention.head_count", 0),
            "llama.attention.head_count is 0; expected at least 1",
        ),
        (
            number("llama.attention.head_count_kv", 3),
            "llama.attention.head_count_kv is 3; expected a divisor",
        ),
        (
            number("llama.attention.value_length", 12),
            "llama.attention.value_length is 12; expected the head's width, 10",
        ),
        (
            number("llama.rope.dimension_count", 8),
            "llama.rope.dimension_count is 8; expected the head's width, 10",
        ),
        (
            set("llama.rope.freq_base", text("x")),
            "llama.rope.freq_base is \"x\"; expected a number",
        ),
        (
            set("llama.rope.freq_base", Value::Float(-1.0)),
            "llama.rope.freq_base is -1",
        ),
        (
            set("llama.rope.freq_base", Value::Float(f64::NAN)),
            "llama.rope.freq_base is NaN",
        ),
        (
            set("llama.rope.scaling.type", text("longrope")),
            "llama.rope.scaling.type is \"longrope\"; expected \"none\", \"linear\" or \"yarn\"",
        ),
        (
            number("llama.rope.scaling.type", 2),
            "llama.rope.scaling.type is 2; expected \"none\"",
        ),
        (factor(-4.0), "llama.rope.scaling.factor is -4"),
        (
            yarn("llama.rope.scaling.attn_factor", 0.0),
            "llama.rope.scaling.attn_factor is 0",
        ),
        (
            yarn("llama.rope.scaling.yarn_beta_slow", 64.0),
            "llama.rope.scaling.yarn_beta_fast is 32; expected at least beta_slow (64)",
        ),
        (
            yarn("llama.rope.scaling.yarn_ext_factor", 0.5),
            "llama.rope.scaling.yarn_ext_factor is 0.5; expected absent or 1",
        ),
        (
            yarn("llama.rope.scaling.yarn_log_multiplier", 0.1),
            "llama.rope.scaling.yarn_log_multiplier is 0.1",
        ),
        (
            set("llama.rope.scaling.attn_factor", Value::Float(1.5)),
            "llama.rope.scaling.attn_factor is 1.5; expected absent or 1",
        ),
        (
            divisors(&[1.0; 4]),
            "rope_freqs.weight is of shape [4]; expected [5]",
        ),
        (
            divisors(&[1.0, 2.0, 0.0, 1.0, 1.0]),
            "rope_freqs.weight is 0; expected numbers > 0",
        ),
        (
            divisors(&[1.0, f32::NAN, 1.0, 1.0, 1.0]),
            "rope_freqs.weight is NaN",
        ),
        (both, "rope_freqs.weight is present beside"),
        (
            Written::llama().tensor("rope_factors_long.weight", &[5], vec![1.0; 5]),
            "rope_factors_long.weight is present; expected absent (longrope is not supported)",
        ),
    ] {
        let message = file.refusal();
        assert!(message.starts_with(expected), "{message}");
    }
}

/// Row `j·half + i` of every head goes to row `2i + j`, as llama.cpp's
/// converter stores q and k.
fn interleaved(values: Vec<f32>, heads: usize, rows: usize) -> Vec<f32> {
    let (width, per_head) = (values.len() / rows, rows / heads);
    let mut result = vec![0.0; values.len()];
    for (row, value) in values.chunks(width).enumerate() {
        let (head, inside) = (row / per_head, row % per_head);
        let (part, i) = (inside / (per_head / 2), inside % (per_head / 2));
        let to = head * per_head + 2 * i + part;
        result[to * width..(to + 1) * width].copy_from_slice(value);
    }
    result
}

#[test]
fn a_file_with_divisors_gives_the_logits_of_transformers() {
    let mut written = Written::llama();
    written.tensors.clear();
    let mut add = |own: String, name: String, shape: &[usize], heads: usize| {
        let values = hashed(&name, shape.iter().product());
        let values = match heads {
            0 => values,
            heads => interleaved(values, heads, shape[0]),
        };
        written.tensors.push((own, shape.to_vec(), values));
    };
    for (own, name, shape) in [
        ("token_embd", "model.embed_tokens", &[67, 36][..]),
        ("output_norm", "model.norm", &[36]),
        ("output", "lm_head", &[67, 36]),
    ] {
        add(format!("{own}.weight"), format!("{name}.weight"), shape, 0);
    }
    for layer in 0..2 {
        for (own, name, shape, heads) in [
            ("attn_norm", "input_layernorm", &[36][..], 0),
            ("ffn_norm", "post_attention_layernorm", &[36], 0),
            ("attn_q", "self_attn.q_proj", &[40, 36], 4),
            ("attn_k", "self_attn.k_proj", &[20, 36], 2),
            ("attn_v", "self_attn.v_proj", &[20, 36], 0),
            ("attn_output", "self_attn.o_proj", &[36, 40], 0),
            ("ffn_gate", "mlp.gate_proj", &[40, 36], 0),
            ("ffn_up", "mlp.up_proj", &[40, 36], 0),
            ("ffn_down", "mlp.down_proj", &[36, 40], 0),
        ] {
            let name = format!("model.layers.{layer}.{name}.weight");
            add(format!("blk.{layer}.{own}.weight"), name, shape, heads);
        }
    }
    let divisors = vec![1.0, 1.25, 2.0, 3.5, 8.0];
    let written = written.tensor("rope_freqs.weight", &[5], divisors);
    let (_folder, file) = written.open();
    let config = file.config().unwrap();
    let mut weights = GgufWeights::new(&file, &config);
    let model = LlamaForCausalLM::from_source(&config, &mut weights, &device()).unwrap();

    let fixture = Fixture::open("rope-and-shapes/goldens.safetensors");
    let ids = fixture.int::<2>("divisors/input_ids", &device());
    let row: Tensor<2, Int> = ids.narrow(0, 0, 1);
    let logits = model.forward(row, &config).squeeze_dim::<2>(0);
    let expected = fixture.float::<2>("divisors/logits", &device());
    let difference = max_difference(logits.narrow(0, 15, 4), expected.narrow(0, 0, 4));
    assert!(difference < 1e-4, "logits differ by {difference:e}");
}
