//! Properties of batches over random lengths and settings.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::collections::HashSet;

use anneal_data::{BatchConfig, Batches, DataError, Example, Step};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Examples of random lengths whose ids name them: example `i` has ids `1000·i + t` from 1 on.
fn examples(rng: &mut ChaCha8Rng, count: usize, longest: u32) -> Vec<Example> {
    (0..count)
        .map(|index| {
            let length = 2 + rng.next_u32() % (longest - 1);
            let ids = (0..length).map(|t| 1000 * (index as u32 + 1) + t).collect();
            let mut trained: Vec<bool> = (0..length)
                .map(|_| rng.next_u32().is_multiple_of(3))
                .collect();
            trained[length as usize - 1] = true;
            Example::new(ids, trained).unwrap()
        })
        .collect()
}

fn settings(rng: &mut ChaCha8Rng, longest: usize) -> BatchConfig {
    let mut below = |n: u32| (rng.next_u32() % n) as usize;
    let width_step = 1 + below(9);
    BatchConfig {
        batch_size: 1 + below(9),
        micro_tokens: longest.next_multiple_of(width_step) + below(100),
        micro_cost: below(40),
        width_step,
        window_steps: 1 + below(5),
        group_rows: 1 + below(6),
        pad_id: 0,
        seed: below(1000) as u64,
    }
}

/// The examples of a step, in the order of its rows.
fn rows(step: &Step) -> Vec<usize> {
    step.micro_batches
        .iter()
        .flat_map(|batch| batch.examples.clone())
        .collect()
}

#[test]
fn an_epoch_holds_every_example_once_and_every_token_in_its_place() {
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    for case in 0..60 {
        let count = 1 + rng.next_u32() as usize % 70;
        let examples = examples(&mut rng, count, 40);
        let config = settings(&mut rng, 40);
        let batches = Batches::new(examples.clone(), config.clone()).unwrap();
        let steps: Vec<Step> = batches.steps(case).collect();
        assert_eq!(steps.len(), batches.steps_per_epoch());
        let mut seen = HashSet::new();
        let (mut tokens, mut padded, mut micro) = (0, 0, 0);
        for (index, step) in steps.iter().enumerate() {
            let full = config.batch_size.min(count - index * config.batch_size);
            assert_eq!(step.examples(), full);
            for batch in &step.micro_batches {
                let (rows, width) = (batch.rows, batch.width);
                assert!(rows * width <= config.micro_tokens);
                assert_eq!(width % config.width_step, 0);
                let longest = batch.lengths.iter().max().unwrap();
                assert!(*longest <= width && longest + config.width_step > width);
                assert_eq!(batch.input_ids.len(), rows * width);
                let mut targets = Vec::new();
                for (row, &example) in batch.examples.iter().enumerate() {
                    assert!(seen.insert(example), "example {example} twice");
                    let (example, start) = (&examples[example], row * width);
                    let (own, padding) =
                        batch.input_ids[start..start + width].split_at(example.len());
                    assert_eq!(own, example.input_ids);
                    assert!(padding.iter().all(|&id| id == config.pad_id));
                    assert_eq!(batch.lengths[row], example.len());
                    let trained = (1..example.len()).filter(|&t| example.trained[t]);
                    targets.extend(trained.map(|t| (start + t - 1, example.input_ids[t])));
                }
                let found = batch.targets.positions.iter().copied();
                let found: Vec<_> = found.zip(batch.targets.ids.iter().copied()).collect();
                assert_eq!(found, targets);
                tokens += batch.tokens();
                padded += rows * width;
                micro += 1;
            }
            let trained = rows(step)
                .iter()
                .map(|&e| examples[e].target_count())
                .sum::<usize>();
            assert_eq!(step.target_count(), trained);
        }
        assert_eq!(seen.len(), count);
        assert_eq!(tokens, examples.iter().map(Example::len).sum::<usize>());
        let padding = batches.padding(case);
        assert_eq!((padding.tokens, padding.padded_tokens), (tokens, padded));
        assert_eq!((padding.steps, padding.micro_batches), (steps.len(), micro));
        assert_eq!(padding.widths.values().sum::<usize>(), micro);
        assert!((padding.efficiency() - tokens as f64 / padded as f64).abs() < 1e-12);
    }
}

#[test]
fn the_order_depends_on_the_seed_and_the_epoch_alone_and_a_trainer_can_resume() {
    let examples = examples(&mut ChaCha8Rng::seed_from_u64(5), 90, 30);
    for group_rows in [1, 4] {
        let config = |seed| BatchConfig {
            batch_size: 7,
            group_rows,
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
