//! From records to rows: every format, every mapping, and what is said of a row that is wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]
#![allow(clippy::result_large_err, reason = "the error is shown and gone")]

mod columns;
mod detection;
mod errors;
mod meanings;
mod random;
mod trl;

use std::path::Path;

use anneal_data::{At, Columns, DataError, Format, Message, Reading, Record, Sample};
use serde_json::{Value, json};

/// A record at `rows.jsonl` line 7.
fn record(fields: Value) -> Record {
    let Value::Object(fields) = fields else {
        panic!("{fields} is no object");
    };
    Record::new(Path::new("rows.jsonl"), At::Line(7), fields)
}

/// One row per format, as its data sets have them, in the order of [`Format::ALL`].
fn examples() -> [Value; 7] {
    [
        json!({"question": "How many?", "context": "CREATE TABLE t (x)", "answer": "SELECT COUNT(*) FROM t"}),
        json!({"db_id": "pets", "question": "How many pets?", "query": "SELECT COUNT(*) FROM pet"}),
        json!({"instruction": "Add.", "input": "1 2", "output": "3"}),
        json!({"id": "a_0", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}),
        json!({"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}),
        json!({"prompt": "The sky is", "completion": "blue."}),
        json!({"prompt": "The sky is", "chosen": "blue.", "rejected": "green."}),
    ]
}

/// Reads `fields` as `format` without a mapping.
fn read(format: Format, fields: Value) -> Result<Sample, DataError> {
    read_mapped(format, "", fields)
}

/// Reads `fields` as `format` with a mapping.
fn read_mapped(format: Format, columns: &str, fields: Value) -> Result<Sample, DataError> {
    let columns: Columns = columns.parse()?;
    let reading = Reading::new(format, columns)?;
    let record = record(fields);
    let place = record.place.clone();
    let row = reading.read(record)?;
    assert_eq!(row.place, place);
    Ok(row.sample)
}

/// The turns of `fields` read as `format`.
fn turns(format: Format, fields: Value) -> Vec<Message> {
    match read(format, fields).unwrap() {
        Sample::Conversation(turns) => turns,
        Sample::Completion(row) => [row.prompt, row.completion].concat(),
        other => panic!("{other:?} is no conversation"),
    }
}
