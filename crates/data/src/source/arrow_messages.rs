//! Arrow IPC messages, checked before `arrow-ipc` decodes them.
//!
//! A damaged length must become an error, never an allocation that ends the process: `arrow-ipc` 60
//! reserves whatever uncompressed length the first 8 bytes of a compressed buffer claim, and one changed
//! bit makes that 140 TB. So each message's own lengths are checked against what is left of the file, its
//! buffers against its body, and what they claim against [`MAX_DECODED`] and against what their bytes can
//! hold at most.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use arrow_ipc::{Block, CompressionType, MessageHeader, RecordBatch};

/// What the buffers of one message may hold together once decompressed: 2 GiB, as much as the 32-bit
/// offsets of one column of text address. `datasets` writes batches of 1,000 rows, pyarrow of 64 Ki rows.
const MAX_DECODED: u64 = 1 << 31;
/// Values of an array: the format asks writers to stay within 31 bits. Arrays of nulls have no bytes that
/// would bound them.
const MAX_VALUES: i64 = i32::MAX as i64;
/// The most that LZ4 makes of a byte: each byte that lengthens a match adds 255 bytes to it.
const LZ4_EXPANSION: u64 = 255;
/// The most that Zstandard makes of a byte: a block is at most 128 KiB, and at least 4 bytes long (a
/// header of 3 and the byte that is repeated).
const ZSTD_EXPANSION: u64 = (128 << 10) / 4;
/// What stands before a compressed buffer: its length without compression, or -1 if it has none.
const LENGTH_BYTES: u64 = 8;
const CONTINUATION: [u8; 4] = [0xff; 4];

/// Why a message is not given to the decoder.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    #[error("{0}")]
    Read(#[from] io::Error),
    #[error(
        "damaged data: {what} at byte {at} is said to have {length} bytes, {left} are left of the file"
    )]
    Length {
        what: &'static str,
        at: u64,
        length: i64,
        left: u64,
    },
    #[error("damaged data: the {what} is no valid flatbuffer: {message}")]
    Flatbuffer { what: &'static str, message: String },
    #[error("damaged data: the message at byte {at} is {found}; expected {expected}")]
    Kind {
        at: u64,
        found: String,
        expected: &'static str,
    },
    #[error(
        "damaged data: the message at byte {at} says that it has {found} rows or values, {nulls} of them null"
    )]
    Values { at: u64, found: i64, nulls: i64 },
    #[error(
        "damaged data: buffer {index} of the message at byte {at} is said to be {length} bytes from byte {offset} of a body of {body}"
    )]
    Buffer {
        at: u64,
        index: usize,
        offset: i64,
        length: i64,
        body: u64,
    },
    #[error(
        "damaged data: buffer {index} of the message at byte {at} says that its {stored} compressed bytes hold {claimed}; no more than {most} are possible"
    )]
    Claim {
        at: u64,
        index: usize,
        stored: u64,
        claimed: i64,
        most: u64,
    },
    #[error(
        "the buffers of the message at byte {at} hold more than {MAX_DECODED} bytes once decompressed; write the file again in smaller batches"
    )]
    TooLarge { at: u64 },
}

/// A message that may be decoded.
pub(super) struct Checked {
    pub(super) kind: MessageHeader,
    /// Where the next one begins in a stream.
    end: u64,
}

/// A file's messages; what is read here does not move whoever else reads it.
pub(super) struct Messages {
    file: File,
    total: u64,
    /// Where a stream's next message begins.
    next: u64,
}

impl Messages {
    /// The messages of `file`.
    pub(super) fn new(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        let total = file.metadata()?.len();
        Ok(Self {
            file,
            total,
            next: 0,
        })
    }

    /// Checks a stream up to its next batch, so that the library may read it; `is_first` expects the schema
    /// instead.
    pub(super) fn check_next(&mut self, is_first: bool) -> Result<(), Damage> {
        loop {
            let at = self.next;
            let Some((metadata_at, length)) = self.prefix(at)? else {
                return Ok(());
            };
            let checked = self.check(at, metadata_at, length, None)?;
            self.next = checked.end;
            match checked.kind {
                MessageHeader::Schema if is_first => return Ok(()),
                MessageHeader::RecordBatch if !is_first => return Ok(()),
                MessageHeader::DictionaryBatch if !is_first => {}
                kind => {
                    let expected = if is_first {
                        "a schema"
                    } else {
                        "a batch or a dictionary"
                    };
                    return Err(unexpected(at, kind, expected));
                }
            }
        }
    }

    /// Checks the message of a block, of the index at a file's end, which is to be of a kind.
    pub(super) fn check_block(&mut self, block: &Block, kind: MessageHeader) -> Result<(), Damage> {
        let (at, metadata, body) = (block.offset(), block.metaDataLength(), block.bodyLength());
        let start = u64::try_from(at).unwrap_or(u64::MAX);
        let left = self.total.saturating_sub(start);
        let length = |what, length| Damage::Length {
            what,
            at: start,
            length,
            left,
        };
        let whole = i64::from(metadata).checked_add(body);
        if metadata < 8 || body < 0 || whole.is_none_or(|whole| whole.unsigned_abs() > left) {
            return Err(length("a block", body));
        }
        let Some((metadata_at, said)) = self.prefix(start)? else {
            return Err(length("the metadata of a block", 0));
        };
        let end = start + u64::from(metadata.unsigned_abs());
        if metadata_at + said > end {
            return Err(length("the metadata of a block", said as i64));
        }
        let found = self.check(
            start,
            metadata_at,
            end - metadata_at,
            Some(body.unsigned_abs()),
        )?;
        if found.kind != kind {
            let expected = if kind == MessageHeader::RecordBatch {
                "a batch"
            } else {
                "a dictionary"
            };
            return Err(unexpected(start, found.kind, expected));
        }
        Ok(())
    }

    /// The blocks of a file's index: of dictionaries and of batches.
    pub(super) fn index(&mut self) -> Result<(Vec<Block>, Vec<Block>), Damage> {
        // The index's length and the format's mark end a file.
        let end = self.total.saturating_sub(10);
        let bytes = self.bytes(end, 4)?;
        let said = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let length = u64::try_from(said).ok().filter(|&length| length <= end);
        let length = length.ok_or(Damage::Length {
            what: "the index",
            at: end,
            length: said.into(),
            left: end,
        })?;
        let bytes = self.bytes(end - length, length)?;
        let footer = arrow_ipc::root_as_footer(&bytes).map_err(|error| Damage::Flatbuffer {
            what: "index",
            message: error.to_string(),
        })?;
        let dictionaries = footer.dictionaries().into_iter().flatten().copied();
        let batches = footer.recordBatches().into_iter().flatten().copied();
        Ok((dictionaries.collect(), batches.collect()))
    }

    /// Where a message's metadata begins and how long it is said to be; nothing at the end of a stream.
    fn prefix(&mut self, at: u64) -> Result<Option<(u64, u64)>, Damage> {
        let mut bytes = self.bytes(at, 4)?;
        let mut begin = at + 4;
        if bytes == CONTINUATION {
            bytes = self.bytes(begin, 4)?;
            begin += 4;
        }
        let length = i32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let left = self.total - begin;
        match u64::try_from(length) {
            Ok(0) => Ok(None),
            Ok(length) if length <= left => Ok(Some((begin, length))),
            _ => Err(Damage::Length {
                what: "the metadata of a message",
                at: begin,
                length: length.into(),
                left,
            }),
        }
    }

    /// Checks the message at byte `at`, whose body is as long as it says, or as a file's index does.
    fn check(
        &mut self,
        at: u64,
        metadata_at: u64,
        length: u64,
        body: Option<u64>,
    ) -> Result<Checked, Damage> {
        let metadata = self.bytes(metadata_at, length)?;
        let message =
            arrow_ipc::root_as_message(&metadata).map_err(|error| Damage::Flatbuffer {
                what: "metadata of a message",
                message: error.to_string(),
            })?;
        let body_at = metadata_at + length;
        let left = self.total - body_at;
        let said = u64::try_from(message.bodyLength()).ok();
        let body = body.or(said).filter(|&body| body <= left);
        let body = body.ok_or(Damage::Length {
            what: "the body of a message",
            at: body_at,
            length: message.bodyLength(),
            left,
        })?;
        let batch = message.header_as_record_batch().or_else(|| {
            let dictionary = message.header_as_dictionary_batch();
            dictionary.and_then(|dictionary| dictionary.data())
        });
        if let Some(batch) = batch {
            self.check_batch(at, &batch, body_at, body)?;
        }
        Ok(Checked {
            kind: message.header_type(),
            end: body_at + body,
        })
    }

    fn check_batch(
        &mut self,
        at: u64,
        batch: &RecordBatch<'_>,
        body_at: u64,
        body: u64,
    ) -> Result<(), Damage> {
        let nodes = batch.nodes().into_iter().flatten();
        let counts = nodes.map(|node| (node.length(), node.null_count()));
        for (found, nulls) in counts.chain([(batch.length(), 0)]) {
            if !(0..=MAX_VALUES).contains(&found) || !(0..=found).contains(&nulls) {
                return Err(Damage::Values { at, found, nulls });
            }
        }
        let codec = batch.compression().map(|compression| compression.codec());
        let mut decoded = 0_u64;
        for (index, buffer) in batch.buffers().into_iter().flatten().enumerate() {
            let (offset, length) = (buffer.offset(), buffer.length());
            let whole = offset.checked_add(length);
            if offset < 0 || length < 0 || whole.is_none_or(|end| end.unsigned_abs() > body) {
                return Err(Damage::Buffer {
                    at,
                    index,
                    offset,
                    length,
                    body,
                });
            }
            let length = length.unsigned_abs();
            let Some(codec) = codec.filter(|_| length >= LENGTH_BYTES) else {
                continue; // As long as it is; the decoder refuses one that is too short for its length.
            };
            let bytes = self.bytes(body_at + offset.unsigned_abs(), LENGTH_BYTES)?;
            let claimed = bytes
                .iter()
                .rfold(0, |value, &byte| value << 8 | i64::from(byte));
            let stored = length - LENGTH_BYTES;
            let expansion = match codec {
                CompressionType::LZ4_FRAME => LZ4_EXPANSION,
                _ => ZSTD_EXPANSION,
            };
            let most = stored.saturating_mul(expansion);
            match u64::try_from(claimed) {
                Err(_) if claimed == -1 => {}
                Ok(claimed) if claimed <= most => decoded = decoded.saturating_add(claimed),
                _ => {
                    return Err(Damage::Claim {
                        at,
                        index,
                        stored,
                        claimed,
                        most,
                    });
                }
            }
        }
        if decoded > MAX_DECODED {
            return Err(Damage::TooLarge { at });
        }
        Ok(())
    }

    /// Bytes of the file. The position is shared with the library's handle, so it is put back.
    fn bytes(&mut self, at: u64, length: u64) -> Result<Vec<u8>, Damage> {
        let left = self.total.saturating_sub(at);
        if length > left {
            return Err(Damage::Length {
                what: "what stands",
                at,
                length: i64::try_from(length).unwrap_or(i64::MAX),
                left,
            });
        }
        let before = self.file.stream_position()?;
        self.file.seek(SeekFrom::Start(at))?;
        let mut bytes = Vec::new();
        (&mut self.file).take(length).read_to_end(&mut bytes)?;
        self.file.seek(SeekFrom::Start(before))?;
        if bytes.len() as u64 != length {
            return Err(Damage::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(bytes)
    }
}

fn unexpected(at: u64, kind: MessageHeader, expected: &'static str) -> Damage {
    let name = kind.variant_name().unwrap_or("of an unknown kind");
    Damage::Kind {
        at,
        found: name.to_owned(),
        expected,
    }
}
