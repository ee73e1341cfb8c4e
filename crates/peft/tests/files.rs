//! Writing and reading PEFT's two files, PEFT's own among them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{collections::HashMap, fs};

use anneal_peft::{
    AdapterConfig, LoraConfig, Pattern, TargetModules, adapter_tensors, attach, load_adapter,
    save_adapter,
};
use anneal_testkit::{assert_close, device, fixture_path, random};
use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
};
use common::{
    Mlp, TinyLlama, adapted, bare, config, fill, randomize,
    saved::{read_tensors, saved, weights, write_tensors},
};
use safetensors::{Dtype, SafeTensors};

/// The settings, which are LoRA's.
fn lora_settings(config: AdapterConfig) -> LoraConfig {
    match config {
        AdapterConfig::Lora(config) => config,
        other => panic!("not LoRA: {other:?}"),
    }
}

#[test]
fn adapters_made_by_peft_come_back_bit_for_bit() {
    for (name, r, alpha, adapted) in [("adapter", 4, 12.0, 21), ("adapter-qv", 3, 8.0, 6)] {
        let original = fixture_path("tiny-llama").join(name);
        let (net, settings, report) = load_adapter(TinyLlama::new(&device()), &original).unwrap();
        let config = lora_settings(settings);
        assert_eq!((config.r, config.lora_alpha), (r, alpha));
        assert_eq!(config.use_rslora, name == "adapter-qv");
        assert_eq!(report.attached.adapted.len(), adapted);
        assert!(report.zero_effect.is_empty() && !report.has_no_effect);

        let copy = tempfile::tempdir().unwrap();
        save_adapter(&net, copy.path()).unwrap();
        assert_eq!(read_tensors(copy.path()), read_tensors(&original));
        assert_eq!(LoraConfig::from_dir(copy.path()).unwrap(), config);
    }
}

#[test]
fn a_saved_adapter_computes_the_same_again() {
    let x = random([4, 7], 1.0, 3, &device());
    let config = config()
        .with_use_rslora(true)
        .with_lora_dropout(0.25)
        .with_rank_pattern(Pattern::new([("down", 2)]))
        .with_alpha_pattern(Pattern::new([("up", 4.5), ("down", 2.0)]))
        .with_base_model("some/model");
    let net = adapted(&config, &device());
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("made/on/the/way");
    save_adapter(&net, &dir).unwrap();

    let base = Mlp {
        up: bare(&net.up),
        down: bare(&net.down),
        lm_head: bare(&net.lm_head),
    };
    let (loaded, read, _) = load_adapter(base, &dir).unwrap();
    assert_eq!(read, config.into());
    assert_close(
        loaded.forward_adapted(x.clone()),
        net.forward_adapted(x),
        0.0,
    );

    let mut files: Vec<_> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["adapter_config.json", "adapter_model.safetensors"]);
}

#[test]
fn the_files_are_as_peft_writes_them() {
    let dir = tempfile::tempdir().unwrap();
    let config = LoraConfig::default().with_r(3).with_lora_alpha(8.0);
    let net = adapted(&config, &device());
    save_adapter(&net, dir.path()).unwrap();

    let text = fs::read_to_string(dir.path().join("adapter_config.json")).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(json["target_modules"], serde_json::json!(["down", "up"]));
    assert_eq!(json["peft_type"], "LORA");
    assert_eq!(json["inference_mode"], true);
    assert!(text.contains("\"lora_alpha\": 8,"), "{text}");
    let keys: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    assert!(keys.is_sorted());

    let bytes = fs::read(weights(dir.path())).unwrap();
    let (_, header) = SafeTensors::read_metadata(&bytes).unwrap();
    let format = HashMap::from([("format".to_string(), "pt".to_string())]);
    assert_eq!(header.metadata(), &Some(format));
    for (name, dtype, shape, bytes) in read_tensors(dir.path()) {
        assert_eq!(dtype, Dtype::F32);
        let values = adapter_tensors(&net)[&name].clone();
        assert_eq!(shape, values.shape().to_vec());
        let values: Vec<f32> = values.iter().collect();
        assert_eq!(
            bytes,
            values
                .iter()
                .flat_map(|v| v.to_le_bytes())
                .collect::<Vec<_>>()
        );
    }
}

#[test]
fn all_linear_is_spelled_out_in_whole_paths_where_names_would_say_more() {
    #[derive(Module, Debug)]
    struct Inner {
        proj: Linear,
    }
    #[derive(Module, Debug)]
    struct Outer {
        left: Inner,
        right: Inner,
    }
    let inner = || Inner {
        proj: LinearConfig::new(3, 4).init(&device()),
    };
    let net = Outer {
        left: inner(),
        right: inner(),
    };
    let config = LoraConfig::default()
        .with_r(2)
        .with_exclude_modules(TargetModules::names(["left.proj"]));
    let (net, _) = attach(net, &config, 0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&net, dir.path()).unwrap();
    let read = LoraConfig::from_dir(dir.path()).unwrap();
    assert_eq!(read.target_modules, TargetModules::names(["right.proj"]));
}

#[test]
fn names_of_other_writers_are_read() {
    let dir = saved();
    let expected = read_tensors(dir.path());
    let renames: [fn(&str) -> String; 2] = [
        |name| name.replace("base_model.model.", ""),
        |name| name.replace(".weight", ".default.weight"),
    ];
    for rename in renames {
        let renamed = expected
            .iter()
            .map(|(name, dtype, shape, bytes)| (rename(name), *dtype, shape.clone(), bytes.clone()))
            .collect();
        write_tensors(dir.path(), &renamed);
        let (net, _, _) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
        save_adapter(&net, dir.path()).unwrap();
        assert_eq!(read_tensors(dir.path()), expected);
    }
}

#[test]
fn half_precision_is_widened() {
    use burn::tensor::{bf16, f16};
    let dir = saved();
    let mut tensors = read_tensors(dir.path());
    let mut expected = HashMap::new();
    for (index, (name, dtype, _, bytes)) in tensors.iter_mut().enumerate() {
        let values = bytes
            .as_chunks::<4>()
            .0
            .iter()
            .map(|b| f32::from_le_bytes(*b));
        let values: Vec<f32> = values.collect();
        let (kind, halves, widened): (_, Vec<[u8; 2]>, Vec<f32>) = if index % 2 == 0 {
            let halves = values.iter().map(|v| f16::from_f32(*v));
            let (bytes, wide) = halves.map(|h| (h.to_le_bytes(), h.to_f32())).unzip();
            (Dtype::F16, bytes, wide)
        } else {
            let halves = values.iter().map(|v| bf16::from_f32(*v));
            let (bytes, wide) = halves.map(|h| (h.to_le_bytes(), h.to_f32())).unzip();
            (Dtype::BF16, bytes, wide)
        };
        (*dtype, *bytes) = (kind, halves.concat());
        expected.insert(name.clone(), widened);
    }
    write_tensors(dir.path(), &tensors);
    let (net, _, _) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    for (name, tensor) in adapter_tensors(&net) {
        assert_eq!(tensor.iter::<f32>().collect::<Vec<_>>(), expected[&name]);
    }
}

#[test]
fn an_untrained_adapter_is_reported() {
    let (net, _) = attach(Mlp::new(&device()), config(), 0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&net, dir.path()).unwrap();
    let (_, _, report) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    assert_eq!(report.zero_effect, ["up", "down"]);
    assert!(report.has_no_effect);

    let net = fill(
        randomize(net, 2),
        "down.weight.adapters.default.Lora.a",
        0.0,
    );
    save_adapter(&net, dir.path()).unwrap();
    let (_, _, report) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    assert_eq!(report.zero_effect, ["down"]);
    assert!(!report.has_no_effect);
}
