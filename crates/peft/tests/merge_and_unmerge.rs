//! Merged weights against the unmerged module, and against f64.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    Adapters, InitLoraWeights, MergedWeight, PeftError, PromptTuningConfig, Status, adapters,
    add_adapter, attach, disabled, merge, merge_adapter, remove_adapter, save_adapter, set_active,
    unmerge_adapter,
};
use anneal_testkit::{assert_close, device, max_difference, random};
use burn::{
    module::{Module, ModuleMapper, Param},
    nn::{Embedding, EmbeddingConfig},
    tensor::{DType, Tensor},
};
use common::{
    Mlp, adapted, bare,
    cases::cases,
    config, fill,
    oracle::{self, Matrix},
    retrain,
};

fn x() -> Tensor<2> {
    random([6, 7], 1.0, 3, &device())
}

struct Cast(DType);

impl ModuleMapper for Cast {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|weight| weight.cast(self.0))
    }
}

#[test]
fn every_method_merges_to_what_it_computes() {
    for (name, config) in cases() {
        let net = adapted(config, &device());
        let expected = net.forward_adapted(x());
        let (merged, report) = merge(net.clone()).unwrap();
        for y in [merged.forward(x()), merged.forward_adapted(x())] {
            let off = max_difference(y, expected.clone());
            assert!(off <= 1e-5, "{name}: off by {off:e}");
        }
        for (merged, net) in [(&merged.up, &net.up), (&merged.down, &net.down)] {
            assert!(merged.weight.reparameterization::<Adapters>().is_none());
            let exact = oracle::weight(net);
            let off = exact.distance(merged.weight.val());
            assert!(off <= 2e-6 * exact.largest().max(1.0), "{name}: {off:e}");
        }
        // One rounding of the sum and a few of the update, relative to it.
        assert!(!report.weights.is_empty(), "{name}");
        let worst = report.worst().unwrap();
        assert!(worst.lost < 1e-6, "{name}: {report}");
        assert!(worst.max_error < 1e-6, "{name}: {report}");
        assert!(matches!(merge(merged), Err(PeftError::NotAdapted)));
    }
}

#[test]
fn unmerging_gives_the_bits_back() {
    for dtype in [DType::F32, DType::BF16] {
        for (name, config) in cases() {
            for device in [device(), device().autodiff()] {
                let net = Mlp::new(&device).map(&mut Cast(dtype));
                let (net, _) = attach(net, config.clone(), 5).unwrap();
                let net = retrain(net, 0.3);
                let x = random([6, 7], 1.0, 3, &device).cast(dtype);
                let before = net.forward_adapted(x.clone()).into_data();
                let (merged, report) = merge_adapter(net.clone()).unwrap();
                assert_eq!(adapters(&merged)[0].status, Status::Merged);
                assert_eq!(report, merge(net.clone()).unwrap().1, "{name}");
                let y = merged.forward_adapted(x.clone()).into_data();
                let plain = x.clone().without_autodiff();
                let (whole, _) = merge(net).unwrap();
                assert_eq!(y, whole.forward_adapted(plain).into_data(), "{name}");
                let back = unmerge_adapter(merged).unwrap();
                assert_eq!(adapters(&back)[0].status, Status::Active);
                assert_eq!(back.forward_adapted(x).into_data(), before, "{name}");
            }
        }
    }
}

#[test]
fn nothing_else_acts_while_an_adapter_is_merged() {
    let start = Mlp::new(&device());
    let pissa = config().with_init_lora_weights(InitLoraWeights::Pissa);
    let (net, _) = attach(start, &pissa, 5).unwrap();
    let (net, _) = add_adapter(net, "other", config(), 6).unwrap();
    let net = retrain(set_active(net, &["other"]).unwrap(), 0.5);
    let before = net.forward_adapted(x());
    let (merged, _) = merge_adapter(net).unwrap();
    // The inactive PiSSA's part is in the merged weight already.
    assert_close(merged.forward_adapted(x()), before.clone(), 1e-5);
    assert_close(merged.forward(x()), before.clone(), 1e-5);

    let refused = |result: Result<Mlp, PeftError>| {
        assert_eq!(
            result.unwrap_err().to_string(),
            "the adapter \"other\" is merged into the weights; unmerge it first"
        );
    };
    refused(set_active(merged.clone(), &["default"]));
    refused(disabled(&merged));
    refused(remove_adapter(merged.clone(), "default"));
    refused(remove_adapter(merged.clone(), "other"));
    refused(merge(merged.clone()).map(|(net, _)| net));
    refused(merge_adapter(merged.clone()).map(|(net, _)| net));
    refused(add_adapter(merged.clone(), "third", config(), 7).map(|(net, _)| net));
    let dir = tempfile::tempdir().unwrap();
    save_adapter(&adapted(config(), &device()), dir.path()).unwrap();
    refused(anneal_peft::load_adapter_as(merged.clone(), "third", dir.path()).map(|l| l.0));
    let back = unmerge_adapter(merged).unwrap();
    assert_eq!(back.forward_adapted(x()).into_data(), before.into_data());
    assert_eq!(
        unmerge_adapter(back).unwrap_err().to_string(),
        "no adapter is merged into the weights"
    );
}

#[test]
fn the_report_says_what_rounding_lost() {
    let net = Mlp::new(&device()).map(&mut Cast(DType::BF16));
    let (net, _) = attach(net, config(), 5).unwrap();
    // Updates of about a hundredth of the weight: bf16 keeps some of them.
    let net = retrain(net, 0.02);
    let (merged, report) = merge(net.clone()).unwrap();
    let paths: Vec<&str> = report.weights.iter().map(|w| w.path.as_str()).collect();
    assert_eq!(paths, ["up.weight", "down.weight"]);
    for (weight, net, merged) in [
        (&report.weights[0], &net.up, &merged.up),
        (&report.weights[1], &net.down, &merged.down),
    ] {
        let (base, stored) = (
            Matrix::of(net.weight.base()),
            Matrix::of(merged.weight.val()),
        );
        let update = oracle::delta(common::lora(net));
        let error = stored.plus(-1.0, &base).plus(-1.0, &update);
        let norm = |m: &Matrix| m.values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let lost = norm(&error) / norm(&update);
        assert!(lost > 0.01, "{lost}");
        assert!(
            (weight.lost - lost).abs() < 1e-4 * lost,
            "{weight:?} {lost}"
        );
        let largest = error.largest();
        assert!((weight.max_error - largest).abs() < 1e-4 * largest);
    }
    // Below half a step of bf16 nothing is left.
    let tiny = fill(net.clone(), "up.weight.adapters.default.Lora.b", 1e-6);
    let (merged, report) = merge(tiny).unwrap();
    assert_eq!(
        merged.up.weight.val().into_data(),
        net.up.weight.base().into_data()
    );
    let up = report
        .weights
        .iter()
        .find(|w| w.path == "up.weight")
        .unwrap();
    assert!((up.lost - 1.0).abs() < 1e-3, "{up:?}");
    assert_eq!(report.worst(), Some(up));
    let text = report.to_string();
    assert!(
        text.starts_with("2 weights merged; rounding lost at most 1.00e0"),
        "{text}"
    );
    assert!(text.ends_with(", in up.weight"), "{text}");
}

#[test]
fn an_update_of_nothing_loses_nothing() {
    let (net, _) = attach(Mlp::new(&device()), config(), 5).unwrap();
    let (merged, report) = merge(net.clone()).unwrap();
    for (merged, net) in [(&merged.up, &net.up), (&merged.down, &net.down)] {
        assert_eq!(
            merged.weight.val().into_data(),
            net.weight.base().into_data()
        );
    }
    let nothing = |path: &str| MergedWeight {
        path: path.into(),
        max_error: 0.0,
        lost: 0.0,
    };
    assert_eq!(
        report.weights,
        [nothing("up.weight"), nothing("down.weight")]
    );
}

#[test]
fn a_failed_merge_leaves_the_clone_as_it_was() {
    let net = fill(
        adapted(config(), &device()),
        "down.weight.adapters.default.Lora.a",
        3e38,
    );
    let broken = fill(net.clone(), "down.weight.adapters.default.Lora.b", 3e38);
    for message in [
        merge(broken.clone()).unwrap_err().to_string(),
        merge_adapter(broken.clone()).unwrap_err().to_string(),
    ] {
        assert_eq!(message, "NaN or infinite values in down.weight");
    }
    assert_eq!(adapters(&broken)[0].status, Status::Active);
    let (now, then) = (bare(&broken.down), bare(&net.down));
    assert_eq!(now.weight.val().into_data(), then.weight.val().into_data());
}

#[test]
fn a_prompt_is_no_part_of_any_weight() {
    #[derive(Module, Debug)]
    struct Net {
        embed: Embedding,
    }
    let net = Net {
        embed: EmbeddingConfig::new(9, 4).init(&device()),
    };
    let (net, _) = attach(net, PromptTuningConfig::new(3), 5).unwrap();
    for error in [
        merge(net.clone()).unwrap_err(),
        merge_adapter(net).unwrap_err(),
    ] {
        assert_eq!(
            error.to_string(),
            "the adapter \"default\" is a prompt of virtual tokens, which no weight can hold; \
             keep it beside the model, or switch it off before merging"
        );
    }
}
