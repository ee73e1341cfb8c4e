//! The example `evaluate`: verdicts on predictions and on a model's answers.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::path::PathBuf;

use common::{
    SYSTEM, assert_contains, fixture, gguf, json, misused, read_json, refused, shop, snapshot,
    succeed, text, write_lines,
};
use serde_json::{Value, json};

/// Databases and questions in a folder of their own.
struct Set {
    folder: tempfile::TempDir,
    questions: String,
    golds: Vec<&'static str>,
}

impl Set {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let golds = vec![
            "SELECT count(*) FROM item",
            "SELECT id FROM item WHERE price > 4 ORDER BY id",
            "SELECT max(price) FROM item",
            "SELECT id, price FROM item",
            "SELECT min(id) FROM item",
        ];
        let rows: Vec<Value> = (0..)
            .zip(&golds)
            .map(|(number, sql)| {
                let db_id = shop(&folder.path().join("databases"), number);
                json!({"db_id": db_id, "question": format!("Question {number}?"), "sql": sql})
            })
            .collect();
        let questions = write_lines(folder.path().join("questions.jsonl"), &rows);
        Self {
            folder,
            questions,
            golds,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The flags of every run, and more.
    fn flags(&self, more: &[&str]) -> Vec<String> {
        let databases = text(self.path("databases"));
        let flags = ["--questions", &self.questions, "--databases", &databases];
        flags.iter().chain(more).map(ToString::to_string).collect()
    }

    fn predict(&self, predictions: &[Value]) -> Vec<String> {
        let path = write_lines(self.path("predictions.jsonl"), predictions);
        self.flags(&["--predictions", &path, "--json"])
    }
}

fn sql(text: &str) -> Value {
    json!({ "sql": text })
}

fn verdicts(evaluation: &Value) -> Vec<(&str, &str)> {
    let lines = evaluation["lines"].as_array().unwrap().iter();
    lines
        .map(|line| {
            let kind = line["error"]["kind"].as_str();
            (line["verdict"].as_str().unwrap(), kind.unwrap_or_default())
        })
        .collect()
}

#[test]
fn golds_as_predictions_are_all_correct() {
    let set = Set::new();
    let golds: Vec<Value> = set.golds.iter().map(|gold| sql(gold)).collect();
    let flags = set.predict(&golds);
    let evaluation = json("evaluate", &flags);
    let totals = &evaluation["totals"];
    assert_eq!(totals["execution_accuracy"], json!(1.0));
    assert_eq!(
        (&totals["judged"], &totals["correct"]),
        (&json!(5), &json!(5))
    );
    let printed = succeed("evaluate", &flags[..flags.len() - 1]);
    assert_eq!(
        printed,
        "execution accuracy 1.000 (5 of 5 correct), 1.000 run\n"
    );
}

#[test]
fn hostile_predictions_are_counted_and_change_nothing() {
    let set = Set::new();
    let before = snapshot(&set.path("databases"));
    let endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT";
    let flags = set.predict(&[
        sql("SELECT COUNT(id) AS n FROM item"),
        sql("SELECT id FROM item WHERE price > 4 ORDER BY id DESC"),
        sql("DROP TABLE item"),
        sql(&format!("{endless} count(*) FROM t")),
        sql(&format!("{endless} n FROM t")),
    ]);
    let report = text(set.path("report.json"));
    let flags = [flags, vec!["--report".into(), report.clone()]].concat();
    let evaluation = json("evaluate", &flags);
    let found = verdicts(&evaluation);
    assert_eq!(found[..2], [("correct", ""), ("wrong", "")]);
    assert_eq!(found[2], ("prediction_failed", "forbidden"));
    // On a busy machine the clock may come before the count of operations.
    assert_eq!(found[3].0, "prediction_failed");
    assert!(
        ["over_operations", "over_time"].contains(&found[3].1),
        "{found:?}"
    );
    assert_eq!(found[4], ("prediction_failed", "over_rows"));
    let expected = json!({
        "correct": 1, "wrong": 1, "prediction_failed": 3, "gold_failed": 0,
        "judged": 5, "execution_accuracy": 0.2, "runs": 0.4
    });
    assert_eq!(evaluation["totals"], expected);
    let line = &evaluation["lines"][1];
    assert_eq!(
        (
            &line["index"],
            &line["db_id"],
            &line["match"],
            &line["gold"]
        ),
        (
            &json!(1),
            &json!("shop_01"),
            &json!(false),
            &json!(set.golds[1])
        )
    );
    assert_eq!(read_json(report), evaluation);
    assert!(
        before == snapshot(&set.path("databases")),
        "a database changed"
    );
}

#[test]
fn predictions_with_an_index_may_be_out_of_order_and_incomplete() {
    let set = Set::new();
    let rows = [4, 1, 0, 2].map(|index| json!({"index": index, "sql": set.golds[index]}));
    let evaluation = json("evaluate", &set.predict(&rows));
    let found = verdicts(&evaluation);
    let (correct, missing) = (("correct", ""), ("prediction_failed", "empty"));
    assert_eq!(found, [correct, correct, correct, missing, correct]);
}

#[test]
fn a_question_whose_gold_fails_is_in_no_rate() {
    let set = Set::new();
    let question = json!({"db_id": "shop_00", "question": "?", "sql": "SELECT no FROM where"});
    let whole = std::fs::read_to_string(&set.questions).unwrap();
    std::fs::write(&set.questions, format!("{whole}{question}\n")).unwrap();
    let mut rows: Vec<Value> = set.golds.iter().map(|gold| sql(gold)).collect();
    rows.push(sql("SELECT 1"));
    let flags = set.predict(&rows);
    let totals = &json("evaluate", &flags)["totals"];
    assert_eq!(
        (&totals["gold_failed"], &totals["judged"]),
        (&json!(1), &json!(5))
    );
    assert_eq!(totals["execution_accuracy"], json!(1.0));
    let printed = succeed("evaluate", &flags[..flags.len() - 1]);
    assert_contains(&printed, &["5 of 5 correct", "1 left out"]);
}

#[test]
fn golds_that_write_or_never_end_are_refused_where_nothing_else_can_be_judged() {
    let set = Set::new();
    let bytes = snapshot(set.folder.path());
    let endless =
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n";
    for (gold, reason) in [("DELETE FROM item", "not allowed"), (endless, "operations")] {
        let row = json!({"db_id": "shop_00", "question": "?", "sql": gold});
        let questions = write_lines(set.folder.path().join("bad.jsonl"), &[row]);
        let predictions = write_lines(set.folder.path().join("p.jsonl"), &[sql("SELECT 1")]);
        let databases = text(set.folder.path().join("databases"));
        let flags = ["--questions", &questions, "--databases", &databases];
        let message = refused(
            "evaluate",
            &[&flags[..], &["--predictions", &predictions]].concat(),
        );
        assert_contains(&message, &["question 0", reason]);
    }
    for file in ["bad.jsonl", "p.jsonl"] {
        std::fs::remove_file(set.folder.path().join(file)).unwrap();
    }
    assert_eq!(snapshot(set.folder.path()), bytes);
}

#[test]
fn a_model_s_answers_are_those_of_generate() {
    let set = Set::new();
    let model = gguf();
    let flags = [
        "--model",
        &model,
        "--system",
        SYSTEM,
        "--max-new-tokens",
        "9",
    ];
    let small = set.flags(&[&flags[..], &["--json", "--batch-size", "2"]].concat());
    let evaluation = json("evaluate", &small);
    assert_eq!(evaluation["totals"]["judged"], json!(5));
    for batch_size in ["1", "5"] {
        let other = set.flags(&[&flags[..], &["--json", "--batch-size", batch_size]].concat());
        assert_eq!(
            json("evaluate", &other),
            evaluation,
            "batches of {batch_size}"
        );
    }
    let path = text(set.path("messages.json"));
    for line in evaluation["lines"].as_array().unwrap() {
        let question = line["question"].as_str().unwrap();
        let messages = json!([
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": format!("CREATE TABLE item (id, price)\n-- {question}")},
        ]);
        std::fs::write(&path, messages.to_string()).unwrap();
        let flags = ["--model", &model, "--messages", &path];
        let flags = [&flags[..], &["--max-new-tokens", "9", "--json"]].concat();
        let generated = json("generate", &flags);
        let answer = anneal_sql::clean_sql(generated["text"].as_str().unwrap());
        assert_eq!(line["predicted"], json!(answer));
    }
}

#[test]
fn one_source_of_answers_is_asked_for() {
    let set = Set::new();
    let both = set.flags(&["--predictions", "p.jsonl", "--model", "m"]);
    assert_contains(&misused("evaluate", &both), &["--predictions", "--model"]);
    misused("evaluate", &set.flags(&[]));
    misused(
        "evaluate",
        &set.flags(&["--predictions", "p.jsonl", "--adapter", "a"]),
    );
}

#[test]
fn files_that_can_t_be_used_are_named_with_line_and_column() {
    let set = Set::new();
    let golds: Vec<Value> = set.golds.iter().map(|gold| sql(gold)).collect();
    let refuse = |rows: &[Value]| refused("evaluate", &set.predict(rows));

    let mut wrong = golds.clone();
    wrong[3] = json!({"query": "SELECT 1"});
    assert_contains(
        &refuse(&wrong),
        &["predictions.jsonl", "line 4", "`sql`", "query"],
    );
    wrong[3] = json!({"sql": 7});
    assert_contains(
        &refuse(&wrong),
        &["line 4", "`sql`", "a string", "a number"],
    );
    assert_contains(&refuse(&golds[..4]), &["4 predictions", "5 questions"]);
    let outside = [json!({"index": 5, "sql": "SELECT 1"})];
    assert_contains(&refuse(&outside), &["line 1", "index 5"]);
    let missing = set.flags(&["--predictions", "no-such.jsonl"]);
    assert_contains(&refused("evaluate", &missing), &["no-such.jsonl"]);
    let nowhere = text(set.path("no/such.json"));
    let flags = [set.predict(&golds), vec!["--report".into(), nowhere]].concat();
    assert_contains(&refused("evaluate", &flags), &["no/such"]);

    let mut questions: Vec<Value> = golds
        .iter()
        .map(|gold| json!({"db_id": "shop_00", "question": "?", "sql": gold["sql"]}))
        .collect();
    questions[1] = json!({"db_id": "shop_00", "prompt": "?", "sql": "SELECT 1"});
    write_lines(&set.questions, &questions);
    let message = refuse(&golds);
    assert_contains(
        &message,
        &["questions.jsonl", "line 2", "`question`", "prompt"],
    );
    for (db_id, named) in [("nowhere", "nowhere.sqlite"), ("../shop_00", "../shop_00")] {
        questions[1] = json!({"db_id": db_id, "question": "?", "sql": "SELECT 1"});
        write_lines(&set.questions, &questions);
        assert_contains(&refuse(&golds), &[named]);
    }
    std::fs::remove_file(&set.questions).unwrap();
    assert_contains(&refuse(&golds), &["questions.jsonl"]);
}

#[test]
fn models_that_can_t_answer_are_refused() {
    let set = Set::new();
    let ask = |more: &[&str]| refused("evaluate", &set.flags(more));
    assert_contains(&ask(&["--model", "no-such"]), &["no-such"]);
    assert_contains(
        &ask(&["--model", &fixture("tiny-llama")]),
        &["no tokenizer"],
    );
    let gguf = gguf();
    let message = ask(&["--model", &gguf, "--device", "gpu"]);
    assert_contains(&message, &["gpu", "expected cpu"]);
    let message = ask(&[
        "--model",
        &gguf,
        "--adapter",
        &fixture("tiny-llama/adapter"),
    ]);
    assert_contains(&message, &["adapter_model.safetensors", "wrong shape"]);
}
