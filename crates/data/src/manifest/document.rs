//! The manifest.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::{
    Difference, EncodingEntry, ManifestError, MixtureEntry, ResultEntry, SourceEntry, SplitEntry,
    StepEntry, TemplateEntry, TokenizerEntry, compare, file,
};

/// What a data set was made of, step by step, and what came out.
///
/// The same inputs and settings give the same [`ResultEntry::digest`], so a rerun is proved or refuted
/// by [`compare`](Self::compare). Paths stand as they were given. Every key must be there when it is
/// read back, and no other; what does not apply is null.
///
/// # Example
/// ```
/// use anneal_data::{Manifest, StepEntry};
///
/// let step = |rows_out| StepEntry { name: "clean".into(), rows_in: 10, rows_out, ..StepEntry::default() };
/// let first = Manifest { steps: vec![step(9)], ..Manifest::default() };
/// let second = Manifest { steps: vec![step(8)], ..Manifest::default() };
/// let differences = first.compare(&second)?;
/// assert_eq!(differences[0].to_string(), "step `clean`, rows out: 9 before, 8 now");
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("manifest.json");
/// first.write(&path)?;
/// assert_eq!(Manifest::read(&path)?, first);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format, [`Manifest::VERSION`].
    pub version: u32,
    /// The files, in the order in which they were read.
    pub sources: Vec<SourceEntry>,
    /// What was done with rows, in order.
    pub steps: Vec<StepEntry>,
    /// Every seed, by what it is for.
    pub seeds: BTreeMap<String, u64>,
    /// The chat template.
    #[serde(deserialize_with = "stated")]
    pub template: Option<TemplateEntry>,
    /// The settings of the text-to-SQL prompt.
    #[serde(deserialize_with = "stated")]
    pub prompt: Option<Value>,
    /// The tokenizer.
    #[serde(deserialize_with = "stated")]
    pub tokenizer: Option<TokenizerEntry>,
    /// The settings of the encoding.
    #[serde(deserialize_with = "stated")]
    pub encoding: Option<EncodingEntry>,
    /// The settings of packing and batching.
    #[serde(deserialize_with = "stated")]
    pub packing: Option<Value>,
    /// The split.
    #[serde(deserialize_with = "stated")]
    pub splits: Option<SplitEntry>,
    /// The mixture.
    #[serde(deserialize_with = "stated")]
    pub mixture: Option<MixtureEntry>,
    /// What came out.
    #[serde(deserialize_with = "stated")]
    pub result: Option<ResultEntry>,
}

/// A value that may be null, but must stand there: serde takes an absent `Option` for null otherwise.
pub(super) fn stated<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}

impl Default for Manifest {
    fn default() -> Self {
        Self {
            version: Self::VERSION,
            sources: Vec::new(),
            steps: Vec::new(),
            seeds: BTreeMap::new(),
            template: None,
            prompt: None,
            tokenizer: None,
            encoding: None,
            packing: None,
            splits: None,
            mixture: None,
            result: None,
        }
    }
}

impl Manifest {
    /// The version of the format that is written and read.
    pub const VERSION: u32 = 1;

    /// Writes the manifest whole or not at all: under another name, synced, then renamed.
    ///
    /// # Errors
    /// [`ManifestError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), ManifestError> {
        file::write(path, "the manifest", self)
    }

    /// Reads a manifest strictly.
    ///
    /// # Errors
    /// [`ManifestError::Io`], [`ManifestError::Truncated`], [`ManifestError::Json`],
    /// [`ManifestError::Version`], and [`ManifestError::Key`] for a key that is missing, unknown or of
    /// another type.
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        file::read(path, Self::VERSION)
    }

    /// Everything in which another manifest differs from this one: none proves that they are equal.
    ///
    /// # Errors
    /// [`ManifestError::Serialize`].
    pub fn compare(&self, other: &Self) -> Result<Vec<Difference>, ManifestError> {
        compare::documents("the manifest", self, other)
    }
}
