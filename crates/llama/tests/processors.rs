//! Processed logits against those of transformers' processors.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use std::num::NonZeroUsize;

use anneal_llama::{LogitsProcessor, MinP, RepetitionPenalty, RowContext, Temperature, TopK, TopP};
use anneal_testkit::{Fixture, device};

const GOLDENS: &str = "sampling/goldens.safetensors";

fn some(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

fn values(tensor: &str) -> Vec<Vec<f32>> {
    let tensor = Fixture::open(GOLDENS).float::<2>(tensor, &device());
    let [_, width] = tensor.dims();
    let values = tensor.try_into_vec_as::<f32>().unwrap();
    values.chunks(width).map(<[f32]>::to_vec).collect()
}

/// The row whose ties torch breaks in no fixed order.
const TIES: usize = 2;

/// Forbidden where transformers forbids, and the same numbers elsewhere; what is
/// forbidden of equal logits is for each to choose, but not how many.
fn assert_as_in_transformers(name: &str, processors: &mut [&mut dyn LogitsProcessor]) {
    let (_, seen) = Fixture::open(GOLDENS).ints("seen");
    let seen: Vec<u32> = seen.into_iter().map(|id| id as u32).collect();
    let expected = values(name);
    for (row, logits) in values("logits").iter().enumerate() {
        let (mut found, mut expected) = (logits.clone(), expected[row].clone());
        let (prompt, generated) = seen[row * 9..(row + 1) * 9].split_at(4);
        let context = RowContext {
            row,
            prompt,
            generated,
        };
        for processor in processors.iter_mut() {
            processor.process(context, &mut found);
        }
        if row == TIES {
            found.sort_by(f32::total_cmp);
            expected.sort_by(f32::total_cmp);
        }
        for (place, (f, e)) in found.iter().zip(&expected).enumerate() {
            let same = f == e || (f - e).abs() <= 1e-6 * e.abs();
            assert!(same, "{name}, row {row}, place {place}: {f} against {e}");
        }
    }
}

#[test]
fn each_processor_does_what_its_namesake_in_transformers_does() {
    let mut cases: Vec<(&str, Box<dyn LogitsProcessor>)> = vec![
        (
            "repetition_penalty_1.3",
            Box::new(RepetitionPenalty::new(1.3).unwrap()),
        ),
        (
            "repetition_penalty_0.6",
            Box::new(RepetitionPenalty::new(0.6).unwrap()),
        ),
        (
            "temperature_0.35",
            Box::new(Temperature::new(0.35).unwrap()),
        ),
        ("top_k_5", Box::new(TopK::new(some(5)))),
        ("top_k_50", Box::new(TopK::new(some(50)))),
        (
            "top_k_2_keep_6",
            Box::new(TopK::new(some(2)).with_min_tokens_to_keep(some(6))),
        ),
        ("top_p_0.5", Box::new(TopP::new(0.5).unwrap())),
        ("top_p_0.93", Box::new(TopP::new(0.93).unwrap())),
        (
            "top_p_0.2_keep_5",
            Box::new(TopP::new(0.2).unwrap().with_min_tokens_to_keep(some(5))),
        ),
        ("min_p_0.08", Box::new(MinP::new(0.08).unwrap())),
        (
            "min_p_0.7_keep_4",
            Box::new(MinP::new(0.7).unwrap().with_min_tokens_to_keep(some(4))),
        ),
    ];
    for (name, processor) in &mut cases {
        assert_as_in_transformers(name, &mut [processor.as_mut()]);
    }
}

#[test]
fn together_they_come_in_transformers_order() {
    assert_as_in_transformers(
        "chain",
        &mut [
            &mut RepetitionPenalty::new(1.3).unwrap(),
            &mut Temperature::new(0.7).unwrap(),
            &mut TopK::new(some(11)),
            &mut TopP::new(0.8).unwrap(),
            &mut MinP::new(0.09).unwrap(),
        ],
    );
}

fn process(processor: &mut dyn LogitsProcessor, logits: &[f32]) -> Vec<f32> {
    let mut logits = logits.to_vec();
    let context = RowContext {
        row: 0,
        prompt: &[0],
        generated: &[],
    };
    processor.process(context, &mut logits);
    logits
}

#[test]
fn of_equal_logits_the_smaller_ids_fall_first_in_top_p_and_none_in_top_k() {
    const NO: f32 = f32::NEG_INFINITY;
    // Probabilities ¼ each: the sums in ascending order are ¼, ½, ¾, 1.
    let equal = [0.5; 4];
    let mut top_p = TopP::new(0.6).unwrap();
    assert_eq!(process(&mut top_p, &equal), [NO, 0.5, 0.5, 0.5]);
    let mut top_p = TopP::new(0.4).unwrap();
    assert_eq!(process(&mut top_p, &equal), [NO, NO, 0.5, 0.5]);
    let mut top_p = TopP::new(1e-300).unwrap();
    assert_eq!(process(&mut top_p, &equal), [NO, NO, NO, 0.5]);
    let mut top_k = TopK::new(some(2));
    assert_eq!(
        process(&mut top_k, &[1.0, 0.5, 0.5, 0.5, 0.1]),
        [1.0, 0.5, 0.5, 0.5, NO]
    );
    let mut min_p = MinP::new(1.0).unwrap().with_min_tokens_to_keep(some(3));
    assert_eq!(
        process(&mut min_p, &[0.2, 0.7, 0.2, 0.2, 0.9]),
        [0.2, 0.7, NO, NO, 0.9]
    );
}

#[test]
fn what_is_forbidden_stays_so_and_a_tiny_temperature_leaves_numbers() {
    const NO: f32 = f32::NEG_INFINITY;
    let all: [Box<dyn LogitsProcessor>; 5] = [
        Box::new(RepetitionPenalty::new(2.0).unwrap()),
        Box::new(Temperature::new(0.5).unwrap()),
        Box::new(TopK::new(some(1))),
        Box::new(TopP::new(0.5).unwrap()),
        Box::new(MinP::new(0.5).unwrap()),
    ];
    for mut processor in all {
        assert_eq!(process(processor.as_mut(), &[NO; 3]), [NO; 3]);
        assert_eq!(process(processor.as_mut(), &[NO, 3.0, NO])[0], NO);
    }
    let mut cold = Temperature::new(1e-38).unwrap();
    for sign in [1.0, -1.0] {
        let found = process(&mut cold, &[sign * 20.0, NO, sign * 21.0]);
        let best = found.iter().copied().fold(NO, f32::max);
        assert_eq!((best, found[1]), (0.0, NO), "{found:?}");
        assert!(!found.iter().any(|logit| logit.is_nan()));
    }
}
