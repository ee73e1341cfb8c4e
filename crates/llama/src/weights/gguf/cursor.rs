//! Reads the header's little-endian fields and never past the end.

use std::path::Path;

use super::Value;
use crate::LlamaError;

/// Lists may nest; llama.cpp writes none deeper than one.
const DEEPEST: usize = 4;

/// A position in the file's bytes.
pub(super) struct Cursor<'a> {
    path: &'a Path,
    bytes: &'a [u8],
    pub(super) offset: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(path: &'a Path, bytes: &'a [u8]) -> Self {
        Self {
            path,
            bytes,
            offset: 0,
        }
    }

    pub(super) fn damaged(&self, what: impl Into<String>) -> LlamaError {
        LlamaError::Gguf {
            path: self.path.to_owned(),
            offset: self.offset as u64,
            what: what.into(),
        }
    }

    pub(super) fn take(&mut self, count: u64, of: &str) -> Result<&'a [u8], LlamaError> {
        let left = self.bytes.len() - self.offset;
        let count = usize::try_from(count)
            .ok()
            .filter(|&c| c <= left)
            .ok_or_else(|| {
                self.damaged(format!(
                    "{of} of {count} bytes, but the file ends {left} bytes on"
                ))
            })?;
        let taken = &self.bytes[self.offset..self.offset + count];
        self.offset += count;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, of: &str) -> Result<[u8; N], LlamaError> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64, of)?);
        Ok(array)
    }

    pub(super) fn u32(&mut self, of: &str) -> Result<u32, LlamaError> {
        Ok(u32::from_le_bytes(self.array(of)?))
    }

    pub(super) fn u64(&mut self, of: &str) -> Result<u64, LlamaError> {
        Ok(u64::from_le_bytes(self.array(of)?))
    }

    pub(super) fn text(&mut self, of: &str) -> Result<String, LlamaError> {
        let length = self.u64(of)?;
        let bytes = self.take(length, of)?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err(self.damaged(format!("{of} is not UTF-8"))),
        }
    }

    /// A value preceded by its type.
    pub(super) fn value(&mut self, of: &str) -> Result<Value, LlamaError> {
        let kind = self.u32(of)?;
        self.value_of(kind, of, 0)
    }

    fn value_of(&mut self, kind: u32, of: &str, depth: usize) -> Result<Value, LlamaError> {
        Ok(match kind {
            0 => Value::Unsigned(u8::from_le_bytes(self.array(of)?).into()),
            1 => Value::Signed(i8::from_le_bytes(self.array(of)?).into()),
            2 => Value::Unsigned(u16::from_le_bytes(self.array(of)?).into()),
            3 => Value::Signed(i16::from_le_bytes(self.array(of)?).into()),
            4 => Value::Unsigned(self.u32(of)?.into()),
            5 => Value::Signed(i32::from_le_bytes(self.array(of)?).into()),
            6 => Value::Float(f32::from_le_bytes(self.array(of)?).into()),
            7 => Value::Bool(self.array::<1>(of)? != [0]),
            8 => Value::Text(self.text(of)?),
            9 if depth < DEEPEST => {
                let kind = self.u32(of)?;
                let count = self.u64(of)?;
                // No room is reserved for a count that the file only claims.
                let mut list = Vec::new();
                for _ in 0..count {
                    list.push(self.value_of(kind, of, depth + 1)?);
                }
                Value::List(list)
            }
            10 => Value::Unsigned(self.u64(of)?),
            11 => Value::Signed(i64::from_le_bytes(self.array(of)?)),
            12 => Value::Float(f64::from_le_bytes(self.array(of)?)),
            other => return Err(self.damaged(format!("{of} has the unknown value type {other}"))),
        })
    }
}
