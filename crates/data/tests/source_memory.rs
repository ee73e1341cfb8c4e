//! Memory does not grow with a file: 60 MB of rows in each format, read by a process that may grow by 32.
//!
//! A test of its own, since the peak is the whole process's.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anneal_data::{FileRecords, ReadOptions};
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;

const ROWS: usize = 60_000;
/// Bytes by which the peak may grow; the rows are twice as many.
const LIMIT: u64 = 32 << 20;

/// The text of row `index`, 1,000 bytes of it that compress well.
fn text(index: usize) -> String {
    format!("{index:0>1000}")
}

/// Most bytes of memory that the process has had.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<u64>().unwrap() * 1024
}

/// Writes rows between a beginning and an end, compressed on the way.
fn write(path: &Path, begin: &str, row: impl Fn(usize) -> String, end: &str) {
    let file = File::create(path).unwrap();
    let mut writer = zstd::stream::write::Encoder::new(file, 1).unwrap();
    writer.write_all(begin.as_bytes()).unwrap();
    for index in 0..ROWS {
        writer.write_all(row(index).as_bytes()).unwrap();
    }
    writer.write_all(end.as_bytes()).unwrap();
    writer.finish().unwrap();
}

fn write_parquet(path: &Path) {
    let batch = |start: usize| {
        let rows: StringArray = (start..start + 1_000)
            .map(|index| Some(text(index)))
            .collect();
        RecordBatch::try_from_iter([("a", Arc::new(rows) as ArrayRef)]).unwrap()
    };
    let file = File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch(0).schema(), None).unwrap();
    for start in (0..ROWS).step_by(1_000) {
        writer.write(&batch(start)).unwrap();
        // Row groups of some MB, so that the writer's own memory is no part of the peak.
        if start % 5_000 == 4_000 {
            writer.flush().unwrap();
        }
    }
    writer.close().unwrap();
}

#[test]
fn memory_does_not_grow_with_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let row = |index| format!("{{\"a\": \"{}\"}}", text(index));
    write(&path("a.jsonl"), "", |index| row(index) + "\n", "");
    write(
        &path("a.json"),
        "[",
        |index| {
            if index == 0 {
                row(0)
            } else {
                format!(", {}", row(index))
            }
        },
        "]",
    );
    write(&path("a.csv"), "a\n", |index| text(index) + "\n", "");
    write_parquet(&path("a.parquet"));
    for name in ["a.jsonl", "a.json", "a.csv", "a.parquet"] {
        let before = peak();
        let mut count = 0;
        for record in FileRecords::open(path(name), &ReadOptions::default()).unwrap() {
            assert_eq!(record.unwrap().fields["a"], text(count));
            count += 1;
        }
        assert_eq!(count, ROWS, "{name}");
        let grown = peak() - before;
        assert!(grown < LIMIT, "{name}: {grown} bytes");
    }
}
