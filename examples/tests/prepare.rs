//! The example `prepare`: what a trainer will see, and what is left out.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use common::rows::{Files, chat, flags, pet};
use common::{assert_contains, fixture, json, read_json, refused, run, succeed, text};
use serde_json::{Value, json};

/// What transformers 5.23 gives for `pet` with the system turn "SQL.", by
/// `AutoTokenizer.from_pretrained(fixture "gguf/hf").apply_chat_template(messages)`.
const PET_IDS: [i64; 79] = [
    1, 85, 91, 85, 86, 71, 79, 201, 53, 51, 46, 16, 2, 201, 1, 87, 85, 297, 201, 305, 262, 223,
    312, 277, 223, 82, 313, 223, 10, 80, 271, 301, 11, 201, 15, 15, 223, 42, 81, 89, 223, 79, 295,
    91, 223, 82, 313, 85, 33, 2, 201, 1, 296, 85, 75, 85, 86, 295, 86, 201, 311, 304, 223, 37, 49,
    55, 48, 54, 10, 12, 11, 223, 308, 47, 223, 82, 313, 2, 201,
];
/// Its tokens before the answer, which is learned to its end token; the new line after that is not.
const PET_PROMPT: usize = 60;

fn pet_labels() -> Vec<i64> {
    let trained = PET_PROMPT..PET_IDS.len() - 1;
    let label = |(place, id)| if trained.contains(&place) { id } else { -100 };
    PET_IDS.into_iter().enumerate().map(label).collect()
}

fn examples(flags: &[String]) -> Vec<Value> {
    json("prepare", flags)["examples"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn the_document_holds_transformers_ids_and_what_is_learned_of_them() {
    let files = Files::new();
    let data = files.lines("pets.jsonl", &[pet("SELECT COUNT(*) FROM pet")]);
    let expected = json!({"examples": [{"input_ids": PET_IDS.to_vec(), "labels": pet_labels()}]});
    let flags = flags(&data, &["--system", "SQL.", "--json"]);
    assert_eq!(json("prepare", &flags), expected);
    // A folder with the tokenizer's files and nothing else is a model here.
    let folder = files.path("tokenizer");
    std::fs::create_dir(&folder).unwrap();
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        std::fs::copy(fixture(&format!("gguf/hf/{name}")), folder.join(name)).unwrap();
    }
    let model = text(&folder);
    let flags = [
        "--model", &model, "--data", &data, "--system", "SQL.", "--json",
    ];
    assert_eq!(json("prepare", &flags), expected);
}

#[test]
fn all_turns_are_learned_or_the_last() {
    let files = Files::new();
    let turns = [
        ("user", "Hi"),
        ("assistant", "Hello"),
        ("user", "Age?"),
        ("assistant", "7"),
    ];
    let data = files.lines("chat.jsonl", &[chat(&turns)]);
    // Places of `Hello<|im_end|>` and `7<|im_end|>` in transformers' ids.
    let (first, last) = (18..24, 45..47);
    for (which, spans) in [("all", vec![first, last.clone()]), ("last", vec![last])] {
        let made = examples(&flags(&data, &["--turns", which, "--json"]));
        let labels = made[0]["labels"].as_array().unwrap();
        assert_eq!(labels.len(), 48, "{which}");
        for (place, label) in labels.iter().enumerate() {
            let learned = spans.iter().any(|span| span.contains(&place));
            let expected = if learned {
                &made[0]["input_ids"][place]
            } else {
                &json!(-100)
            };
            assert_eq!(label, expected, "{which}: place {place}");
        }
    }
}

#[test]
fn packed_rows_hold_every_example_once_and_positions_restart() {
    let files = Files::new();
    let rows: Vec<Value> = (0..9).map(|n| pet(&"x ".repeat(n * 3 + 1))).collect();
    let data = files.lines("pets.jsonl", &rows);
    let plain = examples(&flags(&data, &["--system", "SQL.", "--json"]));
    let packed = examples(&flags(
        &data,
        &[
            "--system",
            "SQL.",
            "--json",
            "--pack",
            "--max-length",
            "200",
        ],
    ));
    let length = |row: &Value| row["input_ids"].as_array().unwrap().len();
    let tokens = |rows: &[Value]| rows.iter().map(length).sum::<usize>();
    assert_eq!(tokens(&packed), tokens(&plain));
    assert!(packed.len() < plain.len());
    let mut segments = Vec::new();
    for row in &packed {
        assert!(length(row) <= 200);
        let (ids, labels) = (
            row["input_ids"].as_array().unwrap(),
            row["labels"].as_array().unwrap(),
        );
        let mut start = 0;
        for end in row["segments"].as_array().unwrap() {
            let end = start + usize::try_from(end.as_u64().unwrap()).unwrap();
            segments.push(json!({"input_ids": ids[start..end], "labels": labels[start..end]}));
            let positions: Vec<Value> = (0..end - start).map(Value::from).collect();
            assert_eq!(row["positions"].as_array().unwrap()[start..end], positions);
            start = end;
        }
        assert_eq!(start, ids.len());
    }
    let key = |row: &Value| row.to_string();
    segments.sort_by_key(key);
    let mut plain = plain;
    plain.sort_by_key(key);
    assert_eq!(segments, plain);
}

#[test]
fn a_person_sees_each_row_with_its_place_and_what_is_learned() {
    let files = Files::new();
    let rows = [
        pet("SELECT COUNT(*) FROM pet"),
        pet("SELECT 1"),
        pet("SELECT 2"),
        pet("SELECT 3"),
    ];
    let data = files.lines("pets.jsonl", &rows);
    let shown = succeed(
        "prepare",
        &flags(&data, &["--system", "SQL.", "--limit", "1"]),
    );
    let (rows, took) = shown.split_once("took").unwrap();
    assert_eq!(
        rows,
        format!(
            "── `{data}` line 1: 79 tokens, 18 trained ──
<|im_start|>system
SQL.<|im_end|>
<|im_start|>user
CREATE TABLE pet (name TEXT)
-- How many pets?<|im_end|>
<|im_start|>assistant
⟦SELECT COUNT(*) FROM pet<|im_end|>⟧

What is learned stands in ⟦this mark⟧; the rest is only read.

rows        1 from 1 file, read as sql-create-context
  kept      1
tokens      79, of which 18 are trained (22.8 %)
per example 79 in the middle, 79 at most
"
        )
    );
    assert_contains(took, &["rows/s", "tokens/s"]);
    // All rows are counted, three are shown.
    let shown = succeed("prepare", &flags(&data, &["--system", "SQL."]));
    assert_eq!(shown.matches("──\n").count(), 3);
    assert_contains(&shown, &["rows        4 from", "  kept      4\n"]);
}

#[test]
fn rows_that_are_too_long_are_left_out_or_lose_tables_and_are_counted() {
    let files = Files::new();
    let wide = json!({
        "question": "How many pets?",
        "context": "CREATE TABLE pet (name TEXT); CREATE TABLE shop (city TEXT); CREATE TABLE toy (x INT)",
        "answer": "SELECT 1",
    });
    let data = files.lines("pets.jsonl", &[pet("SELECT 1"), wide]);
    let kept = examples(&flags(
        &data,
        &["--system", "SQL.", "--max-length", "75", "--json"],
    ));
    assert_eq!(kept.len(), 1);
    let shown = succeed(
        "prepare",
        &flags(&data, &["--system", "SQL.", "--max-length", "75"]),
    );
    assert_contains(
        &shown,
        &[
            "  kept      1\n",
            "  left out  1: over 75 tokens, the longest ",
        ],
    );
    let more = [
        "--system",
        "SQL.",
        "--max-length",
        "75",
        "--over-length",
        "shorten",
    ];
    let shown = succeed("prepare", &flags(&data, &more));
    assert_contains(
        &shown,
        &[
            "  kept      2\n",
            "  shortened 1, by tables of the context\n",
        ],
    );
    // Whole tables go, from the end; the question and the answer stay.
    let user = "CREATE TABLE pet (name TEXT)\n-- How many pets?<|im_end|>\n<|im_start|>assistant\n⟦SELECT 1<|im_end|>⟧";
    assert_eq!(
        shown.matches(user).count() + shown.matches(&user.replace(")\n--", ");\n--")).count(),
        2,
        "{shown}"
    );
}

#[test]
fn what_speaks_against_a_row_sets_it_apart_with_the_reason() {
    let files = Files::new();
    let rows = [
        pet("SELECT COUNT(*) FROM pet"),
        pet("SELECT COUNT(*)  FROM pet"),
        json!({"question": "Which pets?", "context": "CREATE TABLE pet (name TEXT)", "answer": "SELECT age FROM pet"}),
        json!({"question": "Who sings?", "context": "CREATE TABLE singer (name TEXT)", "answer": "SELECT name FROM singer"}),
    ];
    let data = files.lines("pets.jsonl", &rows);
    let purge = files.lines("benchmark.jsonl", &[json!({"question": "who sings ?"})]);
    let apart = text(files.path("apart.jsonl"));
    let more = [
        "--check-sql",
        "--dedupe",
        "--purge",
        &purge,
        "--set-apart",
        &apart,
    ];
    let shown = succeed("prepare", &flags(&data, &more));
    assert_contains(
        &shown,
        &[
            "rows        4 from",
            "  kept      1\n",
            "  left out  1: unknown column (sql)\n",
            "  left out  1: duplicate (duplicates)\n",
            "  left out  1: question of the benchmark (purge)\n",
        ],
    );
    let lines = std::fs::read_to_string(&apart).unwrap();
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let found: Vec<_> = lines
        .iter()
        .map(|line| (&line["step"], &line["reason"]))
        .collect();
    assert_eq!(found.len(), 3, "{lines:?}");
    assert_eq!(lines[1]["detail"], "no such column: age");
}

#[test]
fn the_same_manifest_comes_of_the_same_rows_whatever_the_threads() {
    let files = Files::new();
    let rows: Vec<Value> = (0..40).map(|n| pet(&format!("SELECT {n}"))).collect();
    let data = files.lines("pets.jsonl", &rows);
    let manifest = |name: &str| text(files.path(name));
    for (name, threads) in [("one.json", "1"), ("two.json", "2")] {
        let more = [
            "--threads",
            threads,
            "--manifest",
            &manifest(name),
            "--pack",
            "--max-length",
            "300",
            "--json",
        ];
        succeed("prepare", &flags(&data, &more));
    }
    let one = read_json(files.path("one.json"));
    assert_eq!(one, read_json(files.path("two.json")));
    assert_eq!(one["result"]["examples"], 40);
    assert_eq!(one["sources"][0]["rows"], 40);
    assert_eq!(
        one["sources"][0]["columns"],
        json!(["question", "context", "answer"])
    );
    let first = manifest("one.json");
    let again = ["--pack", "--max-length", "300", "--verify", &first];
    succeed("prepare", &flags(&data, &again));
    // Another answer in one row, of the same length.
    files.lines("pets.jsonl", &[&rows[..39], &[pet("SELECT 9")]].concat());
    let outcome = run("prepare", &flags(&data, &again));
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    let message = outcome.stderr.lines().last().unwrap();
    let expected = format!("error: this run differs from {first}: source `{data}`, bytes: ");
    assert!(message.starts_with(&expected), "{message}");
    assert_contains(message, &["sha256", "result, digest"]);
}

#[test]
fn a_preference_is_two_examples() {
    let files = Files::new();
    let row = json!({"prompt": "2+2?", "chosen": "4", "rejected": "five"});
    let data = files.lines("pairs.jsonl", &[row]);
    let made = examples(&flags(&data, &["--json"]));
    let trained = |part: &str| {
        let labels = made[0][part]["labels"].as_array().unwrap();
        labels.iter().filter(|label| **label != -100).count()
    };
    // "4" and "five" in the tiny tokenizer's pieces, each with its end token.
    assert_eq!((trained("chosen"), trained("rejected")), (2, 5));
    let refusal = refused("prepare", &flags(&data, &["--pack", "--json"]));
    assert_eq!(
        refusal,
        format!(
            "`{data}` line 1: a preference is two examples and can't be packed; leave --pack out"
        )
    );
}

#[test]
fn a_template_is_named_or_brought() {
    let files = Files::new();
    let data = files.lines(
        "chat.jsonl",
        &[chat(&[("user", "Hi"), ("assistant", "Hello")])],
    );
    let source = "{% for m in messages %}[{{ m.role }}] {{ m.content }}{{ eos_token }}\n{% endfor %}{% if add_generation_prompt %}[assistant] {% endif %}";
    let path = files.write("own.jinja", source);
    let shown = succeed("prepare", &flags(&data, &["--template", &path]));
    assert_contains(
        &shown,
        &["[user] Hi<|im_end|>\n[assistant] ⟦Hello<|im_end|>⟧\n"],
    );
    let shown = succeed("prepare", &flags(&data, &["--template", "plain"]));
    assert_contains(&shown, &["⟦Hello<|im_end|>⟧"]);
    assert_eq!(
        refused("prepare", &flags(&data, &["--template", "llama3"])),
        "--template is llama3; expected llama-2, llama-3, chatml, alpaca, plain, or a file of Jinja"
    );
    let broken = files.write("broken.jinja", "a\n{% for x in %}");
    let message = refused("prepare", &flags(&data, &["--template", &broken]));
    assert_contains(&message, &["broken.jinja", "line 2"]);
    // A template that leaves the answer out teaches nothing.
    let silent = files.write("silent.jinja", "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% endif %}{% endfor %}{{ eos_token }}");
    refused("prepare", &flags(&data, &["--template", &silent]));
}
