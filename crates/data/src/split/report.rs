//! What a split came out as, against what was wanted.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{GroupKey, KeyKind};

/// Rows and groups of each part of a split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupReport {
    /// `train` first, then the named parts in their order.
    pub parts: Vec<PartReport>,
    /// Rows by what their group was found by.
    pub kinds: BTreeMap<KeyKind, usize>,
    /// Groups that alone hold more rows than the smallest part should, largest first: where one falls,
    /// the fractions cannot be met.
    pub too_large: Vec<LargeGroup>,
}

/// One part.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartReport {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: usize,
    /// Its groups.
    pub groups: usize,
    /// The fraction of all rows that it should have.
    pub wanted: f64,
    /// The fraction of all rows that it has; 0 where there is no row.
    pub got: f64,
}

/// A group that is too large for its fractions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LargeGroup {
    /// Its key.
    pub key: GroupKey,
    /// The part in which it is.
    pub part: String,
    /// Its rows.
    pub rows: usize,
}

impl GroupReport {
    /// Counts groups: for each key, its part and its rows.
    pub(super) fn new(
        parts: &[(String, f64)],
        groups: &BTreeMap<GroupKey, (usize, usize)>,
        rows: usize,
    ) -> Self {
        let mut reports: Vec<PartReport> = parts
            .iter()
            .map(|(name, wanted)| PartReport {
                name: name.clone(),
                rows: 0,
                groups: 0,
                wanted: *wanted,
                got: 0.0,
            })
            .collect();
        let mut kinds = BTreeMap::new();
        for (key, &(part, size)) in groups {
            reports[part].rows += size;
            reports[part].groups += 1;
            *kinds.entry(key.kind).or_insert(0) += size;
        }
        for report in &mut reports {
            report.got = report.rows as f64 / rows.max(1) as f64;
        }
        let wanted = parts
            .iter()
            .map(|part| part.1)
            .filter(|&wanted| wanted > 0.0);
        let room = wanted.fold(1.0, f64::min) * rows as f64;
        let large = groups
            .iter()
            .filter(|(_, (_, size))| *size as f64 > room && parts.len() > 1);
        let mut too_large: Vec<LargeGroup> = large
            .map(|(key, &(part, rows))| LargeGroup {
                key: key.clone(),
                part: parts[part].0.clone(),
                rows,
            })
            .collect();
        // A stable sort: groups of one size stay in the order of their keys.
        too_large.sort_by_key(|group| std::cmp::Reverse(group.rows));
        Self {
            parts: reports,
            kinds,
            too_large,
        }
    }
}
