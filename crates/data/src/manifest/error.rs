//! What can be wrong with manifests and cursors, one variant per failure.

use std::path::PathBuf;

use super::Difference;

/// What can be wrong with manifests and cursors.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The file system refused.
    #[error("cannot {action} `{path}`: {source}", path = path.display())]
    Io {
        /// What was tried: "read", "write", "sync", "rename", "open".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file ends early.
    #[error("`{path}` is cut off: it ends at line {line}, column {column}, inside the JSON document", path = path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// The last line, from 1.
        line: usize,
        /// The column after the last character, from 1.
        column: usize,
    },
    /// The file is not JSON.
    #[error("`{path}` is not JSON: {source}", path = path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// The file is of another version.
    #[error("`{path}` has version {found}; this program reads version {expected}", path = path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// The version, as it stands there.
        found: String,
        /// The version that is read.
        expected: u32,
    },
    /// A key is missing, unknown or of another type.
    #[error("`{path}`, {key}: {source}", path = path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key that is wrong, or where one is missing: "at `sources[0]`".
        key: String,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// Settings cannot be written as JSON.
    #[error("cannot write {what} as JSON: {source}")]
    Serialize {
        /// What was to be written.
        what: &'static str,
        /// What the serialiser said.
        source: serde_json::Error,
    },
    /// The cursor stands in other data.
    #[error(
        "the cursor is of other data: its examples' digest is {found}, that of these is {expected}"
    )]
    OtherData {
        /// The cursor's digest.
        found: String,
        /// The data's digest.
        expected: String,
    },
    /// The cursor is of a run with other settings.
    #[error("the cursor is of a run with other settings: {}", join(differences))]
    OtherSettings {
        /// What differs, from the cursor's to the present settings.
        differences: Vec<Difference>,
    },
    /// The cursor is of another version.
    #[error("the cursor has version {found}; this program resumes from version {expected}")]
    CursorVersion {
        /// Its version.
        found: u32,
        /// The version that is known.
        expected: u32,
    },
    /// The cursor stands where no step is.
    #[error("the cursor stands at step {step} of an epoch of {steps} steps")]
    Step {
        /// The cursor's step, from 0.
        step: u64,
        /// Steps of an epoch.
        steps: u64,
    },
    /// The parts of the cursor do not belong together.
    #[error(
        "the cursor contradicts itself: at epoch {epoch}, step {step}, {}",
        join(differences)
    )]
    Contradiction {
        /// The cursor's epoch.
        epoch: u64,
        /// The cursor's step.
        step: u64,
        /// What differs, from what the cursor says to what it should.
        differences: Vec<Difference>,
    },
}

fn join(differences: &[Difference]) -> String {
    let texts: Vec<String> = differences.iter().map(Difference::to_string).collect();
    texts.join("; ")
}
