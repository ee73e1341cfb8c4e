//! Arrow IPC: files with an index at their end (also Feather 2), and streams such as `datasets` caches.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use arrow_ipc::MessageHeader;
use arrow_ipc::reader::{FileReader, StreamReader};

use super::arrow_messages::Messages;
use super::batches::{self, Batch, Columnar, Failure, guarded};
use super::counted::Counter;
use super::{FileFormat, SourceError};
use crate::DataError;

const FORMAT: FileFormat = FileFormat::Arrow;
const FILE_MAGIC: &[u8] = b"ARROW1";
/// What begins each message of a stream.
const CONTINUATION: &[u8] = &[0xff; 4];
/// A message of no length, which ends a stream.
const STREAM_END: &[u8] = &[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0];

/// Opens an Arrow file or stream, whichever it is.
pub(super) fn open(
    mut file: File,
    path: &Arc<Path>,
    total_bytes: u64,
    counter: Counter,
) -> Result<Columnar, DataError> {
    let read = |source| DataError::Read {
        path: path.to_path_buf(),
        source,
    };
    let mut head = Vec::new();
    (&mut file).take(8).read_to_end(&mut head).map_err(read)?;
    file.rewind().map_err(read)?;
    if head.starts_with(FILE_MAGIC) {
        return open_file(file, path, total_bytes, counter);
    }
    if head.starts_with(CONTINUATION) {
        // The library takes a stream that is cut off between two messages for one that ends there.
        let end = SeekFrom::End(-(STREAM_END.len() as i64));
        let mut tail = Vec::new();
        if file.seek(end).is_ok() {
            file.read_to_end(&mut tail).map_err(read)?;
        }
        if tail != STREAM_END {
            return Err(DataError::from(SourceError::ArrowEnd {
                path: path.to_path_buf(),
            }));
        }
        file.rewind().map_err(read)?;
        return open_stream(file, path, counter);
    }
    Err(DataError::from(SourceError::Magic {
        path: path.to_path_buf(),
        format: FORMAT,
        found: super::file::shown(&head),
    }))
}

fn open_file(
    file: File,
    path: &Arc<Path>,
    total_bytes: u64,
    counter: Counter,
) -> Result<Columnar, DataError> {
    let (mut messages, blocks, mut reader) = guarded(|| {
        let mut messages = Messages::new(&file)?;
        let (dictionaries, blocks) = messages.index()?;
        for block in &dictionaries {
            messages.check_block(block, MessageHeader::DictionaryBatch)?;
        }
        let reader = FileReader::try_new(BufReader::new(file), None)?;
        Ok((messages, blocks, reader))
    })
    .map_err(|error| batches::failure(path, FORMAT, 0, error))?;
    let schema = reader.schema();
    let all = blocks.len();
    let mut blocks = blocks.into_iter().enumerate();
    let batches = std::iter::from_fn(move || {
        let (index, block) = blocks.next()?;
        let bytes_read = Some((total_bytes as f64 * ((index + 1) as f64 / all as f64)) as u64);
        let mut read = || -> Result<Option<Batch>, Failure> {
            messages.check_block(&block, MessageHeader::RecordBatch)?;
            let rows = reader.next().transpose()?;
            Ok(rows.map(|rows| Batch { rows, bytes_read }))
        };
        read().transpose()
    });
    Columnar::new(
        Arc::clone(path),
        FORMAT,
        &schema,
        Box::new(batches),
        counter,
    )
}

fn open_stream(file: File, path: &Arc<Path>, counter: Counter) -> Result<Columnar, DataError> {
    let (mut messages, mut reader) = guarded(|| {
        let mut messages = Messages::new(&file)?;
        messages.check_next(true)?;
        let input = BufReader::new(counter.reader(file));
        Ok((messages, StreamReader::try_new(input, None)?))
    })
    .map_err(|error| batches::failure(path, FORMAT, 0, error))?;
    let schema = reader.schema();
    let batches = std::iter::from_fn(move || {
        let mut read = || -> Result<Option<Batch>, Failure> {
            messages.check_next(false)?;
            let bytes_read = None;
            let rows = reader.next().transpose()?;
            Ok(rows.map(|rows| Batch { rows, bytes_read }))
        };
        read().transpose()
    });
    Columnar::new(
        Arc::clone(path),
        FORMAT,
        &schema,
        Box::new(batches),
        counter,
    )
}
