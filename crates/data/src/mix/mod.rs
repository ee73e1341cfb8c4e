//! Mixtures of sources, curricula and augmentation.
//!
//! Mixtures and curricula are [`Order`]s: they know indices and not what is behind them, and
//! [`Batches::with_order`](crate::Batches::with_order) takes them in place of its own shuffle.

mod augment;
mod competence;
mod curriculum;
mod difficulty;
mod draws;
mod error;
mod mixture;
mod order;
mod schedule;
mod weights;

pub use augment::{
    Augment, AugmentConfig, AugmentReport, Augmenter, DistractorTables, Originals, Paraphrases,
    RowRng, ShuffledTables,
};
pub use competence::{Competence, Growth};
pub use curriculum::{Curriculum, CurriculumKind};
pub use difficulty::difficulty_scores;
pub use draws::Draws;
pub use error::MixError;
pub use mixture::{Draw, MixConfig, MixLength, MixSource, Mixture};
pub use order::{Order, Shuffled, SourceProgress};
pub use weights::MixWeights;
