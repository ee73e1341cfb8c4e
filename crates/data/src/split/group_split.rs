//! Splits by group: the side of a group is a hash of the seed and its key, and nothing else.

use std::collections::BTreeMap;

use super::digest::digest;
use super::{GroupBy, GroupKey, GroupReport, SplitError};
use crate::Row;

/// The name of what the other parts leave.
const REST: &str = "train";

/// Fractions that add up to 1 in decimals, such as 0.7, 0.2 and 0.1, miss it by about 10⁻¹⁶ in binary.
/// A remainder of less than this is rounding and nobody's share.
const ROUNDING: f64 = 1e-9;

/// Rows dealt to parts by group.
///
/// A group's side is decided by SHA-256 of the seed and its key: the same on every machine, in any order
/// of rows, and unchanged when rows or groups are added (but see [`GroupBy::Tables`]). The price is that
/// fractions are met on average, not exactly: groups fall independently, so one large group can take a
/// part far over what was wanted. [`GroupReport`] says what came out.
///
/// ```
/// # use std::path::Path;
/// # use anneal_data::{At, GroupBy, GroupSplit, Place, Row, Sample, SqlSample};
/// # let row = |db: usize| Row {
/// #     place: Place { file: Path::new("rows.jsonl").into(), at: At::Line(db + 1) },
/// #     sample: Sample::Sql(SqlSample { db_id: Some(format!("db{}", db % 200)), ..SqlSample::default() }),
/// # };
/// let rows: Vec<Row> = (0..1000).map(row).collect();
/// let split = GroupSplit::new(GroupBy::Database, &[("validation", 0.1), ("test", 0.1)], 7)?;
/// let parts = split.split(rows);
/// assert_eq!(parts.parts.len(), 3);
/// let [train, validation, test] = &parts.parts[..] else { unreachable!() };
/// assert_eq!((train.name.as_str(), validation.name.as_str()), ("train", "validation"));
/// // 200 databases with five rows each; a tenth is wanted.
/// assert_eq!(validation.rows.len(), 5 * parts.report.parts[1].groups);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSplit {
    by: GroupBy,
    /// Name and fraction; the remainder comes first.
    parts: Vec<(String, f64)>,
    seed: u64,
}

/// One side of a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: String,
    /// Its rows, in their order.
    pub rows: Vec<Row>,
}

/// All sides of a split.
#[derive(Debug, Clone, PartialEq)]
pub struct Parts {
    /// `train` first, then the named parts in their order.
    pub parts: Vec<Part>,
    /// What came out against what was wanted.
    pub report: GroupReport,
}

impl GroupSplit {
    /// A split into `parts` (name and fraction of the groups' rows) and `train`, which takes the rest.
    ///
    /// # Errors
    /// A fraction that is none, fractions that add up to more than 1, a name that stands twice or is `train`.
    pub fn new(by: GroupBy, parts: &[(&str, f64)], seed: u64) -> Result<Self, SplitError> {
        let mut all = vec![(REST.to_owned(), 0.0)];
        let mut sum = 0.0;
        for &(part, fraction) in parts {
            if !(fraction > 0.0 && fraction <= 1.0) {
                let part = part.to_owned();
                return Err(SplitError::Fraction { part, fraction });
            }
            if all.iter().any(|(name, _)| name == part) {
                let part = part.to_owned();
                return Err(SplitError::PartName { part, rest: REST });
            }
            all.push((part.to_owned(), fraction));
            sum += fraction;
        }
        let rest = 1.0 - sum;
        if rest < -ROUNDING {
            return Err(SplitError::FractionSum { sum });
        }
        all[0].1 = if rest < ROUNDING { 0.0 } else { rest };
        Ok(Self {
            by,
            parts: all,
            seed,
        })
    }

    /// The names of the parts, `train` first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|(name, _)| name.as_str())
    }

    /// The part of a group, as its number in [`GroupSplit::names`].
    ///
    /// The first 64 bits of SHA-256 over seed and key, as a fraction `u` of 2⁶⁴, fall into the first
    /// named part whose fractions up to and with it add up to more than `u`; the rest is `train`.
    pub fn part_of(&self, key: &GroupKey) -> usize {
        let seed = self.seed.to_string();
        let hash = digest(&[&seed, &format!("{:032x}", key.digest())]);
        // 53 bits are what a float holds exactly.
        let u = (hash >> 75) as f64 / (1_u64 << 53) as f64;
        let mut reached = 0.0;
        for (number, (_, fraction)) in self.parts.iter().enumerate().skip(1) {
            reached += fraction;
            if u < reached {
                return number;
            }
        }
        // What rounding leaves over is the last part's where the remainder has no share.
        match self.parts[0].1 > 0.0 {
            true => 0,
            false => self.parts.len() - 1,
        }
    }

    /// The part of every row, and the counts.
    pub fn assign(&self, rows: &[Row]) -> (Vec<usize>, GroupReport) {
        let mut sizes: BTreeMap<GroupKey, (usize, usize)> = BTreeMap::new();
        let mut sides = Vec::with_capacity(rows.len());
        for key in self.by.keys(rows) {
            let part = self.part_of(&key);
            sides.push(part);
            sizes.entry(key).or_insert((part, 0)).1 += 1;
        }
        let report = GroupReport::new(&self.parts, &sizes, rows.len());
        (sides, report)
    }

    /// Deals `rows` out; each part keeps their order.
    pub fn split(&self, rows: Vec<Row>) -> Parts {
        let (sides, report) = self.assign(&rows);
        let part = |(name, _): &(String, f64)| Part {
            name: name.clone(),
            rows: Vec::new(),
        };
        let mut parts: Vec<Part> = self.parts.iter().map(part).collect();
        for (row, side) in rows.into_iter().zip(sides) {
            parts[side].rows.push(row);
        }
        Parts { parts, report }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::split::KeyKind;

    fn key(text: &str) -> GroupKey {
        GroupKey {
            kind: KeyKind::Database,
            text: text.into(),
        }
    }

    #[test]
    fn sides_are_those_that_python_computes_from_seed_and_key() {
        let split =
            GroupSplit::new(GroupBy::Database, &[("validation", 0.3), ("test", 0.3)], 42).unwrap();
        let found = ["concert", "pets_1", "Ünï", "", "world", "flight_2"]
            .map(|text| split.part_of(&key(text)));
        assert_eq!(found, [1, 2, 1, 0, 0, 2]);
    }

    #[test]
    fn another_seed_deals_anew_and_groups_fall_by_their_fractions() {
        let split =
            |seed| GroupSplit::new(GroupBy::Database, &[("a", 0.2), ("b", 0.5)], seed).unwrap();
        let sides = |seed| -> Vec<usize> {
            (0..4000)
                .map(|i| split(seed).part_of(&key(&format!("db{i}"))))
                .collect()
        };
        let (one, two) = (sides(1), sides(2));
        for (part, fraction) in [(0, 0.3), (1, 0.2), (2, 0.5)] {
            let count = one.iter().filter(|&&side| side == part).count() as f64;
            let deviation = (4000.0_f64 * fraction * (1.0 - fraction)).sqrt();
            assert!(
                (count - 4000.0 * fraction).abs() < 4.0 * deviation,
                "{part}: {count}"
            );
        }
        // Independent deals agree on 0.3² + 0.2² + 0.5² of the groups.
        let agree = one.iter().zip(&two).filter(|(a, b)| a == b).count() as f64;
        assert!((agree - 4000.0 * 0.38).abs() < 4.0 * (4000.0_f64 * 0.38 * 0.62).sqrt());
    }

    #[test]
    fn wrong_fractions_and_names_are_refused() {
        for (parts, message) in [
            (
                &[("a", 0.0)][..],
                "the split's part `a` has the fraction 0, expected a number above 0 and at most 1",
            ),
            (
                &[("a", f64::NAN)],
                "the split's part `a` has the fraction NaN, expected a number above 0 and at most 1",
            ),
            (
                &[("a", 0.75), ("b", 0.5)],
                "the fractions of the split's parts add up to 1.25, expected at most 1",
            ),
            (
                &[("a", 0.1), ("a", 0.2)],
                "the split's part `a` is named twice; what the parts leave is `train`",
            ),
            (
                &[("train", 0.9)],
                "the split's part `train` is named twice; what the parts leave is `train`",
            ),
        ] {
            let error = GroupSplit::new(GroupBy::Tables, parts, 0).unwrap_err();
            assert_eq!(error.to_string(), message);
        }
        let tenths: Vec<String> = (0..10).map(|i| format!("p{i}")).collect();
        let tenths: Vec<_> = tenths.iter().map(|name| (name.as_str(), 0.1)).collect();
        assert!(GroupSplit::new(GroupBy::Tables, &tenths, 0).is_ok());
    }
    #[test]
    fn parts_that_add_up_to_all_leave_nothing_to_the_remainder() {
        // 0.7 + 0.2 + 0.1 is 0.9999999999999999 in binary.
        let split =
            GroupSplit::new(GroupBy::Database, &[("a", 0.7), ("b", 0.2), ("c", 0.1)], 0).unwrap();
        let row = |line: usize| Row {
            place: crate::Place {
                file: std::path::Path::new("rows.jsonl").into(),
                at: crate::At::Line(line),
            },
            sample: crate::Sample::Sql(crate::SqlSample {
                db_id: Some(format!("db{line}")),
                ..crate::SqlSample::default()
            }),
        };
        let (sides, report) = split.assign(&(0..100).map(row).collect::<Vec<_>>());
        assert!(sides.iter().all(|&side| side > 0));
        assert_eq!(report.parts[0].wanted, 0.0);
        // A group of one row in a hundred is not too large for the least part, a tenth.
        assert_eq!(report.too_large, []);
    }
}
