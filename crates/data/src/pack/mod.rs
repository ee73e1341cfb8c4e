//! Packing: several examples in one row, by best fit.
//!
//! A row that holds one short example is mostly padding, and costs what a full one costs. Here examples
//! are laid one behind the other, whole, as segments: attention and positions stay within each
//! ([`PackedRow`]), so that packing changes what a step costs and not what it learns.
//!
//! [`pack`] packs a set whose lengths are known, [`StreamPacker`] one that is being read; a trainer's
//! steps are packed by [`Batches`](crate::Batches), each within itself
//! ([`BatchConfig::capacity`](crate::BatchConfig::capacity)).

mod best_fit;
mod error;
mod row;
mod stream;
mod whole;

pub use error::PackError;
pub use row::PackedRow;
pub use stream::StreamPacker;
pub use whole::{pack, pack_shuffled};

pub(crate) use whole::{best_fit_decreasing, check_length};
