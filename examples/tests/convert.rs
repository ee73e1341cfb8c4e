//! The example `convert`, and `--model` by the id of a cached model.

mod common;

use std::path::Path;

use anneal_llama::load;
use anneal_peft::{InitLoraWeights, LoraConfig, TargetModules, attach, save_adapter};
use burn::tensor::Device;
use common::{
    assert_contains, fixture, gguf, json, read_json, refused, run_with, snapshot, succeed, text,
};

#[test]
fn a_gguf_file_and_its_folder_generate_the_same() {
    let place = tempfile::tempdir().unwrap();
    let folder = text(place.path().join("model"));
    let flags = [
        "--model",
        &gguf(),
        "--output",
        &folder,
        "--max-shard-size",
        "20KB",
    ];
    assert_contains(&succeed("convert", &flags), &[&folder]);
    let names: Vec<_> = snapshot(Path::new(&folder)).into_keys().collect();
    for name in [
        "config.json",
        "generation_config.json",
        "model.safetensors.index.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ] {
        assert!(names.contains(&name.into()), "{name} is not in {names:?}");
    }
    let generate = |model: &str| {
        let flags = [
            "--model",
            model,
            "--prompt",
            "SELECT name",
            "--max-new-tokens",
            "12",
            "--json",
        ];
        let mut output = json("generate", &flags);
        output.as_object_mut().unwrap().remove("tokens_per_second");
        output
    };
    assert_eq!(generate(&folder), generate(&gguf()));

    let before = snapshot(place.path());
    assert_contains(
        &refused("convert", &flags),
        &[&folder, "new or empty folder"],
    );
    assert_eq!(snapshot(place.path()), before);
    let wrong = [
        "--model",
        &gguf(),
        "--output",
        &folder,
        "--max-shard-size",
        "5 GB",
    ];
    assert_contains(&refused("convert", &wrong), &["--max-shard-size is 5 GB"]);
}

#[test]
fn adapters_are_merged_into_what_is_written() {
    let place = tempfile::tempdir().unwrap();
    let folder = text(place.path().join("model"));
    let model = fixture("tiny-llama");
    let [one, two] = ["adapter", "adapter-qv"].map(|name| fixture(&format!("tiny-llama/{name}")));
    let adapted = ["--model", &model, "--adapter", &one, "--adapter", &two];
    let merged = ["--model", &folder];
    succeed("convert", &[&adapted[..], &["--output", &folder]].concat());
    let prompt = [
        "--prompt-ids",
        "5,9,2,77",
        "--max-new-tokens",
        "10",
        "--json",
    ];
    let ids = |flags: &[&str]| json("generate", &[flags, &prompt].concat())["token_ids"].clone();
    assert_eq!(ids(&merged), ids(&adapted));
    for fewer in [&adapted[..2], &adapted[..4]] {
        assert_ne!(ids(&merged), ids(fewer));
    }
}

#[test]
fn an_adapter_of_half_a_tied_pair_is_merged_into_an_untied_model() {
    let place = tempfile::tempdir().unwrap();
    let in_place = |name: &str| text(place.path().join(name));
    let (model, adapter, folder) = (
        fixture("tiny-llama"),
        in_place("adapter"),
        in_place("model"),
    );
    let loaded = load(Path::new(&model), &Device::default()).unwrap();
    let config = LoraConfig::new(TargetModules::names(["lm_head"]))
        .with_r(2)
        .with_init_lora_weights(InitLoraWeights::Random);
    let adapted = attach(loaded.model, &config, 3).unwrap().0;
    save_adapter(&adapted, &adapter).unwrap();

    let flags = [
        "--model",
        &model,
        "--adapter",
        &adapter,
        "--output",
        &folder,
    ];
    let refusal = refused("convert", &flags);
    assert_contains(&refusal, &["lm_head alone", "convert --untie"]);
    assert!(!Path::new(&folder).exists());
    succeed("convert", &[&flags[..], &["--untie"]].concat());
    assert_eq!(
        read_json(Path::new(&folder).join("config.json"))["tie_word_embeddings"],
        false
    );

    let prompt = [
        "--prompt-ids",
        "5,9,2,77",
        "--max-new-tokens",
        "10",
        "--json",
    ];
    let ids = |flags: &[&str]| json("generate", &[flags, &prompt].concat())["token_ids"].clone();
    let merged = ids(&["--model", &folder]);
    assert_eq!(merged, ids(&flags[..4]));
    assert_ne!(merged, ids(&flags[..2]));
}

#[test]
fn a_cached_model_is_found_by_its_id() {
    const COMMIT: &str = "3333333333333333333333333333333333333333";
    let home = tempfile::tempdir().unwrap();
    let repository = home.path().join("hub/models--org--name");
    let snapshot = repository.join("snapshots").join(COMMIT);
    std::fs::create_dir_all(&snapshot).unwrap();
    std::fs::create_dir_all(repository.join("refs")).unwrap();
    std::fs::write(repository.join("refs/main"), COMMIT).unwrap();
    for name in ["config.json", "model.safetensors"] {
        let source = Path::new(&fixture("tiny-llama")).join(name);
        std::fs::copy(source, snapshot.join(name)).unwrap();
    }
    let home = text(home.path());
    let variables = [("HF_HOME", home.as_str()), ("HF_HUB_OFFLINE", "1")];
    let generate = |model: &str| {
        let flags = [
            "--model",
            model,
            "--prompt-ids",
            "5,9,2",
            "--max-new-tokens",
            "4",
        ];
        run_with("generate", &flags, &variables)
    };
    let (found, expected) = (generate("org/name"), generate(&fixture("tiny-llama")));
    assert_eq!(found.code, Some(0), "{found:?}");
    let ids = |output: &str| {
        let output: serde_json::Value = serde_json::from_str(output).unwrap();
        output["token_ids"].clone()
    };
    assert_eq!(ids(&found.stdout), ids(&expected.stdout));

    let missing = generate("org/nmae@v2");
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert_contains(
        &missing.stderr,
        &["org/nmae@v2: config.json", "HF_HUB_OFFLINE"],
    );
    // What looks like a path is one.
    let path = generate("./org/name");
    assert_eq!(path.code, Some(2));
    assert_contains(&path.stderr, &["./org/name: no such file or folder"]);
}
