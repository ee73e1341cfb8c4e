//! Properties of batches over random lengths and settings.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::collections::BTreeSet;

use anneal_data::{BatchConfig, Batches, DataError, Example, Padding, Step};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Examples of random lengths whose ids name them: example `i` has ids `1000·i + t` from 1 on.
fn examples(rng: &mut ChaCha8Rng, count: usize, longest: u32) -> Vec<Example> {
    let mut lengths = || 2 + rng.next_u32() % (longest - 1);
    let lengths: Vec<u32> = (0..count).map(|_| lengths()).collect();
    named(&lengths, rng)
}

fn named(lengths: &[u32], rng: &mut ChaCha8Rng) -> Vec<Example> {
    let example = |(index, &length): (usize, &u32)| {
        let ids = (0..length).map(|t| 1000 * (index as u32 + 1) + t).collect();
        let mut trained: Vec<bool> = (0..length)
            .map(|_| rng.next_u32().is_multiple_of(3))
            .collect();
        trained[length as usize - 1] = true;
        Example::new(ids, trained).unwrap()
    };
    lengths.iter().enumerate().map(example).collect()
}

/// Up to 70 examples of at most 40 tokens, with settings that hold them.
fn cases() -> impl Strategy<Value = (Vec<Example>, BatchConfig)> {
    let examples = (proptest::collection::vec(2u32..=40, 1..70), any::<u64>());
    let examples =
        examples.prop_map(|(lengths, seed)| named(&lengths, &mut ChaCha8Rng::seed_from_u64(seed)));
    let widths = (
        1usize..10,
        proptest::collection::btree_set(1usize..90, 0..4),
    );
    let sizes = (1usize..10, 0usize..100, 0usize..40, 1usize..6, 1usize..7);
    let packed = (any::<bool>(), 0usize..70);
    (examples, widths, sizes, packed, 0u64..1000).prop_map(
        |(examples, (width_step, buckets), sizes, (packed, more), seed)| {
            let (batch_size, room, micro_cost, window_steps, group_rows) = sizes;
            let mut buckets: Vec<usize> = buckets.into_iter().collect();
            if buckets.last().is_some_and(|&widest| widest < 40) {
                buckets.push(40);
            }
            let mut config = BatchConfig {
                batch_size,
                micro_tokens: 0,
                micro_cost,
                width_step,
                buckets,
                capacity: None,
                window_steps,
                group_rows,
                pad_id: 0,
                seed,
            };
            config.micro_tokens = config.width_of(40) + room;
            // At least the longest example, at most what a micro-batch holds.
            let widest = config.widest_row().unwrap();
            config.capacity = packed.then_some((40 + more).min(widest));
            (examples, config)
        },
    )
}

/// The examples of a step, in the order of its rows.
fn rows(step: &Step) -> Vec<usize> {
    step.micro_batches
        .iter()
        .flat_map(|batch| batch.examples.concat())
        .collect()
}

/// The width of a row by its description: the first bucket that holds it, or a multiple of the step.
fn is_width(width: usize, longest: usize, config: &BatchConfig) -> bool {
    if config.buckets.is_empty() {
        return width.is_multiple_of(config.width_step)
            && longest <= width
            && longest + config.width_step > width;
    }
    let narrower = config.buckets.iter().filter(|&&bucket| bucket < width);
    config.buckets.contains(&width) && longest <= width && narrower.max() < Some(&longest)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_epoch_holds_every_example_once_and_every_token_in_its_place(
        (examples, config) in cases(),
        epoch in 0u64..50,
        first in 0usize..80,
    ) {
        let count = examples.len();
        let batches = Batches::new(examples.clone(), config.clone()).unwrap();
        let steps: Vec<Step> = batches.steps(epoch).collect();
        assert_eq!(steps.len(), batches.steps_per_epoch());
        let mut seen = BTreeSet::new();
        let mut padding = Padding::default();
        for (index, step) in steps.iter().enumerate() {
            let full = config.batch_size.min(count - index * config.batch_size);
            assert_eq!(step.examples(), full);
            padding.steps += 1;
            for batch in &step.micro_batches {
                let (rows, width) = (batch.rows, batch.width);
                assert!(rows * width <= config.micro_tokens);
                let tokens = |row: &Vec<usize>| row.iter().sum::<usize>();
                let longest = batch.segments.iter().map(tokens).max().unwrap();
                assert!(is_width(width, longest, &config), "{width} for {longest}, {config:?}");
                assert_eq!(batch.input_ids.len(), rows * width);
                assert_eq!((batch.segments.len(), batch.examples.len()), (rows, rows));
                assert_eq!(batch.is_packed(), batch.examples.iter().any(|row| row.len() > 1));
                let mut targets = Vec::new();
                for (row, segments) in batch.segments.iter().enumerate() {
                    assert_eq!(segments.len(), batch.examples[row].len());
                    match config.capacity {
                        None => assert_eq!(segments.len(), 1),
                        Some(capacity) => assert!(tokens(segments) <= capacity),
                    }
                    let mut at = row * width;
                    for (&example, &length) in batch.examples[row].iter().zip(segments) {
                        assert!(seen.insert(example), "example {example} twice");
                        let example = &examples[example];
                        assert_eq!(length, example.len());
                        assert_eq!(batch.input_ids[at..at + length], example.input_ids);
                        let trained = (1..length).filter(|&t| example.trained[t]);
                        targets.extend(trained.map(|t| (at + t - 1, example.input_ids[t])));
                        at += length;
                    }
                    let rest = &batch.input_ids[at..(row + 1) * width];
                    assert!(rest.iter().all(|&id| id == config.pad_id));
                    *padding.segments.entry(segments.len()).or_default() += 1;
                }
                let found = batch.targets.positions.iter().copied();
                let found: Vec<_> = found.zip(batch.targets.ids.iter().copied()).collect();
                assert_eq!(found, targets);
                padding.rows += rows;
                padding.tokens += batch.tokens();
                padding.padded_tokens += rows * width;
                padding.micro_batches += 1;
                *padding.widths.entry(width).or_default() += 1;
            }
            // The largest first, so that memory runs out at once or never.
            let sizes = step.micro_batches.iter().map(|batch| batch.rows * batch.width);
            assert!(sizes.is_sorted_by(|a, b| a >= b));
            let held = rows(step);
            let trained = held.iter().map(|&e| examples[e].target_count());
            assert_eq!(step.target_count(), trained.sum::<usize>());
        }
        assert_eq!(seen, (0..count).collect());
        assert_eq!(padding.tokens, examples.iter().map(Example::len).sum::<usize>());
        assert_eq!((padding.examples(), &padding), (count, &batches.padding(epoch)));
        let efficiency = padding.tokens as f64 / padding.padded_tokens as f64;
        assert!((padding.efficiency() - efficiency).abs() < 1e-12);
        let segments = count as f64 / padding.rows as f64;
        assert!((padding.segments_per_row() - segments).abs() < 1e-12);

        // A trainer goes on exactly where it stood.
        let rest: Vec<Step> = batches.steps_from(epoch, first).collect();
        assert_eq!(rest, steps[first.min(steps.len())..]);
        // A step holds the same examples, packed or not: its gradient is the same.
        let unpacked = BatchConfig { capacity: None, ..config };
        let unpacked = Batches::new(examples, unpacked).unwrap();
        let of = |step: &Step| rows(step).into_iter().collect::<BTreeSet<_>>();
        let (packed, plain) = (steps.iter().map(of), unpacked.steps(epoch));
        assert!(packed.eq(plain.map(|step| of(&step))));
    }
}

#[test]
fn the_order_depends_on_the_seed_and_the_epoch_alone_and_a_trainer_can_resume() {
    let examples = examples(&mut ChaCha8Rng::seed_from_u64(5), 90, 30);
    for (group_rows, capacity) in [(1, None), (4, None), (1, Some(64)), (4, Some(64))] {
        let config = |seed| BatchConfig {
            batch_size: 7,
            group_rows,
            capacity,
            seed,
            ..BatchConfig::default()
        };
        let batches = |seed| Batches::new(examples.clone(), config(seed)).unwrap();
        let epoch = |seed, epoch| batches(seed).steps(epoch).collect::<Vec<_>>();
        assert_eq!(epoch(1, 3), epoch(1, 3));
        // 90 examples in the same order by chance: once in 90! cases.
        assert_ne!(epoch(1, 3), epoch(1, 4));
        assert_ne!(epoch(1, 3), epoch(2, 3));
        let batches = batches(1);
        for first in [0, 5, 12, 13, 20] {
            let rest: Vec<Step> = batches.steps_from(3, first).collect();
            assert_eq!(rest, epoch(1, 3).split_off(first.min(13)));
        }
    }
}

#[test]
fn a_known_order_stays_what_it_is() {
    // A run that is resumed by a later version must meet the same batches: this list may not change.
    // Of one length all, so that no sort hides the shuffle.
    let examples = vec![Example::new(vec![1; 4], vec![true; 4]).unwrap(); 12];
    let config = BatchConfig {
        batch_size: 5,
        seed: 42,
        ..BatchConfig::default()
    };
    let batches = Batches::new(examples, config).unwrap();
    let order: Vec<Vec<usize>> = batches.steps(0).map(|step| rows(&step)).collect();
    let expected = [vec![7, 11, 0, 3, 9], vec![6, 1, 2, 5, 4], vec![10, 8]];
    assert_eq!(order, expected);
}

#[test]
fn steps_are_random_samples_unless_groups_are_asked_for() {
    // Mean lengths of steps of 16 from 1600 uniform lengths: a random sample's mean scatters as
    // sigma / 4, a step of examples of one length as sigma.
    let examples = examples(&mut ChaCha8Rng::seed_from_u64(8), 1600, 400);
    let spread = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        (squares.sum::<f64>() / values.len() as f64).sqrt()
    };
    let lengths: Vec<f64> = examples
        .iter()
        .map(|example| example.len() as f64)
        .collect();
    let relative = |group_rows| {
        let config = BatchConfig {
            micro_tokens: 8192,
            group_rows,
            ..BatchConfig::default()
        };
        let batches = Batches::new(examples.clone(), config).unwrap();
        let means: Vec<f64> = batches
            .steps(0)
            .map(|step| step.tokens() as f64 / 16.0)
            .collect();
        (
            spread(&means) / spread(&lengths),
            batches.padding(0).efficiency(),
        )
    };
    let (random, random_efficiency) = relative(1);
    let (alike, alike_efficiency) = relative(16);
    // 100 steps estimate a standard deviation to within 7 % of it; four times that is the margin.
    assert!((random - 0.25).abs() < 0.25 * 0.28, "{random}");
    assert!(alike > 0.9, "{alike}");
    assert!(alike_efficiency > random_efficiency);
}

#[test]
fn packed_steps_are_random_samples_too_and_hardly_padded() {
    let examples = examples(&mut ChaCha8Rng::seed_from_u64(8), 1600, 400);
    let efficiency = |capacity| {
        let config = BatchConfig {
            capacity,
            ..BatchConfig::default()
        };
        let batches = Batches::new(examples.clone(), config).unwrap();
        batches.padding(0).efficiency()
    };
    // Steps of about 3,200 tokens in one row each: at most 7 places of padding in some 3,000.
    assert!(efficiency(None) < 0.96, "{}", efficiency(None));
    assert!(efficiency(Some(4096)) > 0.995, "{}", efficiency(Some(4096)));
}

#[test]
fn settings_and_examples_that_cannot_be_batched_are_refused() {
    let example = |length| Example::new(vec![9; length], vec![true; length]).unwrap();
    let error = |examples, config| Batches::new(examples, config).unwrap_err().to_string();
    assert_eq!(
        error(vec![], BatchConfig::default()),
        "no examples to batch; were all rows filtered out, or over the maximum length?"
    );
    let config = BatchConfig {
        micro_tokens: 100,
        width_step: 32,
        ..BatchConfig::default()
    };
    assert_eq!(
        error(vec![example(96), example(97)], config),
        "example 1 has 97 tokens, padded to 128, and `micro_tokens` is 100: raise it, or lower the maximum length"
    );
    let config = BatchConfig {
        batch_size: 0,
        ..BatchConfig::default()
    };
    assert_eq!(
        error(vec![example(3)], config),
        "batch setting `batch_size` must be at least 1"
    );
    let untrained = Example {
        input_ids: vec![3, 4],
        trained: vec![true, false],
    };
    let found = Batches::new(vec![example(3), untrained], BatchConfig::default()).unwrap_err();
    assert!(matches!(found, DataError::Example { example: 1, .. }));
    assert_eq!(
        found.to_string(),
        "example 1: no token is trained: 2 tokens, the text ends `…[3, 4]`"
    );
}

#[test]
fn packing_and_buckets_that_cannot_be_are_refused() {
    let example = |length| Example::new(vec![9; length], vec![true; length]).unwrap();
    let error = |lengths: &[usize], config| {
        let examples = lengths.iter().map(|&length| example(length)).collect();
        Batches::new(examples, config).unwrap_err().to_string()
    };
    let buckets = |buckets: &[usize], capacity| BatchConfig {
        micro_tokens: 200,
        buckets: buckets.to_vec(),
        capacity,
        ..BatchConfig::default()
    };
    for wrong in [[64, 32], [64, 64], [0, 64]] {
        assert_eq!(
            error(&[3], buckets(&wrong, None)),
            format!("`buckets` must be widths from 1 that ascend, found {wrong:?}")
        );
    }
    assert_eq!(
        error(&[3, 65], buckets(&[32, 64], None)),
        "example 1 has 65 tokens and the widest bucket is 64: add a wider bucket, or lower the maximum length"
    );
    assert_eq!(
        error(&[3, 65], buckets(&[32, 64], Some(64))),
        "example 1 has 65 tokens and a packed row holds 64: raise the capacity, or lower the maximum length"
    );
    assert_eq!(
        error(&[3], buckets(&[32, 64], Some(65))),
        "`capacity` is 65 and the widest bucket is 64; it may be at most that"
    );
    assert_eq!(
        error(&[3], buckets(&[64, 256], Some(65))),
        "`capacity` is 65, padded to 256, and `micro_tokens` is 200; a row may be at most that"
    );
    assert_eq!(
        error(&[3], buckets(&[], Some(201))),
        "`capacity` is 201, padded to 208, and `micro_tokens` is 200; a row may be at most that"
    );
    // The next multiple of 8 is no number of this machine.
    assert_eq!(
        error(&[3], buckets(&[], Some(usize::MAX))),
        format!(
            "`capacity` is {0}, padded to {0}, and `micro_tokens` is 200; a row may be at most that",
            usize::MAX
        )
    );
    assert_eq!(
        error(&[3], buckets(&[], Some(0))),
        "batch setting `capacity` must be at least 1"
    );
    // Unpacked, a bucket that no micro-batch holds is refused where an example needs it.
    assert_eq!(
        error(&[64, 65], buckets(&[64, 256], None)),
        "example 1 has 65 tokens, padded to 256, and `micro_tokens` is 200: raise it, or lower the maximum length"
    );
    let none = BatchConfig {
        micro_tokens: 31,
        ..buckets(&[32, 64], None)
    };
    assert_eq!(none.widest_row(), None);
}

#[test]
fn settings_that_are_not_used_do_not_change_how_settings_are_written() {
    // What a checkpoint of an earlier version knows its run by.
    let written = serde_json::to_string(&BatchConfig::default()).unwrap();
    assert_eq!(
        written,
        r#"{"batch_size":16,"micro_tokens":4096,"micro_cost":32,"width_step":8,"window_steps":8,"group_rows":1,"pad_id":0,"seed":0}"#
    );
    let packed = BatchConfig {
        buckets: vec![256, 1024],
        capacity: Some(1024),
        ..BatchConfig::default()
    };
    let written = serde_json::to_string(&packed).unwrap();
    assert_eq!(
        serde_json::from_str::<BatchConfig>(&written).unwrap(),
        packed
    );
    let default: BatchConfig = serde_json::from_str("{}").unwrap();
    assert_eq!(default, BatchConfig::default());
}
