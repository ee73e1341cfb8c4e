//! Compression around text: recognised by its first bytes, undone as a stream.

use std::fmt;
use std::io::{BufReader, Read};
use std::path::Path;

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

use super::file_format::extension;

/// What the dictionary of an xz file may take; its strongest preset needs 65 MiB.
const XZ_MEMORY: u64 = 256 << 20;

/// How a text file is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compression {
    /// xz, of one or more streams.
    Xz,
    /// gzip, of one or more members.
    Gzip,
    /// Zstandard, of one or more frames.
    Zstd,
}

impl Compression {
    const ALL: [Self; 3] = [Self::Xz, Self::Gzip, Self::Zstd];

    /// The compression that a file's name promises.
    pub(super) fn from_name(path: &Path) -> Option<Self> {
        match extension(path)?.as_str() {
            "xz" => Some(Self::Xz),
            "gz" => Some(Self::Gzip),
            "zst" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// The compression of a file that begins with `head`.
    ///
    /// The name's word counts where the file ends before its magic bytes do: what is cut off there must
    /// not pass for text.
    pub(super) fn of(head: &[u8], path: &Path) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|compression| head.starts_with(compression.magic()))
            .or_else(|| {
                Self::from_name(path)
                    .filter(|compression| !head.is_empty() && compression.magic().starts_with(head))
            })
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Self::Xz => b"\xFD7zXZ\0",
            Self::Gzip => &[0x1f, 0x8b],
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }

    /// The text within `inner`.
    pub(super) fn decoder(
        self,
        inner: impl Read + Send + 'static,
    ) -> std::io::Result<Box<dyn Read + Send>> {
        let inner = BufReader::new(inner);
        Ok(match self {
            Self::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(inner, stream))
            }
            Self::Gzip => Box::new(MultiGzDecoder::new(inner)),
            Self::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(inner)?),
        })
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Xz => "xz",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        })
    }
}
