//! Chat templates: the Jinja text that turns messages into the text a model was trained on.
//!
//! A model's template stands in its GGUF (`tokenizer.chat_template`) or its tokenizer's files, or is one
//! of this crate's own. It is run as transformers runs it (`utils/chat_template_utils.py`, 5.23.0): blocks
//! trimmed, undefined names printing as nothing, Python's methods on strings and dictionaries, and a few
//! functions. A template is code from outside: it sees the messages and nothing else.
//!
//! What the engine answers otherwise than jinja2, and what of it is left, is listed case by case in
//! `tests/environment.rs`, which replays some 200 small templates.

mod built_in;
mod chat;
mod clock;
mod environment;
mod error;
mod filters;
mod generation;
mod json;
mod load;
mod methods;
mod number;
mod special_tokens;
mod tags;
mod value;
mod variables;

pub use built_in::BuiltInTemplate;
pub use chat::ChatTemplate;
pub use error::TemplateError;
pub use special_tokens::SpecialTokens;

pub(crate) use environment::describe;
pub(crate) use methods::is_space;
