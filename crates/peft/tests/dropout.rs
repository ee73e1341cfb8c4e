//! Dropout: on the adapter's branch alone, in training alone.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{AdapterConfig, LinearExt};
use anneal_testkit::{assert_close, device, random};
use burn::{
    module::Module,
    nn::Linear,
    tensor::{Device, Tensor},
};
use common::{Mlp, adapted, cases::vera, config};

const KEEP: f64 = 0.75;
const ROWS: usize = 600;

fn methods() -> Vec<(&'static str, AdapterConfig)> {
    let lora = config().with_lora_dropout(1.0 - KEEP);
    vec![
        ("lora", lora.clone().into()),
        ("dora", lora.with_use_dora(true).into()),
        ("vera", vera().with_vera_dropout(1.0 - KEEP).into()),
    ]
}

/// Rows with one feature that is not zero: each row's mask keeps all or
/// nothing of what the adapter sees.
fn rows(device: &Device, d_input: usize, feature: usize) -> Tensor<2> {
    let row: Vec<f32> = (0..d_input)
        .map(|i| if i == feature { 1.25 } else { 0.0 })
        .collect();
    let row = Tensor::<1>::from_floats(row.as_slice(), device);
    row.unsqueeze_dim::<2>(0).repeat_dim(0, ROWS)
}

/// What the adapter adds, `[d_output]` of each row.
fn update(linear: &Linear, x: Tensor<2>) -> Vec<Vec<f32>> {
    let base = common::bare(linear).forward(x.clone());
    let update = (linear.forward_adapted(x) - base).without_autodiff();
    let [_, columns] = update.dims();
    let values: Vec<f32> = update.into_data().iter::<f32>().collect();
    values.chunks(columns).map(<[f32]>::to_vec).collect()
}

/// DoRA's branch is all that differs from the base's output, as in PEFT, which
/// computes the base anew from what is left of the input.
#[test]
fn each_row_s_update_is_whole_over_keep_or_nothing() {
    let device = device().autodiff();
    for (name, config) in methods() {
        let net: Mlp = adapted(config, &device);
        for (layer, d_input) in [(&net.up, 7), (&net.down, 11)] {
            let x = rows(&device, d_input, 2);
            let valid = Module::valid(layer);
            let whole = update(&valid, x.clone().inner());
            let whole = whole[0].clone();
            let size = whole.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
            assert!(size > 0.1, "{name}: the adapter does nothing");
            let mut kept = 0;
            for row in update(layer, x.clone()) {
                let near = |share: f32| {
                    let pairs = row.iter().zip(&whole);
                    pairs
                        .clone()
                        .all(|(a, w)| (a - w * share).abs() < 1e-5 * size.max(1.0))
                };
                let (all, none) = (near(1.0 / KEEP as f32), near(0.0));
                assert!(all != none, "{name}: {row:?} of {whole:?}");
                kept += usize::from(all);
            }
            // Binomial with n = 600, p = 0.75: five standard deviations are 53,
            // which also bounds how far the mean is off.
            let expected = KEEP * ROWS as f64;
            assert!((kept as f64 - expected).abs() < 53.0, "{name}: {kept}");
        }
    }
}

#[test]
fn without_training_there_is_none() {
    let device = device().autodiff();
    for (name, config) in methods() {
        let net = adapted(config, &device);
        let x = random([6, 7], 1.0, 3, &device);
        let expected = net.forward(x.clone()).inner();
        for net in [net.clone().freeze(), net.clone()] {
            // An input without a graph is inference, whatever the module is.
            let plain = x.clone().inner();
            assert_close(net.valid().forward_adapted(plain), expected.clone(), 1e-5);
        }
        let frozen = net.clone().freeze().forward_adapted(x.clone()).inner();
        assert_close(frozen, expected, 1e-5);
        let draws = [0, 1].map(|_| net.forward_adapted(x.clone()).inner().into_data());
        assert_ne!(
            draws[0], draws[1],
            "{name}: training draws a mask each time"
        );
        let again = net.valid().train();
        let draws = [0, 1].map(|_| again.forward_adapted(x.clone()).inner().into_data());
        assert_ne!(draws[0], draws[1], "{name}: it comes back with training");
    }
}
