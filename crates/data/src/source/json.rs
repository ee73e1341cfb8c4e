//! A JSON array of objects, or objects one after another, element by element.
//!
//! An element that is no object, is not UTF-8 or is too long concerns its row alone: the next one is found
//! all the same. After a syntax error nothing can be told apart, so it ends the source.

use std::sync::Arc;

use super::SourceError;
use super::cut::{Cut, End};
use super::json_value::{Start, parse};
use super::text::Text;
use crate::{At, DataError, Place, Record};

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// `[` of an array, or the first of several values.
    Beginning,
    /// The array's first element or `]`.
    FirstElement,
    /// `,` or `]`.
    Comma,
    /// A value that follows another, without an array around them.
    Value,
    /// Nothing.
    Done,
}

/// The records of a JSON text.
pub(super) struct Json {
    text: Text,
    /// The line of the next byte, from 1.
    line: usize,
    /// Bytes of that line before it.
    column: usize,
    next: Next,
    buffer: Vec<u8>,
}

impl Json {
    pub(super) fn new(text: Text) -> Self {
        Self {
            text,
            line: 1,
            column: 0,
            next: Next::Beginning,
            buffer: Vec::new(),
        }
    }

    /// Goes to the next element; `false` where there is none.
    fn advance(&mut self) -> Result<bool, DataError> {
        loop {
            let byte = self.token()?;
            match (self.next, byte) {
                (Next::Beginning, Some(b'[')) => {
                    self.consume(1)?;
                    self.next = Next::FirstElement;
                }
                (Next::Beginning, _) => self.next = Next::Value,
                (Next::FirstElement | Next::Comma, Some(b']')) => {
                    self.consume(1)?;
                    self.next = Next::Done;
                }
                (Next::FirstElement, Some(_)) => {
                    self.next = Next::Comma;
                    return Ok(true);
                }
                (Next::Comma, Some(b',')) => {
                    self.consume(1)?;
                    return match self.token()? {
                        Some(b']') => Err(self.syntax("a value must follow `,`, found `]`")),
                        Some(_) => Ok(true),
                        None => Err(self.syntax("a value must follow `,`, found the file's end")),
                    };
                }
                (Next::FirstElement | Next::Comma, None) => {
                    return Err(self.syntax("the array is not closed; found the file's end"));
                }
                (Next::Comma, Some(_)) => {
                    return Err(self.syntax("expected `,` or `]` after an element"));
                }
                (Next::Value, byte) => return Ok(byte.is_some()),
                (Next::Done, None) => return Ok(false),
                (Next::Done, Some(_)) => {
                    return Err(self.syntax("text follows the array's end"));
                }
            }
        }
    }

    /// The next byte that is no white space, not consumed.
    fn token(&mut self) -> Result<Option<u8>, DataError> {
        loop {
            let block = self.text.block(self.line)?;
            if block.is_empty() {
                return Ok(None);
            }
            let token = block
                .iter()
                .position(|byte| !matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
            let byte = token.map(|index| block[index]);
            let space = token.unwrap_or(block.len());
            self.consume(space)?;
            if byte.is_some() {
                return Ok(byte);
            }
        }
    }

    /// Passes over bytes of the current block, keeping count of lines.
    fn consume(&mut self, bytes: usize) -> Result<(), DataError> {
        let passed = &self.text.block(self.line)?[..bytes];
        match passed.iter().rposition(|&byte| byte == b'\n') {
            None => self.column += bytes,
            Some(last) => {
                self.line += passed.iter().filter(|&&byte| byte == b'\n').count();
                self.column = bytes - last - 1;
            }
        }
        self.text.consume(bytes);
        Ok(())
    }

    /// Takes the value that begins here into the buffer; `false` if it is too long for it.
    fn take_value(&mut self) -> Result<bool, DataError> {
        self.buffer.clear();
        let mut cut = Cut::default();
        let mut fits = true;
        let limit = self.text.max_row_bytes;
        loop {
            let block = self.text.block(self.line)?;
            let (bytes, ended) = match cut.feed(block) {
                End::At(bytes) => (bytes, true),
                End::Later => (block.len(), block.is_empty()),
            };
            fits &= self.buffer.len() + bytes <= limit;
            if fits {
                self.buffer.extend_from_slice(&block[..bytes]);
            }
            self.consume(bytes)?;
            if ended {
                return Ok(fits);
            }
        }
    }

    fn value(&mut self) -> Result<Record, DataError> {
        let start = Start {
            line: self.line,
            column: self.column,
        };
        if !self.take_value()? {
            let place = Place {
                file: Arc::clone(&self.text.file),
                at: At::Line(start.line),
            };
            return Err(DataError::from(SourceError::RowTooLong {
                place,
                limit: self.text.max_row_bytes,
            }));
        }
        if self.buffer.is_empty() {
            return Err(self.syntax("expected value"));
        }
        let path = || self.text.file.to_path_buf();
        let syntax = |line, column, message| {
            DataError::from(SourceError::JsonSyntax {
                path: path(),
                line,
                column,
                message,
            })
        };
        parse(
            &self.buffer,
            &self.text.file,
            start,
            self.text.expected,
            syntax,
        )
    }

    /// A syntax error at the next byte.
    fn syntax(&self, message: &str) -> DataError {
        DataError::from(SourceError::JsonSyntax {
            path: self.text.file.to_path_buf(),
            line: self.line,
            column: self.column + 1,
            message: message.to_owned(),
        })
    }
}

impl Iterator for Json {
    type Item = Result<Record, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Err(error) => Some(Err(error)),
            Ok(false) => None,
            Ok(true) => Some(self.value()),
        }
    }
}
