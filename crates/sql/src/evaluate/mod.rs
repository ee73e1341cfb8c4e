//! Many predictions judged at once.

mod case;
mod evaluator;
mod examine;
mod example;
mod matches;
mod opened;
mod options;
mod plan;
mod timing;
mod workers;

pub use case::Case;
pub use evaluator::Evaluator;
pub use example::{Example, Preview, Shown};
pub use options::{EvaluateError, EvaluateOptions, GoldPolicy, Source};
