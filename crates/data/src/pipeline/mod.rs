//! The way of a row from file to token ids: streaming, on all threads, with nothing lost unseen.
//!
//! [`Rows`] reads a source and says what its records mean; [`Preparer`] cleans, renders, tokenises and
//! masks them, chunk by chunk, so that memory does not grow with the data. What comes out is in the
//! order of the files whatever the number of threads. A row that is wrong stops the run with its place,
//! or, where [`OnBadRow`] allows it, is set apart and counted; an error that ends a file (a truncated
//! archive) always stops the run, since what a model learned must not depend on where a download broke.

mod chunk;
mod prepare;
mod reason;
mod report;
mod rows;

pub use prepare::{Prepared, PreparedRow, Preparer};
pub use report::PrepareReport;
pub use rows::{OnBadRow, Rows};
