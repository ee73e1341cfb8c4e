//! Question and prediction files: what is read, and what is said of a file that is wrong.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::path::PathBuf;

use anneal_data::{read_predictions, read_questions};

const ROW: &str = r#"{"db_id": "a", "question": "q", "sql": "s"}"#;

struct File {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

fn file(content: impl AsRef<[u8]>) -> File {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, content).unwrap();
    File {
        _folder: folder,
        path,
    }
}

/// The message for `content` as a question file, without the file's name.
fn question_error(content: impl AsRef<[u8]>) -> String {
    let file = file(content);
    strip(&file, read_questions(&file.path).unwrap_err().to_string())
}

/// The message for `content` as predictions for three questions, without the file's name.
fn prediction_error(content: &str) -> String {
    let file = file(content);
    strip(
        &file,
        read_predictions(&file.path, 3).unwrap_err().to_string(),
    )
}

fn strip(file: &File, message: String) -> String {
    let name = format!("`{}` ", file.path.display());
    let rest = message.strip_prefix(&name);
    rest.unwrap_or_else(|| panic!("{message} does not name the file"))
        .to_owned()
}

#[test]
fn questions_are_read_with_their_options() {
    let file = file(
        [
            "\u{feff}{\"db_id\": \"a\", \"question\": \"Wie viele Größen?\", \"sql\": \"SELECT 1\", \"context\": \"CREATE TABLE t (x)\", \"exec_ok\": true, \"n_rows\": 4, \"missing_data\": false, \"hardness\": [1]}",
            "   \r",
            "{\"question\": \"q\", \"query\": \"SELECT 2\", \"db_id\": \"b\", \"context\": null, \"exec_ok\": false}\r",
            "{\"db_id\": \"c\", \"question\": \"q\", \"query\": \"SELECT 3\", \"sql\": {\"select\": []}, \"missing_data\": true}",
            "{\"db_id\": \"d\", \"question\": \"q\", \"query\": \"other\", \"sql\": \"SELECT 4\"}",
        ]
        .join("\n"),
    );
    let rows = read_questions(&file.path).unwrap();
    let sql: Vec<&str> = rows.iter().map(|row| row.sql.as_str()).collect();
    assert_eq!(sql, ["SELECT 1", "SELECT 2", "SELECT 3", "SELECT 4"]);
    assert_eq!(rows[0].question, "Wie viele Größen?");
    assert_eq!(rows[0].context.as_deref(), Some("CREATE TABLE t (x)"));
    assert_eq!(rows[0].n_rows, Some(4));
    assert_eq!(rows[1].context, None);
    let usable: Vec<bool> = rows.iter().map(anneal_data::Question::is_usable).collect();
    assert_eq!(usable, [true, false, false, true]);
}

#[test]
fn a_wrong_column_is_named_with_those_there_are() {
    let content = format!("{ROW}\n\n{{\"db_id\": \"a\", \"text\": \"q\", \"sql\": \"s\"}}");
    assert_eq!(
        question_error(content),
        "line 3: no field `question`; the row has [\"db_id\", \"text\", \"sql\"]"
    );
    assert_eq!(
        question_error(r#"{"db_id": "a", "question": "q", "answer": "s"}"#),
        "line 1: no field `sql` (or `query`); the row has [\"db_id\", \"question\", \"answer\"]"
    );
}

#[test]
fn a_field_of_the_wrong_type_is_named() {
    assert_eq!(
        question_error(r#"{"db_id": 3, "question": "q", "sql": "s"}"#),
        "line 1: field `db_id` must be a string, found a number"
    );
    assert_eq!(
        question_error(r#"{"db_id": "a", "question": "q", "sql": ["s"]}"#),
        "line 1: field `sql` must be a string, found an array"
    );
    assert_eq!(
        question_error(r#"{"db_id": "a", "question": "q", "sql": "s", "exec_ok": "yes"}"#),
        "line 1: field `exec_ok` must be true or false, found a string"
    );
    assert_eq!(
        question_error(r#"{"db_id": "a", "question": "q", "sql": "s", "n_rows": -1}"#),
        "line 1: field `n_rows` must be a whole number from 0, found a number"
    );
}

#[test]
fn a_line_that_is_no_object_is_named() {
    assert_eq!(
        question_error(format!("{ROW}\n[{ROW}]")),
        "line 2: expected a JSON object with `db_id`, `question` and `sql`, found an array"
    );
    let cut = &ROW[..ROW.len() - 2];
    assert_eq!(
        question_error(format!("{ROW}\n{cut}")),
        format!(
            "line 2: invalid JSON: EOF while parsing a string at column {}",
            cut.len()
        )
    );
    assert_eq!(
        question_error([ROW.as_bytes(), b"\n{\"db_id\": \"\xff\"}"].concat()),
        "line 2: invalid UTF-8 at byte 12 of the line"
    );
}

#[test]
fn files_without_rows_are_refused() {
    for content in ["", "\n \n", "\u{feff}"] {
        assert_eq!(
            question_error(content),
            "is empty; expected `db_id`, `question` and `sql`"
        );
    }
    let missing = tempfile::tempdir().unwrap().path().join("none.jsonl");
    let message = read_questions(&missing).unwrap_err().to_string();
    assert!(
        message.starts_with(&format!("cannot read `{}`: ", missing.display())),
        "{message}"
    );
}

#[test]
fn predictions_come_in_order_or_by_index() {
    let ordered = file("{\"sql\": \"a\"}\n{\"sql\": null}\n\n{\"sql\": \"c\", \"seconds\": 1}\n");
    let expected = [Some("a".to_owned()), None, Some("c".to_owned())];
    assert_eq!(read_predictions(&ordered.path, 3).unwrap(), expected);
    let indexed = file("{\"index\": 2, \"sql\": \"c\"}\n{\"index\": 0, \"sql\": \"a\"}");
    assert_eq!(read_predictions(&indexed.path, 3).unwrap(), expected);
}

#[test]
fn predictions_that_do_not_fit_the_questions_are_refused() {
    let cases = [
        (
            "{\"index\": 1, \"sql\": \"a\"}\n\n{\"sql\": \"b\"}",
            "line 3: rows with and without `index` are mixed; the first row has one",
        ),
        (
            "{\"sql\": \"a\"}\n{\"index\": 1, \"sql\": \"b\"}",
            "line 2: rows with and without `index` are mixed; the first row has none",
        ),
        (
            "{\"index\": 1, \"sql\": \"a\"}\n{\"index\": 0, \"sql\": \"a\"}\n{\"index\": 1, \"sql\": \"b\"}",
            "line 3: index 1 stands on line 1 already",
        ),
        (
            "{\"index\": 3, \"sql\": \"a\"}",
            "line 1: index 3 names no question; there are 3, counted from 0",
        ),
        (
            "{\"index\": -1, \"sql\": \"a\"}",
            "line 1: field `index` must be a whole number from 0, found a number",
        ),
        (
            "{\"sql\": \"a\"}\n{\"sql\": \"b\"}",
            "line 2: 2 predictions without `index` for 3 questions; expected one for each",
        ),
        (
            "{\"sql\": \"a\"}\n{\"sql\": \"b\"}\n{\"sql\": \"c\"}\n{\"sql\": \"d\"}",
            "line 4: 4 predictions without `index` for 3 questions; expected one for each",
        ),
        (
            "{\"prediction\": \"a\"}",
            "line 1: no field `sql`; the row has [\"prediction\"]",
        ),
        (
            "{\"sql\": 1}",
            "line 1: field `sql` must be a string, found a number",
        ),
    ];
    for (content, expected) in cases {
        assert_eq!(prediction_error(content), expected);
    }
}
