//! Adapters made of others, against dense formulas in f64.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod common;

use anneal_peft::{
    Combination, InitLoraWeights, LoraConfig, PeftError, Status, TargetModules, adapters,
    add_adapter, attach, combine_adapters, load_adapter, remove_adapter, save_adapter_as,
    set_active,
};
use anneal_testkit::{assert_close, device, random};
use burn::nn::Linear;
use common::{
    Mlp, config, lora,
    oracle::{self, Matrix},
    randomize,
};

/// Weights of the parts; one is negative.
const PARTS: [(&str, f64); 2] = [("default", 0.75), ("other", -0.5)];

/// Two adapters of scales 2.5 and 1.25; the second also has the head.
fn parts(rank: usize) -> Mlp {
    let other = LoraConfig::new(TargetModules::names(["up", "down", "lm_head"]))
        .with_r(rank)
        .with_lora_alpha(1.25 * rank as f64);
    let (net, _) = attach(Mlp::new(&device()), config(), 5).unwrap();
    let (net, _) = add_adapter(net, "other", other, 6).unwrap();
    randomize(net, 4)
}

/// Where a module has a layer.
type Layer = fn(&Mlp) -> &Linear;

/// A layer of the module with one adapter active.
fn with(net: &Mlp, name: &str, layer: Layer) -> Linear {
    layer(&set_active(net.clone(), &[name]).unwrap()).clone()
}

/// Each layer with its features and whether both parts adapt it.
fn layers() -> [(Layer, [usize; 2], bool); 3] {
    [
        (|net| &net.up, [7, 11], true),
        (|net| &net.down, [11, 5], true),
        (|net| &net.lm_head, [5, 3], false),
    ]
}

/// `Σ wᵢ · Δᵢ` of a layer; the head has the second part alone.
fn dense(net: &Mlp, layer: Layer, [rows, columns]: [usize; 2], both: bool) -> Matrix {
    let zero = Matrix::from_fn(rows, columns, |_, _| 0.0);
    let parts = PARTS.iter().filter(|(name, _)| both || *name == "other");
    parts.fold(zero, |sum, (name, weight)| {
        sum.plus(*weight, &oracle::delta(lora(&with(net, name, layer))))
    })
}

#[test]
fn cat_is_the_weighted_sum() {
    let net = combine_adapters(parts(2), "sum", &PARTS, Combination::Cat).unwrap();
    let info = adapters(&net)
        .into_iter()
        .find(|info| info.name == "sum")
        .unwrap();
    assert_eq!(info.status, Status::Inactive);
    for (layer, dims, both) in layers() {
        let expected = dense(&net, layer, dims, both);
        let linear = with(&net, "sum", layer);
        assert_eq!(lora(&linear).a.dims()[1], if both { 5 } else { 2 });
        assert_eq!(lora(&linear).scale, 1.0);
        let off = expected.distance(lora(&linear).delta());
        assert!(off <= 2e-6 * expected.largest().max(1.0), "{off:e}");
    }
}

#[test]
fn linear_mixes_the_factors_as_peft_does() {
    let net = combine_adapters(parts(3), "sum", &PARTS, Combination::Linear).unwrap();
    for (layer, _, both) in layers() {
        let parts = PARTS.iter().filter(|(name, _)| both || *name == "other");
        let sides: Vec<[Matrix; 2]> = parts
            .map(|(name, weight)| {
                let linear = with(&net, name, layer);
                let lora = lora(&linear);
                let root = (weight * lora.scale).abs().sqrt();
                let times =
                    |m: Matrix, by: f64| Matrix::from_fn(m.rows, m.columns, |i, j| by * m.at(i, j));
                [
                    times(Matrix::of(lora.a.val()), root.copysign(*weight)),
                    times(Matrix::of(lora.b.val()), root),
                ]
            })
            .collect();
        let sum = |side: usize| {
            let mut parts = sides.iter().map(|factors| factors[side].clone());
            let first = parts.next().unwrap();
            parts.fold(first, |sum, part| sum.plus(1.0, &part))
        };
        let linear = with(&net, "sum", layer);
        assert!(sum(0).distance(lora(&linear).a.val()) < 1e-6);
        assert!(sum(1).distance(lora(&linear).b.val()) < 1e-6);
    }
}

#[test]
fn svd_is_the_best_of_its_rank() {
    // Rank 5 holds both parts whole; on the head it is above the layer's.
    let net = remove_adapter(parts(2), "default").unwrap();
    let (net, _) = add_adapter(net, "default", config(), 5).unwrap();
    let error = combine_adapters(net, "sum", &PARTS, Combination::Svd { rank: 5 }).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("lm_head maps 5 features to 3"),
        "{error}"
    );

    for rank in [1, 3] {
        let how = Combination::Svd { rank };
        let net = combine_adapters(parts(2), "sum", &PARTS, how).unwrap();
        for (layer, dims, both) in layers() {
            let expected = dense(&net, layer, dims, both);
            let linear = with(&net, "sum", layer);
            let found = Matrix::of(lora(&linear).delta());
            let rest = expected.plus(-1.0, &found);
            let norm = |m: &Matrix| m.values.iter().map(|v| v * v).sum::<f64>();
            // What is left over is orthogonal to what is kept, and the whole
            // is their sum.
            let (whole, kept, left) = (norm(&expected), norm(&found), norm(&rest));
            assert!(
                (whole - kept - left).abs() < 1e-5 * whole,
                "{whole} {kept} {left}"
            );
            let largest = singular(&expected, rank);
            assert!((kept - largest).abs() < 1e-5 * whole, "{kept} {largest}");
        }
    }
}

/// The sum of the `rank` largest squared singular values, by power iteration
/// with deflation on `ΔᵀΔ`.
fn singular(delta: &Matrix, rank: usize) -> f64 {
    let transposed = Matrix::from_fn(delta.columns, delta.rows, |i, j| delta.at(j, i));
    let mut gram = transposed.times(delta);
    let mut sum = 0.0;
    for _ in 0..rank {
        let mut v = Matrix::from_fn(gram.rows, 1, |i, _| 1.0 + 0.37 * i as f64);
        let mut value = 0.0;
        for _ in 0..2000 {
            let next = gram.times(&v);
            value = next.values.iter().map(|x| x * x).sum::<f64>().sqrt();
            if value < 1e-14 {
                break;
            }
            v = Matrix::from_fn(gram.rows, 1, |i, _| next.at(i, 0) / value);
        }
        sum += value;
        let outer = Matrix::from_fn(gram.rows, gram.rows, |i, j| v.at(i, 0) * v.at(j, 0));
        gram = gram.plus(-value, &outer);
    }
    sum
}

#[test]
fn a_combined_adapter_is_saved_and_loaded_like_any_other() {
    let x = random([6, 7], 1.0, 3, &device());
    let net = combine_adapters(parts(2), "sum", &PARTS, Combination::Cat).unwrap();
    let dir = tempfile::tempdir().unwrap();
    save_adapter_as(&net, "sum", dir.path()).unwrap();
    let net = set_active(net, &["sum"]).unwrap();
    let base = Mlp {
        up: common::bare(&net.up),
        down: common::bare(&net.down),
        lm_head: common::bare(&net.lm_head),
    };
    let (loaded, _, _) = load_adapter(base, dir.path()).unwrap();
    assert_close(
        loaded.forward_adapted(x.clone()),
        net.forward_adapted(x),
        0.0,
    );
}

#[test]
fn what_can_t_be_combined_is_refused() {
    let net = parts(2);
    let message = |net: &Mlp, parts: &[(&str, f64)], how| {
        combine_adapters(net.clone(), "sum", parts, how)
            .unwrap_err()
            .to_string()
    };
    let cat = Combination::Cat;
    assert_eq!(
        message(&net, &[], cat),
        "adapters to combine is none, but it must be at least one"
    );
    assert_eq!(
        message(&net, &[("default", f64::NAN)], cat),
        "the weight of default is NaN, but it must be a finite number"
    );
    assert_eq!(
        message(&net, &[("sql", 1.0)], cat),
        "the module carries no adapter \"sql\"; it carries default, other"
    );
    assert_eq!(
        message(&net, &PARTS, Combination::Linear),
        "the adapters have ranks [3, 2] at down; combine them by Cat or Svd"
    );
    let taken = combine_adapters(net.clone(), "other", &PARTS, cat).unwrap_err();
    assert!(matches!(taken, PeftError::NameTaken { name } if name == "other"));
    for (what, config) in [
        ("dora", config().with_use_dora(true)),
        (
            "pissa",
            config().with_init_lora_weights(InitLoraWeights::Pissa),
        ),
        ("copies", config().with_modules_to_save(["lm_head"])),
    ] {
        let (net, _) = add_adapter(net.clone(), what, config, 7).unwrap();
        let error = message(&net, &[("default", 1.0), (what, 1.0)], cat);
        assert!(
            error.starts_with(&format!("the adapter {what:?} does more at ")),
            "{error}"
        );
    }
}
