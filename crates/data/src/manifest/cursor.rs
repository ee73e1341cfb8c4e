//! Where a trainer stands in its data.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::stated;
use super::{ManifestError, file};
use crate::{BatchConfig, SourceProgress};

/// Where a trainer stands in its data, and in which data: what [`Feed`](crate::Feed) goes on from.
///
/// A cursor is a few numbers, because every order is a function of seed, epoch and step. It is kept as a
/// file ([`write`](Self::write)) or, by serde, inside a trainer's own checkpoint. A checkpoint that has
/// room for epoch, position and seed alone (as that of anneal-train) takes `epoch`, `step` and
/// `batches.seed`, and leaves it to its own fingerprint to refuse other data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// The version of the format, [`Cursor::VERSION`].
    pub version: u32,
    /// The [digest](crate::ExamplesDigest) of the examples.
    pub data_digest: String,
    /// The settings of batching, the seed of the order among them.
    pub batches: BatchConfig,
    /// The identity of the order that was given, if one was ([`Order::identity`](crate::Order::identity)).
    #[serde(deserialize_with = "stated")]
    pub order: Option<Value>,
    /// Finished passes.
    pub epoch: u64,
    /// Steps done in the present pass.
    pub step: u64,
    /// Examples seen in all passes, repeated ones counted.
    pub examples_seen: u64,
    /// How often each source of a mixture was drawn from; empty without a mixture.
    pub sources: Vec<SourceProgress>,
}

impl Cursor {
    /// The version of the format that is written and read.
    pub const VERSION: u32 = 1;

    /// Writes the cursor whole or not at all.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), ManifestError> {
        file::write(path, "the cursor", self)
    }

    /// Reads a cursor strictly.
    ///
    /// # Errors
    /// As [`Manifest::read`](crate::Manifest::read).
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        file::read(path, Self::VERSION)
    }
}
