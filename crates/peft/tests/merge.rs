//! Merged weights against the unmerged module.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{Adapters, PeftError, adapter_tensors, merge};
use anneal_testkit::{assert_close, device, max_difference, random};
use burn::module::Module;
use common::{Mlp, adapted, config, fill};

#[test]
fn merged_equals_unmerged() {
    for device in [device(), device().autodiff()] {
        let net = adapted(config().with_lora_dropout(0.5), &device);
        let x = random([6, 7], 1.0, 3, &anneal_testkit::device());
        let expected = net.valid().forward_adapted(x.clone());
        let base = net.down.weight.base().without_autodiff();

        let merged = merge(net.clone()).unwrap().0;
        assert_close(merged.forward(x.clone()), expected.clone(), 1e-5);
        assert_close(merged.forward_adapted(x.clone()), expected, 1e-5);
        assert!(
            merged
                .down
                .weight
                .reparameterization::<Adapters>()
                .is_none()
        );
        assert!(adapter_tensors(&merged).is_empty());
        assert_eq!(merged.num_params(), Mlp::new(&device).num_params());
        // The adapter did something, and the original is as it was.
        assert!(max_difference(merged.down.weight.val(), base.clone()) > 0.1);
        assert_close(net.down.weight.base().without_autodiff(), base, 0.0);
    }
}

#[test]
fn there_must_be_something_to_merge() {
    let error = merge(Mlp::new(&device())).unwrap_err();
    assert!(matches!(error, PeftError::NotAdapted));
    let merged = merge(adapted(config(), &device())).unwrap().0;
    assert!(matches!(merge(merged), Err(PeftError::NotAdapted)));
}

#[test]
fn a_merge_that_breaks_a_weight_is_refused() {
    // Each factor is finite, but their product is not.
    let net = fill(
        adapted(config(), &device()),
        "down.weight.adapters.default.Lora.a",
        3e38,
    );
    let net = fill(net, "down.weight.adapters.default.Lora.b", 3e38);
    assert_eq!(
        merge(net).unwrap_err().to_string(),
        "NaN or infinite values in down.weight"
    );
}
