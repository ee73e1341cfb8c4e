//! Packed rows against single runs and against transformers.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::AttentionMask;
use anneal_llama::{LoadedModel, Positions, Segments, load};
use anneal_peft::{adapter_gradients, load_adapter};
use anneal_testkit::{
    Fixture, LOGIT_TOLERANCE, assert_close, device, fixture_path, max_difference, unpadded,
};
use burn::tensor::{Device, Int, Tensor, TensorData};

/// Tokens of the examples: in one row a segment longer than a block of the
/// attention kernel, so that a border lies within the second block.
const ROWS: [&[usize]; 3] = [&[70, 1, 15], &[3, 4], &[80]];
const LENGTH: usize = 90;

fn tiny(device: &Device) -> LoadedModel {
    load(&fixture_path("tiny-llama"), device).unwrap()
}

/// The examples of each row; every token differs from its neighbours.
fn examples() -> Vec<Vec<Vec<i64>>> {
    let example = |row: usize, segment: usize, length: usize| {
        (0..length)
            .map(|t| ((t * 37 + row * 11 + segment * 53 + 5) % 131) as i64)
            .collect()
    };
    let rows = ROWS.iter().enumerate();
    rows.map(|(row, lengths)| {
        let segments = lengths.iter().enumerate();
        segments.map(|(s, &n)| example(row, s, n)).collect()
    })
    .collect()
}

fn matrix(ids: Vec<i64>, shape: [usize; 2], device: &Device) -> Tensor<2, Int> {
    Tensor::from_data(TensorData::new(ids, shape), device)
}

/// The examples side by side in rows, the rest filled with a real token's id.
fn packed_ids(device: &Device) -> Tensor<2, Int> {
    let rows = examples().into_iter().flat_map(|row| {
        let mut row = row.concat();
        row.resize(LENGTH, 7);
        row
    });
    matrix(rows.collect(), [ROWS.len(), LENGTH], device)
}

#[test]
fn packed_states_are_those_of_the_single_runs() {
    let LoadedModel { model, config, .. } = tiny(&device());
    let segments = Segments::new(&ROWS, LENGTH);
    let packed = model.hidden_states_packed(packed_ids(&device()), &segments, &config);
    let logits = model.logits(packed.clone());
    for (row, examples) in examples().into_iter().enumerate() {
        let mut start = 0;
        for ids in examples {
            let length = ids.len();
            let alone = model.hidden_states(matrix(ids, [1, length], &device()), &config);
            let cut = |t: &Tensor<3>| t.clone().narrow(0, row, 1).narrow(1, start, length);
            assert_close(cut(&packed), alone.clone(), 1e-5);
            assert_close(cut(&logits), model.logits(alone), 1e-5);
            start += length;
        }
    }
    // Padding too is finite: `max_difference` would panic.
    max_difference(packed.clone(), packed);
}

#[test]
fn without_segments_the_states_are_others() {
    let LoadedModel { model, config, .. } = tiny(&device());
    let segments = Segments::new(&ROWS, LENGTH);
    let packed = model.hidden_states_packed(packed_ids(&device()), &segments, &config);
    let ids = packed_ids(&device());
    let restarted = model.hidden_states_at(
        ids.clone(),
        segments.positions(),
        &AttentionMask::Causal,
        &config,
    );
    let range = Positions::Range {
        start: 0,
        length: LENGTH,
    };
    let running = model.hidden_states_at(ids, range, &segments.mask(), &config);
    let second = |t: Tensor<3>| t.narrow(0, 0, 1).narrow(1, 71, 15);
    assert!(max_difference(second(restarted), second(packed.clone())) > 0.1);
    // Rotary positions count as distances, so that a run of positions through
    // the whole row changes nothing but rounding.
    assert_close(second(running), second(packed), 1e-4);
}

#[test]
fn packed_loss_and_gradients_are_those_of_the_unpacked_batch() {
    let device = device().autodiff();
    let loaded = tiny(&device);
    let path = fixture_path("tiny-llama/adapter");
    let (model, _, _) = load_adapter(loaded.model, path).unwrap();
    let config = loaded.config;
    let ints = |values: &[i64]| Tensor::<1, Int>::from_data(values, &device);
    // Every token is trained but the first of each example, in both layouts.
    let all: Vec<Vec<i64>> = examples().concat();
    let (mut places, mut targets, mut start) = (vec![], vec![], 0);
    for (row, examples) in examples().iter().enumerate() {
        start = row * LENGTH;
        for ids in examples {
            places.extend((0..ids.len() as i64 - 1).map(|t| start as i64 + t));
            targets.extend_from_slice(&ids[1..]);
            start += ids.len();
        }
    }
    assert!(start > 0 && targets.len() == 173 - 6);
    let segments = Segments::new(&ROWS, LENGTH);
    let packed = model.token_loss_packed(
        packed_ids(&device),
        &segments,
        ints(&places),
        ints(&targets),
        &config,
    );

    let width = 80;
    let rows = all.iter().flat_map(|ids| {
        let mut row = ids.clone();
        row.resize(width, 0);
        row
    });
    let places = all.iter().enumerate().flat_map(|(row, ids)| {
        let row = (row * width) as i64;
        (0..ids.len() as i64 - 1).map(move |t| row + t)
    });
    let (rows, places): (Vec<i64>, Vec<i64>) = (rows.collect(), places.collect());
    let unpacked = model.token_loss(
        matrix(rows, [all.len(), width], &device),
        ints(&places),
        ints(&targets),
        &config,
    );
    assert_close(packed.clone().inner(), unpacked.clone().inner(), 1e-5);
    let expected = adapter_gradients(&model, &unpacked.backward());
    let found = adapter_gradients(&model, &packed.backward());
    assert_eq!((found.len(), expected.len()), (42, 42));
    let matrix = |data| Tensor::<2>::from_data(data, &anneal_testkit::device());
    for (name, expected) in expected {
        let expected = matrix(expected);
        let largest = max_difference(expected.clone(), expected.zeros_like());
        let relative = max_difference(matrix(found[&name].clone()), expected) / largest;
        assert!(relative < 1e-5, "{name} is off by {relative:e}");
    }
}

#[test]
fn packed_logits_equal_those_of_transformers() {
    let LoadedModel { model, config, .. } = tiny(&device());
    let fixture = Fixture::open("tiny-llama/packed.safetensors");
    let (shape, lengths) = fixture.ints("segments");
    let rows: Vec<Vec<usize>> = lengths
        .chunks(shape[1])
        .map(|row| row.iter().map(|&n| n as usize).collect())
        .collect();
    let ids = fixture.int::<2>("input_ids", &device());
    let segments = Segments::new(&rows, ids.dims()[1]);
    let logits = model.logits(model.hidden_states_packed(ids, &segments, &config));
    let expected = fixture.float::<3>("logits", &device());
    let real: Vec<i64> = lengths
        .chunks(shape[1])
        .map(|row| row.iter().sum())
        .collect();
    let [logits, expected] = [logits, expected].map(|padded| unpadded(&padded, &real));
    let difference = max_difference(logits, expected);
    assert!(difference < LOGIT_TOLERANCE, "{difference:e}");
}

#[test]
#[should_panic(expected = "axis 0 expected 2, got 1")]
fn segments_of_another_batch_are_refused() {
    let LoadedModel { model, config, .. } = tiny(&device());
    let segments = Segments::new(&[vec![4], vec![4]], 4);
    model.hidden_states_packed(matrix(vec![1; 8], [1, 8], &device()), &segments, &config);
}
