//! Compression, marks and lines around the text formats.

use super::*;

const LINES: &str = "{\"q\": \"Größe\", \"s\": \"a\"}\n{\"q\": \"x,\\ty\", \"s\": \"b\"}\n";
const ARRAY: &str = "[{\"q\": \"Größe\", \"s\": \"a\"},\n{\"q\": \"x,\\u0009y\", \"s\": \"b\"}]\n";
const OBJECTS: &str = "{\"q\": \"Größe\",\n\"s\": \"a\"} {\"q\": \"x,\\ty\", \"s\": \"b\"}";
const CSV: &str = "q,s\nGröße,a\n\"x,\ty\",b\n";
const TSV: &str = "q\ts\nGröße\ta\n\"x,\ty\"\tb\n";

#[test]
fn every_format_in_every_compression_gives_the_same_rows() {
    let formats = [
        ("rows.jsonl", LINES),
        ("rows.json", LINES),
        ("rows.json", ARRAY),
        ("rows.json", OBJECTS),
        ("rows", ARRAY),
        ("rows.csv", CSV),
        ("rows.tsv", TSV),
    ];
    let expected = [("Größe", "a"), ("x,\ty", "b")];
    for (name, text) in formats {
        for (ending, compress) in COMPRESSIONS {
            // The mark, other line ends and a missing last one change nothing.
            let windows = text.replace('\n', "\r\n");
            let variants = [
                text.to_owned(),
                format!("\u{feff}{text}"),
                text.trim_end().to_owned(),
                windows,
            ];
            for variant in &variants {
                let compressed = compress(variant.as_bytes());
                // The content tells the compression, whatever the name says.
                for name in [format!("{name}{ending}"), name.to_owned()] {
                    let file = file(&name, &compressed);
                    let rows = items(&file.path, &ReadOptions::default());
                    let rows: Vec<Record> = rows.into_iter().map(Result::unwrap).collect();
                    let rows: Vec<_> = rows
                        .iter()
                        .map(|row| (row.text("q", "q").unwrap(), row.text("s", "s").unwrap()))
                        .collect();
                    let rows: Vec<_> = rows.iter().map(|(q, s)| (q.as_str(), s.as_str())).collect();
                    assert_eq!(rows, expected, "{name} {variant:?}");
                }
            }
        }
    }
}

#[test]
fn members_and_frames_follow_one_another() {
    let (first, second) = LINES.split_at(LINES.find('\n').unwrap() - 3);
    for (ending, compress) in &COMPRESSIONS[1..] {
        let parts = [first, second].map(|part| compress(part.as_bytes()));
        assert_eq!(
            told(&format!("rows.jsonl{ending}"), parts.concat()).len(),
            2,
            "{ending}"
        );
    }
}

#[test]
fn progress_ends_with_the_whole_file() {
    for (ending, compress) in COMPRESSIONS {
        let file = file(
            &format!("rows.csv{ending}"),
            compress(CSV.repeat(20_000).as_bytes()),
        );
        let size = std::fs::metadata(&file.path).unwrap().len();
        let mut records = FileRecords::open(&file.path, &ReadOptions::default()).unwrap();
        assert_eq!(records.total_bytes(), size);
        let mut last = 0;
        while records.next().is_some() {
            assert!(records.bytes_read() >= last);
            last = records.bytes_read();
        }
        assert_eq!(last, size, "{ending}");
    }
}

#[test]
fn text_that_is_no_utf8_is_named() {
    assert_eq!(
        told("rows.jsonl", b"\xff\xfe{\0}\0"),
        ["end: FILE is UTF-16; expected UTF-8"]
    );
    assert_eq!(
        told("rows.jsonl", b"{\"a\": 1}\n{\"a\": \"\xc3(\"}\n{\"a\": 2}"),
        [
            "1 {\"a\":1}",
            "row: FILE line 2: invalid UTF-8 at byte 8 of the line",
            "3 {\"a\":2}"
        ]
    );
    assert_eq!(
        told(
            "rows.json",
            b"[{\"a\":\n 1}, {\"b\":\n \"\xff\"}, {\"c\": 3}]"
        ),
        [
            "1 {\"a\":1}",
            "row: FILE line 3: invalid UTF-8 at byte 3 of the line",
            "3 {\"c\":3}"
        ]
    );
    assert_eq!(
        told("rows.json", b"[{\"a\": 1}, {\"b\": \"\xff\"}]"),
        [
            "1 {\"a\":1}",
            "row: FILE line 1: invalid UTF-8 at byte 19 of the line"
        ]
    );
    assert_eq!(
        told("rows.csv", b"a,b\n1,x\xff\n3,4\n"),
        [
            "row: FILE line 2: field `b` is not UTF-8 at its byte 2",
            "3 {\"a\":\"3\",\"b\":\"4\"}"
        ]
    );
    assert_eq!(
        told("rows.csv", b"a,\xff\n1,x\n"),
        ["end: FILE line 1: column 2 of the header is not UTF-8"]
    );
}

#[test]
fn files_without_rows_are_errors() {
    for (name, text) in [
        ("rows.jsonl", ""),
        ("rows.jsonl", "\n\r\n"),
        ("rows.json", "[]"),
        ("rows.json", " \n"),
        ("rows.csv", ""),
        ("rows.csv", "a,b\n"),
        ("rows.parquet", ""),
        ("rows", ""),
    ] {
        for (ending, compress) in COMPRESSIONS {
            if text.is_empty() || !name.ends_with("parquet") {
                let content = compress(text.as_bytes());
                if name.ends_with("parquet") && !ending.is_empty() {
                    continue;
                }
                assert_eq!(
                    told(&format!("{name}{ending}"), content),
                    ["end: FILE is empty; expected named fields"],
                    "{name}{ending} {text:?}"
                );
            }
        }
    }
}

#[test]
fn a_format_is_named_or_told_by_content_or_asked_for() {
    assert_eq!(
        told("rows.txt", "a,b\n1,2\n"),
        [
            "end: cannot tell the format of FILE: its name ends in none of .jsonl, .json, .csv, .tsv, .parquet and .arrow, and it begins with b\"a,b\\n1,2\\n\""
        ]
    );
    let options = ReadOptions {
        format: Some(anneal_data::FileFormat::Csv),
        ..ReadOptions::default()
    };
    assert_eq!(
        told_with("rows.txt", "a,b\n1,2\n", &options),
        ["2 {\"a\":\"1\",\"b\":\"2\"}"]
    );
    assert_eq!(
        told("rows.parquet.gz", gzip(b"PAR1")),
        [
            "end: FILE is gzip data around parquet; decompress it first: parquet is read from where its own index points"
        ]
    );
    assert_eq!(
        told("rows.gz", gzip(b"PAR1 and more")),
        [
            "end: FILE is gzip data around parquet; decompress it first: parquet is read from where its own index points"
        ]
    );
}

#[test]
fn a_row_longer_than_the_limit_is_an_error_of_its_row() {
    let options = ReadOptions {
        max_row_bytes: 20,
        ..ReadOptions::default()
    };
    let long = "x".repeat(100_000);
    let expected = |kind: &str, lines: [usize; 3]| {
        let [first, second, third] = lines;
        [
            format!("{first} {{\"a\":{kind}1{kind}}}"),
            format!("row: FILE line {second}: the row has more than 20 bytes"),
            format!("{third} {{\"a\":{kind}2{kind}}}"),
        ]
    };
    assert_eq!(
        told_with(
            "a.jsonl",
            format!("{{\"a\":1}}\n{{\"a\":\"{long}\"}}\n{{\"a\":2}}"),
            &options
        ),
        expected("", [1, 2, 3])
    );
    assert_eq!(
        told_with(
            "a.json",
            format!("[{{\"a\":1}},\n\n{{\"a\":\"{long}\"}},\n{{\"a\":2}}]"),
            &options
        ),
        expected("", [1, 3, 4])
    );
    assert_eq!(
        told_with("a.csv", format!("a\n1\n\"{long}\n\"\n2\n"), &options),
        expected("\"", [2, 3, 5])
    );
    // So is one of many empty fields.
    assert_eq!(
        told_with("a.csv", format!("a\n1\n{}\n2\n", ",".repeat(99)), &options),
        expected("\"", [2, 3, 4])
    );
}
