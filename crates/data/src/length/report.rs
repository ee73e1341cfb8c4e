//! The account of lengths.

use serde::{Deserialize, Serialize};

use crate::Fitted;

/// What became of rows because of their length.
///
/// Counts of parts of a data set, made by several threads, [`merge`](Self::merge) to the same report
/// whatever the parts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LengthReport {
    /// Rows that were kept, shortened ones included.
    pub kept: usize,
    /// Rows that were kept with fewer tables.
    pub shortened: usize,
    /// Tables that those lost, altogether.
    pub tables_dropped: usize,
    /// Rows that were dropped.
    pub dropped: usize,
    /// Tokens of the longest row as it came, dropped ones and lost tables included.
    pub longest: usize,
}

impl LengthReport {
    /// Counts one row.
    pub fn add(&mut self, row: &Fitted) {
        self.longest = self.longest.max(row.tokens());
        match row {
            Fitted::Kept(_) => self.kept += 1,
            Fitted::Shortened { tables_dropped, .. } => {
                self.kept += 1;
                self.shortened += 1;
                self.tables_dropped += tables_dropped;
            }
            Fitted::TooLong { .. } => self.dropped += 1,
        }
    }

    /// Adds the counts of other rows.
    pub fn merge(&mut self, other: &Self) {
        self.kept += other.kept;
        self.shortened += other.shortened;
        self.tables_dropped += other.tables_dropped;
        self.dropped += other.dropped;
        self.longest = self.longest.max(other.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Example;

    #[test]
    fn rows_are_counted_the_same_in_one_part_or_in_two() {
        let example = |tokens| Example::new(vec![7; tokens], vec![true; tokens]).unwrap();
        let rows = [
            Fitted::Kept(example(5)),
            Fitted::Shortened {
                example: example(4),
                tables_dropped: 3,
                tokens: 30,
            },
            Fitted::TooLong { tokens: 20 },
            Fitted::Shortened {
                example: example(6),
                tables_dropped: 1,
                tokens: 9,
            },
        ];
        let count = |rows: &[Fitted]| {
            let mut report = LengthReport::default();
            rows.iter().for_each(|row| report.add(row));
            report
        };
        let whole = LengthReport {
            kept: 3,
            shortened: 2,
            tables_dropped: 4,
            dropped: 1,
            longest: 30,
        };
        assert_eq!(count(&rows), whole);
        let mut parts = count(&rows[2..]);
        parts.merge(&count(&rows[..2]));
        assert_eq!(parts, whole);
    }
}
