//! Settings from flags, files and defaults.

use std::path::Path;

use anneal_kernels::{Kernel, KernelSet, MatmulPrecision};
use anneal_peft::{InitLoraWeights, LoraConfig, TargetModules};
use clap::Parser;

use super::*;

#[derive(clap::Parser)]
struct Flags {
    #[command(flatten)]
    settings: GivenSettings,
}

/// The settings of these flags and the three that every run needs.
fn resolve(flags: &[&str]) -> Result<Settings, ExampleError> {
    let needed = ["finetune", "--model", "m", "--data", "d", "--output", "o"];
    let given = Flags::parse_from([&needed, flags].concat()).settings;
    given.resolve()
}

/// Why flags are refused.
fn refused(flags: &[&str]) -> String {
    resolve(flags).unwrap_err().to_string()
}

fn lora(settings: &Settings) -> &LoraConfig {
    let Some(Adapter::Lora(config)) = &settings.adapter else {
        panic!("{settings:?}");
    };
    config
}

#[test]
fn a_flag_wins_over_the_file_and_the_file_over_the_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    let text = "model = \"m.gguf\"\ndata = [\"a.jsonl\"]\noutput = \"out\"\nlora_r = 4\nseed = 7\n";
    std::fs::write(&path, text).unwrap();
    let flags = Flags::parse_from(["finetune", "--lora-r", "8"]).settings;
    let settings = flags.beneath(Some(&path)).unwrap().resolve().unwrap();
    assert_eq!(settings.model, Path::new("m.gguf"));
    assert_eq!(
        (lora(&settings).r, settings.seed, settings.batches.seed),
        (8, 7, 7)
    );
    assert_eq!(
        (lora(&settings).lora_alpha, settings.data.max_length),
        (32.0, 384)
    );
    assert_eq!(settings.trainer.budget.epochs, Some(1.0));
}

#[test]
fn every_key_is_a_flag_and_no_key_stands_twice() {
    let keys = GivenSettings::keys();
    let command = <Flags as clap::CommandFactory>::command();
    let flags: Vec<String> = command
        .get_arguments()
        .filter_map(|flag| Some(flag.get_long()?.replace('-', "_")))
        .filter(|flag| flag != "help")
        .collect();
    assert_eq!(flags, keys);
    let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len());
    // Each says what it does, and what it is without being given.
    for flag in command.get_arguments() {
        assert!(flag.get_help().is_some(), "{flag:?}");
    }
}

#[test]
fn the_adapter_s_kind_is_given_by_flags_or_by_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    let text = "model = \"m\"\ndata = [\"a\"]\noutput = \"o\"\nuse_rslora = true\n\
                use_dora = true\ninit_lora_weights = \"pissa_niter_4\"\n";
    std::fs::write(&path, text).unwrap();
    let of = |flags: &[&str]| {
        let given = Flags::parse_from([&["finetune"], flags].concat()).settings;
        let settings = given.beneath(Some(&path)).unwrap().resolve().unwrap();
        let lora = lora(&settings);
        (lora.use_rslora, lora.use_dora, lora.init_lora_weights)
    };
    assert_eq!(of(&[]), (true, true, InitLoraWeights::PissaNiter(4)));
    let flags = [
        "--use-rslora=false",
        "--use-dora",
        "--init-lora-weights",
        "false",
    ];
    assert_eq!(of(&flags), (false, true, InitLoraWeights::Random));

    let wrong = ["finetune", "--init-lora-weights", "eva"];
    let error = Flags::try_parse_from(wrong).map(|_| ()).unwrap_err();
    let message = "init_lora_weights is \"eva\", but it must be true, false, \"gaussian\"";
    assert!(error.to_string().contains(message), "{error}");
    std::fs::write(&path, text.replace("pissa_niter_4", "eva")).unwrap();
    let error = GivenSettings::default().beneath(Some(&path)).unwrap_err();
    let error = error.to_string();
    assert!(
        error.contains(message) && error.contains("line 6"),
        "{error}"
    );
}

#[test]
fn a_setting_that_would_change_nothing_is_refused() {
    let error = refused(&["--max-skipped", "3"]);
    assert!(
        error.contains("max-skipped") && error.contains("--non-finite skip"),
        "{error}"
    );
    resolve(&["--max-skipped", "3", "--non-finite", "skip"]).unwrap();
    let error = refused(&["--keep-originals"]);
    assert!(
        error.contains("keep-originals") && error.contains("nothing is varied"),
        "{error}"
    );
    for varied in [["--distractor-tables", "2"], ["--shuffle-tables", "true"]] {
        resolve(&[&["--keep-originals"], &varied[..]].concat()).unwrap();
    }
}

#[test]
fn a_method_has_its_own_settings_and_learning_rate() {
    let rate = |flags: &[&str]| {
        let settings = resolve(flags).unwrap();
        settings.trainer.optimizer.learning_rate()
    };
    assert_eq!(rate(&[]), 1e-3);
    assert_eq!(rate(&["--method", "full"]), 1e-4);
    assert_eq!(rate(&["--method", "vera", "--learning-rate", "0.5"]), 0.5);

    let settings = resolve(&["--method", "vera", "--vera-r", "8"]).unwrap();
    let json = serde_json::to_value(&settings).unwrap();
    assert_eq!(json["method"], "vera");
    assert_eq!(json["vera"]["r"], 8);
    assert!(json["lora"].is_null());
    let json = serde_json::to_value(resolve(&[]).unwrap()).unwrap();
    assert_eq!(json["lora"]["r"], 16);
    assert_eq!(json["max_length"], 384);

    assert_eq!(
        refused(&["--method", "full", "--lora-r", "8"]),
        "--lora-r is given with --method full; expected none: it is a setting of --method lora"
    );
    assert_eq!(
        refused(&["--method", "dora"]),
        "--method is dora; expected lora, ia3, vera, prompt-tuning, full, norms or embeddings"
    );
    assert_eq!(
        refused(&["--method", "norms", "--loraplus-ratio", "4"]),
        "--loraplus-ratio is given with --method norms; expected none: it is a setting of --method lora"
    );
    let text = ["--method", "prompt-tuning", "--virtual-init", "text"];
    assert!(refused(&text).contains("--virtual-text"));
}

#[test]
fn the_computation_is_exact_and_in_memory_s_measure_unless_told_otherwise() {
    let found = resolve(&[]).unwrap().compute;
    assert_eq!(found, ComputeSettings::default());
    assert_eq!(found.gradient_checkpointing, GradientCheckpointing::Auto);
    assert_eq!(found.matmul_precision, MatmulPrecision::Highest);
    assert_eq!(found.kernels, KernelSet::ALL);
    let without = resolve(&["--kernels", "-attention"]).unwrap().compute;
    assert_eq!(without.kernels, KernelSet::ALL.without(Kernel::Attention));

    let text = "model = \"m\"\ndata = [\"d\"]\noutput = \"o\"\n\
                gradient_checkpointing = \"off\"\nmatmul_precision = \"medium\"\n\
                kernels = \"swiglu\"\n";
    let given = GivenSettings::from_toml(Path::new("run.toml"), text).unwrap();
    let settings = given.resolve().unwrap();
    let json = serde_json::to_value(&settings).unwrap();
    assert_eq!(json["gradient_checkpointing"], "off");
    assert_eq!(json["matmul_precision"], "medium");
    assert_eq!(json["kernels"], "swiglu");

    assert_eq!(
        refused(&["--gradient-checkpointing", "yes"]),
        "--gradient-checkpointing is yes; expected auto, on or off"
    );
    assert_eq!(
        refused(&["--matmul-precision", "high"]),
        "--matmul-precision is high; expected highest or medium"
    );
    assert_eq!(
        refused(&["--kernels", "swish"]),
        "--kernels is swish; expected all, none or of rms_norm, rotary, swiglu, attention, linear, lora_linear, \
         linear_cross_entropy"
    );
}

#[test]
fn the_optimiser_is_known_by_its_name() {
    let trainer = |flags: &[&str]| resolve(flags).unwrap().trainer;
    let found = trainer(&["--optimizer", "lion", "--weight-decay", "0.5"]);
    assert_eq!(found.optimizer.name(), "lion");
    assert_eq!(found.optimizer.learning_rate(), 1e-3);
    assert!(found.groups.is_empty());
    let found = trainer(&["--loraplus-ratio", "8", "--max-tokens", "5000"]);
    let ratios = found.groups.iter().map(|group| group.learning_rate_ratio);
    assert!(ratios.into_iter().any(|ratio| ratio == 8.0), "{found:?}");
    assert_eq!(
        (found.budget.max_tokens, found.budget.epochs),
        (Some(5000), None)
    );
    let message = refused(&["--optimizer", "adamax"]);
    assert!(message.starts_with("--optimizer is adamax; expected one of adamw, adam,"));
}

#[test]
fn a_prompt_is_given_by_its_parts() {
    use crate::prompting::SchemaText;
    let settings = resolve(&["--system", "SQL.", "--schema", "compact"]).unwrap();
    assert_ne!(settings.prompt.schema, SchemaText::Given);
    let json = serde_json::to_value(&settings).unwrap();
    assert_eq!(json["system"], "SQL.");
    assert_eq!(json["prompt"]["parts"]["constants"]["system"], "SQL.");
    assert!(refused(&["--schema", "ddl"]).contains("given, create-table"));
    assert_eq!(
        refused(&["--prompt", "p.json", "--system", "SQL."]),
        "--prompt is p.json; expected none beside --system"
    );
}

#[test]
fn packing_fills_the_widest_row_that_a_micro_batch_holds() {
    let batches = |flags: &[&str]| resolve(flags).map(|settings| settings.batches);
    let plain = serde_json::to_string(&batches(&["--pack=false"]).unwrap()).unwrap();
    assert!(
        !plain.contains("capacity") && !plain.contains("buckets"),
        "{plain}"
    );
    assert_eq!(batches(&["--pack"]).unwrap(), batches(&[]).unwrap());
    let packed = batches(&["--micro-tokens", "1001"]).unwrap();
    assert_eq!((packed.capacity, packed.buckets), (Some(1000), vec![]));
    let packed = batches(&["--pack", "--buckets", "256,512,2048"]).unwrap();
    assert_eq!(
        (packed.capacity, packed.buckets),
        (Some(512), vec![256, 512, 2048])
    );
    let error = batches(&["--pack", "--micro-tokens", "200", "--buckets", "256"]).unwrap_err();
    let message = "--micro-tokens is 200; expected at least 256, the narrowest row";
    assert_eq!(error.to_string(), message);
}

#[test]
fn the_course_of_a_run_must_be_possible() {
    let course = |flags: &[&str]| resolve(flags).unwrap().course;
    assert_eq!(course(&[]).validate_every, Some(50));
    assert_eq!(course(&["--validate-every", "0"]).validate_every, None);
    let by_accuracy = course(&["--best-by", "accuracy", "--validate-every", "30"]);
    assert_eq!(by_accuracy.evaluate_every, Some(30));
    let both = ["--validate-every", "20", "--evaluate-every", "40"];
    assert_eq!(course(&both).evaluate_every, Some(40));
    assert_eq!(
        refused(&["--validate-every", "20", "--evaluate-every", "30"]),
        "--evaluate-every is 30; expected a multiple of --validate-every, which is 20"
    );
    assert_eq!(
        refused(&["--validate-every", "0", "--patience", "3"]),
        "--validate-every is 0; expected at least 1 with --patience"
    );
    assert_eq!(
        refused(&["--checkpoint-every", "0"]),
        "--checkpoint-every is 0; expected at least 1"
    );
    assert_eq!(
        refused(&["--warmup-steps", "3", "--warmup-ratio", "0.1"]),
        "--warmup-ratio is 0.1; expected none beside --warmup-steps"
    );
}

#[test]
fn weights_of_files_and_of_classes_are_checked() {
    assert_eq!(
        refused(&["--data-weights", "1,2"]),
        "--data-weights is 1,2; expected one weight for each of 1 --data"
    );
    assert_eq!(
        refused(&["--data", "e", "--data-weights", "1,0"]),
        "--data-weights is 1,0; expected positive numbers"
    );
    assert_eq!(
        refused(&["--weight-literal=-1"]),
        "--weight-literal is -1; expected a number from 0 up"
    );
    let loss = resolve(&["--weight-literal", "2", "--label-smoothing", "0.1"]);
    let loss = loss.unwrap().loss;
    assert_eq!((loss.weights.literal, loss.weights.end), (2.0, 1.0));
    assert!(!loss.weights.are_all_one());
    assert_eq!(
        refused(&["--label-smoothing", "1"]),
        "--label-smoothing is 1; expected at least 0 and below 1"
    );
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.toml");
    std::fs::write(&path, "modle = \"m.gguf\"\n").unwrap();
    let unknown = GivenSettings::default().beneath(Some(&path)).unwrap_err();
    assert!(
        unknown
            .to_string()
            .contains("run.toml: line 1: unknown key `modle`; is it `model`?"),
        "{unknown}"
    );
    let missing = GivenSettings::default().resolve().unwrap_err().to_string();
    assert_eq!(
        missing,
        "model is missing: give --model, or `model` in the file of --config"
    );
    assert_eq!(
        refused(&["--batch-size", "0"]),
        "--batch-size is 0; expected at least 1"
    );
    assert_eq!(
        refused(&["--decay", "exp"]),
        "--decay is exp; expected cosine, linear or constant"
    );
}

#[test]
fn target_modules_are_names_or_a_pattern() {
    use super::method::targets;
    assert_eq!(
        targets("q_proj, v_proj"),
        TargetModules::names(["q_proj", "v_proj"])
    );
    assert_eq!(targets("q_proj"), TargetModules::names(["q_proj"]));
    assert_eq!(targets("all-linear"), TargetModules::all_linear());
    let pattern = r".*\.(q|v)_proj";
    assert_eq!(targets(pattern), TargetModules::Pattern(pattern.into()));
}

#[test]
fn the_settings_in_the_repository_are_good_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("runs");
    let mut files = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let flags = ["finetune", "--model", "m", "--data", "d", "--output", "o"];
        let given = Flags::parse_from(flags).settings;
        let settings = given.beneath(Some(&path)).unwrap().resolve();
        assert_eq!(settings.unwrap().method, Method::Lora, "{path:?}");
        files += 1;
    }
    assert_eq!(files, 3);
}
