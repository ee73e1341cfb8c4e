//! Manifests: what a run was made of; and the cursor that resumes it.

mod compare;
mod cursor;
mod digest;
mod document;
mod entries;
mod error;
mod feed;
mod file;

pub use compare::Difference;
pub use cursor::Cursor;
pub use digest::{BatchesDigest, ExamplesDigest, sha256_hex};
pub use document::Manifest;
pub use entries::{
    EncodingEntry, MixtureEntry, ResultEntry, SourceEntry, SplitEntry, StepEntry, TemplateEntry,
    TokenizerEntry,
};
pub use error::ManifestError;
pub use feed::Feed;
