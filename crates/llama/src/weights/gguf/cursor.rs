//! Reads the header's little-endian fields and never past the end.

use std::path::Path;

use super::Value;
use crate::LlamaError;

/// Lists may nest; llama.cpp writes none deeper than one.
const DEEPEST: usize = 4;

/// The number of a list among the types of values.
const LIST: u32 = 9;

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

    /// An error at the place where a field begins.
    pub(super) fn damaged_at(&self, offset: usize, what: impl Into<String>) -> LlamaError {
        LlamaError::Gguf {
            path: self.path.to_owned(),
            offset: offset as u64,
            what: what.into(),
        }
    }

    pub(super) fn take(&mut self, count: u64, of: &str) -> Result<&'a [u8], LlamaError> {
        let left = self.bytes.len() - self.offset;
        let count = usize::try_from(count)
            .ok()
            .filter(|&c| c <= left)
            .ok_or_else(|| {
                let what = format!("{of} of {count} bytes, but the file ends {left} bytes on");
                self.damaged_at(self.offset, what)
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

    /// A count of things that take at least `least` bytes each: no more than
    /// what is left of the file can hold, so that room may be reserved for it.
    pub(super) fn count(&mut self, of: &str, least: usize) -> Result<usize, LlamaError> {
        let start = self.offset;
        let count = self.u64(of)?;
        let most = (self.bytes.len() - self.offset) / least;
        usize::try_from(count)
            .ok()
            .filter(|&c| c <= most)
            .ok_or_else(|| {
                let what = format!("{of} is {count}, but the rest of the file can hold {most}");
                self.damaged_at(start, what)
            })
    }

    pub(super) fn text(&mut self, of: &str) -> Result<&'a str, LlamaError> {
        let start = self.offset;
        let length = self.u64(of)?;
        let bytes = self.take(length, of)?;
        std::str::from_utf8(bytes).map_err(|_| self.damaged_at(start, format!("{of} is not UTF-8")))
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
            7 => match self.array(of)? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => {
                    let what = format!("{of} is a truth value of {other}; expected 0 or 1");
                    return Err(self.damaged_at(self.offset - 1, what));
                }
            },
            8 => Value::Text(self.text(of)?.into()),
            LIST => self.list(of, depth)?,
            10 => Value::Unsigned(self.u64(of)?),
            11 => Value::Signed(i64::from_le_bytes(self.array(of)?)),
            12 => Value::Float(f64::from_le_bytes(self.array(of)?)),
            other => {
                let what = format!("{of} has the unknown value type {other}; expected 0 to 12");
                return Err(self.damaged_at(self.offset - 4, what));
            }
        })
    }

    /// The elements' type, their count, and as many elements.
    fn list(&mut self, of: &str, depth: usize) -> Result<Value, LlamaError> {
        if depth == DEEPEST {
            let what = format!("{of} has lists nested more than {DEEPEST} deep");
            return Err(self.damaged_at(self.offset, what));
        }
        let kind = self.u32(of)?;
        let least = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            10..=12 => 8,
            8 => 8,
            LIST => 12,
            _ => 4,
        };
        let count = self.count(&format!("the length of {of}"), least)?;
        if least < 4 {
            self.take((count * least) as u64, of)?;
            return Ok(Value::Narrow(count));
        }
        let mut list = Vec::with_capacity(count);
        for _ in 0..count {
            list.push(self.value_of(kind, of, depth + 1)?);
        }
        Ok(Value::List(list.into()))
    }
}
