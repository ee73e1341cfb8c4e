//! The parts of a manifest.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::io;
use super::{ManifestError, sha256_hex};
use crate::hex::sha256_of;
use crate::{MixConfig, MixSource, Mixture};

/// A file that rows were read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceEntry {
    /// What was asked for: a path, a pattern, a data set's id.
    pub spec: String,
    /// The file, as it was opened.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of the file as it lies there, compressed or not, as hexadecimal digits.
    pub sha256: String,
    /// What it was read as.
    pub format: String,
    /// The fields of its records.
    pub columns: Vec<String>,
    /// Its records.
    pub rows: u64,
}

impl SourceEntry {
    /// The entry of a file: its size and hash are taken from the file as it is now, read in pieces.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn of_file(
        spec: impl Into<String>,
        path: &Path,
        format: impl Into<String>,
        columns: Vec<String>,
        rows: u64,
    ) -> Result<Self, ManifestError> {
        let file = File::open(path).map_err(io("open", path))?;
        let (bytes, sha256) = sha256_of(file).map_err(io("read", path))?;
        Ok(Self {
            spec: spec.into(),
            path: path.display().to_string(),
            bytes,
            sha256,
            format: format.into(),
            columns,
            rows,
        })
    }
}

/// One thing that was done with rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepEntry {
    /// What was done.
    pub name: String,
    /// Rows before.
    pub rows_in: u64,
    /// Rows after.
    pub rows_out: u64,
    /// How many rows went, or came, for which reason.
    pub reasons: BTreeMap<String, u64>,
}

/// A chat template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TemplateEntry {
    /// Its name, or the file it came from.
    pub name: String,
    /// SHA-256 of its text, as hexadecimal digits.
    pub sha256: String,
}

impl TemplateEntry {
    /// The entry of a template's text.
    pub fn new(name: impl Into<String>, text: &str) -> Self {
        Self {
            name: name.into(),
            sha256: sha256_hex(text),
        }
    }
}

/// A tokenizer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenizerEntry {
    /// SHA-256 of what identifies it, as hexadecimal digits.
    pub sha256: String,
    /// Its ids.
    pub vocabulary: u64,
}

impl TokenizerEntry {
    /// The entry of a tokenizer by the bytes that identify it, such as those of its `tokenizer.json`.
    pub fn new(identity: &[u8], vocabulary: u64) -> Self {
        Self {
            sha256: sha256_hex(identity),
            vocabulary,
        }
    }
}

/// How conversations became examples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EncodingEntry {
    /// The most tokens of an example.
    pub max_length: u64,
    /// What became of longer ones.
    pub policy: String,
    /// Which of the assistant's turns are learned.
    pub turns: String,
    /// The text of the token that ends an answer.
    pub end: String,
    /// Whether what follows the last trained token was left out.
    pub trim_tail: bool,
}

/// How rows were split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitEntry {
    /// The rule, in words or as settings.
    pub rule: String,
    /// Rows of each part.
    pub parts: BTreeMap<String, u64>,
}

/// How sources were mixed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixtureEntry {
    /// The sources, in their order.
    pub sources: Vec<MixSource>,
    /// Weights, length and seed.
    pub config: MixConfig,
    /// The sources' shares that follow.
    pub shares: Vec<f64>,
    /// The draws of an epoch that follow.
    pub entries: u64,
}

impl From<&Mixture> for MixtureEntry {
    fn from(mixture: &Mixture) -> Self {
        use crate::Order;
        Self {
            sources: mixture.sources().to_vec(),
            config: mixture.config().clone(),
            shares: mixture.shares(),
            entries: mixture.entries() as u64,
        }
    }
}

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultEntry {
    /// Examples.
    pub examples: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Those that are learned.
    pub trained_tokens: u64,
    /// The examples' [digest](crate::ExamplesDigest).
    pub digest: String,
}
