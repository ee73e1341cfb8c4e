//! Predictions judged: the questions, the judge, and what it says.

mod flags;
mod judging;
mod questions;
mod run;

pub use flags::{EvaluateFlags, FailingGold, SourceFlags};
pub use judging::{Databases, cases, judge, summary};
pub use questions::QuestionSet;
pub use run::run;
