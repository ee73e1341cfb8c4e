//! One tensor's bytes in a file, decoded piece by piece.

use std::ops::Range;

use super::file_bytes::FileBytes;

/// Whole blocks of bytes to values, appended.
pub(crate) type Decode = fn(&[u8], &mut Vec<f32>);

/// Values decoded at a time. Small beside any model, and large enough that
/// giving pages back costs nothing against decoding them.
const PIECE: usize = 1 << 20;

/// A tensor that is still on disk: checked to lie within the file.
pub(crate) struct Stored<'a> {
    pub(crate) file: &'a FileBytes,
    /// From the file's start; a multiple of `block_bytes` long.
    pub(crate) range: Range<usize>,
    /// Values in a block.
    pub(crate) block_values: usize,
    /// Bytes in a block.
    pub(crate) block_bytes: usize,
    pub(crate) decode: Decode,
}

impl Stored<'_> {
    /// All values, in the file's order. Pages that have been decoded are given
    /// back, so that the file's size is not added to the model's.
    pub(crate) fn values(&self) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.count());
        for piece in self.pieces() {
            self.decode_piece(piece, &mut values);
        }
        values
    }

    /// Whether two tensors hold the same values, with a piece of each in
    /// memory at a time.
    pub(crate) fn equals(&self, other: &Stored) -> bool {
        let (mut own, mut theirs) = (Vec::new(), Vec::new());
        self.count() == other.count()
            && self
                .pieces()
                .zip(other.pieces())
                .all(|(mine, other_piece)| {
                    own.clear();
                    theirs.clear();
                    self.decode_piece(mine, &mut own);
                    other.decode_piece(other_piece, &mut theirs);
                    own == theirs
                })
    }

    fn count(&self) -> usize {
        self.range.len() / self.block_bytes * self.block_values
    }

    /// Ranges of the file that hold [`PIECE`] values each, the last one fewer.
    /// Every block size divides a piece.
    fn pieces(&self) -> impl Iterator<Item = Range<usize>> {
        let step = PIECE / self.block_values * self.block_bytes;
        let end = self.range.end;
        let starts = self.range.clone().step_by(step);
        starts.map(move |start| start..(start + step).min(end))
    }

    fn decode_piece(&self, piece: Range<usize>, values: &mut Vec<f32>) {
        (self.decode)(&self.file.bytes()[piece.clone()], values);
        self.file.release(piece);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::weights::float;

    fn stored(file: &FileBytes, range: Range<usize>, wide: bool) -> Stored<'_> {
        Stored {
            file,
            range,
            block_values: 1,
            block_bytes: if wide { 4 } else { 2 },
            decode: if wide { float::f32 } else { float::bf16 },
        }
    }

    #[test]
    fn pieces_join_and_types_compare_by_value() {
        // More than one piece, and not a whole number of them.
        let count = PIECE + 3;
        let values = (0..count).map(|i| (i % 100) as f32);
        let mut bytes: Vec<u8> = values.clone().flat_map(f32::to_le_bytes).collect();
        let narrow = values.clone().map(half::bf16::from_f32);
        bytes.extend(narrow.flat_map(half::bf16::to_le_bytes));
        let file = FileBytes::held(Path::new("held"), bytes);
        let first = stored(&file, 0..4 * count, true);
        let second = stored(&file, 4 * count..6 * count, false);
        assert!(first.values().into_iter().eq(values));
        assert!(first.equals(&second));
        // One value off at the very end, and one value short.
        let off = stored(&file, 4 * count - 2..6 * count - 2, false);
        assert!(!first.equals(&off));
        assert!(!first.equals(&stored(&file, 4 * count..6 * count - 2, false)));
    }
}
