//! Formats: which fields a data set has, and what they mean.
//!
//! A [`Reading`] is decided once per source, by flags or by its first record, and turns every
//! record into a row. What a format does not know is ignored; what it would misread is an error
//! that names the place, the field and, in a conversation, the turn.

mod columns;
mod conversation;
mod detect;
mod error;
mod field;
mod fields;
mod name;
mod preference;
mod reading;
mod sql;
mod turns;

pub use columns::Columns;
pub use error::FormatError;
pub use name::Format;
pub use reading::Reading;
