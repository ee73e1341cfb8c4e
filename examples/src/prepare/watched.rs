//! Rows on their way, counted as they pass.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anneal_data::{DataError, Row, Rows};

/// How much of the input is read, for who shows a bar on another thread.
#[derive(Debug, Default)]
pub(super) struct Part(AtomicU64);

impl Part {
    /// In `0..=1`.
    pub(super) fn get(&self) -> f64 {
        f64::from_bits(self.0.load(Ordering::Relaxed))
    }

    /// What is read is not prepared yet: the end is for the bar's last line to say, once.
    fn set(&self, part: f64) {
        let part = part.clamp(0.0, 0.99);
        self.0.store(part.to_bits(), Ordering::Relaxed);
    }
}

/// The first rows of a source.
pub(super) struct Watched<'a> {
    rows: &'a mut Rows,
    limit: Option<usize>,
    passed: usize,
    part: &'a Part,
    by_file: &'a mut BTreeMap<Arc<Path>, u64>,
}

impl<'a> Watched<'a> {
    pub(super) fn new(
        rows: &'a mut Rows,
        limit: Option<usize>,
        part: &'a Part,
        by_file: &'a mut BTreeMap<Arc<Path>, u64>,
    ) -> Self {
        Self {
            rows,
            limit,
            passed: 0,
            part,
            by_file,
        }
    }
}

impl Iterator for Watched<'_> {
    type Item = Result<Row, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.limit.is_some_and(|limit| self.passed >= limit) {
            return None;
        }
        let row = self.rows.next()?;
        self.passed += 1;
        let records = self.rows.records();
        let bytes = records.bytes_read() as f64 / records.total_bytes().max(1) as f64;
        let rows = self
            .limit
            .map_or(0.0, |limit| self.passed as f64 / limit as f64);
        self.part.set(bytes.max(rows));
        if let Ok(row) = &row {
            *self.by_file.entry(Arc::clone(&row.place.file)).or_default() += 1;
        }
        Some(row)
    }
}
