//! What a whole evaluation says: counts with intervals, a comparison of two, and a page to read them on.

mod comparison;
mod document;
mod html;
mod json;
mod mcnemar;
mod meta;
mod paired;
mod paired_table;
mod rate;
mod scores;
mod table;
mod words;

pub use comparison::{Change, Comparison, ComparisonError, Side};
pub use document::Report;
pub use json::ReportError;
pub use mcnemar::{mcnemar, paired_interval};
pub use meta::{Limits, Meta, Origin};
pub use paired::Paired;
pub use rate::{Mean, Rate, wilson};
pub use scores::Scores;
