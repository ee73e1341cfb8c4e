//! Other measures of two results than Spider's: BIRD's and sql-eval's.

mod alternatives;
mod bird;
mod frame;
mod subset;
mod ves;

pub use alternatives::{AlternativesError, gold_alternatives};
pub use bird::{same_rows, soft_f1};
pub use subset::{asks_for_order, subset_match};
pub use ves::{r_ves, r_ves_reward, time_ratio};
