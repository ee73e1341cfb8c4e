//! Files that don't fit the module, are cut short or are not there.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::fs;

use anneal_peft::{PeftError, load_adapter, save_adapter};
use anneal_testkit::{device, fixture_path};
use common::{
    Mlp, adapted, config, fill,
    saved::{load_error, read_tensors, saved, weights, write_tensors},
};
use safetensors::Dtype;

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
fn what_would_not_load_back_is_not_saved() {
    let dir = tempfile::tempdir().unwrap();
    let net = adapted(config(), &device());
    let message = |net: &Mlp| save_adapter(net, dir.path()).unwrap_err().to_string();
    let broken = fill(net, "up.weight.adapters.default.Lora.b", f32::INFINITY);
    assert_eq!(
        message(&broken),
        "NaN or infinite values in base_model.model.up.lora_B.weight"
    );
    let bare = Mlp::new(&device());
    assert!(message(&bare).starts_with("the module carries no active adapter"));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);

    let file = dir.path().join("file");
    fs::write(&file, "in the way").unwrap();
    let error = save_adapter(&adapted(config(), &device()), &file).unwrap_err();
    assert!(matches!(error, PeftError::Write { .. }), "{error}");
}
