//! The text of a file, decompressed, in blocks: what every text format reads from.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use super::{Compression, ReadOptions, SourceError};
use crate::DataError;

/// Bytes per block of text.
const BLOCK: usize = 64 << 10;

/// Text of which blocks are seen and then consumed.
pub(super) struct Text {
    input: Box<dyn BufRead + Send>,
    pub(super) file: Arc<Path>,
    compression: Option<Compression>,
    /// The most bytes of one row.
    pub(super) max_row_bytes: usize,
    /// The fields that a row should have, in words.
    pub(super) expected: &'static str,
}

impl Text {
    /// The text in `raw`, of which the first bytes (`head`) were read already.
    pub(super) fn new(
        raw: impl Read + Send + 'static,
        head: Vec<u8>,
        file: Arc<Path>,
        options: &ReadOptions,
        expected: &'static str,
    ) -> Result<Self, DataError> {
        let compression = Compression::of(&head, &file);
        let raw = Cursor::new(head).chain(raw);
        let plain: Box<dyn Read + Send> = match compression {
            None => Box::new(raw),
            Some(compression) => {
                compression
                    .decoder(raw)
                    .map_err(|source| SourceError::Decompress {
                        path: file.to_path_buf(),
                        line: 1,
                        compression,
                        source,
                    })?
            }
        };
        let mut text = Self {
            input: Box::new(BufReader::with_capacity(BLOCK, plain)),
            file,
            compression,
            max_row_bytes: options.max_row_bytes,
            expected,
        };
        text.skip_mark()?;
        Ok(text)
    }

    pub(super) fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Takes off UTF-8's byte-order mark, which editors leave, and refuses UTF-16's.
    fn skip_mark(&mut self) -> Result<(), DataError> {
        let head = self.peek(3)?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err(DataError::from(SourceError::Utf16 {
                path: self.file.to_path_buf(),
            }));
        }
        if head == b"\xEF\xBB\xBF" {
            self.peeked(&[]);
        } else {
            self.peeked(&head);
        }
        Ok(())
    }

    /// The first block, without consuming it; shorter only where the text is.
    pub(super) fn first_block(&mut self) -> Result<Vec<u8>, DataError> {
        let head = self.peek(BLOCK)?;
        self.peeked(&head);
        Ok(head)
    }

    /// Takes up to `bytes` from the text's beginning.
    fn peek(&mut self, bytes: usize) -> Result<Vec<u8>, DataError> {
        let mut head = Vec::new();
        let outcome = (&mut self.input).take(bytes as u64).read_to_end(&mut head);
        match outcome {
            Ok(_) => Ok(head),
            Err(error) => Err(self.failure(1, error)),
        }
    }

    /// Puts `head` back in front.
    fn peeked(&mut self, head: &[u8]) {
        let rest = std::mem::replace(&mut self.input, Box::new(io::empty()));
        self.input = Box::new(Cursor::new(head.to_vec()).chain(rest));
    }

    /// The next block, which is empty only at the text's end; `line` is for the error.
    pub(super) fn block(&mut self, line: usize) -> Result<&[u8], DataError> {
        loop {
            match self.input.fill_buf() {
                // Asked again below, since a borrow may not leave a loop that goes on.
                Ok(_) => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(line, error)),
            }
        }
        let (file, compression) = (&self.file, self.compression);
        self.input
            .fill_buf()
            .map_err(|error| failure(file, compression, line, error))
    }

    pub(super) fn consume(&mut self, bytes: usize) {
        self.input.consume(bytes);
    }

    fn failure(&self, line: usize, source: io::Error) -> DataError {
        failure(&self.file, self.compression, line, source)
    }
}

/// What cannot be read behind a decoder is taken for damage.
fn failure(
    file: &Path,
    compression: Option<Compression>,
    line: usize,
    source: io::Error,
) -> DataError {
    let path = file.to_path_buf();
    match compression {
        None => DataError::Read { path, source },
        Some(compression) => DataError::from(SourceError::Decompress {
            path,
            line,
            compression,
            source,
        }),
    }
}
