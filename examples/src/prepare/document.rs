//! `--json`: one document of examples, written as they come.

use std::io::Write;

use serde::Serialize;

use crate::ExampleError;

/// What is held back: an error among the first rows leaves standard output empty.
const HELD: usize = 1 << 20;

/// Writes `{"examples": [..]}` row by row, so that a data set of any length passes through in little
/// memory.
///
/// A document that is not [finished](Self::finish) has no end, so no reader takes it for whole; up to a
/// megabyte of it is not even begun.
#[derive(Debug)]
pub struct Document<W: Write> {
    output: W,
    held: Vec<u8>,
    rows: usize,
}

impl<W: Write> Document<W> {
    /// An empty document.
    pub fn new(output: W) -> Self {
        Self {
            output,
            held: b"{\"examples\": [".to_vec(),
            rows: 0,
        }
    }

    /// Adds an example.
    ///
    /// # Errors
    /// [`ExampleError::Io`] if standard output is closed.
    pub fn push(&mut self, example: &impl Serialize) -> Result<(), ExampleError> {
        if self.rows > 0 {
            self.held.extend_from_slice(b", ");
        }
        self.rows += 1;
        serde_json::to_writer(&mut self.held, example).map_err(ExampleError::json(OUTPUT))?;
        if self.held.len() >= HELD {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what is held and the end.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn finish(mut self) -> Result<(), ExampleError> {
        self.held.extend_from_slice(b"]}\n");
        self.write()?;
        self.output.flush().map_err(ExampleError::io(OUTPUT))
    }

    fn write(&mut self) -> Result<(), ExampleError> {
        let written = self.output.write_all(&self.held);
        self.held.clear();
        written.map_err(ExampleError::io(OUTPUT))
    }
}

const OUTPUT: &str = "standard output";

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn document(rows: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut document = Document::new(&mut bytes);
        for row in 0..rows {
            document
                .push(&json!({"input_ids": [row], "labels": [-100]}))
                .unwrap();
        }
        document.finish().unwrap();
        bytes
    }

    #[test]
    fn any_number_of_rows_is_one_document_in_one_line() {
        assert_eq!(document(0), b"{\"examples\": []}\n");
        assert_eq!(
            document(2),
            b"{\"examples\": [{\"input_ids\":[0],\"labels\":[-100]}, {\"input_ids\":[1],\"labels\":[-100]}]}\n"
        );
        // Written in pieces.
        let long: Value = serde_json::from_slice(&document(60_000)).unwrap();
        assert_eq!(long["examples"][59_999]["input_ids"], json!([59_999]));
    }

    #[test]
    fn a_document_that_ends_early_is_no_document() {
        let mut bytes = Vec::new();
        let mut document = Document::new(&mut bytes);
        document.push(&json!([1])).unwrap();
        drop(document);
        assert_eq!(bytes, b"");
    }
}
