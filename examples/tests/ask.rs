//! The example `ask`: a tiny random model writes nonsense, which must be shown, refused and counted as such.
//!
//! What is done with good and with hostile SQL is tested beside the code (`examples/src/ask`).
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{
    Outcome, SYSTEM, assert_contains, fixture, gguf, json, misused, refused, run, shop, snapshot,
    text,
};
use serde_json::{Value, json};

/// A database, and a folder for more.
struct Shop {
    folder: tempfile::TempDir,
    database: String,
}

impl Shop {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = shop(folder.path(), 4);
        let database = text(folder.path().join(&name).join(format!("{name}.sqlite")));
        Self { folder, database }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The flags of every run, and more.
    fn flags(&self, model: &str, more: &[&str]) -> Vec<String> {
        let flags = ["--model", model, "--database", &self.database];
        let flags = flags.iter().chain(&["--max-new-tokens", "9"]).chain(more);
        flags.map(ToString::to_string).collect()
    }

    /// Questions on standard input.
    fn tell(&self, input: &str, more: &[&str]) -> Outcome {
        let test = std::env::current_exe().unwrap();
        let profile = test.parent().and_then(Path::parent).unwrap();
        let flags = self.flags(&gguf(), more);
        let mut child = Command::new(profile.join("examples").join("ask"))
            .args(flags)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(input.as_bytes()).unwrap();
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        Outcome {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What `generate` answers to these messages: SQL and the number of ids in the prompt.
    fn generated(&self, messages: &Value) -> (String, usize) {
        self.generated_by(&gguf(), messages)
    }

    fn generated_by(&self, model: &str, messages: &Value) -> (String, usize) {
        let path = text(self.path("messages.json"));
        std::fs::write(&path, messages.to_string()).unwrap();
        let flags = [
            "--model",
            model,
            "--messages",
            &path,
            "--max-new-tokens",
            "9",
            "--json",
        ];
        let generated = json("generate", &flags);
        let sql = anneal_sql::clean_sql(generated["text"].as_str().unwrap());
        (
            sql.to_owned(),
            generated["prompt_ids"].as_array().unwrap().len(),
        )
    }
}

fn turns(context: &str, question: &str) -> Value {
    json!([
        {"role": "system", "content": SYSTEM},
        {"role": "user", "content": format!("{context}\n-- {question}")},
    ])
}

#[test]
fn a_question_gets_the_model_s_own_sql_and_says_why_it_failed() {
    let shop = Shop::new();
    let before = snapshot(shop.folder.path());
    let question = "How many items?";
    let flags = shop.flags(&gguf(), &["--system", SYSTEM, question]);
    let outcome = run("ask", &[flags.clone(), vec!["--json".into()]].concat());
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let answer: Value = serde_json::from_str(&outcome.stdout).unwrap();
    assert!(
        snapshot(shop.folder.path()) == before,
        "the database changed"
    );
    let (sql, prompt_tokens) = shop.generated(&turns("CREATE TABLE item (id, price)", question));
    assert_eq!(answer["sql"], json!(sql));
    assert_eq!(answer["prompt_tokens"], json!(prompt_tokens));
    let left = (
        &answer["question"],
        &answer["columns"],
        &answer["rows"],
        &answer["truncated"],
    );
    assert_eq!(
        left,
        (&json!(question), &json!([]), &json!([]), &json!(false))
    );
    assert_eq!(answer["schema_tables_left_out"], json!([]));
    assert!(answer["seconds"].as_f64().unwrap() > 0.0);
    let error = answer["error"].as_str().unwrap();
    let keys: Vec<&String> = answer.as_object().unwrap().keys().collect();
    assert_eq!(keys.len(), 9, "{keys:?}");

    let outcome = run("ask", &flags);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let end = format!("\n\nerror: {error}\n");
    assert!(outcome.stdout.ends_with(&end), "{outcome:?}");
}

#[test]
fn questions_come_from_standard_input_until_it_ends() {
    let shop = Shop::new();
    let more = ["--system", SYSTEM, "--json"];
    let input = "How many?\n\n.nonsense\n.schema\n.help\nHow dear?\n.quit\nNever asked\n";
    let outcome = shop.tell(input, &more);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let answers: Vec<Value> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let asked: Vec<&Value> = answers.iter().map(|answer| &answer["question"]).collect();
    assert_eq!(asked, [&json!("How many?"), &json!("How dear?")]);
    for answer in &answers {
        let question = answer["question"].as_str().unwrap();
        let (sql, _) = shop.generated(&turns("CREATE TABLE item (id, price)", question));
        assert_eq!(answer["sql"], json!(sql));
    }
    let said = [
        ".nonsense is no command",
        "CREATE TABLE item (id, price)",
        ".quit",
    ];
    assert_contains(&outcome.stderr, &said);

    let outcome = shop.tell("How many?\n", &more[..2]);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.starts_with("-- How many?\n"), "{outcome:?}");
    assert_contains(&outcome.stdout, &["\nerror: "]);
    assert_eq!(shop.tell("", &more).code, Some(0));
}

#[test]
fn a_question_that_is_too_long_does_not_end_a_conversation() {
    let shop = Shop::new();
    let long = "why ".repeat(100);
    let more = ["--system", SYSTEM, "--json"];
    let outcome = shop.tell(&format!("{long}\nHow many?\n"), &more);
    let answers: Vec<Value> = outcome
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers.len(), 2, "{outcome:?}");
    assert_contains(
        answers[0]["error"].as_str().unwrap(),
        &["no room", "128 positions"],
    );
    assert_eq!(answers[1]["question"], json!("How many?"));
    let flags = shop.flags(&gguf(), &["--system", SYSTEM, &long]);
    assert_contains(
        &refused("ask", &flags),
        &["no room", "128 positions", "--max-new-tokens"],
    );
}

#[test]
fn a_schema_that_is_too_long_loses_the_tables_that_the_question_does_not_name() {
    let shop = Shop::new();
    let connection = rusqlite::Connection::open(&shop.database).unwrap();
    for number in 0..6 {
        let create = format!("CREATE TABLE other{number} (x, y)");
        connection.execute_batch(&create).unwrap();
    }
    connection
        .execute_batch("CREATE TABLE concert (year)")
        .unwrap();
    drop(connection);
    let flags = shop.flags(&gguf(), &["--system", SYSTEM, "--json", "Which concerts?"]);
    let outcome = run("ask", &flags);
    let answer: Value = serde_json::from_str(&outcome.stdout).unwrap();
    let left_out = answer["schema_tables_left_out"].as_array().unwrap();
    assert!(
        !left_out.is_empty() && !left_out.contains(&json!("concert")),
        "{answer}"
    );
    assert!(
        answer["prompt_tokens"].as_u64().unwrap() <= 128 - 9,
        "{answer}"
    );
    assert_contains(
        &outcome.stderr,
        &["not shown to the model, which has 128 positions: the table"],
    );
    let kept = (0..6).filter(|number| !left_out.contains(&json!(format!("other{number}"))));
    let item =
        (!left_out.contains(&json!("item"))).then(|| "CREATE TABLE item (id, price)".to_owned());
    let others = kept.map(|number| format!("CREATE TABLE other{number} (x, y)"));
    let concert = "CREATE TABLE concert (year)".to_owned();
    let context = item
        .into_iter()
        .chain(others)
        .chain([concert])
        .collect::<Vec<_>>()
        .join("; ");
    let (sql, prompt_tokens) = shop.generated(&turns(&context, "Which concerts?"));
    assert_eq!(
        (&answer["sql"], &answer["prompt_tokens"]),
        (&json!(sql), &json!(prompt_tokens))
    );
}

#[test]
fn a_model_is_asked_as_its_prompt_json_says_unless_flags_say_otherwise() {
    let shop = Shop::new();
    let model = shop.path("model");
    std::fs::create_dir(&model).unwrap();
    for entry in std::fs::read_dir(fixture("gguf/hf")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let settings = json!({
        "version": 1,
        "parts": {"system": "", "user": "{{ context }} {{ question }}", "answer": "{{ sql }}"},
        "schema": {"styled": {"form": "compact", "types": "omitted", "keys": false, "constraints": false, "foreign_keys": true,
                   "comments": false, "descriptions": false, "samples": 0, "ranges": false}}
    });
    std::fs::write(model.join("prompt.json"), settings.to_string()).unwrap();
    let question = "How many?";
    let asked = |more: &[&str]| {
        let more = [more, &["--json", question]].concat();
        let outcome = run("ask", &shop.flags(&text(&model), &more));
        let answer: Value = serde_json::from_str(&outcome.stdout).unwrap();
        answer["prompt_tokens"].as_u64().unwrap() as usize
    };
    let by_model = |messages: &Value| shop.generated_by(&text(&model), messages);
    let tokens = |messages: &Value| by_model(messages).1;
    let user = |content: &str| json!([{"role": "user", "content": content}]);
    let compact = tokens(&user("item(id, price) How many?"));
    assert_eq!(asked(&[]), compact);
    let given = tokens(&user("CREATE TABLE item (id, price) How many?"));
    assert_ne!(given, compact);
    assert_eq!(asked(&["--schema", "given"]), given);
    let both = json!([{"role": "system", "content": "Be {{ brief }}."}, {"role": "user", "content": "item(id, price) How many?"}]);
    assert_eq!(asked(&["--system", "Be {{ brief }}."]), tokens(&both));

    // `evaluate` asks in the same way.
    let row = json!({"db_id": "shop_04", "question": question, "sql": "SELECT 1", "context": "CREATE TABLE x (y)"});
    let questions = common::write_lines(shop.path("questions.jsonl"), &[row]);
    let (databases, model_flag) = (text(shop.folder.path()), text(&model));
    let flags = [
        "--questions",
        &questions,
        "--databases",
        &databases,
        "--model",
        &model_flag,
        "--max-new-tokens",
        "9",
        "--json",
    ];
    let evaluation = json("evaluate", &flags);
    let (sql, _) = by_model(&user("item(id, price) How many?"));
    assert_eq!(evaluation["examples"][0]["predicted"], json!(sql));
    let evaluation = json("evaluate", &[&flags[..], &["--schema", "given"]].concat());
    let (sql, _) = by_model(&user("CREATE TABLE x (y) How many?"));
    assert_eq!(evaluation["examples"][0]["predicted"], json!(sql));

    std::fs::write(model.join("prompt.json"), r#"{"version": 2}"#).unwrap();
    let message = refused("ask", &shop.flags(&text(&model), &[question]));
    assert_contains(
        &message,
        &["prompt.json", "version 2", "version 1", "--prompt"],
    );
    let message = refused("evaluate", &flags);
    assert_contains(&message, &["prompt.json", "version 2"]);
}

#[test]
fn files_and_flags_that_are_no_good_are_named() {
    let shop = Shop::new();
    let ask = |database: &str| {
        let model = gguf();
        refused(
            "ask",
            &["--model", &model, "--database", database, "How many?"],
        )
    };
    assert_contains(
        &ask("nowhere.sqlite"),
        &["nowhere.sqlite", "no such database file"],
    );
    let note = shop.path("note.sqlite");
    std::fs::write(&note, "This is no database, though it has some length.").unwrap();
    assert_contains(
        &ask(&text(&note)),
        &["note.sqlite", "not a SQLite database"],
    );
    let empty = shop.path("empty.sqlite");
    rusqlite::Connection::open(&empty)
        .unwrap()
        .execute_batch("CREATE TABLE t (x); DROP TABLE t")
        .unwrap();
    assert_contains(&ask(&text(&empty)), &["empty.sqlite", "no table"]);
    let message = refused("ask", &shop.flags("no-such-model", &["How many?"]));
    assert_contains(&message, &["no-such-model"]);
    let flags = shop.flags(&gguf(), &["--adapter", "no-such-adapter", "How many?"]);
    assert_contains(&refused("ask", &flags), &["no-such-adapter"]);
    let mut flags = shop.flags(&gguf(), &["How many?"]);
    flags[5] = "0".to_owned();
    assert_contains(&refused("ask", &flags), &["--max-new-tokens is 0"]);
    let flags = shop.flags(&gguf(), &["--schema", "ddl", "How many?"]);
    assert_contains(&misused("ask", &flags), &["--schema", "m-schema"]);
}
