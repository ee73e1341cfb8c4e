//! Models written and read again, to the bit.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anneal_llama::{
    LlamaConfig, LlamaError, LlamaForCausalLM, LoadOptions, LoadedModel, Precision, RandomWeights,
    SaveDtype, SaveOptions, load, load_with, save,
};
use anneal_peft::{InitLoraWeights, LoraConfig, TargetModules, attach, merge};
use anneal_testkit::{assert_close, device, fixture_path, random};
use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

fn open(fixture: &str) -> LoadedModel {
    load(&fixture_path(fixture), &device()).unwrap()
}

fn logits(loaded: &LoadedModel) -> Vec<f32> {
    let ids = Tensor::<2, Int>::from_ints([[3, 1, 4, 1, 5], [9, 2, 6, 5, 3]], &device());
    let logits = loaded.model.forward(ids, &loaded.config);
    logits.try_into_vec_as::<f32>().unwrap()
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Name to type, shape and bytes.
type Stored = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// What a folder's files of weights hold; a fixture's goldens lie beside them.
fn stored(folder: &Path) -> (Vec<PathBuf>, Stored) {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            name.starts_with("model") && name.ends_with(".safetensors")
        })
        .collect();
    files.sort();
    let mut all = Stored::new();
    for file in &files {
        let bytes = fs::read(file).unwrap();
        for (name, view) in SafeTensors::deserialize(&bytes).unwrap().iter() {
            let tensor = (view.dtype(), view.shape().to_vec(), view.data().to_vec());
            assert!(
                all.insert(name.to_owned(), tensor).is_none(),
                "{name} twice"
            );
        }
    }
    (files, all)
}

/// What lies in a folder, sorted.
fn listing(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn one_file_or_many_hold_what_was_loaded() {
    const LIMIT: u64 = 20_000;
    for fixture in ["tiny-llama", "tiny-llama-untied"] {
        let loaded = open(fixture);
        let (_, original) = stored(&fixture_path(fixture));
        for max_shard_bytes in [SaveOptions::default().max_shard_bytes, LIMIT] {
            let place = tempfile::tempdir().unwrap();
            let folder = place.path().join("parent/model");
            let options = SaveOptions {
                max_shard_bytes,
                ..SaveOptions::default()
            };
            save(&loaded.model, &loaded.config, &folder, &options).unwrap();

            let (files, tensors) = stored(&folder);
            files.iter().for_each(|file| check_format(file));
            assert!(
                tensors == original,
                "{fixture}: other tensors than transformers'"
            );
            assert_eq!(
                tensors.contains_key("lm_head.weight"),
                fixture != "tiny-llama"
            );
            if max_shard_bytes == LIMIT {
                assert!(files.len() > 3, "{fixture}: {files:?}");
                check_shards(&folder, &files, &tensors, LIMIT);
            } else {
                assert_eq!(listing(&folder), ["config.json", "model.safetensors"]);
            }
            let again = load(&folder, &device()).unwrap();
            assert_eq!(again.config, loaded.config);
            assert_eq!(logits(&again), logits(&loaded), "{fixture}");
            assert_eq!(listing(&place.path().join("parent")), ["model"]);
        }
    }
}

/// transformers refuses files that do not say whose tensors they hold.
fn check_format(file: &Path) {
    let bytes = fs::read(file).unwrap();
    let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
    let format = metadata.metadata().as_ref().unwrap().get("format");
    assert_eq!(format.map(String::as_str), Some("pt"));
}

/// The index names every tensor at its place, and shards are full but not over.
fn check_shards(folder: &Path, files: &[PathBuf], tensors: &Stored, limit: u64) {
    let index = json(&folder.join("model.safetensors.index.json"));
    let total: usize = tensors.values().map(|(_, _, bytes)| bytes.len()).sum();
    assert_eq!(index["metadata"]["total_size"], total);
    assert_eq!(index["metadata"]["total_parameters"], total / 4);
    let map = index["weight_map"].as_object().unwrap();
    assert_eq!(map.len(), tensors.len());
    for (number, file) in files.iter().enumerate() {
        let name = format!("model-{:05}-of-{:05}.safetensors", number + 1, files.len());
        assert_eq!(file.file_name().unwrap(), name.as_str());
        let bytes = fs::read(file).unwrap();
        let shard = SafeTensors::deserialize(&bytes).unwrap();
        let size: usize = shard.iter().map(|(_, view)| view.data().len()).sum();
        assert!(size as u64 <= limit || shard.len() == 1, "{name}: {size}");
        for tensor in shard.names() {
            assert_eq!(map[tensor], name.as_str());
        }
    }
}

#[test]
fn narrow_types_are_rounded_to_nearest_even() {
    let loaded = open("tiny-llama-untied");
    let (_, original) = stored(&fixture_path("tiny-llama-untied"));
    for (dtype, expected, name) in [
        (SaveDtype::Bf16, Dtype::BF16, "bfloat16"),
        (SaveDtype::F16, Dtype::F16, "float16"),
    ] {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("model");
        let options = SaveOptions {
            dtype,
            ..SaveOptions::default()
        };
        save(&loaded.model, &loaded.config, &folder, &options).unwrap();
        assert_eq!(json(&folder.join("config.json"))["dtype"], name);
        let (_, tensors) = stored(&folder);
        assert_eq!(tensors.len(), original.len());
        let mut inexact = 0;
        for (name, (found, shape, bytes)) in &tensors {
            let (_, original_shape, wide) = &original[name];
            assert_eq!((*found, shape), (expected, original_shape), "{name}");
            for (narrow, wide) in bytes.chunks_exact(2).zip(wide.chunks_exact(4)) {
                let narrow = u16::from_le_bytes([narrow[0], narrow[1]]);
                let wide = u32::from_le_bytes([wide[0], wide[1], wide[2], wide[3]]);
                let expected = match dtype {
                    SaveDtype::Bf16 => round_to_bf16(wide),
                    _ => half::f16::from_f64(f64::from(f32::from_bits(wide))).to_bits(),
                };
                assert_eq!(narrow, expected, "{name}: {wide:#x}");
                inexact += usize::from(wide & 0xffff != 0);
            }
        }
        assert!(inexact > 1_000, "the weights need no rounding");
        load(&folder, &device()).unwrap();
    }
}

#[test]
fn a_bf16_model_is_saved_as_it_is() {
    let path = fixture_path("tiny-llama-untied");
    let options = LoadOptions::default().with_precision(Precision::Bf16);
    let narrow = load_with(&path, &options, &device()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let save = |loaded: &LoadedModel, name: &str| {
        let folder = place.path().join(name);
        let options = SaveOptions {
            dtype: SaveDtype::Bf16,
            ..SaveOptions::default()
        };
        loaded.save(&folder, &options).unwrap();
        stored(&folder).1
    };
    assert!(save(&narrow, "narrow") == save(&open("tiny-llama-untied"), "wide"));
}

/// The upper half of the bits, plus one where the lower half is above its
/// middle, or on it and the upper half is odd.
fn round_to_bf16(bits: u32) -> u16 {
    let (upper, lower) = ((bits >> 16) as u16, bits & 0xffff);
    upper + u16::from(lower > 0x8000 || (lower == 0x8000 && upper % 2 == 1))
}

#[test]
fn a_gguf_becomes_a_folder_that_means_the_same() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model/"); // a slash at the end changes nothing
    let loaded = open("gguf/tiny-llama-q4_1.gguf");
    loaded.save(&folder, &SaveOptions::default()).unwrap();
    let again = load(&folder, &device()).unwrap();
    assert_eq!(logits(&again), logits(&loaded));
    assert!(loaded.chat_template.is_some() && loaded.special_tokens.bos().is_some());
    assert_eq!(again.chat_template, loaded.chat_template);
    assert_eq!(again.special_tokens, loaded.special_tokens);
    assert_eq!(again.end_ids, loaded.end_ids);
    let (old, new) = (loaded.tokenizer.unwrap(), again.tokenizer.unwrap());
    for text in [
        "SELECT  name FROM t1\nWHERE x=10",
        "<|im_start|>user\nnaïve 🦀<|im_end|>",
        "",
    ] {
        let ids = old.encode(text, true).unwrap();
        assert_eq!(new.encode(text, true).unwrap(), ids, "{text:?}");
        assert_eq!(new.decode(&ids, true).unwrap(), text);
    }
}

#[test]
fn a_folders_companions_go_with_the_model() {
    let place = tempfile::tempdir().unwrap();
    let source = place.path().join("source");
    let templates = source.join("additional_chat_templates");
    fs::create_dir_all(&templates).unwrap();
    fs::write(templates.join("tool_use.jinja"), "tools").unwrap();
    fs::write(source.join("chat_template.jinja"), "{{ x }}").unwrap();
    fs::write(source.join("README.md"), "not a companion").unwrap();
    for name in [
        "tokenizer.json",
        "tokenizer_config.json",
        "generation_config.json",
    ] {
        fs::copy(fixture_path("gguf/hf").join(name), source.join(name)).unwrap();
    }
    let loaded = open("gguf/hf");
    let options = SaveOptions {
        source: Some(source.clone()),
        ..SaveOptions::default()
    };
    let folder = place.path().join("model");
    save(&loaded.model, &loaded.config, &folder, &options).unwrap();
    let mut expected = listing(&source);
    expected.retain(|name| name != "README.md");
    expected.extend(["config.json".into(), "model.safetensors".into()]);
    expected.sort();
    assert_eq!(listing(&folder), expected);
    for name in ["tokenizer.json", "additional_chat_templates/tool_use.jinja"] {
        let read = |folder: &Path| fs::read(folder.join(name)).unwrap();
        assert_eq!(read(&folder), read(&source), "{name}");
    }
    assert_eq!(
        load(&folder, &device()).unwrap().chat_template.as_deref(),
        Some("{{ x }}")
    );
}

#[test]
fn an_adapter_is_merged_first() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    let loaded = open("tiny-llama");
    let config = LoraConfig::new(TargetModules::names(["v_proj"]));
    let (mut model, _) = attach(loaded.model.clone(), &config, 7).unwrap();
    let refused = save(&model, &loaded.config, &folder, &SaveOptions::default()).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "model.layers.0.self_attn.v_proj.weight carries an adapter; merge it first, or save the adapter by itself"
    );
    assert_eq!(listing(place.path()), [""; 0]);

    model = merge(model).unwrap().0;
    save(&model, &loaded.config, &folder, &SaveOptions::default()).unwrap();
    assert_eq!(logits(&load(&folder, &device()).unwrap()), logits(&loaded));
}

#[test]
fn what_a_type_cannot_hold_leaves_nothing_behind() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    let mut loaded = open("tiny-llama");
    let width = loaded.config.hidden_size;
    let large = random::<1>([width], 1e5, 3, &device());
    loaded.model.model.norm.weight = Param::from_tensor(large).set_require_grad(false);
    let save = |dtype| {
        let options = SaveOptions {
            dtype,
            ..SaveOptions::default()
        };
        save(&loaded.model, &loaded.config, &folder, &options)
    };
    assert_eq!(
        save(SaveDtype::F16).unwrap_err().to_string(),
        "model.norm.weight holds a value that is not finite in float16; it is not saved"
    );
    assert_eq!(listing(place.path()), [""; 0]);
    save(SaveDtype::Bf16).unwrap();
    // The folder holds a model now, and stays as it is.
    let before = stored(&folder);
    match save(SaveDtype::F32).unwrap_err() {
        LlamaError::OutputInUse { path } => assert_eq!(path, folder),
        other => panic!("{other}"),
    }
    assert!(stored(&folder) == before);
    assert_eq!(listing(place.path()), ["model"]);
}

#[test]
fn an_empty_folder_is_filled_and_readable_by_all_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let loaded = open("tiny-llama");
    assert!(loaded.model.num_params() > 0);
    save(
        &loaded.model,
        &loaded.config,
        folder.path(),
        &SaveOptions::default(),
    )
    .unwrap();
    let permissions = |name: &str| {
        fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
    };
    assert_eq!(permissions("model.safetensors"), permissions("config.json"));
}

#[test]
fn what_a_dead_process_left_does_not_become_part_of_a_model() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    let left = format!("model.{}.partial", std::process::id());
    let path = place.path().join(&left);
    fs::create_dir(&path).unwrap();
    fs::write(path.join("model-00001-of-00009.safetensors"), "old").unwrap();
    let error = open("tiny-llama").save(&folder, &SaveOptions::default());
    let message = error.unwrap_err().to_string();
    assert!(
        message.starts_with(&path.display().to_string()),
        "{message}"
    );
    assert_eq!(listing(place.path()), [left]);
    assert_eq!(listing(&path), ["model-00001-of-00009.safetensors"]);
}

#[test]
fn the_ids_at_a_texts_edges_are_kept_in_config_json_too() {
    let ids = |folder: &Path| {
        let config = json(&folder.join("config.json"));
        (
            config["bos_token_id"].clone(),
            config["eos_token_id"].clone(),
        )
    };
    let expected = ids(&fixture_path("gguf/hf"));
    assert!(expected.0.is_u64() && expected.1.is_u64());
    let place = tempfile::tempdir().unwrap();
    let copied = SaveOptions {
        source: Some(fixture_path("gguf/hf")),
        ..SaveOptions::default()
    };
    for (fixture, options) in [
        ("gguf/hf", copied),
        ("gguf/tiny-llama-f32.gguf", SaveOptions::default()),
    ] {
        let folder = place.path().join(fixture);
        open(fixture).save(&folder, &options).unwrap();
        assert_eq!(ids(&folder), expected, "{fixture}");
    }
}

#[test]
fn biases_and_scaled_rotary_positions_survive() {
    let mut config = LlamaConfig::llama3_2_1b();
    (
        config.vocab_size,
        config.hidden_size,
        config.intermediate_size,
    ) = (50, 24, 40);
    (
        config.num_attention_heads,
        config.num_key_value_heads,
        config.head_dim,
    ) = (3, 1, 8);
    (
        config.num_hidden_layers,
        config.attention_bias,
        config.mlp_bias,
    ) = (2, true, true);
    assert_ne!(config.rope, LlamaConfig::smollm2_135m().rope);
    let model =
        LlamaForCausalLM::from_source(&config, &mut RandomWeights::new(0.3, 5), &device()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("model");
    save(&model, &config, &folder, &SaveOptions::default()).unwrap();
    let again = load(&folder, &device()).unwrap();
    assert_eq!(again.config, config);
    let (_, tensors) = stored(&folder);
    assert_eq!(tensors["model.layers.1.mlp.down_proj.bias"].1, [24]);
    let ids = Tensor::<2, Int>::from_ints([[3, 1, 4, 1, 5, 9]], &device());
    let (ours, theirs) = (
        model.forward(ids.clone(), &config),
        again.model.forward(ids, &again.config),
    );
    assert_eq!(theirs.to_data(), ours.to_data());
}

#[test]
fn an_untied_model_is_saved_with_its_head() {
    let options = LoadOptions::default().with_untie(true);
    let untied = load_with(&fixture_path("tiny-llama"), &options, &device()).unwrap();
    assert!(untied.model.lm_head.is_some() && !untied.config.tie_word_embeddings);
    // The head multiplies the same numbers in another order.
    let expected = Tensor::<1>::from_floats(logits(&open("tiny-llama")).as_slice(), &device());
    let found = Tensor::<1>::from_floats(logits(&untied).as_slice(), &device());
    assert_close(found, expected, 1e-6);

    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("untied");
    untied.save(&folder, &SaveOptions::default()).unwrap();
    assert_eq!(
        json(&folder.join("config.json"))["tie_word_embeddings"],
        false
    );
    let (_, tensors) = stored(&folder);
    let (dtype, shape, bytes) = &tensors["lm_head.weight"];
    assert_eq!(
        (*dtype, shape.as_slice()),
        (Dtype::F32, [131, 42].as_slice())
    );
    assert_eq!(bytes, &tensors["model.embed_tokens.weight"].2);
    let again = load(&folder, &device()).unwrap();
    assert_eq!(logits(&again), logits(&untied));

    // A model with a head of its own is what it was.
    let own = load_with(&fixture_path("tiny-llama-untied"), &options, &device()).unwrap();
    assert_eq!(logits(&own), logits(&open("tiny-llama-untied")));
}

#[test]
fn the_two_halves_of_an_untied_model_change_apart() {
    let options = LoadOptions::default().with_untie(true);
    let mut loaded = load_with(&fixture_path("tiny-llama"), &options, &device()).unwrap();
    let before = loaded.model.model.embed_tokens.weight.val().to_data();
    let config = LoraConfig::new(TargetModules::names(["lm_head"]))
        .with_r(2)
        .with_init_lora_weights(InitLoraWeights::Random);
    loaded.model = merge(attach(loaded.model, &config, 1).unwrap().0)
        .unwrap()
        .0;
    assert_eq!(
        loaded.model.model.embed_tokens.weight.val().to_data(),
        before
    );
    let head = loaded.model.lm_head.unwrap().weight.val().transpose();
    assert_ne!(head.to_data(), before);
}
