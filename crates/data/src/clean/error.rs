//! What can be wrong with cleaning, one variant per failure.

use crate::Place;

/// What can be wrong with cleaning.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CleanError {
    /// Two steps have one name, so that what they set apart could not be told apart.
    #[error("two cleaning steps are called `{name}`")]
    StepName {
        /// The name.
        name: String,
    },
    /// An entry of a purge list names neither a question nor a database.
    #[error("{place}: an entry of a purge list needs `question` or `db_id`; the row has {found:?}")]
    PurgeEntry {
        /// Where.
        place: Place,
        /// The fields that are there.
        found: Vec<String>,
    },
    /// What was set apart cannot be written.
    #[error("cannot write the rows that were set apart: {source}")]
    Write {
        /// The system's reason.
        source: std::io::Error,
    },
}
