//! Mixtures: shares, passes, lengths, and going on anywhere.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::sync::Arc;

use anneal_data::{
    Curriculum, CurriculumKind, Draw, MixConfig, MixLength, MixSource, MixWeights, Mixture, Order,
    Shuffled,
};
use proptest::prelude::*;

fn sources(sizes: &[usize]) -> Vec<MixSource> {
    let source = |(index, &examples): (usize, &usize)| MixSource {
        name: format!("s{index}"),
        examples,
    };
    sizes.iter().enumerate().map(source).collect()
}

fn mixture(sizes: &[usize], weights: MixWeights, length: MixLength, seed: u64) -> Mixture {
    let config = MixConfig {
        weights,
        length,
        seed,
    };
    Mixture::new(sources(sizes), config).unwrap()
}

fn explicit(weights: &[f64]) -> MixWeights {
    MixWeights::Explicit(weights.to_vec())
}

fn epoch(mixture: &Mixture, epoch: u64) -> Vec<Draw> {
    let entries = mixture.entries();
    mixture
        .draws(epoch * entries as u64)
        .take(entries)
        .collect()
}

#[test]
fn lengths_by_hand() {
    // Equal weights, k = 2, so the bound is 1/2 and the two sources take turns: a b a b a …
    let entries = |length| mixture(&[3, 7], explicit(&[1.0, 1.0]), length, 0).entries();
    // The 3rd example of the first source is draw 5; the 7th of the second is draw 14.
    assert_eq!(entries(MixLength::FirstExhausted), 5);
    assert_eq!(entries(MixLength::AllExhausted), 14);
    assert_eq!(entries(MixLength::Examples(9)), 9);
    // By size all run out together: no example is left out and none repeated.
    let by_size = |length| mixture(&[3, 7], MixWeights::Proportional, length, 0).entries();
    assert_eq!(by_size(MixLength::AllExhausted), 10);
}

#[test]
fn a_source_that_runs_out_begins_a_new_pass_in_a_new_order() {
    let mixture = mixture(
        &[20, 100],
        explicit(&[1.0, 1.0]),
        MixLength::AllExhausted,
        3,
    );
    let draws = epoch(&mixture, 0);
    let of_first: Vec<Draw> = draws.into_iter().filter(|draw| draw.source == 0).collect();
    assert_eq!(of_first.len(), 100);
    let passes: Vec<Vec<usize>> = of_first
        .chunks(20)
        .map(|pass| pass.iter().map(|draw| draw.index).collect())
        .collect();
    for (number, pass) in passes.iter().enumerate() {
        let mut sorted = pass.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..20).collect::<Vec<_>>());
        assert!(
            of_first[number * 20..][..20]
                .iter()
                .all(|d| d.epoch == number as u64)
        );
    }
    assert_ne!(passes[0], passes[1]);
}

#[test]
fn a_second_epoch_goes_on_where_the_first_stopped() {
    // 10 draws an epoch of 4:1, so 8 and 2 examples an epoch.
    let mixture = mixture(&[12, 8], explicit(&[4.0, 1.0]), MixLength::Examples(10), 1);
    let (first, second) = (epoch(&mixture, 0), epoch(&mixture, 1));
    let of = |source| {
        let both = first.iter().chain(&second);
        let found: Vec<_> = both
            .filter(|d| d.source == source)
            .map(|d| (d.epoch, d.index))
            .collect();
        found
    };
    // 16 of 12: all of the first pass, 4 of the second. 4 of 8: half of the first, no two alike.
    let large = of(0);
    assert_eq!(large.iter().filter(|(pass, _)| *pass == 0).count(), 12);
    assert_eq!(large.iter().filter(|(pass, _)| *pass == 1).count(), 4);
    let mut small = of(1);
    small.dedup();
    assert_eq!(small.len(), 4);
    let epochs: Vec<f64> = mixture.progress(1, 10).iter().map(|s| s.epochs()).collect();
    assert_eq!(epochs, [16.0 / 12.0, 0.5]);
}

#[test]
fn a_source_keeps_its_order_when_others_come() {
    let alone = mixture(
        &[30],
        MixWeights::Proportional,
        MixLength::FirstExhausted,
        9,
    );
    let among = mixture(
        &[30, 50],
        MixWeights::Proportional,
        MixLength::AllExhausted,
        9,
    );
    let order = |mixture: &Mixture| -> Vec<usize> {
        let draws = epoch(mixture, 0).into_iter();
        draws.filter(|d| d.source == 0).map(|d| d.index).collect()
    };
    assert_eq!(order(&alone), order(&among));
    let other = mixture(
        &[30],
        MixWeights::Proportional,
        MixLength::FirstExhausted,
        10,
    );
    assert_ne!(order(&alone), order(&other));
}

#[test]
fn a_source_may_have_a_curriculum_of_its_own() {
    let scores: Vec<f64> = (0..6).map(|i| f64::from(5 - i)).collect();
    let curriculum = Curriculum::new(scores, CurriculumKind::Sorted, 0).unwrap();
    let mixture = mixture(
        &[6, 6],
        MixWeights::Proportional,
        MixLength::AllExhausted,
        0,
    )
    .with_order("s1", Arc::new(curriculum))
    .unwrap();
    let draws = epoch(&mixture, 0).into_iter();
    let second: Vec<usize> = draws.filter(|d| d.source == 1).map(|d| d.index).collect();
    assert_eq!(second, [5, 4, 3, 2, 1, 0]);
    // And the identity tells the two apart.
    let plain = self::mixture(
        &[6, 6],
        MixWeights::Proportional,
        MixLength::AllExhausted,
        0,
    );
    assert_ne!(mixture.identity(), plain.identity());
}

#[test]
fn what_cannot_be_mixed_is_named() {
    let new = |sources: Vec<MixSource>, length| {
        let config = MixConfig {
            weights: MixWeights::Explicit(vec![1.0; sources.len()]),
            length,
            ..MixConfig::default()
        };
        Mixture::new(sources, config).unwrap_err().to_string()
    };
    let all = MixLength::AllExhausted;
    assert_eq!(new(vec![], all), "a mixture needs at least one source");
    let mut twice = sources(&[2, 2]);
    twice[1].name = "s0".to_owned();
    assert_eq!(
        new(twice, all),
        "two sources of the mixture are called `s0`"
    );
    assert_eq!(
        new(sources(&[2, 0]), all),
        "source `s1` has no examples; leave it out of the mixture"
    );
    assert_eq!(
        new(sources(&[2]), MixLength::Examples(0)),
        "the length of a mixture must be at least 1 example"
    );
    // Until a billion examples of a thousandth's weight are drawn, 10^12 others are.
    let config = MixConfig {
        weights: explicit(&[999.0, 1.0]),
        length: all,
        seed: 0,
    };
    let error = Mixture::new(sources(&[5, 1_000_000_000]), config).unwrap_err();
    // The weight is 1099511628 of 2^40 units, a little over a thousandth.
    assert_eq!(
        error.to_string(),
        "an epoch of the mixture would have about 999999999796 draws; the most is 4294967296"
    );
    let plain = || mixture(&[6, 4], MixWeights::Proportional, all, 0);
    let shuffled = |examples| Arc::new(Shuffled { examples, seed: 0 });
    assert_eq!(
        plain()
            .with_order("s2", shuffled(6))
            .unwrap_err()
            .to_string(),
        "the mixture has no source `s2`; it has [\"s0\", \"s1\"]"
    );
    assert_eq!(
        plain()
            .with_order("s1", shuffled(6))
            .unwrap_err()
            .to_string(),
        "the order of source `s1` is over 6 examples, but there are 4"
    );
    let short = mixture(&[3, 1], MixWeights::Proportional, MixLength::Examples(3), 0);
    assert_eq!(
        plain()
            .with_order("s1", Arc::new(short))
            .unwrap_err()
            .to_string(),
        "the order of source `s1` has 3 entries an epoch for 4 examples; a source's order must have as many"
    );
}

fn any_weights(sources: usize) -> impl Strategy<Value = MixWeights> {
    prop_oneof![
        Just(MixWeights::Proportional),
        (0.3..20.0).prop_map(MixWeights::Temperature),
        prop::collection::vec(0.01..10.0, sources).prop_map(MixWeights::Explicit),
    ]
}

fn any_length() -> impl Strategy<Value = MixLength> {
    prop_oneof![
        Just(MixLength::FirstExhausted),
        Just(MixLength::AllExhausted),
        (1usize..90).prop_map(MixLength::Examples),
    ]
}

prop_compose! {
    fn any_mixture()(sizes in prop::collection::vec(1usize..30, 1..6))(
        weights in any_weights(sizes.len()),
        sizes in Just(sizes),
        length in any_length(),
        seed in 0u64..100,
    ) -> Mixture {
        mixture(&sizes, weights, length, seed)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_prefix_has_its_shares(mixture in any_mixture()) {
        let shares = mixture.shares();
        let sources = shares.len() as f64;
        let bound = 1.0 - 1.0 / (2.0 * sources - 2.0).max(1.0);
        let mut counts = vec![0.0; shares.len()];
        for (n, draw) in mixture.draws(0).take(500).enumerate() {
            counts[draw.source] += 1.0;
            for (count, share) in counts.iter().zip(&shares) {
                let off: f64 = count - share * (n as f64 + 1.0);
                // Shares are multiples of 2^-40, and the product is rounded once.
                prop_assert!(off.abs() <= bound + 1e-9, "{off} at {n}");
            }
        }
    }

    #[test]
    fn draws_from_anywhere_are_the_same(mixture in any_mixture(), from in 0u64..400) {
        let all: Vec<Draw> = mixture.draws(0).skip(from as usize).take(60).collect();
        let resumed: Vec<Draw> = mixture.draws(from).take(60).collect();
        prop_assert_eq!(all, resumed);
    }

    #[test]
    fn a_pass_over_a_source_has_each_example_once(mixture in any_mixture()) {
        let mut seen = std::collections::HashSet::new();
        let mut counts = vec![0u64; mixture.sources().len()];
        for draw in mixture.draws(0).take(400) {
            let examples = mixture.sources()[draw.source].examples as u64;
            prop_assert_eq!(draw.epoch, counts[draw.source] / examples);
            counts[draw.source] += 1;
            prop_assert!((draw.index as u64) < examples);
            prop_assert!(seen.insert((draw.source, draw.epoch, draw.index)));
        }
    }

    #[test]
    fn lengths_end_with_the_example_that_exhausts(mixture in any_mixture()) {
        let exhausted = |entries| {
            let progress = mixture.progress(0, entries);
            progress.iter().filter(|source| source.drawn >= source.examples).count()
        };
        let entries = mixture.entries();
        let all = mixture.sources().len();
        match mixture.config().length {
            MixLength::Examples(examples) => prop_assert_eq!(entries, examples),
            MixLength::FirstExhausted => {
                prop_assert_eq!((exhausted(entries - 1), exhausted(entries)), (0, 1));
            }
            MixLength::AllExhausted => {
                prop_assert_eq!((exhausted(entries - 1), exhausted(entries)), (all - 1, all));
            }
        }
    }

    #[test]
    fn indices_of_an_epoch_are_its_draws(mixture in any_mixture(), number in 0u64..4) {
        let mut offsets = vec![0];
        for source in mixture.sources() {
            offsets.push(offsets[offsets.len() - 1] + source.examples);
        }
        let expected: Vec<usize> = epoch(&mixture, number)
            .iter()
            .map(|draw| offsets[draw.source] + draw.index)
            .collect();
        prop_assert_eq!(mixture.order(number), expected);
    }

    #[test]
    fn by_size_an_epoch_is_every_example_once(
        sizes in prop::collection::vec(1usize..40, 1..7), number in 0u64..3,
    ) {
        let mixture = mixture(&sizes, MixWeights::Proportional, MixLength::AllExhausted, 2);
        let mut order = mixture.order(number);
        order.sort_unstable();
        prop_assert_eq!(order, (0..sizes.iter().sum()).collect::<Vec<usize>>());
    }
}
