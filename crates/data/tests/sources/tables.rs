//! CSV and TSV.

use super::*;

#[test]
fn quotes_hold_line_breaks_and_lines_are_counted() {
    let text = "q,s\n\n\"two\nlines, \"\"quoted\"\"\",a\n\n\n  b ,\n\"\",\"\r\nc\"\n";
    let rows = [
        "3 {\"q\":\"two\\nlines, \\\"quoted\\\"\",\"s\":\"a\"}",
        "7 {\"q\":\"  b \",\"s\":\"\"}",
        "8 {\"q\":\"\",\"s\":\"\\r\\nc\"}",
    ];
    assert_eq!(told("a.csv", text), rows);
    assert_eq!(told("a.csv", text.trim_end()), rows);
    let windows = "q,s\r\n\r\nx,y\r\n\"1\r\n2\",z\r\nu,v";
    assert_eq!(
        told("a.csv", windows),
        [
            "3 {\"q\":\"x\",\"s\":\"y\"}",
            "4 {\"q\":\"1\\r\\n2\",\"s\":\"z\"}",
            "6 {\"q\":\"u\",\"s\":\"v\"}"
        ]
    );
}

#[test]
fn a_ragged_row_is_an_error_of_its_row() {
    assert_eq!(
        told("a.tsv", "a\tb\n1\n1\t2\t3\n\n4\t5\n"),
        [
            "row: FILE line 2: expected 2 fields, as the header has, found 1",
            "row: FILE line 3: expected 2 fields, as the header has, found 3",
            "5 {\"a\":\"4\",\"b\":\"5\"}"
        ]
    );
}

#[test]
fn a_header_names_each_column_once() {
    assert_eq!(
        told("a.csv", "a,b,a\n1,2,3\n"),
        ["end: FILE: columns 1 and 3 are both named `a`"]
    );
    assert_eq!(
        told("a.csv", ",a\n0,1\n"),
        ["end: FILE: column 1 of 2 has no name (pandas writes one unless `index=False`)"]
    );
}

#[test]
fn a_quote_that_is_never_closed_ends_the_source() {
    assert_eq!(
        told("a.csv", "a,b\n1,2\n\n3,\"4\n5,6\n7,8\n"),
        [
            "2 {\"a\":\"1\",\"b\":\"2\"}",
            "end: FILE line 4: a quote in the row that begins here is never closed"
        ]
    );
    // A quote within a field is a character.
    assert_eq!(
        told("a.csv", "a,b\n5\" disk,x"),
        ["2 {\"a\":\"5\\\" disk\",\"b\":\"x\"}"]
    );
}

#[test]
fn a_text_may_mean_null() {
    let text = "a,b\nNULL,\n,x\n";
    assert_eq!(
        told("a.csv", text),
        [
            "2 {\"a\":\"NULL\",\"b\":\"\"}",
            "3 {\"a\":\"\",\"b\":\"x\"}"
        ]
    );
    for (null, rows) in [
        (
            "",
            [
                "2 {\"a\":\"NULL\",\"b\":null}",
                "3 {\"a\":null,\"b\":\"x\"}",
            ],
        ),
        (
            "NULL",
            ["2 {\"a\":null,\"b\":\"\"}", "3 {\"a\":\"\",\"b\":\"x\"}"],
        ),
    ] {
        let options = ReadOptions {
            null_text: Some(null.to_owned()),
            ..ReadOptions::default()
        };
        assert_eq!(told_with("a.csv", text, &options), rows);
    }
}

#[test]
fn rows_and_fields_may_be_larger_than_any_buffer() {
    let names: Vec<String> = (0..500).map(|index| format!("c{index}")).collect();
    let long = "ä\"\"\n".repeat(40_000);
    let row = format!("\"{long}\"{}", ",x".repeat(499));
    let file = file("a.csv", format!("{}\n{row}\n{row}", names.join(",")));
    let rows = items(&file.path, &ReadOptions::default());
    let rows: Vec<Record> = rows.into_iter().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 2);
    for (row, line) in rows.iter().zip([2, 40_003]) {
        assert_eq!(row.fields["c0"], "ä\"\n".repeat(40_000));
        assert_eq!(row.fields["c499"], "x");
        assert_eq!(row.place.at, At::Line(line));
    }
}
