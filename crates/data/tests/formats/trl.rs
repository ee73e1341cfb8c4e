//! Rows as `datasets` holds them are read as TRL reads them (`generate.py` wrote `trl.json`).

use anneal_data::{Format, Message, Sample};
use serde_json::Value;

use super::{read, record};

/// The turns that TRL has in `value`, which must be a list of them.
fn turns(value: &Value) -> Vec<Message> {
    let list = value.as_array().unwrap().iter();
    list.map(|turn| Message {
        role: serde_json::from_value(turn["role"].clone()).unwrap(),
        content: turn["content"].as_str().unwrap().to_owned(),
    })
    .collect()
}

#[test]
fn rows_are_read_as_trl_reads_them() {
    let document: Value = serde_json::from_str(include_str!("trl.json")).unwrap();
    let rows = document["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 11);
    for entry in rows {
        let format: Format = entry["format"].as_str().unwrap().parse().unwrap();
        let (row, trl) = (entry["row"].clone(), &entry["trl"]);
        assert_eq!(Format::detect(&record(row.clone())).unwrap(), format);
        match read(format, row).unwrap() {
            Sample::Conversation(found) => assert_eq!(found, turns(&trl["messages"]), "{entry}"),
            Sample::Completion(found) => {
                assert_eq!(found.prompt, turns(&trl["prompt"]), "{entry}");
                assert_eq!(found.completion, turns(&trl["completion"]), "{entry}");
            }
            Sample::Preference(found) => {
                assert_eq!(found.prompt, turns(&trl["prompt"]), "{entry}");
                assert_eq!(found.chosen, turns(&trl["chosen"]), "{entry}");
                assert_eq!(found.rejected, turns(&trl["rejected"]), "{entry}");
            }
            Sample::Sql(found) => panic!("{found:?}"),
        }
    }
}
