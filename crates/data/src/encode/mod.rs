//! From conversations to token ids with a mask of what is learned.
//!
//! The mask is a span of text, never a set of token ids: a mask by id is how padding with the end
//! token teaches a model never to stop.

mod encoder;
mod example;
mod mark;
mod text;
mod tokenize;

pub use encoder::{EncodeReport, Encoded, Encoder};
pub use example::{Example, IGNORE_LABEL, Targets};
pub use mark::mark;
pub use text::TrainingText;
pub use tokenize::{Tokenize, encode_example};
