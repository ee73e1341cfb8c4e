//! Whether two queries are the same text, the same up to form, or the same by Spider's components.

mod normal;
mod spider;

use serde::{Deserialize, Serialize};

pub use normal::{normal_form, normalised_match, without_aliases};
pub use spider::{
    ComponentScore, ComponentScores, ComponentTotal, LevelTotal, MAX_SPIDER_DEPTH,
    SPIDER_COMPONENTS, SpiderError, SpiderMatch, SpiderQuery, SpiderSchema, SpiderTotals,
    component_match, spider_match,
};

/// Spider's four levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hardness {
    /// easy
    Easy,
    /// medium
    Medium,
    /// hard
    Hard,
    /// extra
    Extra,
}

/// Whether both are the same text, but for white space and semicolons at both ends.
///
/// ```
/// use anneal_sql::exact_match;
/// assert!(exact_match("SELECT a FROM t", " SELECT a FROM t ;\n"));
/// assert!(!exact_match("SELECT a FROM t", "select a from t"));
/// assert!(!exact_match("SELECT a FROM t", "SELECT a  FROM t"));
/// ```
#[must_use]
pub fn exact_match(gold: &str, predicted: &str) -> bool {
    let around = |c: char| c.is_whitespace() || c == ';';
    gold.trim_matches(around) == predicted.trim_matches(around)
}
