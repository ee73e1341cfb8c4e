//! Why a row is set apart.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;

use crate::Place;

/// A kind of fault, by which rows are counted. The set is open: a check brings its own.
///
/// ```
/// use anneal_data::Reason;
/// const UNKNOWN_TABLE: Reason = Reason::new("unknown table");
/// assert_eq!(UNKNOWN_TABLE.to_string(), "unknown table");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Reason(Cow<'static, str>);

impl Reason {
    /// A reason in a few words; what differs from row to row belongs into [`Fault::detail`].
    pub const fn new(words: &'static str) -> Self {
        Self(Cow::Borrowed(words))
    }

    /// The words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a check has against a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fault {
    /// The kind of fault.
    pub reason: Reason,
    /// What was found, for a person; may be empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The row or the benchmark's entry that this row met, for duplicates and purges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub met: Option<Met>,
}

impl Fault {
    /// A fault of the row itself.
    pub fn new(reason: Reason, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            reason,
            detail,
            met: None,
        }
    }

    /// A fault because of another row or entry.
    pub fn met(reason: Reason, met: Met) -> Self {
        Self {
            reason,
            detail: String::new(),
            met: Some(met),
        }
    }
}

/// What a row met.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Met {
    /// Where it stands, if it has a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Its text; empty where only a digest was kept.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Jaccard's index of the shingles, 1 for equal texts.
    pub similarity: f64,
}
