//! One text, however it reaches the model: padded, or in parts through a cache.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

use anneal_kernels::{AttentionMask, FirstKeys};
use anneal_llama::{KvCache, LoadedModel, Positions, load};
use anneal_testkit::{assert_close, device, fixture_path};
use burn::tensor::{Int, Tensor, TensorData};

fn models() -> Vec<LoadedModel> {
    ["tiny-llama", "tiny-llama-untied"]
        .iter()
        .map(|name| load(&fixture_path(name), &device()).unwrap())
        .collect()
}

fn text(length: usize, seed: usize) -> Vec<i64> {
    (0..length)
        .map(|t| ((t * 29 + seed * 41 + 3) % 97) as i64)
        .collect()
}

fn batch(rows: &[Vec<i64>]) -> Tensor<2, Int> {
    let shape = [rows.len(), rows[0].len()];
    Tensor::from_data(TensorData::new(rows.concat(), shape), &device())
}

/// f32 sums over 70 numbers taken in another order, through three layers.
const ROUNDING: f64 = 1e-5;

#[test]
fn right_padding_needs_no_mask() {
    for LoadedModel { model, config, .. } in models() {
        let (short, long) = (text(9, 1), text(75, 2));
        let padded_with = |id| {
            let mut padded = short.clone();
            padded.resize(75, id);
            let states = model.hidden_states(batch(&[padded, long.clone()]), &config);
            states.narrow(0, 0, 1).narrow(1, 0, 9)
        };
        // What the padding holds changes no bit of the real states.
        assert_close(padded_with(0), padded_with(96), 0.0);
        let alone = model.hidden_states(batch(std::slice::from_ref(&short)), &config);
        assert_close(padded_with(0), alone, ROUNDING);
    }
}

#[test]
fn a_prompt_may_be_read_in_parts() {
    for LoadedModel { model, config, .. } in models() {
        // The second row has 12 tokens of padding on the left: a whole part
        // and a piece of the next.
        let padding = [0, 12];
        let rows: Vec<Vec<i64>> = padding
            .iter()
            .enumerate()
            .map(|(row, &padding)| [vec![0; padding], text(80 - padding, row)].concat())
            .collect();
        let ids = batch(&rows);
        for parts in [vec![80], vec![70, 10], vec![8, 70, 2], vec![79, 1]] {
            let mut cache = KvCache::new(&config, 2, 80, &device());
            let mut states = Vec::new();
            for part in parts {
                let start = cache.used();
                let positions: Vec<usize> = padding
                    .iter()
                    .flat_map(|&p| (start..start + part).map(move |t| t.saturating_sub(p)))
                    .collect();
                let positions = Positions::PerToken {
                    positions: &positions,
                    length: part,
                };
                let mask = AttentionMask::CausalFrom(FirstKeys::padding(&padding, part));
                let ids = ids.clone().narrow(1, start, part);
                states.push(model.hidden_states_cached(ids, positions, &mask, &mut cache, &config));
            }
            assert_eq!(cache.used(), 80);
            let states = Tensor::cat(states, 1);
            for (row, &padding) in padding.iter().enumerate() {
                let alone = batch(&[rows[row][padding..].to_vec()]);
                let alone = model.hidden_states(alone, &config);
                let row = states.clone().narrow(0, row, 1);
                assert_close(row.narrow(1, padding, 80 - padding), alone, ROUNDING);
            }
        }
    }
}

#[test]
fn a_causal_prompt_in_parts_needs_no_lower_bounds() {
    for LoadedModel { model, config, .. } in models() {
        let ids = batch(&[text(77, 5), text(77, 6)]);
        let whole = model.hidden_states(ids.clone(), &config);
        let mut cache = KvCache::new(&config, 2, 90, &device());
        let parts = [3, 64, 10].map(|length| {
            let start = cache.used();
            let range = Positions::Range { start, length };
            let ids = ids.clone().narrow(1, start, length);
            let mask = AttentionMask::Causal;
            model.hidden_states_cached(ids, range, &mask, &mut cache, &config)
        });
        assert_close(Tensor::cat(parts.to_vec(), 1), whole, ROUNDING);
    }
}
