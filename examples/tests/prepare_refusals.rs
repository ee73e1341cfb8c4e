//! The example `prepare` on input and flags that are no good.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use common::rows::{Files, flags, pet};
use common::{assert_contains, misused, refused, succeed, text};
use serde_json::json;

#[test]
fn bad_input_ends_with_one_sentence() {
    let files = Files::new();
    let good = files.lines("good.jsonl", &[pet("SELECT 1")]);
    let refuse = |data: &str, more: &[&str]| refused("prepare", &flags(data, more));

    let columns = files.lines("columns.jsonl", &[json!({"text": "x", "schema": "y"})]);
    assert_contains(
        &refuse(&columns, &["--json"]),
        &["columns.jsonl", "text", "schema", "question"],
    );
    let message = refuse(&good, &["--format", "spider", "--json"]);
    assert_contains(&message, &["good.jsonl` line 1", "db_id"]);

    let malformed = files.write(
        "malformed.jsonl",
        format!("{}\n{{\"question\": \n", pet("SELECT 1")),
    );
    assert_contains(
        &refuse(&malformed, &["--json"]),
        &["malformed.jsonl` line 2", "invalid JSON"],
    );
    let utf8 = files.write(
        "utf8.jsonl",
        [
            pet("SELECT 1").to_string().as_bytes(),
            b"\n{\"question\": \"\xff\"}\n",
        ]
        .concat(),
    );
    assert_contains(
        &refuse(&utf8, &["--json"]),
        &["utf8.jsonl` line 2", "UTF-8"],
    );
    let null = json!({"question": null, "context": "CREATE TABLE t (x)", "answer": "SELECT 1"});
    let null = files.lines("null.jsonl", &[pet("SELECT 1"), null]);
    assert_contains(
        &refuse(&null, &["--json"]),
        &["null.jsonl` line 2", "question"],
    );
    let mixed = json!({"question": ["a"], "context": "CREATE TABLE t (x)", "answer": "SELECT 1"});
    let mixed = files.lines("mixed.jsonl", &[pet("SELECT 1"), mixed]);
    assert_contains(
        &refuse(&mixed, &["--json"]),
        &["mixed.jsonl` line 2", "question"],
    );
    let empty = files.write("empty.jsonl", "");
    assert_contains(&refuse(&empty, &["--json"]), &["empty.jsonl"]);
    let parquet = files.write("cut.parquet", b"PAR1abcdefgh");
    assert_contains(&refuse(&parquet, &["--json"]), &["cut.parquet"]);
    let xz = files.write("cut.jsonl.xz", b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F");
    assert_contains(
        &refuse(&xz, &["--json", "--on-bad-row", "set-apart"]),
        &["cut.jsonl.xz"],
    );
    assert_contains(&refuse("nowhere.jsonl", &["--json"]), &["nowhere.jsonl"]);
    assert_contains(
        &refuse(&good, &["--json", "--max-length", "5"]),
        &[
            "good.jsonl",
            "no row is left to learn from",
            "over 5 tokens",
        ],
    );
    assert_contains(
        &refuse(
            &good,
            &["--pack", "--max-length", "64", "--buckets", "64,32"],
        ),
        &["--buckets is [64, 32]"],
    );

    // By policy the rows that are wrong by themselves are left out and counted.
    for file in [&malformed, &utf8, &null, &mixed] {
        let shown = succeed("prepare", &flags(file, &["--on-bad-row", "set-apart"]));
        assert_contains(
            &shown,
            &["rows        2 from", "  kept      1\n", "  left out  1: "],
        );
    }
}

#[test]
fn flags_that_do_not_parse_say_what_would() {
    let misuse = |more: &[&str]| misused("prepare", &flags("rows.jsonl", more));
    assert_contains(
        &misuse(&["--format", "csv"]),
        &["--format", "sql-create-context, spider"],
    );
    assert_contains(&misuse(&["--columns", "question"]), &["--columns"]);
    assert_contains(
        &misuse(&["--on-bad-row", "ignore"]),
        &["--on-bad-row", "set-apart"],
    );
    assert_contains(&misuse(&["--buckets", "64"]), &["--pack"]);
    let nowhere = ["--model", "nowhere.gguf", "--data", "rows.jsonl"];
    assert_eq!(
        refused("prepare", &nowhere),
        "nowhere.gguf: no such file or folder; expected a GGUF file or a Hugging Face folder"
    );
    let folder = Files::new();
    let folder = text(folder.path(""));
    let nothing = ["--model", &folder, "--data", "rows.jsonl"];
    assert_contains(
        &refused("prepare", &nothing),
        &["no tokenizer; expected tokenizer.json"],
    );
}
