//! The example `evaluate`: verdicts on predictions and on a model's answers.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use common::set::{Set, sql, verdicts};
use common::{
    SYSTEM, assert_contains, fixture, gguf, json, misused, read_json, refused, snapshot, succeed,
    text, write_lines,
};
use serde_json::{Value, json};

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
    let table: Vec<Vec<&str>> = printed
        .lines()
        .map(|l| l.split_whitespace().collect())
        .collect();
    let execution = "execution 5 5 100.0 % 56.6 to 100.0 %";
    assert!(
        table.iter().any(|row| row.join(" ") == execution),
        "{printed}"
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
    let over = "budget_exceeded";
    assert_eq!(found, ["", "wrong_order", "forbidden", over, over]);
    let totals = &evaluation["totals"];
    let counts = [
        "correct",
        "wrong",
        "prediction_failed",
        "gold_failed",
        "judged",
    ];
    assert_eq!(
        counts.map(|key| totals[key].as_u64().unwrap()),
        [1, 1, 3, 0, 5]
    );
    assert_eq!(
        (&totals["execution_accuracy"], &totals["runs"]["rate"]),
        (&json!(0.2), &json!(0.4))
    );
    assert_eq!(evaluation["failures"]["budget_exceeded"]["count"], json!(2));
    let line = &evaluation["examples"][1];
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
    assert_eq!(found, ["", "", "", "not_sql", ""]);
}

#[test]
fn a_question_whose_gold_fails_is_named_or_in_no_rate() {
    let set = Set::new();
    let question = json!({"db_id": "shop_00", "question": "?", "sql": "SELECT no FROM where"});
    let whole = std::fs::read_to_string(&set.questions).unwrap();
    std::fs::write(&set.questions, format!("{whole}{question}\n")).unwrap();
    let mut rows: Vec<Value> = set.golds.iter().map(|gold| sql(gold)).collect();
    rows.push(sql("SELECT 1"));
    let flags = set.predict(&rows);
    assert_contains(
        &refused("evaluate", &flags),
        &[
            "questions.jsonl",
            "line 6",
            "gold",
            "syntax error",
            "--on-failing-gold leave-out",
        ],
    );
    let flags = [vec!["--on-failing-gold".into(), "leave-out".into()], flags].concat();
    let totals = &json("evaluate", &flags)["totals"];
    assert_eq!(
        (&totals["gold_failed"], &totals["judged"]),
        (&json!(1), &json!(5))
    );
    assert_eq!(totals["execution_accuracy"], json!(1.0));
    let printed = succeed("evaluate", &flags[..flags.len() - 1]);
    assert_contains(&printed, &["6 questions, 5 judged, 1 left out"]);
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
        let flags = [&flags[..], &["--predictions", &predictions]].concat();
        assert_contains(
            &refused("evaluate", &flags),
            &["bad.jsonl", "line 1", reason],
        );
        let flags = [&flags[..], &["--on-failing-gold", "leave-out"]].concat();
        let message = refused("evaluate", &flags);
        assert_contains(&message, &["line 1", "no question can be judged", reason]);
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
    for line in evaluation["examples"].as_array().unwrap() {
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
    assert_contains(
        &refuse(&golds[..4]),
        &[
            "predictions.jsonl",
            "line 4",
            "4 predictions",
            "5 questions",
        ],
    );
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
