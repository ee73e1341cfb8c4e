//! Which format a row is taken for.

use anneal_data::{Columns, Format, Reading};
use serde_json::{Value, json};

use super::{examples, record};

#[test]
fn every_example_is_detected_as_itself_and_reads_as_itself_alone() {
    for (fields, format) in examples().into_iter().zip(Format::ALL) {
        assert_eq!(Format::detect(&record(fields.clone())).unwrap(), format);
        for other in Format::ALL {
            let reading = Reading::new(other, Columns::default()).unwrap();
            let reads = reading.read(record(fields.clone())).is_ok();
            assert_eq!(reads, other == format, "{fields} as {other}");
        }
    }
}

/// Of two formats' fields in one row, the one that stands first in the documented order is taken.
#[test]
fn a_row_with_the_fields_of_two_formats_follows_the_order() {
    use Format::{
        Alpaca, Messages, Preference, PromptCompletion, ShareGpt, Spider, SqlCreateContext,
    };
    let order = [
        Preference,
        Messages,
        ShareGpt,
        Spider,
        SqlCreateContext,
        Alpaca,
        PromptCompletion,
    ];
    let rank = |format: Format| order.iter().position(|&other| other == format).unwrap();
    for (first, one) in examples().into_iter().zip(Format::ALL) {
        for (second, two) in examples().into_iter().zip(Format::ALL) {
            let (Value::Object(mut both), Value::Object(more)) = (first.clone(), second) else {
                unreachable!();
            };
            both.extend(more);
            let expected = if rank(one) < rank(two) { one } else { two };
            let found = Format::detect(&record(Value::Object(both))).unwrap();
            assert_eq!(found, expected, "{one} with {two}");
        }
    }
}

#[test]
fn values_decide_only_where_names_leave_a_choice() {
    // `messages` is a count here, so the texts are meant.
    let fields = json!({"messages": 2, "prompt": "a", "completion": "b"});
    assert_eq!(
        Format::detect(&record(fields)).unwrap(),
        Format::PromptCompletion
    );
    // Spider's parse tree is no SQL, and `answer` is.
    let fields =
        json!({"db_id": "a", "question": "q", "sql": {}, "context": "c", "answer": "SELECT 1"});
    assert_eq!(
        Format::detect(&record(fields)).unwrap(),
        Format::SqlCreateContext
    );
    // One format alone has these names: a null in the first row does not hide it.
    let fields = json!({"question": "q", "context": "c", "answer": null});
    assert_eq!(
        Format::detect(&record(fields)).unwrap(),
        Format::SqlCreateContext
    );
    // Neither fits by value, so the order of names stands and the reading says what is wrong.
    let fields = json!({"chosen": 1, "rejected": 2, "messages": 3});
    assert_eq!(Format::detect(&record(fields)).unwrap(), Format::Preference);
}

#[test]
fn a_spider_row_with_a_context_is_spider_and_response_is_a_completion() {
    let fields = json!({"db_id": "a", "question": "q", "sql": "s", "context": "c", "n_rows": null});
    assert_eq!(Format::detect(&record(fields)).unwrap(), Format::Spider);
    let fields = json!({"prompt": "a", "response": "b"});
    assert_eq!(
        Format::detect(&record(fields)).unwrap(),
        Format::PromptCompletion
    );
}

#[test]
fn a_row_of_no_format_is_told_what_each_needs() {
    let error = Format::detect(&record(json!({"text": "a", "label": 1}))).unwrap_err();
    assert!(!error.is_of_row());
    assert_eq!(
        error.to_string(),
        "`rows.jsonl` line 7: the fields [\"text\", \"label\"] are those of no format; \
         sql-create-context needs `question`, `context`, `answer`; \
         spider needs `db_id`, `question`, `sql` (or `query`); \
         alpaca needs `instruction`, `output`; \
         sharegpt needs `conversations`; \
         messages needs `messages`; \
         prompt-completion needs `prompt`, `completion` (or `response`); \
         preference needs `chosen`, `rejected`"
    );
}

#[test]
fn names_of_formats_are_read_as_they_are_written() {
    let names = Format::ALL.map(|format| format.to_string());
    let expected = [
        "sql-create-context",
        "spider",
        "alpaca",
        "sharegpt",
        "messages",
        "prompt-completion",
        "preference",
    ];
    assert_eq!(names, expected);
    for (name, format) in expected.into_iter().zip(Format::ALL) {
        assert_eq!(name.parse::<Format>().unwrap(), format);
    }
    assert_eq!(
        "Spider".parse::<Format>().unwrap_err().to_string(),
        "unknown format `Spider`; expected one of sql-create-context, spider, alpaca, sharegpt, messages, prompt-completion, preference"
    );
}
