//! What the examples share: loading, asking, judging, and how a command ends.
//!
//! The examples themselves are one file each and hold flags and output; the
//! work is here, so that it can be tested and called from another program.

pub mod adapter;
mod allocator;
pub mod ask;
mod bytes;
pub mod device;
mod error;
pub mod evaluation;
mod exit;
mod feed;
mod files;
pub mod finetune;
pub(crate) mod folders;
mod memory;
mod metrics;
mod model;
pub mod plan;
mod pool;
mod predict;
pub mod prepare;
pub mod pretrain;
pub mod prompting;
pub mod quickstart;
pub mod run_report;
mod say;
pub mod settings;
mod source;
pub mod sql_check;

pub use allocator::keep_freed_memory;
pub use bytes::parse_bytes;
pub use error::ExampleError;
pub use exit::finish;
pub use files::{write_json, write_whole};
pub use folders::require_empty;
pub use memory::peak_memory_bytes;
pub use model::{first_non_finite, open_model, token_loss, token_losses, token_losses_taped};
pub use pool::on_pool;
pub use predict::{Conversation, PredictOptions};
pub use say::print;
pub(crate) use say::say;
pub use source::{resolve_model, resolve_tokenizer};
pub use sql_check::SqlCheck;

/// The Rust of the guide, compiled and run as the documentation's other examples are.
#[cfg(doctest)]
#[doc = include_str!("../../docs/guide/6-from-your-own-program.md")]
pub struct Guide;
