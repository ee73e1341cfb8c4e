//! Safetensors: headers read with errors that name the place, shards found
//! through their index, tensors converted one at a time.
//!
//! Format: <https://huggingface.co/docs/safetensors>. The crate of that name
//! reads headers too, but its errors name neither sizes nor (mostly) the
//! tensor, and of two entries with one name it takes the last. What is accepted
//! here is a subset of what it accepts, which the tests check.

mod folder;
mod header;
mod index;

pub(crate) use folder::SafetensorsFolder;
pub(crate) use header::Shard;
#[cfg(feature = "hub")]
pub(crate) use index::shard_files;
