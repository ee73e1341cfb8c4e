//! `quickstart`: the model that the repository carries, its data, and the whole way in small.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anneal_data::{Message, SqlPrompt};
use anneal_examples::quickstart::{
    Data, QuickstartSettings, domain, quickstart, small_model, summary,
};
use anneal_examples::{Conversation, pretrain};
use anneal_llama::{GenerateOptions, generate, load};
use anneal_peft::load_adapter;
use anneal_sql::{Budget, Database};
use anneal_train::ProgressReport;
use burn::tensor::Device;

/// Few databases, few questions, two steps.
fn small(output: &Path) -> QuickstartSettings {
    QuickstartSettings {
        output: output.to_owned(),
        train_databases: 4,
        train_questions: 4,
        test_databases: 3,
        test_questions: 4,
        steps: 2,
        batch_size: 4,
        ..QuickstartSettings::default()
    }
}

#[test]
fn the_model_is_small_and_answers_as_recorded() {
    let files = fs::read_dir(small_model()).unwrap();
    let bytes: u64 = files
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!((1_000_000..=8_000_000).contains(&bytes), "{bytes}");

    let device = Device::flex();
    let loaded = load(&small_model(), &device).unwrap();
    let conversation = Conversation::new(&loaded, &small_model(), "a test").unwrap();
    let context = "CREATE TABLE singer (singer_id INTEGER, name TEXT, age INTEGER)";
    let messages: Vec<Message> = SqlPrompt::default()
        .prompt(context, "How many singers are there?")
        .unwrap();
    let ids = conversation.prompt_ids(&messages).unwrap();
    let options = GenerateOptions {
        max_new_tokens: 40,
        end_ids: conversation.end_ids().to_vec(),
        ..GenerateOptions::default()
    };
    let answers = generate(&loaded.model, &loaded.config, &[ids], &options, &device).unwrap();
    let text = conversation
        .tokenizer()
        .decode(&answers[0].token_ids, false)
        .unwrap();
    assert_eq!(text, "SELECT COUNT(*) FROM singer");
    assert_eq!(answers[0].token_ids.last(), Some(&pretrain::END));
}

#[test]
fn the_base_model_has_not_seen_the_domain() {
    let words = |domain: &pretrain::Domain| {
        let names = domain.tables.iter().flat_map(|table| {
            let nouns = table.nouns.iter().map(|noun| noun[0].clone());
            table.names.iter().cloned().chain(nouns)
        });
        names.collect::<BTreeSet<_>>()
    };
    let own = words(&domain().unwrap());
    let domains = pretrain::domains().unwrap();
    let held_out = |name: &String| pretrain::HELD_OUT.contains(&name.as_str());
    for seen in domains.iter().filter(|domain| !held_out(&domain.name)) {
        // A field's harvests are no honey; all other tables are the association's alone.
        let shared: Vec<String> = words(seen).intersection(&own).cloned().collect();
        assert!(
            shared.is_empty() || shared == ["harvest"],
            "{}: {shared:?}",
            seen.name
        );
    }
}

#[test]
fn databases_are_valid_and_no_schema_is_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let settings = QuickstartSettings {
        steps: 1,
        ..QuickstartSettings::default()
    };
    let data = Data::make(&settings, folder.path()).unwrap();
    assert_eq!(data.train.len(), settings.train_databases);
    assert_eq!(data.test.len(), settings.test_databases);
    let contexts = |part: &[pretrain::Asked]| {
        let contexts = part.iter().map(|asked| asked.made.context());
        contexts.collect::<BTreeSet<_>>()
    };
    assert!(contexts(&data.train).is_disjoint(&contexts(&data.test)));
    for asked in data.train.iter().chain(&data.test) {
        let path = asked.made.path(&folder.path().join("databases"));
        let database = Database::open(&path).unwrap();
        for question in &asked.questions {
            let rows = database.query(&question.sql, &Budget::default()).unwrap();
            assert!(!rows.rows().is_empty(), "{}", question.sql);
        }
    }
    let written = fs::read_to_string(folder.path().join("test.jsonl")).unwrap();
    assert_eq!(written.lines().count(), Data::questions(&data.test).len());
    let other = tempfile::tempdir().unwrap();
    let again = Data::make(&settings, other.path()).unwrap();
    assert_eq!(Data::questions(&again.train), Data::questions(&data.train));
}

#[test]
fn the_whole_way_in_small() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("run");
    let settings = small(&output);
    let device = Device::flex().autodiff();
    let run = || quickstart(&settings, &device, ProgressReport::Hidden).unwrap();
    let report = run();
    assert_eq!(report.losses.len(), 2);
    assert_eq!(report.before.judged, report.after.judged);
    assert_eq!(report.before.judged, report.paired.pairs());
    assert!(report.before.judged >= 10 && report.shown.len() == 8);
    let text = summary(&report, &output);
    for words in [
        "base model",
        "fine-tuned",
        "95 % interval",
        "cargo run --release --example ask",
    ] {
        assert!(text.contains(words), "{text}");
    }
    for file in [
        "report.json",
        "report.html",
        "before.json",
        "after.json",
        "train.jsonl",
        "test.jsonl",
    ] {
        assert!(output.join(file).metadata().unwrap().len() > 100, "{file}");
    }
    let loaded = load(&small_model(), &Device::flex()).unwrap();
    let (_, config, _) = load_adapter(loaded.model, output.join("adapter")).unwrap();
    let _ = config;

    // Again: the same numbers, in the folder that is its own.
    fs::write(output.join("databases").join("litter"), "x").unwrap();
    let again = run();
    assert_eq!(again.losses, report.losses);
    assert!(!output.join("databases").join("litter").exists());
}

#[test]
fn a_folder_of_somebody_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("letter.txt"), "dear").unwrap();
    let device = Device::flex().autodiff();
    let error = quickstart(&small(folder.path()), &device, ProgressReport::Hidden).unwrap_err();
    assert!(
        error.to_string().contains("there is something already"),
        "{error}"
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("letter.txt")).unwrap(),
        "dear"
    );
}
