//! Splits by group, and the check that nothing leaks across one.

mod by_database;
mod components;
pub(crate) mod digest;
mod error;
mod group;
mod group_split;
mod leak;
mod leak_report;
mod min_hash;
pub(crate) mod near;
mod normal;
mod report;
pub(crate) mod row_text;
mod shingle;
pub(crate) mod sql_text;
pub(crate) mod tables;

pub use by_database::Split;
pub use error::SplitError;
pub use group::{GroupBy, GroupKey, KeyKind};
pub use group_split::{GroupSplit, Part, Parts};
pub use leak::{LeakConfig, find_leaks};
pub use leak_report::{Leak, LeakExample, LeakReport};
pub use near::NearConfig;
pub use normal::{Literals, normal_question, normal_sql};
pub use report::{GroupReport, LargeGroup, PartReport};
pub use shingle::Shingles;
pub use tables::table_names;
