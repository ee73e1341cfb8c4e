//! Adapter files cut off or damaged anywhere: an error, never a panic.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use std::{fs, path::Path};

use anneal_peft::{PeftError, VeraConfig, adapters, attach, load_adapter, save_adapter};
use anneal_testkit::{device, random};
use common::{
    Mlp, adapted,
    cases::{cases, vera},
    config,
    saved::{load_error, read_tensors, saved, weights, write_tensors},
};
use safetensors::Dtype;
use serde_json::{Value, json};

/// Loading fails, and the clone is as it was.
fn fails(net: &Mlp, dir: &Path) -> PeftError {
    let error = load_adapter(net.clone(), dir).map(|_| ()).unwrap_err();
    assert!(adapters(net).is_empty());
    error
}

#[test]
fn every_cut_of_the_tensors_is_an_error() {
    let net = Mlp::new(&device());
    let x = random([4, 7], 1.0, 3, &device());
    let before = net.forward(x.clone()).into_data();
    for (name, config) in cases() {
        let dir = tempfile::tempdir().unwrap();
        save_adapter(&adapted(config, &device()), dir.path()).unwrap();
        let whole = fs::read(weights(dir.path())).unwrap();
        for length in 0..whole.len() {
            fs::write(weights(dir.path()), &whole[..length]).unwrap();
            let error = fails(&net, dir.path());
            assert!(
                matches!(error, PeftError::Weights { .. }),
                "{name}, {length}: {error}"
            );
        }
        fs::write(weights(dir.path()), [&whole[..], b"\0"].concat()).unwrap();
        assert!(matches!(fails(&net, dir.path()), PeftError::Weights { .. }));
    }
    assert_eq!(net.forward(x).into_data(), before);
}

#[test]
fn every_cut_of_the_settings_is_an_error() {
    let net = Mlp::new(&device());
    for (name, config) in cases() {
        let dir = tempfile::tempdir().unwrap();
        save_adapter(&adapted(config, &device()), dir.path()).unwrap();
        let file = dir.path().join("adapter_config.json");
        let whole = fs::read(&file).unwrap();
        let text = whole.trim_ascii_end().len();
        for length in 0..text {
            fs::write(&file, &whole[..length]).unwrap();
            let error = fails(&net, dir.path());
            assert!(
                matches!(error, PeftError::ConfigSyntax { .. }),
                "{name}, {length}: {error}"
            );
        }
    }
}

#[test]
fn no_damaged_byte_is_a_panic() {
    let net = Mlp::new(&device());
    let dir = saved();
    for file in [weights(dir.path()), dir.path().join("adapter_config.json")] {
        let whole = fs::read(&file).unwrap();
        let mut refused = 0;
        // The header and some values; the settings whole.
        for position in 0..whole.len().min(600) {
            for byte in [0x00, 0xFF, b'"', b'9', b'-', whole[position] ^ 1] {
                let mut damaged = whole.clone();
                damaged[position] = byte;
                fs::write(&file, damaged).unwrap();
                refused += usize::from(load_adapter(net.clone(), dir.path()).is_err());
            }
        }
        assert!(refused > whole.len().min(600), "{}", file.display());
        fs::write(&file, whole).unwrap();
    }
}

/// Sets fields of a saved adapter's settings.
fn with_fields(dir: &Path, fields: &[(&str, Value)]) {
    let file = dir.join("adapter_config.json");
    let mut json: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    for (field, value) in fields {
        json[*field] = value.clone();
    }
    fs::write(&file, json.to_string()).unwrap();
}

#[test]
fn settings_that_can_t_be_met_are_named() {
    let lacks = "which is not supported; loading it anyway would compute something else than the \
                 adapter means";
    for (fields, message) in [
        (
            vec![("peft_type", json!("ADALORA"))],
            "peft_type is \"ADALORA\", but it must be \"LORA\", \"IA3\", \"VERA\" or \
             \"PROMPT_TUNING\""
                .to_string(),
        ),
        (
            vec![("lora_bias", json!(true))],
            format!("lora_bias is true, {lacks}"),
        ),
        (
            vec![("target_parameters", json!(["experts.up"]))],
            format!("target_parameters is [\"experts.up\"], {lacks}"),
        ),
        (
            vec![("init_lora_weights", json!("loftq"))],
            format!("init_lora_weights is \"loftq\", {lacks}"),
        ),
        (
            vec![("r", json!(0))],
            "r is 0, but it must be at least 1".into(),
        ),
        (
            vec![("r", json!(-1))],
            "r is -1, but it must be a whole number".into(),
        ),
        (
            vec![("lora_alpha", json!("7"))],
            "lora_alpha is \"7\", but it must be a number".into(),
        ),
    ] {
        let dir = saved();
        with_fields(dir.path(), &fields);
        let error = load_error(dir.path());
        assert_eq!(error, format!("adapter_config.json: {message}"));
    }
}

#[test]
fn a_rank_that_the_tensors_don_t_have_is_refused() {
    let dir = saved();
    for rank in [json!(2), json!(1 << 20), json!(1 << 24)] {
        with_fields(dir.path(), &[("r", rank)]);
        let error = load_error(dir.path());
        assert!(
            error
                .starts_with("adapter_model.safetensors does not fit the module: 4 of wrong shape"),
            "{error}"
        );
    }
    with_fields(dir.path(), &[("r", json!(u32::MAX))]);
    assert_eq!(
        load_error(dir.path()),
        "adapter_config.json: r is 4294967295, but it must be at most 16777216"
    );
    // VeRA draws its projections itself where the file has none: not before
    // the rank is known to be the file's.
    let dir = tempfile::tempdir().unwrap();
    let small: VeraConfig = vera().with_save_projection(false);
    save_adapter(&adapted(small, &device()), dir.path()).unwrap();
    with_fields(dir.path(), &[("r", json!(u64::MAX / 2))]);
    let error = load_error(dir.path());
    assert!(
        error.contains("2 of wrong shape (base_model.model."),
        "{error}"
    );
}

#[test]
fn tensors_of_another_model_or_type_are_named() {
    let dir = saved();
    let mut tensors = read_tensors(dir.path());
    for (_, dtype, shape, bytes) in &mut tensors {
        *dtype = Dtype::I64;
        *bytes = vec![0; shape.iter().product::<usize>() * 8];
    }
    write_tensors(dir.path(), &tensors);
    let error = load_error(dir.path());
    assert!(
        error.contains("4 of wrong type (base_model.model.up.lora_A.weight is I64, "),
        "{error}"
    );

    // PEFT saves the base's own values beside an embedding's adapter; these
    // are another model's.
    let dir = saved();
    let mut tensors = read_tensors(dir.path());
    let values: Vec<u8> = (0..55).flat_map(|i| (i as f32).to_le_bytes()).collect();
    let name = "base_model.model.down.base_layer.weight".to_string();
    tensors.push((name.clone(), Dtype::F32, vec![5, 11], values));
    write_tensors(dir.path(), &tensors);
    assert_eq!(
        load_error(dir.path()),
        format!(
            "adapter_model.safetensors does not fit the module: 1 of another base model ({name})"
        )
    );
    let base = Mlp::new(&device())
        .down
        .weight
        .val()
        .transpose()
        .into_data();
    let last = tensors.last_mut().unwrap();
    last.3 = base.iter::<f32>().flat_map(f32::to_le_bytes).collect();
    write_tensors(dir.path(), &tensors);
    assert!(load_adapter(Mlp::new(&device()), dir.path()).is_ok());
}

#[test]
fn a_second_load_needs_a_name() {
    let dir = saved();
    let (net, _, _) = load_adapter(Mlp::new(&device()), dir.path()).unwrap();
    let error = load_adapter(net, dir.path()).map(|_| ()).unwrap_err();
    let message = "the module already carries an adapter \"default\"; remove it first, or choose \
                   another name";
    assert_eq!(error.to_string(), message);
    let (net, _) = attach(Mlp::new(&device()), config(), 5).unwrap();
    let error = load_adapter(net, dir.path()).map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), message);
}
