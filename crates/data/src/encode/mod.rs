//! From conversations to token ids with a mask of what is learned.
//!
//! The mask is made of spans of text, never of token ids: a mask by id is how padding with the end
//! token teaches a model never to stop.

mod border;
mod encoder;
mod example;
mod mark;
mod not_prefix;
mod questions;
mod text;
mod tokenize;
mod tokens;

pub use encoder::{Encoder, PreferenceExample};
pub use example::{Example, IGNORE_LABEL, Targets};
pub use mark::mark;
pub use questions::{EncodeReport, Encoded};
pub use text::{Span, TrainingText, Turns};
pub use tokenize::{Cut, Tokenize};
pub use tokens::encode_example;
