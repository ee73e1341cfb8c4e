//! Writing and reading PEFT's two files, PEFT's own among them.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use anneal_peft::{
    LoraConfig, Pattern, PeftError, TargetModules, attach, load_adapter, lora_tensors, save_adapter,
};
use anneal_testkit::{assert_close, device, fixture_path, random};
use burn::{
    module::{Module, Param},
    nn::{Linear, LinearConfig},
};
use common::{Mlp, TinyLlama, adapted, config, fill, randomize};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

/// Name, type, shape and bytes of every tensor of a file.
type Tensors = Vec<(String, Dtype, Vec<usize>, Vec<u8>)>;

fn weights(dir: &Path) -> PathBuf {
    dir.join("adapter_model.safetensors")
}

fn read_tensors(dir: &Path) -> Tensors {
    let bytes = fs::read(weights(dir)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors: Tensors = file
        .iter()
        .map(|(name, t)| {
            (
                name.into(),
                t.dtype(),
                t.shape().to_vec(),
                t.data().to_vec(),
            )
        })
        .collect();
    tensors.sort();
    tensors
}

fn write_tensors(dir: &Path, tensors: &Tensors) {
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
    });
    fs::write(weights(dir), safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A folder with a saved adapter for [`Mlp`].
fn saved() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&adapted(&config(), &device()), &config(), dir.path()).unwrap();
    dir
}

fn load_error(dir: &Path) -> String {
    let error = load_adapter(Mlp::new(&device()), dir)
        .unwrap_err()
        .to_string();
    // The folder's name differs on every run.
    error.replace(&format!("{}/", dir.display()), "")
}

#[test]
fn adapters_made_by_peft_come_back_bit_for_bit() {
    for (name, r, alpha, adapted) in [("adapter", 4, 12.0, 21), ("adapter-qv", 3, 8.0, 6)] {
        let original = fixture_path("tiny-llama").join(name);
        let (net, config, report) = load_adapter(TinyLlama::new(&device()), &original).unwrap();
        assert_eq!((config.r, config.lora_alpha), (r, alpha));
        assert_eq!(config.use_rslora, name == "adapter-qv");
        assert_eq!(report.attached.adapted.len(), adapted);
        assert!(report.zero_effect.is_empty() && !report.has_no_effect());

        let copy = tempfile::tempdir().unwrap();
        save_adapter(&net, &config, copy.path()).unwrap();
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
    save_adapter(&net, &config, &dir).unwrap();

    let base = Mlp {
        up: bare(&net.up),
        down: bare(&net.down),
        lm_head: bare(&net.lm_head),
    };
    let (loaded, read, _) = load_adapter(base, &dir).unwrap();
    assert_eq!(read, config);
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

/// The layer without its adapter.
fn bare(linear: &Linear) -> Linear {
    Linear {
        weight: Param::from_tensor(linear.weight.base()),
        bias: linear.bias.clone(),
    }
}

#[test]
fn the_files_are_as_peft_writes_them() {
    let dir = tempfile::tempdir().unwrap();
    let config = LoraConfig::default().with_r(3).with_lora_alpha(8.0);
    let net = adapted(&config, &device());
    save_adapter(&net, &config, dir.path()).unwrap();

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
        let values = lora_tensors(&net)[&name].clone();
        assert_eq!(shape, values.dims());
        let values: Vec<f32> = values.into_data().iter().collect();
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
    save_adapter(&net, &config, dir.path()).unwrap();
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
        let (net, config, _) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
        save_adapter(&net, &config, dir.path()).unwrap();
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
    for (name, tensor) in lora_tensors(&net) {
        assert_eq!(
            tensor.into_data().iter::<f32>().collect::<Vec<_>>(),
            expected[&name]
        );
    }
}

#[test]
fn every_tensor_that_does_not_fit_is_named() {
    let dir = saved();
    let mut tensors = read_tensors(dir.path());
    // down.lora_A, down.lora_B, up.lora_A, up.lora_B
    tensors[0].2.reverse();
    tensors[1].1 = Dtype::I32;
    tensors[2].3[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    tensors[3].0 = "base_model.model.up.lora_magnitude_vector".into();
    let twice = tensors[2].clone();
    tensors.push(("up.lora_A.weight".into(), twice.1, twice.2, twice.3));
    write_tensors(dir.path(), &tensors);
    assert_eq!(
        load_error(dir.path()),
        "adapter_model.safetensors does not fit the module: \
         1 missing (base_model.model.up.lora_B.weight); \
         1 unexpected (base_model.model.up.lora_magnitude_vector); \
         1 given twice (up.lora_A.weight); \
         1 of wrong shape (base_model.model.down.lora_A.weight is [11, 3], expected [3, 11]); \
         1 of wrong type (base_model.model.down.lora_B.weight is I32); \
         1 with NaN or infinite values (base_model.model.up.lora_A.weight)"
    );
}

#[test]
fn an_adapter_for_another_model_is_refused() {
    let qv = fixture_path("tiny-llama/adapter-qv");
    let error = load_adapter(Mlp::new(&device()), qv).unwrap_err();
    assert!(matches!(error, PeftError::NoMatch { .. }), "{error}");
}

#[test]
fn broken_and_missing_files_are_named() {
    let dir = saved();
    let whole = fs::read(weights(dir.path())).unwrap();
    for length in [0, 5, 60, whole.len() - 1] {
        fs::write(weights(dir.path()), &whole[..length]).unwrap();
        let message = load_error(dir.path());
        assert!(
            message.starts_with("adapter_model.safetensors is not a complete safetensors file: "),
            "{message}"
        );
    }
    fs::remove_file(weights(dir.path())).unwrap();
    assert!(load_error(dir.path()).starts_with("cannot read adapter_model.safetensors: "));

    let config = dir.path().join("adapter_config.json");
    let whole = fs::read(&config).unwrap();
    fs::write(&config, &whole[..whole.len() / 2]).unwrap();
    let message = load_error(dir.path());
    assert!(
        message.starts_with("adapter_config.json is not a JSON object: EOF while parsing"),
        "{message}"
    );
    assert!(message.contains("line "), "{message}");
    fs::remove_file(&config).unwrap();
    assert!(load_error(dir.path()).starts_with("cannot read adapter_config.json: "));
}

#[test]
fn an_untrained_adapter_is_reported() {
    let (net, _) = attach(Mlp::new(&device()), &config(), 0).unwrap();
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&net, &config(), dir.path()).unwrap();
    let (_, _, report) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    assert_eq!(report.zero_effect, ["up", "down"]);
    assert!(report.has_no_effect());

    let net = fill(randomize(net, 2), "down.weight.lora.a", 0.0);
    save_adapter(&net, &config(), dir.path()).unwrap();
    let (_, _, report) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    assert_eq!(report.zero_effect, ["down"]);
    assert!(!report.has_no_effect());
}

#[test]
fn what_would_not_load_back_is_not_saved() {
    let dir = tempfile::tempdir().unwrap();
    let net = adapted(&config(), &device());
    let message = |net: &Mlp, config: &LoraConfig| {
        save_adapter(net, config, dir.path())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        message(&net, &config().with_r(2)),
        "up carries an adapter of rank 3, but the configuration to be saved says \
         an adapter of rank 2"
    );
    let fewer = LoraConfig::new(TargetModules::names(["up"])).with_r(3);
    assert_eq!(
        message(&net, &fewer),
        "down carries an adapter of rank 3, but the configuration to be saved says no adapter"
    );
    let more = LoraConfig::new(TargetModules::names(["up", "down", "lm_head"])).with_r(3);
    assert_eq!(
        message(&net, &more),
        "lm_head carries no adapter, but the configuration to be saved says an adapter of rank 3"
    );
    let broken = fill(net, "up.weight.lora.b", f32::INFINITY);
    assert_eq!(
        message(&broken, &config()),
        "NaN or infinite values in base_model.model.up.lora_B.weight"
    );
    let bare = Mlp::new(&device());
    assert!(message(&bare, &config()).starts_with("the module carries no adapter"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let error = save_adapter(&adapted(&config(), &device()), &config(), &file).unwrap_err();
    assert!(matches!(error, PeftError::Write { .. }), "{error}");
}
