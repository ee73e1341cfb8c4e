//! Cleaning: rows that should not be learned are set apart with the reason, never dropped in silence.
//!
//! A [`Cleaner`] runs named [`Check`]s, of this crate ([`TextCheck`], [`PurgeList`]) or of others (does
//! the answer run?); [`Duplicates`] looks at all rows. Both give a list of [`SetApart`].

mod check;
mod cleaner;
mod duplicates;
mod error;
mod fault;
mod purge;
mod set_apart;
mod text_check;

pub use check::Check;
pub use cleaner::Cleaner;
pub use duplicates::{
    CONFLICT, Conflicts, DUPLICATE, DuplicateConfig, Duplicates, NEAR_DUPLICATE, remove_duplicates,
};
pub use error::CleanError;
pub use fault::{Fault, Met, Reason};
pub use purge::{BENCHMARK_DATABASE, BENCHMARK_QUESTION, NEAR_BENCHMARK_QUESTION, PurgeList};
pub use set_apart::{Cleaned, SetApart, count_reasons, write_set_apart};
pub use text_check::TextCheck;
