//! Manifests: written, read back strictly, and compared.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::collections::BTreeMap;
use std::path::Path;

use anneal_data::{
    EncodingEntry, Manifest, ManifestError, MixConfig, MixSource, Mixture, MixtureEntry,
    ResultEntry, SourceEntry, SplitEntry, StepEntry, TemplateEntry, TokenizerEntry,
};
use serde_json::{Value, json};

fn source(path: &str, rows: u64) -> SourceEntry {
    SourceEntry {
        spec: "data/*.jsonl".to_owned(),
        path: path.to_owned(),
        bytes: 40 * rows,
        sha256: format!("{rows:064x}"),
        format: "json-lines".to_owned(),
        columns: vec!["question".to_owned(), "sql".to_owned()],
        rows,
    }
}

fn step(name: &str, rows_in: u64, reasons: &[(&str, u64)]) -> StepEntry {
    let reasons: BTreeMap<String, u64> = reasons
        .iter()
        .map(|&(reason, count)| (reason.to_owned(), count))
        .collect();
    StepEntry {
        name: name.to_owned(),
        rows_in,
        rows_out: rows_in - reasons.values().sum::<u64>(),
        reasons,
    }
}

/// A manifest in which every part is there.
fn full() -> Manifest {
    let mix_source = |name: &str, examples| MixSource {
        name: name.to_owned(),
        examples,
    };
    let sources = vec![mix_source("spider", 20), mix_source("talk", 10)];
    let mixture = Mixture::new(sources, MixConfig::default()).unwrap();
    Manifest {
        sources: vec![source("data/a.jsonl", 20), source("data/b.jsonl", 12)],
        steps: vec![
            step("clean", 32, &[("no sql", 1), ("does not parse", 1)]),
            step("split", 30, &[("held out", 3)]),
        ],
        // More than 2^53: no number may pass through a float.
        seeds: [("split", 7), ("shuffle", u64::MAX)]
            .map(|(n, s)| (n.to_owned(), s))
            .into(),
        template: Some(TemplateEntry::new("chatml", "{{ messages }}")),
        prompt: Some(json!({ "system": null, "user": "{question}" })),
        tokenizer: Some(TokenizerEntry::new(b"{}", 49_152)),
        encoding: Some(EncodingEntry {
            max_length: 512,
            policy: "drop".to_owned(),
            turns: "all".to_owned(),
            end: "<|im_end|>".to_owned(),
            trim_tail: true,
        }),
        packing: Some(json!({ "capacity": 1024 })),
        splits: Some(SplitEntry {
            rule: "by database, seed 7".to_owned(),
            parts: [("train", 27), ("test", 3)]
                .map(|(n, r)| (n.to_owned(), r))
                .into(),
        }),
        mixture: Some(MixtureEntry::from(&mixture)),
        result: Some(ResultEntry {
            examples: 27,
            tokens: 2_700,
            trained_tokens: 540,
            digest: "ab".repeat(32),
        }),
        ..Manifest::default()
    }
}

fn words(before: &Manifest, now: &Manifest) -> Vec<String> {
    let differences = before.compare(now).unwrap();
    differences.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_written_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("manifest.json");
    for manifest in [full(), Manifest::default()] {
        manifest.write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), manifest);
        assert_eq!(words(&manifest, &Manifest::read(&path).unwrap()), [""; 0]);
    }
    // Nothing of the writing is left.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_manifest_that_cannot_be_written_leaves_nothing_and_harms_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no").join("manifest.json");
    let error = full().write(&missing).unwrap_err().to_string();
    assert!(
        error.starts_with("cannot write `") && error.contains("no"),
        "{error}"
    );
    // The name is a folder: the renaming fails, and the other name is gone.
    let taken = folder.path().join("taken");
    std::fs::create_dir(&taken).unwrap();
    std::fs::write(taken.join("file"), "").unwrap();
    let error = full().write(&taken).unwrap_err().to_string();
    assert!(error.starts_with("cannot rename `"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

/// The places of all values in a document.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut below = |key: &str, value: &Value| {
        let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
        found.push(at.clone());
        places(value, &at, found);
    };
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| below(key, value)),
        Value::Array(items) => {
            let items = items.iter().enumerate();
            items.for_each(|(index, value)| below(&index.to_string(), value));
        }
        _ => {}
    }
}

fn read(path: &Path, text: &str) -> Result<Manifest, ManifestError> {
    std::fs::write(path, text).unwrap();
    Manifest::read(path)
}

#[test]
fn every_key_must_be_there_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.json");
    let document = serde_json::to_value(full()).unwrap();
    let mut found = Vec::new();
    places(&document, "", &mut found);
    let mut keys = 0;
    for place in found {
        // Free-form parts, names that somebody gave, and settings whose defaults are documented.
        let free = [
            "/seeds/",
            "/reasons/",
            "/parts/",
            "/prompt/",
            "/packing/",
            "/config/",
        ];
        if free.iter().any(|part| place.contains(part)) {
            continue;
        }
        let (parent, key) = place.rsplit_once('/').unwrap();
        let mut changed = document.clone();
        let Some(object) = changed.pointer_mut(parent).unwrap().as_object_mut() else {
            continue;
        };
        keys += 1;
        object.remove(key).unwrap();
        let text = read(&path, &changed.to_string()).unwrap_err().to_string();
        assert!(
            text.contains(&format!("missing field `{key}`")),
            "{place}: {text}"
        );
        assert!(text.contains("m.json"), "{text}");
    }
    // 12 at the top and what is below them.
    assert!(keys > 40, "{keys}");
    let mut changed = document.clone();
    changed["sources"][1]["sha1"] = json!("x");
    let text = read(&path, &changed.to_string()).unwrap_err().to_string();
    let begin = format!(
        "`{}`, at `sources[1].sha1`: unknown field `sha1`, expected one of",
        path.display()
    );
    assert!(text.starts_with(&begin), "{text}");
    let mut changed = document;
    changed["steps"][0]["rows_in"] = json!("many");
    let text = read(&path, &changed.to_string()).unwrap_err().to_string();
    let begin = format!(
        "`{}`, at `steps[0].rows_in`: invalid type: string \"many\", expected u64",
        path.display()
    );
    assert!(text.starts_with(&begin), "{text}");
}

#[test]
fn a_file_cut_off_anywhere_is_no_manifest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.json");
    let text = serde_json::to_string_pretty(&full()).unwrap();
    for end in 0..text.len() {
        let error = read(&path, &text[..end]).unwrap_err();
        let expected = match &error {
            ManifestError::Truncated { .. } => true,
            // After a decimal point the parser speaks of the number, and not of the end.
            ManifestError::Json { .. } => text[..end].ends_with('.'),
            _ => false,
        };
        assert!(expected, "{end}: {error}");
    }
    let error = read(&path, "{\n  \"version\": 1,").unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{}` is cut off: it ends at line 2, column 15, inside the JSON document",
            path.display()
        )
    );
}

#[test]
fn other_files_are_told_from_manifests() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.json");
    let name = path.display();
    let text = |text: &str| read(&path, text).unwrap_err().to_string();
    assert_eq!(
        text(r#"{"version": 2, "anything": []}"#),
        format!("`{name}` has version 2; this program reads version 1")
    );
    assert_eq!(
        text(r#"{"version": "1"}"#),
        format!("`{name}` has version \"1\"; this program reads version 1")
    );
    assert_eq!(
        text("{}"),
        format!("`{name}`, at the top: missing field `version` at line 1 column 2")
    );
    assert_eq!(
        text("version: 1"),
        format!("`{name}` is not JSON: expected value at line 1 column 1")
    );
    assert_eq!(
        text(r#"{"version": 1} x"#),
        format!("`{name}` is not JSON: trailing characters at line 1 column 16")
    );
    let missing = folder.path().join("none.json");
    let error = Manifest::read(&missing).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot read `{}`: ", missing.display())),
        "{error}"
    );
}

#[test]
fn differences_are_said_in_words() {
    let before = full();
    let mut now = full();
    now.sources[1].sha256 = "cd".repeat(32);
    now.steps[0].rows_out = 29;
    now.steps[0].reasons.insert("no sql".to_owned(), 2);
    now.steps[0].reasons.remove("does not parse");
    now.steps[1].reasons.insert("leak".to_owned(), 4);
    now.seeds.insert("split".to_owned(), 8);
    now.template = None;
    now.tokenizer.as_mut().unwrap().vocabulary = 49_153;
    now.encoding.as_mut().unwrap().max_length = 256;
    now.prompt.as_mut().unwrap()["user"] = json!("Q: {question}");
    now.mixture.as_mut().unwrap().sources[1].examples = 11;
    now.result.as_mut().unwrap().trained_tokens = 541;
    let template = before
        .template
        .as_ref()
        .map(|template| json!(template))
        .unwrap();
    assert_eq!(
        words(&before, &now),
        [
            format!(
                "source `data/b.jsonl`, sha256: \"{:064x}\" before, \"{}\" now",
                12,
                "cd".repeat(32)
            ),
            "step `clean`, rows out: 30 before, 29 now".to_owned(),
            "step `clean`, reason `does not parse`: 1 before, missing now".to_owned(),
            "step `clean`, reason `no sql`: 1 before, 2 now".to_owned(),
            "step `split`, reason `leak`: new, 4".to_owned(),
            "seed `split`: 7 before, 8 now".to_owned(),
            format!("template: {template} before, null now"),
            "prompt, user: \"{question}\" before, \"Q: {question}\" now".to_owned(),
            "tokenizer, vocabulary: 49152 before, 49153 now".to_owned(),
            "encoding, max length: 512 before, 256 now".to_owned(),
            "mixture, source `talk`, examples: 10 before, 11 now".to_owned(),
            "result, trained tokens: 540 before, 541 now".to_owned(),
        ]
    );
}

#[test]
fn entries_that_come_go_and_move_are_named() {
    let before = full();
    let mut now = full();
    now.steps.push(step("clean", 27, &[]));
    now.sources.reverse();
    assert_eq!(
        words(&before, &now),
        [
            "order of the sources: \"data/a.jsonl, data/b.jsonl\" before, \"data/b.jsonl, data/a.jsonl\" now",
            // A second step of one name is another step.
            "step `clean (2)`: new",
        ]
    );
    let mut now = full();
    now.steps.remove(0);
    assert_eq!(
        words(&before, &now),
        ["step `clean`: there before, missing now"]
    );
    // The same file elsewhere: only its path differs.
    let mut now = full();
    now.sources[0].path = "moved/a.jsonl".to_owned();
    assert_eq!(
        words(&before, &now),
        ["source `data/a.jsonl`, path: \"data/a.jsonl\" before, \"moved/a.jsonl\" now"]
    );
}

#[test]
fn no_single_change_goes_unnoticed() {
    let document = serde_json::to_value(full()).unwrap();
    let mut found = Vec::new();
    places(&document, "", &mut found);
    let mut changes = 0;
    for place in found {
        let mut changed = document.clone();
        let value = changed.pointer_mut(&place).unwrap();
        *value = match &*value {
            Value::Number(number) if number.is_u64() => json!(number.as_u64().unwrap() / 2 + 1),
            Value::Number(number) => json!(number.as_f64().unwrap() * 0.5),
            Value::String(text) => json!(format!("{text}x")),
            _ => continue,
        };
        let Ok(now) = serde_json::from_value::<Manifest>(changed) else {
            // Names that only some values have, such as the weights' kind.
            continue;
        };
        if now == full() {
            continue;
        }
        changes += 1;
        assert!(!words(&full(), &now).is_empty(), "{place}");
    }
    assert!(changes > 40, "{changes}");
}

#[test]
fn a_file_is_hashed_as_it_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.csv");
    // More than one piece of reading: a million times "a", a published vector of SHA-256.
    std::fs::write(&path, "a".repeat(1_000_000)).unwrap();
    let entry = SourceEntry::of_file("rows.csv", &path, "csv", vec!["a".to_owned()], 3).unwrap();
    assert_eq!(
        entry.sha256,
        "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"
    );
    assert_eq!((entry.bytes, entry.rows), (1_000_000, 3));
    assert_eq!(entry.path, path.display().to_string());
    let missing = folder.path().join("none.csv");
    let error = SourceEntry::of_file("none", &missing, "csv", vec![], 0)
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with(&format!("cannot open `{}`: ", missing.display())),
        "{error}"
    );
}
