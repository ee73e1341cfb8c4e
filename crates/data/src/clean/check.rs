//! The hook: a check is anything that has something against a row, or nothing.

use super::Fault;
use crate::Row;

/// A check of one row by itself. It runs on many rows at a time, and must give one answer for one row.
///
/// This crate knows no SQL: whether a context builds and an answer runs is for a check to say. A
/// closure is one:
///
/// ```
/// use anneal_data::{Check, Fault, Reason, Row, Sample};
/// const TOO_LONG: Reason = Reason::new("answer too long");
/// let check = |row: &Row| match &row.sample {
///     Sample::Sql(sample) if sample.sql.len() > 1000 => {
///         Err(Fault::new(TOO_LONG, format!("{} bytes", sample.sql.len())))
///     }
///     _ => Ok(()),
/// };
/// # fn takes(_: impl Check) {}
/// takes(check);
/// ```
pub trait Check: Send + Sync {
    /// What is wrong with `row`.
    ///
    /// # Errors
    /// The fault for which the row is set apart.
    fn check(&self, row: &Row) -> Result<(), Fault>;
}

impl<F: Fn(&Row) -> Result<(), Fault> + Send + Sync> Check for F {
    fn check(&self, row: &Row) -> Result<(), Fault> {
        self(row)
    }
}
