//! Whatever stands in a row, reading it is an answer or an error, and an answer keeps its promises.

use std::cell::RefCell;

use anneal_data::{Columns, Format, Message, Reading, Role, Sample};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value};

use super::record;

/// Names that formats look at, so that random rows come near to real ones.
const NAMES: [&str; 20] = [
    "question",
    "context",
    "answer",
    "db_id",
    "sql",
    "query",
    "exec_ok",
    "instruction",
    "input",
    "output",
    "system",
    "history",
    "conversations",
    "messages",
    "prompt",
    "completion",
    "response",
    "chosen",
    "rejected",
    "tools",
];

/// What formats need, so that many random rows are whole.
const NEEDS: [&[&str]; 9] = [
    &["question", "context", "answer"],
    &["db_id", "question", "sql"],
    &["db_id", "question", "query"],
    &["instruction", "output"],
    &["conversations"],
    &["messages"],
    &["prompt", "completion"],
    &["prompt", "chosen", "rejected"],
    &["chosen", "rejected"],
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-c]{1,2}",
        1 => Just(String::new()),
        1 => Just(" ".into()),
        2 => any::<String>(),
    ]
}

fn turn() -> impl Strategy<Value = Value> {
    let role = prop_oneof![
        8 => Just("user"),
        8 => Just("assistant"),
        4 => Just("gpt"),
        2 => Just("system"),
        1 => Just("x"),
    ];
    let keys = prop_oneof![Just(("role", "content")), Just(("from", "value"))];
    (keys, role, text())
        .prop_map(|((who, what), role, said)| serde_json::json!({who: role, what: said}))
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::from),
        text().prop_map(Value::String),
    ];
    let any = leaf.prop_recursive(3, 16, 4, |inner| {
        let keys = prop_oneof![Just("role"), Just("content"), Just("type"), Just("text")];
        let object = prop::collection::vec((keys, inner.clone()), 0..4).prop_map(|pairs| {
            let pairs = pairs
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value));
            Value::Object(pairs.collect())
        });
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::Array),
            object
        ]
    });
    prop_oneof![
        2 => text().prop_map(Value::String),
        3 => prop::collection::vec(turn(), 0..4).prop_map(Value::Array),
        1 => any,
    ]
}

/// A conversation that is whole, in the names of a format.
fn turns(who: &'static str, what: &'static str) -> impl Strategy<Value = Value> {
    let answer = if who == "from" { "gpt" } else { "assistant" };
    let asked = if who == "from" { "human" } else { "user" };
    prop::collection::vec(("[a-c]{1,2}", "[a-c]{1,2}"), 1..3).prop_map(move |pairs| {
        let turns = pairs.into_iter().flat_map(|(question, said)| {
            [
                serde_json::json!({who: asked, what: question}),
                serde_json::json!({who: answer, what: said}),
            ]
        });
        Value::Array(turns.collect())
    })
}

/// What would make a field right in most formats; random values seldom do.
fn right(name: &'static str) -> BoxedStrategy<Value> {
    match name {
        "conversations" => turns("from", "value").boxed(),
        "messages" => turns("role", "content").boxed(),
        _ => "[a-c]{1,2}".prop_map(Value::String).boxed(),
    }
}

/// The fields that a format needs, each of them right more often than not.
fn needed() -> impl Strategy<Value = Vec<(&'static str, Value)>> {
    prop::sample::select(NEEDS.to_vec()).prop_flat_map(|needs| {
        let fields = needs.iter().map(|&name| {
            let value = prop_oneof![9 => right(name), 1 => value()];
            value.prop_map(move |value| (name, value))
        });
        fields.collect::<Vec<_>>()
    })
}

fn fields() -> impl Strategy<Value = Value> {
    let name = prop::sample::select(NAMES.to_vec());
    let others = prop::collection::vec((name, value()), 0..3);
    (needed(), others).prop_map(|(needed, others)| {
        let mut fields: Map<String, Value> = Map::new();
        for (name, value) in others.into_iter().chain(needed) {
            fields.insert(name.to_owned(), value);
        }
        Value::Object(fields)
    })
}

fn says(turns: &[Message]) -> bool {
    let mut answers = turns.iter().filter(|turn| turn.role == Role::Assistant);
    answers.clone().next().is_some() && answers.all(|turn| !turn.content.trim().is_empty())
}

/// What holds of a row, whatever it was made of. The formats that read it.
fn check(fields: Value, columns: &Columns) -> Result<Vec<Format>, TestCaseError> {
    let record = record(fields);
    if let Ok(reading) = Reading::detect(&record, columns, None) {
        let again = Reading::detect(&record, columns, Some(reading.format()));
        prop_assert_eq!(again.unwrap(), reading);
    }
    let mut read = Vec::new();
    for format in Format::ALL {
        let Ok(reading) = Reading::new(format, columns.clone()) else {
            continue;
        };
        let row = match reading.read(record.clone()) {
            Ok(row) => row,
            Err(error) => {
                prop_assert!(error.to_string().starts_with("`rows.jsonl` line 7: "));
                continue;
            }
        };
        read.push(format);
        match row.sample {
            Sample::Sql(sample) => {
                prop_assert!(!sample.question.trim().is_empty());
                prop_assert!(!sample.sql.trim().is_empty());
            }
            Sample::Conversation(turns) => prop_assert!(says(&turns)),
            Sample::Completion(row) => prop_assert!(says(&row.completion)),
            Sample::Preference(row) => {
                prop_assert!(!row.prompt.is_empty());
                prop_assert!(says(&row.chosen) && says(&row.rejected));
                prop_assert_ne!(row.chosen, row.rejected);
            }
        }
    }
    Ok(read)
}

/// The rows are those of a fixed seed, so that the counts are.
#[test]
fn a_row_is_read_or_refused() {
    let mapped = prop::option::weighted(0.25, (0..NAMES.len(), 0..NAMES.len()));
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(512)
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let counts = RefCell::new([0; Format::ALL.len()]);
    let outcome =
        TestRunner::new_with_rng(config, rng).run(&(fields(), mapped), |(row, mapped)| {
            let mut columns = Columns::default();
            if let Some((name, column)) = mapped {
                columns = columns.map(NAMES[name], NAMES[column]).unwrap();
            }
            for format in check(row, &columns)? {
                let index = Format::ALL.iter().position(|&other| other == format);
                counts.borrow_mut()[index.unwrap()] += 1;
            }
            Ok(())
        });
    outcome.unwrap();
    let counts = counts.into_inner();
    assert!(counts.iter().all(|&rows| rows >= 30), "{counts:?}");
}
