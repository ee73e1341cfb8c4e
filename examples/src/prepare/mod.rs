//! The example `prepare`: from files of rows to what a trainer will see.
//!
//! The work is anneal-data's; here are its flags, the model's text side, and two ways to show what comes
//! out: a [`Document`] for programs, a view for people, each with a [`Summary`] of what became of the
//! rows.

mod account;
mod checks;
mod document;
mod flags;
mod made;
mod number;
mod output;
mod run;
mod summary;
mod text;
mod view;
mod watched;

pub(crate) use checks::{Checks, cleaner};
pub use document::Document;
pub use flags::{OverLength, PrepareFlags, TurnsFlag};
pub use run::prepare;
pub use summary::{Packed, Summary};
pub use text::Text;
pub use view::{Marks, show};
