//! Digests: a name for data that two runs share only if the data are the same to the bit.
//!
//! SHA-256 over a stream of bytes. Every number is little endian; every list is its length as 64 bits
//! and then its entries, so that no two data sets run together into one stream. Ids are 32 bits, a mask
//! entry is one byte (0 or 1), all other numbers are 64 bits.

use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{Example, MicroBatch, Step};

/// The digest of examples in their order.
///
/// Layout: the bytes of `"anneal examples 1\n"`, then for each example the list of its ids and the list
/// of its mask.
///
/// # Example
/// ```
/// use anneal_data::{Example, ExamplesDigest};
///
/// let digest = |ids: &[u32]| {
///     let mut digest = ExamplesDigest::default();
///     digest.add(&Example::new(ids.to_vec(), vec![true; ids.len()])?);
///     Ok::<_, anneal_data::DataError>(digest.finish())
/// };
/// assert_eq!(digest(&[1, 2])?, digest(&[1, 2])?);
/// assert_ne!(digest(&[1, 2])?, digest(&[2, 1])?);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ExamplesDigest(Sha256);

impl Default for ExamplesDigest {
    fn default() -> Self {
        Self(Sha256::new_with_prefix(b"anneal examples 1\n"))
    }
}

impl ExamplesDigest {
    /// The digest of these examples, as hexadecimal digits.
    pub fn of<'a>(examples: impl IntoIterator<Item = &'a Example>) -> String {
        let mut digest = Self::default();
        examples.into_iter().for_each(|example| digest.add(example));
        digest.finish()
    }

    /// Adds the next example.
    pub fn add(&mut self, example: &Example) {
        // Taken apart by name, so that a field that comes later cannot be forgotten here.
        let Example { input_ids, trained } = example;
        list(&mut self.0, input_ids, |id| id.to_le_bytes());
        list(&mut self.0, trained, |&trained| [u8::from(trained)]);
    }

    /// The digest, as 64 hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// The digest of steps in their order: what a trainer is given, padding included.
///
/// Layout: the bytes of `"anneal batches 1\n"`, then for each step the number of its micro-batches and
/// for each of them: rows, width, the list of ids, each row's list of segment lengths, the lists of the
/// targets' positions and ids, and each row's list of examples.
#[derive(Debug, Clone)]
pub struct BatchesDigest(Sha256);

impl Default for BatchesDigest {
    fn default() -> Self {
        Self(Sha256::new_with_prefix(b"anneal batches 1\n"))
    }
}

impl BatchesDigest {
    /// The digest of these steps, as hexadecimal digits.
    pub fn of(steps: impl IntoIterator<Item = Step>) -> String {
        let mut digest = Self::default();
        steps.into_iter().for_each(|step| digest.add(&step));
        digest.finish()
    }

    /// Adds the next step.
    pub fn add(&mut self, step: &Step) {
        let Step { micro_batches } = step;
        let hash = &mut self.0;
        number(hash, micro_batches.len());
        for batch in micro_batches {
            let MicroBatch {
                rows,
                width,
                input_ids,
                segments,
                targets,
                examples,
            } = batch;
            number(hash, *rows);
            number(hash, *width);
            list(hash, input_ids, |id| id.to_le_bytes());
            for row in segments {
                list(hash, row, wide);
            }
            list(hash, &targets.positions, wide);
            list(hash, &targets.ids, |id| id.to_le_bytes());
            for row in examples {
                list(hash, row, wide);
            }
        }
    }

    /// The digest, as 64 hexadecimal digits.
    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// SHA-256 of bytes, as 64 hexadecimal digits: of a template's text, say.
pub fn sha256_hex(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

fn wide(number: &usize) -> [u8; 8] {
    (*number as u64).to_le_bytes()
}

fn number(hash: &mut Sha256, number: usize) {
    hash.update(wide(&number));
}

fn list<T, const BYTES: usize>(hash: &mut Sha256, items: &[T], bytes: fn(&T) -> [u8; BYTES]) {
    number(hash, items.len());
    let bytes: Vec<u8> = items.iter().flat_map(bytes).collect();
    hash.update(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Targets;

    fn example(ids: &[u32], trained: &[bool]) -> Example {
        Example {
            input_ids: ids.to_vec(),
            trained: trained.to_vec(),
        }
    }

    /// Python: `hashlib.sha256(b"anneal examples 1\n" + struct.pack("<Q3IQ3B", 3, 5, 6, 70000, 3, 0, 1, 1)
    /// + struct.pack("<Q2IQ2B", 2, 7, 2, 2, 0, 1)).hexdigest()`.
    #[test]
    fn examples_by_the_documented_layout() {
        let examples = [
            example(&[5, 6, 70_000], &[false, true, true]),
            example(&[7, 2], &[false, true]),
        ];
        assert_eq!(
            ExamplesDigest::of(&examples),
            "995dbe2e2d4d44b641c8b833ce4077bebb48f7e3157fd3b87a7af7aa334cd4b2"
        );
    }

    /// Python: `hashlib.sha256(b"anneal batches 1\n" + struct.pack("<QQQ", 1, 1, 4)
    /// + struct.pack("<Q4I", 4, 5, 6, 2, 0) + struct.pack("<QQ", 1, 3) + struct.pack("<QQQ", 2, 0, 1)
    /// + struct.pack("<Q2I", 2, 6, 2) + struct.pack("<QQ", 1, 9)).hexdigest()`.
    #[test]
    fn steps_by_the_documented_layout() {
        let step = Step {
            micro_batches: vec![MicroBatch {
                rows: 1,
                width: 4,
                input_ids: vec![5, 6, 2, 0],
                segments: vec![vec![3]],
                targets: Targets {
                    positions: vec![0, 1],
                    ids: vec![6, 2],
                },
                examples: vec![vec![9]],
            }],
        };
        assert_eq!(
            BatchesDigest::of([step]),
            "5aa3e8ed1683523aeb8d29d7f0c8f0adf9b1a36b90d27e807511ce4470f5fa85"
        );
    }

    #[test]
    fn borders_between_examples_count() {
        let one = [example(&[1, 2], &[true, true])];
        let two = [example(&[1], &[true]), example(&[2], &[true])];
        assert_ne!(ExamplesDigest::of(&one), ExamplesDigest::of(&two));
        // The published vector for "abc".
        assert_eq!(
            sha256_hex("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
