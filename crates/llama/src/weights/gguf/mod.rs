//! GGUF: metadata, tensors, and their names and layout turned into Hugging
//! Face's.
//!
//! Format: <https://github.com/ggml-org/ggml/blob/master/docs/gguf.md>.

mod config;
mod cursor;
mod dequantize;
mod file;
mod names;
mod rope;
mod source;
mod tensor_table;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use file::GgufFile;
pub(crate) use source::GgufWeights;
pub(crate) use value::Value;
