//! Room for the checkpoints.

use std::path::Path;

use serde::Serialize;

use super::system::disk_free;
use super::text::bytes;

/// What a checkpoint takes besides its tensors: their names, and small files.
const HEADER: usize = 1 << 16;

/// Room for the checkpoints and the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// Bytes of one checkpoint: the trained values and AdamW's two moments, in f32.
    pub checkpoint_bytes: u64,
    /// Bytes at most at any time: the checkpoints that are kept, one that is being written, and the result.
    pub needed_bytes: u64,
    /// Bytes free where they are written, where the system says so.
    pub free_bytes: Option<u64>,
}

impl Disk {
    pub(super) fn expected(trained: usize, kept: usize, output: &Path) -> Self {
        let checkpoint = (12 * trained + HEADER) as u64;
        let result = (4 * trained + HEADER) as u64;
        Self {
            checkpoint_bytes: checkpoint,
            needed_bytes: checkpoint * (kept as u64 + 1) + result,
            free_bytes: disk_free(output),
        }
    }

    pub(super) fn warning(&self) -> Option<String> {
        let free = self.free_bytes.filter(|&free| free < self.needed_bytes)?;
        let (needed, free) = (bytes(self.needed_bytes), bytes(free));
        Some(format!(
            "the checkpoints need {needed} of disk, and {free} are free: keep fewer, or write elsewhere"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_foreseen() {
        let disk = Disk {
            free_bytes: Some(60_000_000),
            ..Disk::expected(1_000_000, 3, Path::new("."))
        };
        assert_eq!(disk.checkpoint_bytes, 12_065_536);
        assert_eq!(disk.needed_bytes, 4 * 12_065_536 + 4_065_536);
        assert_eq!(disk.warning(), None);
        let full = Disk {
            free_bytes: Some(50_000_000),
            ..disk
        };
        let expected = "the checkpoints need 52.3 MB of disk, and 50.0 MB are free: keep fewer, or write elsewhere";
        assert_eq!(full.warning().as_deref(), Some(expected));
    }
}
