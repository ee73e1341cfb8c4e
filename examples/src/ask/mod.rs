//! A question in plain words, answered from a SQLite file: schema, prompt, SQL, rows.

mod answer;
mod conversation;
mod execute;
mod flags;
mod notes;
mod plain;
mod run;
mod session;
mod table;

pub use answer::Answer;
pub use execute::{More, Shown, execute};
pub use flags::AskFlags;
pub use run::run;
pub use session::Session;
pub use table::table;
