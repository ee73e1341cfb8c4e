//! Parquet and Arrow files that pyarrow wrote (generate.py).

use super::*;

/// The rows of `rows.*`, as generate.py makes them.
fn check_rows(name: &str) {
    let records = FileRecords::open(fixture(name), &ReadOptions::default()).unwrap();
    let total = records.total_bytes();
    let mut last = 0;
    let mut count = 0;
    let mut records = records;
    while let Some(record) = records.next() {
        let record = record.unwrap();
        assert_eq!(record.place.at, At::Row(count), "{name}");
        assert_eq!(record.fields["question"], format!("Größe {count}?\n"));
        let number = &record.fields["n"];
        match count % 3 {
            0 => assert!(number.is_null()),
            _ => assert_eq!(*number, count as i64 - 350),
        }
        assert_eq!(record.fields.len(), 2);
        assert!(records.bytes_read() >= last);
        last = records.bytes_read();
        count += 1;
    }
    assert_eq!(count, 600, "{name}");
    assert_eq!(records.bytes_read(), total, "{name}");
}

#[test]
fn every_codec_and_container_gives_the_same_rows() {
    for codec in ["none", "snappy", "gzip", "lz4", "zstd"] {
        check_rows(&format!("rows.{codec}.parquet"));
    }
    check_rows("rows.arrow");
    check_rows("rows.stream.arrow");
}

#[test]
fn every_type_has_its_form_in_json() {
    let expected = std::fs::read(fixture("types.json")).unwrap();
    let expected: Vec<serde_json::Value> = serde_json::from_slice(&expected).unwrap();
    for name in ["types.parquet", "types.arrow"] {
        let rows = items(&fixture(name), &ReadOptions::default());
        let rows: Vec<_> = rows
            .into_iter()
            .map(|row| serde_json::Value::Object(row.unwrap().fields))
            .collect();
        assert_eq!(rows, expected, "{name}");
    }
}

fn message(path: &Path) -> String {
    let mut all = items(path, &ReadOptions::default());
    let error = all.pop().unwrap().unwrap_err();
    assert!(all.is_empty() && !error.is_row_error());
    error
        .to_string()
        .replace(&path.display().to_string(), "FILE")
}

#[test]
fn what_cannot_be_read_is_named() {
    assert_eq!(
        message(&fixture("rows.brotli.parquet")),
        "`FILE`: column `question` is compressed with brotli; expected snappy, gzip, lz4, zstd or none"
    );
    assert_eq!(
        message(&fixture("twice.parquet")),
        "`FILE`: columns 1 and 2 are both named `a`"
    );
    assert_eq!(
        message(&fixture("empty.parquet")),
        "`FILE` is empty; expected named fields"
    );
    assert_eq!(
        message(&file("a.arrow", "FEA1 of old").path),
        "`FILE` is no arrow file: it begins with b\"FEA1 of \""
    );
    let prefix = "`FILE` row 0: cannot read parquet: ";
    let text = message(&file("a.parquet", "no such thing").path);
    assert!(text.starts_with(prefix), "{text}");
}

#[test]
fn content_tells_columns_where_a_name_does_not() {
    for (fixture_name, format) in [
        ("rows.zstd.parquet", anneal_data::FileFormat::Parquet),
        ("rows.arrow", anneal_data::FileFormat::Arrow),
        ("rows.stream.arrow", anneal_data::FileFormat::Arrow),
    ] {
        let bytes = std::fs::read(fixture(fixture_name)).unwrap();
        let file = file("train", bytes);
        let records = FileRecords::open(&file.path, &ReadOptions::default()).unwrap();
        assert_eq!(records.format(), format);
        assert_eq!(records.count(), 600);
    }
}
