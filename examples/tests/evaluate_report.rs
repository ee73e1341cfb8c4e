//! The example `evaluate`: databases made from contexts, reports, pages and comparisons.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use common::set::{Set, sql, verdicts};
use common::{assert_contains, json, read_json, refused, succeed, text, write_lines};
use serde_json::{Value, json};

/// Rows as sql-create-context has them: no database, but a schema.
fn contexts(set: &Set) -> (String, Vec<Value>) {
    let context = "CREATE TABLE film (title TEXT, year INTEGER, length INTEGER)";
    let golds = [
        "SELECT title FROM film WHERE year > 1950",
        "SELECT COUNT(*) FROM film WHERE length = 90",
        "SELECT title FROM film ORDER BY year DESC LIMIT 1",
    ];
    let rows = golds.map(|sql| json!({"question": "?", "context": context, "answer": sql}));
    let path = text(set.path("contexts.json"));
    std::fs::write(&path, json!(rows).to_string()).unwrap();
    (path, golds.map(sql).to_vec())
}

#[test]
fn without_databases_they_are_made_from_the_context() {
    let set = Set::new();
    let (questions, golds) = contexts(&set);
    let predictions = text(set.path("predictions.jsonl"));
    let flags = [
        "--questions",
        &questions,
        "--predictions",
        &predictions,
        "--json",
    ];
    write_lines(&predictions, &golds);
    let evaluation = json("evaluate", &flags);
    assert_eq!(verdicts(&evaluation), ["", "", ""]);
    assert_eq!(
        evaluation["meta"]["databases"],
        json!({"kind": "generated", "each": 11, "seed": 0})
    );
    let levels = evaluation["examples"].as_array().unwrap().iter();
    let levels: Vec<&Value> = levels.map(|example| &example["hardness"]).collect();
    assert_eq!(levels, ["easy", "easy", "medium"]);

    // Each is wrong by one edit, and no row of data says so but those that are made.
    write_lines(
        &predictions,
        &[
            sql("SELECT title FROM film WHERE year >= 1950"),
            sql("select count( * ) from film WHERE length = 90;"),
            sql("SELECT title FROM film ORDER BY year LIMIT 1"),
        ],
    );
    let wrong = json("evaluate", &flags);
    assert_eq!(verdicts(&wrong)[1], "");
    assert!(verdicts(&wrong)[0].starts_with("wrong_"), "{wrong}");
    assert!(verdicts(&wrong)[2].starts_with("wrong_"), "{wrong}");
    let second = &wrong["examples"][1];
    assert_eq!(
        (&second["exact"], &second["normalised"]),
        (&json!(false), &json!(true))
    );
    for more in [["--threads", "1"], ["--test-databases", "5"]] {
        let again = json("evaluate", &[&flags[..], &more].concat());
        assert_eq!(verdicts(&again), verdicts(&wrong), "{more:?}");
    }

    write_lines(&predictions, &golds[..2]);
    assert_contains(
        &refused("evaluate", &flags),
        &[
            "predictions.jsonl",
            "line 2",
            "2 predictions",
            "3 questions",
        ],
    );
    write_lines(&predictions, &golds);
    std::fs::write(&questions, "[{\"question\": \"?\", \"context\": \"CREATE TABLE t (x)\", \"answer\": \"SELECT x FROM t\"},\n {\"question\": \"?\", \"context\": \"CREATE TABLE t (x)\", \"answer\": \"SELECT y FROM t\"},\n {\"question\": \"?\", \"context\": \"t\", \"answer\": \"SELECT x FROM t\"}]").unwrap();
    assert_contains(
        &refused("evaluate", &flags),
        &["contexts.json", "line 2", "gold", "no such column: y"],
    );
    let flags = [&flags[..], &["--on-failing-gold", "leave-out"]].concat();
    let totals = &json("evaluate", &flags)["totals"];
    assert_eq!(
        (&totals["judged"], &totals["gold_failed"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn a_question_needs_a_database_or_a_context() {
    let set = Set::new();
    let (questions, golds) = contexts(&set);
    let predictions = write_lines(set.path("p.jsonl"), &golds);
    let databases = text(set.path("databases"));
    let flags = [
        "--questions",
        &questions,
        "--predictions",
        &predictions,
        "--databases",
        &databases,
    ];
    assert_contains(
        &refused("evaluate", &flags),
        &["contexts.json", "line 1", "db_id"],
    );
    let flags = ["--questions", &set.questions, "--predictions", &predictions];
    assert_contains(
        &refused("evaluate", &flags),
        &["questions.jsonl", "line 1", "context"],
    );
}

#[test]
fn reports_pages_and_comparisons_are_written() {
    let set = Set::new();
    let golds: Vec<Value> = set.golds.iter().map(|gold| sql(gold)).collect();
    let [before, after, lines, page] =
        ["before.json", "after.json", "lines.jsonl", "page.html"].map(|name| text(set.path(name)));
    let mut worse = golds.clone();
    worse[1] = sql("SELECT id FROM item WHERE price > 4 ORDER BY id DESC");
    worse[4] = sql("SELECT cost FROM item");
    let flags = set.predict(&worse);
    succeed(
        "evaluate",
        &[&flags[..], &["--report".into(), before.clone()]].concat(),
    );

    let flags = set.predict(&golds);
    let flags = flags[..flags.len() - 1]
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>();
    let more = [
        "--report",
        &after,
        "--lines",
        &lines,
        "--html",
        &page,
        "--compare",
        &before,
        "--time",
        "2",
    ];
    let printed = succeed("evaluate", &[&flags[..], &more].concat());
    assert_contains(&printed, &["McNemar", "R-VES"]);
    let report = read_json(&after);
    let written = std::fs::read_to_string(&lines).unwrap();
    let written: Vec<Value> = written
        .lines()
        .map(|l| serde_json::from_str(l).unwrap())
        .collect();
    assert_eq!(&json!(written), &report["examples"]);
    assert_eq!(written[3]["shown"]["gold"]["total"], json!(6));
    let page = std::fs::read_to_string(&page).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("SELECT cost FROM item"));

    // Other questions are no comparison.
    let other = write_lines(
        set.path("other.jsonl"),
        &[json!({"db_id": "shop_00", "question": "Another?", "sql": "SELECT 1"})],
    );
    let one = write_lines(set.path("one.jsonl"), &[sql("SELECT 1")]);
    let databases = text(set.path("databases"));
    let flags = [
        "--questions",
        &other,
        "--predictions",
        &one,
        "--databases",
        &databases,
        "--compare",
        &before,
    ];
    assert_contains(&refused("evaluate", &flags), &["before.json"]);
    std::fs::write(&before, &std::fs::read(&before).unwrap()[..200]).unwrap();
    assert_contains(&refused("evaluate", &flags), &["before.json", "line"]);
}
