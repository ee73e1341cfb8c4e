//! What was judged, and how.

use serde::{Deserialize, Serialize};

use crate::Budget;

/// Where the databases come from. In JSON: `{"kind": "folder", "path"}` or
/// `{"kind": "generated", "each", "seed"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    /// A folder of databases, with all that lie in each one's folder.
    Folder {
        /// The folder as it was given.
        path: String,
    },
    /// Databases made from each question's schema and gold query.
    Generated {
        /// How many for each question.
        each: usize,
        /// The seed.
        seed: u64,
    },
}

/// A [`Budget`] in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Virtual-machine operations of one query.
    pub operations: u64,
    /// Rows of one result.
    pub rows: usize,
    /// Bytes of one result.
    pub bytes: usize,
    /// Wall time of one query in milliseconds; `null` for no limit.
    pub wall_ms: Option<u64>,
}

impl From<&Budget> for Limits {
    fn from(budget: &Budget) -> Self {
        let milliseconds =
            |wall: std::time::Duration| u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        Self {
            operations: budget.operations,
            rows: budget.rows,
            bytes: budget.bytes,
            wall_ms: budget.wall.map(milliseconds),
        }
    }
}

/// What was judged, and how: what a reader needs to judge the same again.
///
/// ```
/// use anneal_sql::{Budget, Meta, Origin};
/// let source = Origin::Generated { each: 11, seed: 7 };
/// let meta = Meta::new("base model", source, false, &Budget::default());
/// assert_eq!(meta.budget.wall_ms, Some(10_000));
/// assert_eq!(meta.sqlite, rusqlite::version());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// What was judged, in the caller's words: a model, a file of predictions.
    pub name: String,
    /// The databases.
    pub databases: Origin,
    /// Whether DISTINCT was taken out of both queries.
    pub ignore_distinct: bool,
    /// What one query was allowed to cost.
    pub budget: Limits,
    /// The version of this crate that judged.
    pub anneal_sql: String,
    /// The version of SQLite that ran the queries.
    pub sqlite: String,
}

impl Meta {
    /// The versions are those of this build.
    #[must_use]
    pub fn new(
        name: impl Into<String>,
        databases: Origin,
        ignore_distinct: bool,
        budget: &Budget,
    ) -> Self {
        Self {
            name: name.into(),
            databases,
            ignore_distinct,
            budget: budget.into(),
            anneal_sql: env!("CARGO_PKG_VERSION").into(),
            sqlite: rusqlite::version().into(),
        }
    }
}
