//! A small Llama of our own, from nothing: domains, questions, tokenizer, training.
//!
//! Everything that it learns from is made here, so that anybody can make the
//! repository's model again (`examples/pretrain.rs`), and so that `quickstart`
//! has a domain that the model is known not to have seen.

mod asked;
mod corpus;
mod domain;
mod draw;
mod init;
mod kind;
mod loss;
mod made;
mod measure;
mod rows;
mod run;
mod settings;
mod tokenizer;
mod words;

pub use asked::ask;
pub use corpus::{Asked, HELD_OUT, corpus, domains};
pub use domain::{Domain, DomainColumn, DomainError, DomainTable, parse_domains};
pub use draw::{Case, Drawer, Naming, Shape};
pub use init::{InitialWeights, small_llama};
pub use kind::Kind;
pub use loss::weighted_loss;
pub use made::{Made, MadeColumn, MadeTable};
pub use rows::{conversation, examples};
pub use run::{PretrainReport, pretrain};
pub use settings::PretrainSettings;
pub use tokenizer::{CHAT_TEMPLATE, END, PAD, SPECIAL_TOKENS, train_tokenizer};
