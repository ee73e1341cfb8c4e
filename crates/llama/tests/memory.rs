//! Peak resident memory while a folder is loaded. One test in the file, since
//! the peak is the process's.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use anneal_llama::load;
use anneal_testkit::device;
use burn::tensor::Tensor;

const VOCAB: usize = 12_000;
const HIDDEN: usize = 512;
const INNER: usize = 1_376;
const LAYERS: usize = 3;
const HEADS: usize = 8;

const CONFIG: &str = r#"{"model_type": "llama", "vocab_size": 12000, "hidden_size": 512,
    "intermediate_size": 1376, "num_hidden_layers": 3, "num_attention_heads": 8,
    "num_key_value_heads": 4, "tie_word_embeddings": true}"#;

/// Every tensor of the model, with its shape.
fn tensors() -> Vec<(String, Vec<usize>)> {
    let mut all = vec![
        ("model.embed_tokens.weight".to_owned(), vec![VOCAB, HIDDEN]),
        ("model.norm.weight".to_owned(), vec![HIDDEN]),
    ];
    for layer in 0..LAYERS {
        let mut add = |name: &str, shape: &[usize]| {
            all.push((
                format!("model.layers.{layer}.{name}.weight"),
                shape.to_vec(),
            ));
        };
        let keys = HIDDEN / HEADS * 4;
        add("input_layernorm", &[HIDDEN]);
        add("post_attention_layernorm", &[HIDDEN]);
        add("self_attn.q_proj", &[HIDDEN, HIDDEN]);
        add("self_attn.k_proj", &[keys, HIDDEN]);
        add("self_attn.v_proj", &[keys, HIDDEN]);
        add("self_attn.o_proj", &[HIDDEN, HIDDEN]);
        add("mlp.gate_proj", &[INNER, HIDDEN]);
        add("mlp.up_proj", &[INNER, HIDDEN]);
        add("mlp.down_proj", &[HIDDEN, INNER]);
    }
    all
}

/// Writes a model value by value, so that the writing is never the peak;
/// returns the parameters' bytes.
fn write_model(folder: &Path) -> usize {
    let (mut header, mut offset) = (String::from("{"), 0);
    for (name, shape) in tensors() {
        let end = offset + 4 * shape.iter().product::<usize>();
        let comma = if offset == 0 { "" } else { ", " };
        write!(
            header,
            r#"{comma}"{name}": {{"dtype": "F32", "shape": {shape:?}, "data_offsets": [{offset}, {end}]}}"#
        )
        .unwrap();
        offset = end;
    }
    header.push('}');
    let file = File::create(folder.join("model.safetensors")).unwrap();
    let mut file = BufWriter::new(file);
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(header.as_bytes()).unwrap();
    for i in 0..offset / 4 {
        let value = (i % 1_000) as f32 * 1e-3;
        file.write_all(&value.to_le_bytes()).unwrap();
    }
    file.flush().unwrap();
    std::fs::write(folder.join("config.json"), CONFIG).unwrap();
    offset
}

/// The most memory that this process has had resident, in bytes.
fn peak() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes: usize = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kilobytes * 1024
}

#[test]
fn loading_takes_little_more_than_the_parameters() {
    let folder = tempfile::tempdir().unwrap();
    let parameters = write_model(folder.path());
    assert!(parameters > 50_000_000);
    // The device's own threads and buffers are not the model's.
    drop(Tensor::<1>::zeros([1], &device()));
    let before = peak();
    let loaded = load(folder.path(), &device()).unwrap();
    let growth = peak() - before;
    // A second copy of the largest tensor, 24.6 MB, would not fit in here, let
    // alone the file's mapped pages beside the parameters.
    let most = parameters * 115 / 100 + (8 << 20);
    assert!(
        growth <= most,
        "{growth} bytes for {parameters} of parameters"
    );
    assert!(
        growth >= parameters,
        "measured {growth}: this measures nothing"
    );
    let norm = loaded.model.model.norm.weight.val();
    assert_eq!(norm.try_into_vec_as::<f32>().unwrap().len(), HIDDEN);
}
