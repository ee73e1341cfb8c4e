//! Fine-tuning from start to end, with nothing beside the repository.

mod data;
mod folder;
mod page;
mod report;
mod run;
mod settings;
mod text;

pub use data::{Data, domain};
pub use report::{Answer, QuickstartReport, SideBySide};
pub use run::{quickstart, small_model};
pub use settings::QuickstartSettings;
pub use text::summary;
