//! What `finetune` learns from: files of any form, mixed, cleaned, split and augmented.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use common::trained::{Keys, Set, as_flags};
use common::{assert_contains, json, read_json, refused, run, succeed, text, write_lines};
use serde_json::{Value, json};

/// A row without a database, about a table of its own.
fn bare(number: usize) -> Value {
    let table = format!("t{}", number % 12);
    json!({
        "question": format!("Which {number}?"),
        "context": format!("CREATE TABLE {table} (a NUMBER, b TEXT)"),
        "answer": format!("SELECT b FROM {table} WHERE a = {number}"),
    })
}

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Settings without databases, over this file.
fn over(set: &Set, output: &str, data: &[&str]) -> Keys {
    let mut settings = set.quick(output, 2);
    settings.remove("databases");
    settings.insert("data", json!(data));
    settings
}

#[test]
fn rows_without_databases_are_split_by_tables_and_judged_on_made_ones() {
    let set = Set::new();
    let rows: Vec<Value> = (0..36).map(bare).collect();
    let file = set.path("rows.json");
    std::fs::write(&file, Value::from(rows).to_string()).unwrap();
    let mut settings = over(&set, "bare", &[&text(&file)]);
    settings.extend([("hold_out", json!(0.3)), ("eval_questions", json!(3))]);
    let report = json(
        "finetune",
        &[as_flags(&settings), vec!["--json".into()]].concat(),
    );
    let rows = &report["rows"];
    let held_out = rows["held_out"].as_u64().unwrap();
    assert!((3..30).contains(&held_out) && held_out % 3 == 0, "{rows}");
    assert_eq!(rows["trained"].as_u64().unwrap() + held_out, 36);
    assert_eq!(rows["held_out_by"], "tables");
    for when in ["before", "after"] {
        assert_eq!(report[when]["totals"]["judged"], 3);
        let evaluation = read_json(set.path(&format!("bare/evaluation-{when}.json")));
        assert!(
            evaluation["meta"].to_string().contains("generated"),
            "{evaluation}"
        );
    }
    // No table of a held-out question is in a row to learn from: each has three rows.
    let held = lines(&set.path("bare/held_out.jsonl"));
    assert_eq!(held.len() as u64, held_out);
    // The file is a question file: `evaluate` takes it as it is.
    let answers: Vec<Value> = held.iter().map(|row| json!({"sql": row["sql"]})).collect();
    let predictions = write_lines(set.path("answers.jsonl"), &answers);
    let questions = text(set.path("bare/held_out.jsonl"));
    let flags = ["--questions", &questions, "--predictions", &predictions];
    let report = text(set.path("judged.json"));
    let evaluation = json(
        "evaluate",
        &[&flags[..], &["--report", &report, "--json"]].concat(),
    );
    assert_eq!(evaluation["totals"]["correct"].as_u64(), Some(held_out));
}

#[test]
fn files_of_several_forms_are_mixed_by_weight() {
    let set = Set::new();
    let bare_rows = write_lines(
        set.path("bare.jsonl"),
        &(0..9).map(bare).collect::<Vec<_>>(),
    );
    let csv = text(set.path("more.csv"));
    std::fs::write(
        &csv,
        "question,context,answer\nHow many x?,CREATE TABLE x (y),SELECT count(*) FROM x\n",
    )
    .unwrap();
    let mut settings = over(&set, "all", &[&set.questions, &bare_rows, &csv]);
    settings.insert("hold_out", json!(0.0));
    let report = json(
        "finetune",
        &[as_flags(&settings), vec!["--json".into()]].concat(),
    );
    assert_eq!(report["rows"]["read"], 34);
    assert_eq!(report["rows"]["trained"], 19 + 9 + 1);

    // Three of the questions' rows to one other, until one of the files is through.
    let mut settings = over(&set, "mixed", &[&set.questions, &bare_rows]);
    settings.extend([
        ("hold_out", json!(0.0)),
        ("data_weights", json!("3,1")),
        ("max_steps", json!(9)),
    ]);
    let report = json(
        "finetune",
        &[as_flags(&settings), vec!["--json".into()]].concat(),
    );
    // 19 rows at three quarters are through after 25 draws or 26, and two steps of 4 follow.
    let examples = report["examples"].as_u64().unwrap();
    assert!([33, 34].contains(&examples), "{examples}");
    let mut wrong = over(&set, "wrong", &[&set.questions]);
    wrong.insert("data_weights", json!("1,2"));
    let message = refused("finetune", &as_flags(&wrong));
    assert_contains(&message, &["--data-weights", "one weight for each"]);
}

#[test]
fn rows_that_are_left_out_are_counted_and_listed() {
    let set = Set::new();
    let mut rows: Vec<Value> = (0..24).map(bare).collect();
    rows.push(bare(5));
    rows.push(
        json!({"question": "?", "context": "CREATE TABLE z (a)", "answer": "SELECT b FROM z"}),
    );
    rows.push(json!({"question": "Lost?", "context": "CREATE TABLE z (a)"}));
    let file = write_lines(set.path("rows.jsonl"), &rows);
    let own = write_lines(set.path("own.jsonl"), &[bare(3)]);
    let mut settings = over(&set, "clean", &[&file]);
    settings.extend([
        ("dedupe", json!("true")),
        ("check_sql", json!("true")),
        ("on_bad_row", json!("set-apart")),
        ("validation", json!([own])),
    ]);
    let report = json(
        "finetune",
        &[as_flags(&settings), vec!["--json".into()]].concat(),
    );
    let left_out = json!({
        "duplicate (duplicates)": 1,
        "unknown column (sql)": 1,
        "missing field (read)": 1,
        "question of a held-out row (split)": 1,
    });
    let found = &report["rows"]["left_out"];
    assert_eq!(found.as_object().unwrap().len(), 4, "{found}");
    for (reason, count) in left_out.as_object().unwrap() {
        assert_eq!(&found[reason], count, "{reason} in {found}");
    }
    assert_eq!(report["rows"]["trained"], 23);
    assert_eq!(report["rows"]["held_out"], 1);
    let listed = lines(&set.path("clean/left_out.jsonl"));
    assert_eq!(listed.len(), 4);
    let detail = listed.iter().find(|row| row["step"] == "sql").unwrap();
    assert_eq!(detail["place"]["line"], 26);

    settings.remove("on_bad_row");
    settings.insert("output", json!(text(set.path("other"))));
    let message = refused("finetune", &as_flags(&settings));
    assert_contains(&message, &["rows.jsonl", "line 27", "answer"]);
}

#[test]
fn tables_of_other_rows_make_longer_prompts_and_short_rows_come_first() {
    let set = Set::new();
    let rows: Vec<Value> = (0..24).map(bare).collect();
    let file = write_lines(set.path("rows.jsonl"), &rows);
    let run = |output: &str, more: &[(&'static str, Value)]| {
        let mut settings = over(&set, output, &[&file]);
        settings.extend([("hold_out", json!(0.0)), ("max_steps", json!(6))]);
        settings.extend(more.iter().cloned());
        json(
            "finetune",
            &[as_flags(&settings), vec!["--json".into()]].concat(),
        )
    };
    let plain = run("plain", &[]);
    let tables = ("distractor_tables", json!(1));
    let more = run("more", &[tables.clone(), ("shuffle_tables", json!("true"))]);
    let tokens = |report: &Value| report["rows"]["tokens"].as_u64().unwrap();
    assert!(tokens(&more) > tokens(&plain) + 24 * 5, "{more}");
    assert_eq!(more["rows"]["trained"], 24);
    assert_eq!(
        more["rows"]["trained_tokens"],
        plain["rows"]["trained_tokens"]
    );
    let both = run("both", &[tables, ("keep_originals", json!("true"))]);
    assert_eq!(both["rows"]["trained"], 48);

    run("short", &[("order", json!("short-first"))]);
    let lengths: Vec<u64> = set
        .metrics("short")
        .iter()
        .map(|step| step["tokens"].as_u64().unwrap())
        .collect();
    assert!(
        lengths.is_sorted() && lengths[0] < lengths[5],
        "{lengths:?}"
    );
    let drawn = run("drawn", &[("max_rows", json!(7))]);
    assert_eq!(drawn["rows"]["trained"], 7);
}

#[test]
fn aliases_are_spelled_out_in_what_is_learned() {
    let set = Set::new();
    let file = |name: &str, sql: fn(&str, usize) -> String| {
        let row = |number: usize| {
            let mut row = bare(number);
            row["answer"] = sql(&format!("t{}", number % 12), number).into();
            row
        };
        let rows: Vec<Value> = (0..16).map(row).collect();
        write_lines(set.path(name), &rows)
    };
    let aliased = file("aliased.jsonl", |table, n| {
        format!("SELECT T1.b FROM {table} AS T1 WHERE T1.a = {n}")
    });
    let own = file("own.jsonl", |table, n| {
        format!("SELECT {table}.b FROM {table} WHERE {table}.a = {n}")
    });
    let adapter = |output: &str, data: &str, aliases: &str| {
        let mut settings = over(&set, output, &[data]);
        settings.extend([("hold_out", json!(0.0)), ("aliases", json!(aliases))]);
        succeed("finetune", &as_flags(&settings));
        std::fs::read(set.path(&format!("{output}/adapter/adapter_model.safetensors"))).unwrap()
    };
    let spelled = adapter("spelled", &aliased, "spell-out");
    assert!(spelled == adapter("own", &own, "keep"));
    assert!(spelled != adapter("kept", &aliased, "keep"));
}

#[test]
fn conversations_are_learned_from_and_preferences_are_refused() {
    let set = Set::new();
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    let rows: Vec<Value> = (0..6)
        .map(|n| json!({"messages": [turn("user", &format!("Hi {n}")), turn("assistant", "SELECT 1")]}))
        .collect();
    let file = write_lines(set.path("chat.jsonl"), &rows);
    let settings = over(&set, "chat", &[&file]);
    succeed("finetune", &as_flags(&settings));
    let pair = json!({"prompt": "a", "chosen": "b", "rejected": "c"});
    let file = write_lines(set.path("pairs.jsonl"), &[pair]);
    let message = refused("finetune", &as_flags(&over(&set, "pairs", &[&file])));
    assert_contains(&message, &["pairs.jsonl", "line 1", "preference"]);
}

#[test]
fn what_needs_held_out_rows_says_so() {
    let set = Set::new();
    let mut settings = set.quick("none", 2);
    settings.extend([
        ("hold_out_every", json!(0)),
        ("validate_every", json!(1)),
        ("patience", json!(2)),
    ]);
    let message = refused("finetune", &as_flags(&settings));
    assert_contains(&message, &["--patience", "--validation"]);
}

#[test]
fn the_prompt_travels_with_the_adapter_and_early_stopping_ends_with_the_best() {
    let set = Set::new();
    let mut settings = set.quick("best", 40);
    settings.extend([
        ("schema", json!("compact")),
        ("validate_every", json!(2)),
        ("validation_rows", json!(4)),
        ("patience", json!(2)),
        // It must get worse soon.
        ("learning_rate", json!(1.0)),
        ("load_best_at_end", json!("true")),
    ]);
    let report = json(
        "finetune",
        &[as_flags(&settings), vec!["--json".into()]].concat(),
    );
    assert_eq!(report["ended"], "early-stopping", "{report}");
    let steps = report["steps"].as_u64().unwrap();
    let best = report["best"]["step"].as_u64().unwrap();
    assert_eq!(best + 4, steps);
    let prompt = read_json(set.path("best/adapter/prompt.json"));
    assert!(prompt["schema"].to_string().contains("compact"), "{prompt}");
    // The adapter is the best checkpoint's and not the last step's.
    let validations = report["validations"].as_array().unwrap();
    let loss = |v: &Value| v["loss"].as_f64().unwrap();
    let least = validations.iter().map(loss).fold(f64::MAX, f64::min);
    assert_eq!(report["best"]["loss"].as_f64(), Some(least));
}

#[test]
fn questions_whose_gold_returns_nothing_are_not_asked_whatever_the_file_s_form() {
    let set = Set::new();
    let csv = text(set.path("rows.csv"));
    let row = |db_id: &str, number: usize, n_rows: &str| {
        let sql = format!("SELECT a FROM t WHERE a = {number}");
        format!("{db_id},Which {number}?,{sql},CREATE TABLE t (a NUMBER),{n_rows}\n")
    };
    let rows = [
        "db_id,question,sql,context,n_rows\n".to_owned(),
        row("first", 1, "0"),
        row("first", 2, "3"),
        row("first", 3, ""),
        row("second", 4, "1"),
    ];
    std::fs::write(&csv, rows.concat()).unwrap();
    let mut settings = over(&set, "csv", &[&csv]);
    settings.insert("hold_out_every", json!(2));
    settings.insert("eval_questions", json!(9));
    let flags = |settings: &Keys| [as_flags(settings), vec!["--json".into()]].concat();
    let report = json("finetune", &flags(&settings));
    assert_eq!(report["rows"]["held_out"], 3);
    assert_eq!(report["before"]["totals"]["judged"], 2, "{report}");

    // A count that is none ends the run, or is unknown.
    let mut wrong = bare(1);
    wrong["n_rows"] = json!(-1);
    let file = write_lines(set.path("wrong.jsonl"), &[wrong, bare(2)]);
    let mut settings = over(&set, "wrong", &[&file]);
    settings.insert("hold_out", json!(0.0));
    let message = refused("finetune", &as_flags(&settings));
    assert_contains(&message, &["wrong.jsonl", "line 1", "n_rows"]);
    settings.insert("on_bad_row", json!("set-apart"));
    let report = json("finetune", &flags(&settings));
    assert_eq!(report["rows"]["trained"], 2);
}

#[test]
fn each_reason_for_leaving_rows_out_is_said_with_its_count() {
    let set = Set::new();
    let mut rows: Vec<Value> = (0..8).map(bare).collect();
    let columns: Vec<String> = (0..90).map(|n| format!("column_{n}")).collect();
    let wide = format!("CREATE TABLE w ({})", columns.join(", "));
    rows.push(json!({"question": "Wide?", "context": wide, "answer": "SELECT column_1 FROM w"}));
    rows.push(
        json!({"question": "?", "context": "CREATE TABLE z (a)", "answer": "SELECT b FROM z"}),
    );
    let file = write_lines(set.path("rows.jsonl"), &rows);
    let mut settings = over(&set, "said", &[&file]);
    settings.extend([("hold_out", json!(0.0)), ("check_sql", json!("true"))]);
    let outcome = run("finetune", &as_flags(&settings));
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let said = "8 rows to learn from, 0 held out by none, 1 left out: too long (length), over 128 tokens, \
                1 left out: unknown column (sql)";
    assert_contains(&outcome.stderr, &[said]);
}
