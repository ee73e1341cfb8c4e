//! JSON lines, arrays and objects one after another.

use super::*;

#[test]
fn a_wrong_line_is_an_error_of_its_row() {
    assert_eq!(
        told(
            "a.jsonl",
            "\n{\"a\": 1}\n{\"a\": \n  \t\n[1]\n7\n{\"a\": \"\\u00e4\\ud83e\\udd80\"}\n"
        ),
        [
            "2 {\"a\":1}",
            "row: FILE line 3: invalid JSON: EOF while parsing a value at column 6",
            "row: FILE line 5: expected a JSON object with named fields, found an array",
            "row: FILE line 6: expected a JSON object with named fields, found a number",
            "7 {\"a\":\"ä🦀\"}",
        ]
    );
}

#[test]
fn an_array_is_read_with_the_lines_of_its_elements() {
    assert_eq!(
        told(
            "a.json",
            "\u{feff}\n [\n{\"a\": [1, {\"b\": \"]}\\\\\\\"\"}]} ,{}\r\n,\n\n{\n\"c\"\n:\nnull}\n]\n\n"
        ),
        [
            "3 {\"a\":[1,{\"b\":\"]}\\\\\\\"\"}]}",
            "3 {}",
            "6 {\"c\":null}"
        ]
    );
}

#[test]
fn an_element_that_is_no_object_is_an_error_of_its_row() {
    assert_eq!(
        told("a.json", "[1, -2.5e3,\"x\",\n[{}], null ,true, {\"a\": 1}]"),
        [
            "row: FILE line 1: expected a JSON object with named fields, found a number",
            "row: FILE line 1: expected a JSON object with named fields, found a number",
            "row: FILE line 1: expected a JSON object with named fields, found a string",
            "row: FILE line 2: expected a JSON object with named fields, found an array",
            "row: FILE line 2: expected a JSON object with named fields, found null",
            "row: FILE line 2: expected a JSON object with named fields, found true or false",
            "2 {\"a\":1}"
        ]
    );
}

#[test]
fn a_syntax_error_ends_the_source() {
    for (text, message) in [
        (
            "[{\"a\": 1}\n {\"a\": 2}]",
            "line 2: invalid JSON: expected `,` or `]` after an element at column 2",
        ),
        (
            "[{\"a\": 1},]",
            "line 1: invalid JSON: a value must follow `,`, found `]` at column 11",
        ),
        (
            "[{\"a\": 1},\n",
            "line 2: invalid JSON: a value must follow `,`, found the file's end at column 1",
        ),
        (
            "[{\"a\": 1}\n",
            "line 2: invalid JSON: the array is not closed; found the file's end at column 1",
        ),
        (
            "[{\"a\": 1}] []",
            "line 1: invalid JSON: text follows the array's end at column 12",
        ),
        (
            "[{\"a\": 1},, {}]",
            "line 1: invalid JSON: expected value at column 11",
        ),
        (
            "[{\"a\": 1}, }]",
            "line 1: invalid JSON: expected value at column 12",
        ),
        (
            "[{\"a\": 1}, {\"b\": NaN}, {}]",
            "line 1: invalid JSON: expected value at column 18",
        ),
        (
            "[{\"a\": 1}, {\n\"b\": 'x'}, {}]",
            "line 2: invalid JSON: expected value at column 6",
        ),
        (
            "[{\"a\": 1}, {\"b\": \"x",
            "line 1: invalid JSON: EOF while parsing a string at column 19",
        ),
        (
            "{\n\"a\": 1}\n{\"b\": 2]\n",
            "line 3: invalid JSON: expected `,` or `}` at column 8",
        ),
        (
            "{\n\"a\": 1}\n x",
            "line 3: invalid JSON: expected value at column 2",
        ),
    ] {
        let expected = ["1 {\"a\":1}".to_owned(), format!("end: FILE {message}")];
        assert_eq!(told("a.json", text), expected, "{text:?}");
    }
}

#[test]
fn a_missing_quote_does_not_take_the_rest_along() {
    let rest = "{\"a\": \"b\"},\n".repeat(9_000);
    assert_eq!(
        told("a.json", format!("[{{\"a\": \"b}},\n{rest}{{}}]")),
        [
            "end: FILE line 2: invalid JSON: control character (\\u0000-\\u001F) found while parsing a string at column 0"
        ]
    );
}

#[test]
fn an_object_alone_and_objects_over_lines_are_rows() {
    assert_eq!(
        told("a.json", "{\n \"a\": [\n1]\n}\n\n{\"a\": 2}{\"a\": 3}\n"),
        ["1 {\"a\":[1]}", "6 {\"a\":2}", "6 {\"a\":3}"]
    );
    // JSON lines under the name of JSON: a wrong line is one row's error.
    assert_eq!(
        told("a.json", "{\"a\": 1}\n{\"a\"\n{\"a\": 3}\n"),
        [
            "1 {\"a\":1}",
            "row: FILE line 2: invalid JSON: EOF while parsing an object at column 4",
            "3 {\"a\":3}"
        ]
    );
}

#[test]
fn an_element_may_be_larger_than_any_block() {
    let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
    let long = "ä\\\"{[".repeat(100_000);
    let text = format!("[{{\"a\": {deep}}}, {{\"b\": \"{long}\"}}, {{\"c\": 1}}]");
    let file = file("a.json", text);
    let rows = items(&file.path, &ReadOptions::default());
    let rows: Vec<Record> = rows.into_iter().map(Result::unwrap).collect();
    let long = rows[1].fields["b"].as_str().unwrap();
    assert_eq!(long, "ä\"{[".repeat(100_000));
    assert_eq!(rows[2].fields["c"], 1);
}
