//! What is cut off or damaged never passes for whole, and never panics.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions, StreamWriter};

use super::*;

/// Reads a file; the rows before an error, and whether there was one. Nothing may follow it.
fn outcome(path: &Path) -> (usize, Option<String>) {
    let mut records = match FileRecords::open(path, &ReadOptions::default()) {
        Ok(records) => records,
        Err(error) => return (0, Some(error.to_string())),
    };
    let mut rows = 0;
    while let Some(item) = records.next() {
        match item {
            Ok(_) => rows += 1,
            Err(error) if error.is_row_error() => return (rows, Some(error.to_string())),
            Err(error) => {
                assert!(records.next().is_none() && records.next().is_none());
                return (rows, Some(error.to_string()));
            }
        }
    }
    (rows, None)
}

/// Cuts a file off after each of its first `bytes.len() - 1` bytes, by `step`.
fn check_cuts(name: &str, bytes: &[u8], step: usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    let (whole, error) = outcome(&path);
    assert_eq!(error, None, "{name}");
    for length in (0..bytes.len()).step_by(step) {
        std::fs::write(&path, &bytes[..length]).unwrap();
        let (rows, error) = outcome(&path);
        let error = error.unwrap_or_else(|| panic!("{name}: {length} bytes pass for whole"));
        assert!(rows <= whole && error.contains(name), "{error}");
    }
}

#[test]
fn compressed_text_cut_off_anywhere_is_an_error() {
    let lines: String = (0..40)
        .map(|index| {
            format!(
                "{{\"q\": \"Nr. {index}\", \"s\": \"{}\"}}\n",
                index * 7919 % 101
            )
        })
        .collect();
    let csv: String = (0..40).map(|index| format!("{index},x\n")).collect();
    for (ending, compress) in &COMPRESSIONS[1..] {
        check_cuts(&format!("a.jsonl{ending}"), &compress(lines.as_bytes()), 1);
        let csv = format!("a,b\n{csv}");
        check_cuts(&format!("a.csv{ending}"), &compress(csv.as_bytes()), 1);
    }
}

#[test]
fn an_array_cut_off_anywhere_is_an_error() {
    check_cuts(
        "a.json",
        b"[{\"a\": \"b\"}, {\"a\": [1, {}]},\n {\"c\": null}]",
        1,
    );
}

#[test]
fn columns_cut_off_anywhere_are_an_error() {
    for (name, step) in [
        ("types.parquet", 1),
        ("types.arrow", 1),
        ("rows.stream.arrow", 1),
        ("rows.zstd.parquet", 7),
        ("rows.arrow", 13),
    ] {
        check_cuts(name, &std::fs::read(fixture(name)).unwrap(), step);
    }
}

/// A generator with a fixed sequence (splitmix64).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[test]
fn changed_bytes_never_panic() {
    let mut state = 7;
    for name in [
        "types.parquet",
        "types.arrow",
        "rows.arrow",
        "rows.stream.arrow",
        "rows.zstd.parquet",
        "rows.snappy.parquet",
        "rows.lz4.parquet",
    ] {
        let bytes = std::fs::read(fixture(name)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        for _ in 0..300 {
            let mut changed = bytes.clone();
            let place = next(&mut state) as usize % changed.len();
            changed[place] ^= 1 << (next(&mut state) % 8);
            std::fs::write(&path, changed).unwrap();
            outcome(&path);
        }
    }
}

/// A column of text, as a file and as a stream, compressed by a codec.
fn compressed(codec: CompressionType) -> [(&'static str, Vec<u8>); 2] {
    let text: StringArray = (0..20)
        .map(|row| Some(format!("row {} ", row % 3).repeat(5)))
        .collect();
    let batch = RecordBatch::try_from_iter([("text", Arc::new(text) as ArrayRef)]).unwrap();
    let options = IpcWriteOptions::default()
        .try_with_compression(Some(codec))
        .unwrap();
    let schema = batch.schema();
    let mut file = FileWriter::try_new_with_options(Vec::new(), &schema, options.clone()).unwrap();
    file.write(&batch).unwrap();
    let mut stream = StreamWriter::try_new_with_options(Vec::new(), &schema, options).unwrap();
    stream.write(&batch).unwrap();
    [
        ("a.file.arrow", file.into_inner().unwrap()),
        ("a.stream.arrow", stream.into_inner().unwrap()),
    ]
}

#[test]
fn no_changed_bit_of_compressed_columns_ends_the_process() {
    let folder = tempfile::tempdir().unwrap();
    for codec in [CompressionType::LZ4_FRAME, CompressionType::ZSTD] {
        for (name, bytes) in compressed(codec) {
            let path = folder.path().join(name);
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(outcome(&path), (20, None));
            for bit in 0..bytes.len() * 8 {
                let mut changed = bytes.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                std::fs::write(&path, changed).unwrap();
                outcome(&path);
            }
        }
    }
}

/// 20 rows of 5 times "row 0 " are 600 bytes, which stand before what is compressed of them.
#[test]
fn a_buffer_that_claims_more_than_its_bytes_can_hold_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let limits = [
        (CompressionType::LZ4_FRAME, 255),
        (CompressionType::ZSTD, 32_768),
    ];
    for (codec, expansion) in limits {
        for (name, bytes) in compressed(codec) {
            let path = folder.path().join(name);
            let length = 600_i64.to_le_bytes();
            let at = bytes
                .windows(8)
                .rposition(|window| window == length)
                .unwrap();
            for (bit, claimed) in [(46, 600_i64 + (1 << 46)), (63, i64::MIN + 600)] {
                let mut changed = bytes.clone();
                changed[at + bit / 8] ^= 1 << (bit % 8);
                std::fs::write(&path, changed).unwrap();
                let (rows, error) = outcome(&path);
                let error = error
                    .unwrap_or_else(|| panic!("{name} {codec:?} {at} {bit} of {}", bytes.len()));
                let number = |after: &str| -> u64 {
                    let rest = error.split(after).nth(1).unwrap_or_default();
                    rest.split([' ', ';']).next().unwrap().parse().unwrap()
                };
                let (message, stored) = (number("message at byte "), number("that its "));
                assert!(stored < 120 && message < at as u64, "{error}");
                assert_eq!(rows, 0);
                assert_eq!(
                    error,
                    format!(
                        "`{}` row 0: cannot read arrow: damaged data: buffer 2 of the message at byte {message} says that its {stored} compressed bytes hold {claimed}; no more than {} are possible",
                        path.display(),
                        stored * expansion
                    )
                );
            }
        }
    }
}

#[test]
fn damage_names_the_line_that_was_read() {
    let text: String = (0..9_000)
        .map(|index| format!("{{\"a\": {}}}\n", index * 7919 % 10_007))
        .collect();
    let bytes = gzip(text.as_bytes());
    let file = file("a.jsonl.gz", &bytes[..bytes.len() / 2]);
    let (rows, error) = outcome(&file.path);
    assert!(rows > 1_000, "{rows}");
    assert_eq!(
        error.unwrap(),
        format!(
            "`{}` line {}: gzip data is damaged or cut off: incomplete deflate stream",
            file.path.display(),
            rows + 1
        )
    );
}

#[test]
fn damage_within_an_xz_is_seen_by_its_checksum() {
    let text = "{\"a\": 1}\n".repeat(50);
    let mut bytes = xz(text.as_bytes());
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    let file = file("a.jsonl.xz", bytes);
    let (_, error) = outcome(&file.path);
    assert!(error.unwrap().contains("xz data is damaged or cut off"));
}
