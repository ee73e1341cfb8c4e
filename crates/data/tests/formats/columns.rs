//! Columns that a file calls otherwise.

use anneal_data::{Columns, Format, Reading};
use serde_json::{Value, json};

use super::{examples, read, read_mapped, record};

/// Every format, with each of its needed fields under another name, reads as it does without.
#[test]
fn every_format_reads_through_a_mapping_as_without() {
    let needed: [&[&str]; 7] = [
        &["question", "context", "answer"],
        &["db_id", "question", "sql"],
        &["instruction", "input", "output"],
        &["conversations"],
        &["messages"],
        &["prompt", "completion"],
        &["prompt", "chosen", "rejected"],
    ];
    for ((fields, format), names) in examples().into_iter().zip(Format::ALL).zip(needed) {
        let expected = read(format, fields.clone()).unwrap();
        let Value::Object(own) = fields else {
            unreachable!();
        };
        let (mut flat, mut inner, mut text, mut path) = (json!({}), json!({}), vec![], vec![]);
        for name in names {
            let value = own.get(*name).unwrap_or_else(|| &own["query"]);
            flat[format!("The {name}")] = value.clone();
            inner[*name] = value.clone();
            text.push(format!("{name}=The {name}"));
            path.push(format!("{name} = row.data.{name}"));
        }
        let (text, path) = (text.join(","), path.join(" , "));
        let nested = json!({"row": {"data": inner}});
        assert_eq!(read_mapped(format, &text, flat.clone()).unwrap(), expected);
        assert_eq!(
            read_mapped(format, &path, nested.clone()).unwrap(),
            expected
        );
        for (mapping, fields) in [(text, flat), (path, nested)] {
            let columns: Columns = mapping.parse().unwrap();
            let reading = Reading::detect(&record(fields), &columns, None).unwrap();
            // A mapping of these names is the row's only clue, and it is enough.
            assert_eq!(reading.format(), format);
            assert_eq!(reading.columns(), &columns);
        }
    }
}

#[test]
fn a_name_with_a_dot_is_a_column_before_it_is_a_path() {
    let fields = json!({"a.b": "whole", "a": {"b": "path"}, "completion": "c"});
    let expected = read(
        Format::PromptCompletion,
        json!({"prompt": "whole", "completion": "c"}),
    );
    assert_eq!(
        read_mapped(Format::PromptCompletion, "prompt=a.b", fields).unwrap(),
        expected.unwrap()
    );
}

#[test]
fn a_mapped_column_stands_for_nothing_else() {
    // `query` is the question here, so it is not taken for the SQL as well.
    let fields = json!({"db_id": "a", "query": "How many?", "sql": {"parsed": 1}});
    let error = read_mapped(Format::Spider, "question=query", fields).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`rows.jsonl` line 7: field `sql` must be a string, found an object"
    );
    let fields = json!({"question": "SELECT 1", "answer": "How many?", "context": "c"});
    let swapped = "question=answer,answer=question";
    let sample = read_mapped(Format::SqlCreateContext, swapped, fields.clone()).unwrap();
    let straight = json!({"question": "How many?", "answer": "SELECT 1", "context": "c"});
    assert_eq!(sample, read(Format::SqlCreateContext, straight).unwrap());
    let error = read_mapped(Format::SqlCreateContext, "question=answer", fields).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`rows.jsonl` line 7: no field `answer`; the row has [\"question\", \"answer\", \"context\"]"
    );
}

#[test]
fn errors_name_the_file_s_own_columns() {
    let error = read_mapped(
        Format::Messages,
        "messages=turns",
        json!({"turns": [{"role": "user", "content": 1}]}),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "`rows.jsonl` line 7: `content` of turn 1 of `turns` must be a string, found a number"
    );
    let error = read_mapped(
        Format::Alpaca,
        "output=data.out",
        json!({"instruction": "a", "data": {"out": " "}}),
    );
    assert_eq!(
        error.unwrap_err().to_string(),
        "`rows.jsonl` line 7: field `data.out` is blank"
    );
}

#[test]
fn a_mapped_column_that_is_not_there_is_named_with_those_there_are() {
    let fields = json!({"question": "a", "Context": "b", "answer": "c"});
    let expected = "`rows.jsonl` line 7: no column `schema`, which is mapped to `context`; the row has [\"question\", \"Context\", \"answer\"]";
    let columns: Columns = "context=schema".parse().unwrap();
    for format in [None, Some(Format::SqlCreateContext)] {
        let error = Reading::detect(&record(fields.clone()), &columns, format).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    let error = read_mapped(Format::SqlCreateContext, "context=schema", fields).unwrap_err();
    assert_eq!(error.to_string(), expected);
    // An optional field, once mapped, must be there too; null is fine.
    let fields = json!({"db_id": "a", "question": "b", "sql": "c", "ddl": null});
    assert!(read_mapped(Format::Spider, "context=ddl", fields.clone()).is_ok());
    let error = read_mapped(Format::Spider, "context=schema.ddl", fields).unwrap_err();
    assert!(
        error.to_string().contains("no column `schema.ddl`"),
        "{error}"
    );
}

#[test]
fn a_name_that_the_format_does_not_have_is_told_those_it_has() {
    let columns: Columns = "query=SQL".parse().unwrap();
    let error = Reading::new(Format::Spider, columns.clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the format spider has no field `query` to map; it has db_id, question, sql, context, difficulty, exec_ok, missing_data"
    );
    let error = Reading::detect(&record(json!({"SQL": "a"})), &columns, None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no format has all of the mapped fields [\"query\"]; \
         sql-create-context has question, context, answer; \
         spider has db_id, question, sql, context, difficulty, exec_ok, missing_data; \
         alpaca has instruction, output, input, system, history; \
         sharegpt has conversations, system; \
         messages has messages; \
         prompt-completion has prompt, completion; \
         preference has chosen, rejected, prompt"
    );
    assert!(!error.is_of_row());
}

#[test]
fn a_mapping_that_cannot_be_meant_is_refused() {
    let cases = [
        (
            "question",
            "column mapping `question`: expected `name=column`, such as `question=Question Text`",
        ),
        (
            "question=a,,answer=b",
            "column mapping ``: expected `name=column`, such as `question=Question Text`",
        ),
        (
            "=a",
            "column mapping `=a`: expected `name=column`, such as `question=Question Text`",
        ),
        (
            "question= ",
            "column mapping `question= `: expected `name=column`, such as `question=Question Text`",
        ),
        (
            "question=a,question=b",
            "the field `question` is mapped to two columns, `a` and `b`",
        ),
        (
            "question=a,answer=a",
            "the column `a` is mapped to two fields, `question` and `answer`",
        ),
    ];
    for (text, expected) in cases {
        let error = text.parse::<Columns>().unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
    assert_eq!(" ".parse::<Columns>().unwrap(), Columns::default());
    let columns: Columns = "question=a=b".parse().unwrap();
    assert_eq!(columns.get("question"), Some("a=b"));
    let columns = Columns::default().map("question", "Q, as asked").unwrap();
    assert_eq!(columns.get("question"), Some("Q, as asked"));
}
