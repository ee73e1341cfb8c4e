//! Properties of packed rows, of one set and of a stream, and TRL's numbers beside ours.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::collections::BTreeSet;

use anneal_data::{DataError, Example, PackError, PackedRow, StreamPacker, pack, pack_shuffled};
use proptest::prelude::*;
use serde::Deserialize;

/// Lengths from 2 to `longest`, and a capacity that holds them.
fn sets() -> impl Strategy<Value = (Vec<usize>, usize)> {
    (2usize..60, 0usize..80).prop_flat_map(|(longest, more)| {
        let lengths = proptest::collection::vec(2..=longest, 0..150);
        (lengths, Just(longest + more))
    })
}

/// Ids that tell example and place: no two tokens of a set are equal. Every third is trained, and the last.
fn example(index: usize, length: usize) -> Example {
    let ids = (0..length).map(|t| (1000 * index + t) as u32).collect();
    let trained = (0..length).map(|t| (index + t).is_multiple_of(3) || t + 1 == length);
    Example::new(ids, trained.collect()).unwrap()
}

fn examples(lengths: &[usize]) -> Vec<Example> {
    let lengths = lengths.iter().enumerate();
    lengths
        .map(|(index, &length)| example(index, length))
        .collect()
}

/// Every example stands in one row, whole; no row is over the capacity.
fn assert_whole(rows: &[PackedRow], lengths: &[usize], capacity: usize) {
    let mut seen = BTreeSet::new();
    for row in rows {
        assert!(row.len() <= capacity && !row.is_empty(), "{row:?}");
        assert_eq!(row.segments.iter().sum::<usize>(), row.len());
        assert_eq!(row.segments.len(), row.examples.len());
        let (mut at, mut targets) = (0, Vec::new());
        for (&index, &length) in row.examples.iter().zip(&row.segments) {
            assert!(seen.insert(index), "example {index} twice");
            assert_eq!(length, lengths[index]);
            let own = example(index, length);
            assert_eq!(row.input_ids[at..at + length], own.input_ids);
            assert_eq!(row.trained[at..at + length], own.trained);
            let positions: Vec<usize> = (0..length).collect();
            assert_eq!(row.positions()[at..at + length], positions);
            let own = own.targets();
            let places = own.positions.iter().map(|place| at + place);
            targets.extend(places.zip(own.ids));
            at += length;
        }
        let found = row.targets();
        let found: Vec<_> = found.positions.into_iter().zip(found.ids).collect();
        assert_eq!(found, targets);
        let learned = row.labels().iter().filter(|&&label| label >= 0).count();
        assert_eq!(learned, targets.len());
    }
    assert_eq!(seen, (0..lengths.len()).collect());
}

/// What a reader of pieces of the given sizes, over and over, gets from a packer.
fn stream(lengths: &[usize], capacity: usize, window: usize, pieces: &[usize]) -> Vec<PackedRow> {
    let mut packer = StreamPacker::new(capacity, window).unwrap();
    let (mut rows, mut waiting) = (Vec::new(), 0);
    let mut rest = examples(lengths).into_iter();
    for piece in pieces.iter().cycle() {
        let piece: Vec<Example> = rest.by_ref().take(*piece).collect();
        if piece.is_empty() {
            break;
        }
        for example in piece {
            let given = packer.push(example).unwrap();
            waiting += 1;
            waiting -= given.iter().map(|row| row.examples.len()).sum::<usize>();
            assert!(waiting < window, "{waiting} examples wait");
            rows.extend(given);
        }
    }
    rows.extend(packer.finish());
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_set_is_packed_whole((lengths, capacity) in sets(), seed: u64, epoch in 0u64..9) {
        let examples = examples(&lengths);
        let build = |rows: &[Vec<usize>]| -> Vec<PackedRow> {
            rows.iter().map(|row| PackedRow::new(row.iter().map(|&i| (i, &examples[i])))).collect()
        };
        let plain = pack(&lengths, capacity).unwrap();
        assert_whole(&build(&plain), &lengths, capacity);
        let shuffled = pack_shuffled(&lengths, capacity, seed, epoch).unwrap();
        assert_whole(&build(&shuffled), &lengths, capacity);
        prop_assert_eq!(&shuffled, &pack_shuffled(&lengths, capacity, seed, epoch).unwrap());
        prop_assert_eq!(plain.len(), shuffled.len());
        // No two rows would fit into one: best fit never opens a row that it need not.
        let mut sums: Vec<usize> = build(&plain).iter().map(PackedRow::len).collect();
        sums.sort_unstable();
        prop_assert!(sums.len() < 2 || sums[0] + sums[1] > capacity);
        // Where nothing is longer than a ninth of a row, a row is not left before it is 8/9 full.
        let (longest, tokens) = (lengths.iter().max().unwrap_or(&0), lengths.iter().sum::<usize>());
        if longest * 9 <= capacity {
            prop_assert!(plain.len() <= (tokens * 9).div_ceil(capacity * 8) + 1);
        }
    }

    #[test]
    fn a_stream_is_packed_whole_whatever_its_pieces(
        (lengths, capacity) in sets(),
        window in 1usize..40,
        pieces in proptest::collection::vec(1usize..30, 1..5),
    ) {
        let rows = stream(&lengths, capacity, window, &pieces);
        assert_whole(&rows, &lengths, capacity);
        prop_assert_eq!(&rows, &stream(&lengths, capacity, window, &[1]));
        // A window that holds all packs as the whole set is packed.
        let whole = stream(&lengths, capacity, lengths.len() + 1, &pieces);
        prop_assert_eq!(whole.len(), pack(&lengths, capacity).unwrap().len());
    }
}

#[test]
fn epochs_and_seeds_mix_examples_of_one_length() {
    let lengths: Vec<usize> = (0..200).map(|i| 2 + i % 5).collect();
    let rows = |seed, epoch| pack_shuffled(&lengths, 12, seed, epoch).unwrap();
    // Alike by chance in one of some 10³⁰⁰ cases.
    assert_ne!(rows(1, 0), rows(1, 1));
    assert_ne!(rows(1, 0), rows(2, 0));
    let neighbours = |seed| -> BTreeSet<BTreeSet<usize>> {
        let rows = rows(seed, 0).into_iter();
        rows.map(BTreeSet::from_iter).collect()
    };
    assert_ne!(neighbours(1), neighbours(2));
}

#[test]
fn a_known_packing_stays_what_it_is() {
    // A set that is packed again by a later version must have the same rows: this list may not change.
    let found = pack_shuffled(&[5, 3, 4, 2, 5, 3, 1, 4], 8, 42, 1).unwrap();
    // 4 + 4, 5 + 3, 2 + 1, 5 + 3.
    assert_eq!(found, [[7, 2], [4, 1], [3, 6], [0, 5]]);
}

#[test]
fn what_cannot_be_packed_is_named() {
    let message = |lengths: &[usize], capacity| pack(lengths, capacity).unwrap_err().to_string();
    assert_eq!(
        message(&[3, 9, 12], 8),
        "example 1 has 9 tokens and a packed row holds 8: raise the capacity, or lower the maximum length"
    );
    assert_eq!(message(&[3, 0], 8), "example 1 has no token");
    assert_eq!(
        message(&[3], 0),
        "the capacity of a packed row must be at least 1 token"
    );
    assert!(pack_shuffled(&[3, 9], 8, 0, 0).is_err());
    assert_eq!(pack(&[], 8).unwrap(), Vec::<Vec<usize>>::new());

    assert!(matches!(StreamPacker::new(0, 4), Err(PackError::Capacity)));
    let error = StreamPacker::new(8, 0).unwrap_err().to_string();
    assert_eq!(
        error,
        "the window of a streaming packer must be at least 1 example"
    );
    // An example that is refused leaves the packer as it was, and counts.
    let mut packer = StreamPacker::new(8, 4).unwrap();
    assert_eq!(packer.push(example(0, 5)).unwrap(), []);
    let error = packer.push(example(1, 9)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "example 1 has 9 tokens and a packed row holds 8: raise the capacity, or lower the maximum length"
    );
    let torn = Example {
        input_ids: vec![1, 2],
        trained: vec![true],
    };
    let error = packer.push(torn).unwrap_err();
    assert!(matches!(error, DataError::Example { example: 2, .. }));
    assert_eq!(
        error.to_string(),
        "example 2: 2 token ids but 1 mask entries"
    );
    assert_eq!(packer.push(example(3, 3)).unwrap(), []);
    let rows = packer.finish();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].examples, [0, 3]);
}

/// `packing/trl.json`.
#[derive(Debug, Deserialize)]
struct Trl {
    capacity: usize,
    count: usize,
    sets: Vec<TrlSet>,
}

#[derive(Debug, Deserialize)]
struct TrlSet {
    name: String,
    shortest: usize,
    longest: usize,
    /// 1 is uniform; higher prefers short ones.
    power: u32,
    tokens: usize,
    /// Rows of `pack_dataset` with its default batches, and over the whole set.
    rows: usize,
    rows_whole: usize,
}

impl TrlSet {
    /// The same numbers as the generator draws.
    fn lengths(&self, count: usize) -> Vec<usize> {
        let mut state = 1u64;
        let next = |_| {
            // Knuth's MMIX generator; the high 16 bits.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let span = (self.longest - self.shortest + 1) as u128;
            let draw = u128::from(state >> 48).pow(self.power);
            self.shortest + ((draw * span) >> (16 * self.power)) as usize
        };
        (0..count).map(next).collect()
    }
}

#[test]
fn as_few_rows_as_trl_makes() {
    let trl: Trl = serde_json::from_str(include_str!("packing/trl.json")).unwrap();
    assert_eq!(trl.sets.len(), 4);
    for set in &trl.sets {
        let lengths = set.lengths(trl.count);
        assert_eq!(lengths.iter().sum::<usize>(), set.tokens, "{}", set.name);
        let rows = pack(&lengths, trl.capacity).unwrap().len();
        assert_eq!(rows, set.rows_whole, "{}", set.name);
        let window = |window| {
            let mut packer = StreamPacker::new(trl.capacity, window).unwrap();
            let mut rows = 0;
            for &length in &lengths {
                let example = Example::new(vec![0; length], vec![true; length]).unwrap();
                rows += packer.push(example).unwrap().len();
            }
            rows + packer.finish().len()
        };
        // With as many examples at hand as TRL takes at a time, and what is left over kept.
        let streamed = window(1000);
        assert!(streamed <= set.rows, "{}: {streamed}", set.name);
    }
}
