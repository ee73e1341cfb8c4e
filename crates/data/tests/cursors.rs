//! Stopping anywhere and going on is the same as not stopping.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::sync::Arc;

use anneal_data::{
    BatchConfig, Batches, BatchesDigest, Competence, Curriculum, CurriculumKind, Cursor, Example,
    Feed, Growth, MixConfig, MixLength, MixSource, MixWeights, Mixture, Order, Shuffled, Step,
};
use proptest::prelude::*;

/// Examples of unequal lengths whose ids name them.
fn examples(count: usize) -> Vec<Example> {
    let example = |index: usize| {
        let length = 2 + (index * 5) % 11;
        let ids = (0..length).map(|t| (100 * index + t) as u32).collect();
        Example::new(ids, (0..length).map(|t| t > 0).collect()).unwrap()
    };
    (0..count).map(example).collect()
}

fn batches(count: usize, batch_size: usize, seed: u64) -> Batches {
    let config = BatchConfig {
        batch_size,
        seed,
        ..BatchConfig::default()
    };
    Batches::new(examples(count), config).unwrap()
}

fn mixed(sizes: [usize; 2], weights: [f64; 2], length: MixLength, seed: u64) -> Mixture {
    let source = |(name, examples): (&str, usize)| MixSource {
        name: name.to_owned(),
        examples,
    };
    let config = MixConfig {
        weights: MixWeights::Explicit(weights.to_vec()),
        length,
        seed,
    };
    let sources = ["spider", "talk"].into_iter().zip(sizes).map(source);
    Mixture::new(sources.collect(), config).unwrap()
}

/// The examples of a step, in the order of its rows.
fn rows(step: &Step) -> Vec<usize> {
    let rows = step.micro_batches.iter().flat_map(|batch| &batch.examples);
    rows.flatten().copied().collect()
}

fn curriculum(count: usize, kind: CurriculumKind, seed: u64) -> Curriculum {
    Curriculum::by_length(&examples(count), kind, seed).unwrap()
}

prop_compose! {
    /// Batches in any kind of order.
    fn any_batches()(
        sizes in (1usize..15, 1usize..15),
        batch_size in 1usize..7,
        seed in 0u64..50,
        kind in 0usize..7,
        weight in 0.1f64..5.0,
        draws in 1u64..90,
    ) -> Batches {
        let count = sizes.0 + sizes.1;
        let plain = batches(count, batch_size, seed);
        let mix = |length| mixed([sizes.0, sizes.1], [weight, 1.0], length, seed);
        let order: Arc<dyn Order> = match kind {
            0 => return plain,
            1 => Arc::new(mix(MixLength::FirstExhausted)),
            2 => Arc::new(mix(MixLength::Examples(draws as usize))),
            3 => Arc::new(curriculum(count, CurriculumKind::Sorted, seed)),
            4 => Arc::new(curriculum(count, CurriculumKind::Buckets(1 + count / 3), seed)),
            5 => {
                let competence = Competence { initial: 0.2, draws, growth: Growth::SquareRoot };
                Arc::new(curriculum(count, CurriculumKind::Competence(competence), seed))
            }
            _ => {
                let lengths: Vec<f64> = (0..sizes.1).map(|i| (i * 7 % 5) as f64).collect();
                let own = Curriculum::new(lengths, CurriculumKind::Sorted, seed).unwrap();
                Arc::new(mix(MixLength::AllExhausted).with_order("talk", Arc::new(own)).unwrap())
            }
        };
        plain.with_order(order).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn resumed_anywhere_the_steps_are_those_of_an_uninterrupted_run(
        batches in any_batches(), stop in 0usize..60,
    ) {
        let mut feed = Feed::new(&batches);
        let taken: Vec<Step> = feed.by_ref().take(stop).collect();
        // As a trainer keeps it.
        let text = serde_json::to_string(&feed.cursor()).unwrap();
        let cursor: Cursor = serde_json::from_str(&text).unwrap();
        let seen: usize = taken.iter().map(Step::examples).sum();
        prop_assert_eq!(cursor.examples_seen, seen as u64);
        let per_epoch = batches.steps_per_epoch();
        let position = (cursor.epoch as usize, cursor.step as usize);
        prop_assert_eq!(position, (stop / per_epoch, stop % per_epoch));
        let resumed = Feed::resume(&batches, &cursor).unwrap();
        let rest: Vec<Step> = Feed::new(&batches).skip(stop).take(2 * per_epoch + 1).collect();
        prop_assert_eq!(resumed.take(2 * per_epoch + 1).collect::<Vec<_>>(), rest);
    }

    #[test]
    fn steps_hold_the_entries_of_the_order(batches in any_batches(), epoch in 0u64..4) {
        let Some(order) = batches.order() else {
            return Ok(());
        };
        let order = order.order(epoch);
        prop_assert_eq!(order.len(), batches.entries());
        let chunks: Vec<&[usize]> = order.chunks(batches.config().batch_size).collect();
        let steps: Vec<Step> = batches.steps(epoch).collect();
        prop_assert_eq!(steps.len(), chunks.len());
        for (step, chunk) in steps.iter().zip(chunks) {
            let (mut found, mut expected) = (rows(step), chunk.to_vec());
            found.sort_unstable();
            expected.sort_unstable();
            prop_assert_eq!(found, expected);
        }
    }
}

#[test]
fn a_given_shuffle_is_the_shuffle_of_batches() {
    let plain = batches(23, 4, 6);
    let given = plain
        .clone()
        .with_order(Arc::new(Shuffled {
            examples: 23,
            seed: 6,
        }))
        .unwrap();
    for epoch in 0..3 {
        let digest = BatchesDigest::of(plain.steps(epoch));
        assert_eq!(digest, BatchesDigest::of(given.steps(epoch)));
    }
    assert_ne!(
        BatchesDigest::of(plain.steps(0)),
        BatchesDigest::of(plain.steps(1))
    );
}

#[test]
fn passes_over_sources_are_counted_in_the_cursor() {
    let mixture = mixed([12, 4], [3.0, 1.0], MixLength::Examples(10), 0);
    let batches = batches(16, 4, 0).with_order(Arc::new(mixture)).unwrap();
    let mut feed = Feed::new(&batches);
    // Steps of 4, 4, 2 examples: 16 draws of 3:1 after the fifth but one epoch's short step, 10 + 4.
    feed.by_ref().take(4).for_each(drop);
    let cursor = feed.cursor();
    assert_eq!(
        (cursor.epoch, cursor.step, cursor.examples_seen),
        (1, 1, 14)
    );
    let drawn: Vec<_> = cursor
        .sources
        .iter()
        .map(|s| (s.name.as_str(), s.drawn))
        .collect();
    let expected: u64 = cursor.sources.iter().map(|s| s.drawn).sum();
    assert_eq!((drawn[0].0, drawn[1].0, expected), ("spider", "talk", 14));
    // 14 · 3/4 = 10.5 and 14/4 = 3.5, to within the bound of 1/2.
    assert!(
        [(10, 4), (11, 3)].contains(&(drawn[0].1, drawn[1].1)),
        "{drawn:?}"
    );
}

#[test]
fn other_data_and_other_settings_are_refused_by_name() {
    let base = batches(9, 2, 5);
    let cursor = Feed::new(&base).cursor();
    let refusal =
        |batches: &Batches, cursor: &Cursor| Feed::resume(batches, cursor).unwrap_err().to_string();
    let text = refusal(&batches(8, 2, 5), &cursor);
    let other = Feed::new(&batches(8, 2, 5)).cursor().data_digest;
    assert_eq!(
        text,
        format!(
            "the cursor is of other data: its examples' digest is {}, that of these is {other}",
            cursor.data_digest
        )
    );
    assert_eq!(
        refusal(&batches(9, 3, 6), &cursor),
        "the cursor is of a run with other settings: batches, batch size: 2 before, 3 now; \
         batches, seed: 5 before, 6 now"
    );
    // The same numbers, but another order of the examples.
    let sorted = |seed| {
        let order = curriculum(9, CurriculumKind::Sorted, seed);
        base.clone().with_order(Arc::new(order)).unwrap()
    };
    let text = refusal(&sorted(1), &cursor);
    assert!(
        text.starts_with("the cursor is of a run with other settings: order: null before, {"),
        "{text}"
    );
    assert_eq!(
        refusal(&sorted(2), &Feed::new(&sorted(1)).cursor()),
        "the cursor is of a run with other settings: order, seed: 1 before, 2 now"
    );
}

#[test]
fn a_cursor_that_cannot_be_is_refused() {
    let base = batches(9, 2, 5);
    let mut feed = Feed::new(&base);
    feed.next();
    let cursor = feed.cursor();
    let refusal = |change: fn(&mut Cursor)| {
        let mut cursor = cursor.clone();
        change(&mut cursor);
        Feed::resume(&base, &cursor).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(|cursor| cursor.step = 5),
        "the cursor stands at step 5 of an epoch of 5 steps"
    );
    assert_eq!(
        refusal(|cursor| cursor.examples_seen = 3),
        "the cursor contradicts itself: at epoch 0, step 1, examples seen: 3 before, 2 now"
    );
    assert_eq!(
        refusal(|cursor| cursor.version = 2),
        "the cursor has version 2; this program resumes from version 1"
    );
    // Told at once, not after a mixture has been drawn through all these epochs.
    let mixture = mixed([4, 5], [1.0, 2.0], MixLength::Examples(9), 1);
    let base = batches(9, 2, 5).with_order(Arc::new(mixture)).unwrap();
    let mut cursor = Feed::new(&base).cursor();
    cursor.epoch = u64::MAX / 9;
    assert_eq!(
        Feed::resume(&base, &cursor).unwrap_err().to_string(),
        format!(
            "the cursor contradicts itself: at epoch {}, step 0, examples seen: 0 before, {} now",
            u64::MAX / 9,
            u64::MAX / 9 * 9
        )
    );
}

#[test]
fn a_cursor_is_a_file_that_is_read_strictly() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cursor.json");
    let cursor = Feed::new(&batches(5, 2, u64::MAX)).cursor();
    cursor.write(&path).unwrap();
    assert_eq!(Cursor::read(&path).unwrap(), cursor);
    let mut value: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    value.as_object_mut().unwrap().remove("order");
    std::fs::write(&path, value.to_string()).unwrap();
    let text = Cursor::read(&path).unwrap_err().to_string();
    assert!(
        text.starts_with(&format!(
            "`{}`, at the top: missing field `order`",
            path.display()
        )),
        "{text}"
    );
}

#[test]
fn an_order_that_does_not_fit_is_refused() {
    let given = |count| {
        Arc::new(Shuffled {
            examples: count,
            seed: 0,
        })
    };
    assert_eq!(
        batches(9, 2, 0)
            .with_order(given(8))
            .unwrap_err()
            .to_string(),
        "the order of the batches is over 8 examples, but there are 9"
    );
    let config = BatchConfig {
        group_rows: 4,
        ..BatchConfig::default()
    };
    let grouped = Batches::new(examples(9), config).unwrap();
    assert_eq!(
        grouped.with_order(given(9)).unwrap_err().to_string(),
        "`group_rows` is 4, which would regroup examples by length and undo the given order; it must be 1"
    );
}
