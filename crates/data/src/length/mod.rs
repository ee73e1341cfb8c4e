//! Lengths: what becomes of a row that is too long.
//!
//! Nothing is cut in the middle: a row is dropped and counted, or the schema of a question loses whole
//! tables. Neither an answer nor a question is ever shortened.

mod error;
mod fit;
mod report;
mod tables;

pub use error::LengthError;
pub use fit::{Fitted, LengthPolicy};
pub use report::LengthReport;
pub use tables::table_ends;
