//! Rows, chat templates, masks and batches for fine-tuning: from a file of questions to token ids that
//! say what is learned.
//!
//! The way of a row: [`read_questions`] → [`Split::by_database`] → [`SqlPrompt`] (messages) →
//! [`ChatTemplate`] (text) → [`Encoder`] (ids and mask) → [`Batches`] (rectangles of ids and targets).
//! There are no tensors here and no tokenizer: a tokenizer is anything that implements [`Tokenize`], such
//! as a closure.
//!
//! What must hold, and is tested:
//!
//! - No database is on both sides of a split.
//! - The trained span is the answer and its end token, by place in the text and never by token id; so an
//!   end token is learned even where padding uses the same id.
//! - The prompt's ids are how the example's ids begin, or it is an error.
//! - Nothing is shortened silently: a row that is too long is dropped and counted.
//! - Every example is in every epoch once, in an order that depends on the seed and the epoch alone.
//!
//! ```
//! use anneal_data::{BatchConfig, Batches, ChatTemplate, Encoder, SqlPrompt, read_questions};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("questions.jsonl");
//! std::fs::write(&path, r#"{"db_id": "pets", "question": "How many pets?",
//!     "sql": "SELECT COUNT(*) FROM pet", "context": "CREATE TABLE pet (name TEXT)"}"#.replace('\n', " "))?;
//! let rows = read_questions(&path)?;
//!
//! let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
//! let encoder = Encoder::new(ChatTemplate::chatml()?, 512)?;
//! let encoded = encoder.encode_questions(&bytes, &SqlPrompt::default(), &rows)?;
//! assert_eq!(encoded.report.trained_tokens, "SELECT COUNT(*) FROM pet<|im_end|>".len());
//!
//! let batches = Batches::new(encoded.examples, BatchConfig::default())?;
//! for step in batches.steps(0) {
//!     assert_eq!(step.target_count(), encoded.report.trained_tokens);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod batch;
mod encode;
mod error;
mod json_lines;
mod message;
mod prediction;
mod question;
mod split;
mod sql_prompt;
mod template;

pub use batch::{BatchConfig, Batches, MicroBatch, Padding, Step};
pub use encode::{
    EncodeReport, Encoded, Encoder, Example, IGNORE_LABEL, Targets, Tokenize, TrainingText,
    encode_example, mark,
};
pub use error::DataError;
pub use message::{Message, Role};
pub use prediction::read_predictions;
pub use question::{Question, read_questions};
pub use split::Split;
pub use sql_prompt::SqlPrompt;
pub use template::ChatTemplate;
