//! Plain factors of one rank, whose scale is part of `B`.
//!
//! Every reader of PEFT's files computes `lora_alpha / r · B · A` for an
//! adapter without patterns and without rank-stabilised LoRA. Here an adapter
//! is rewritten so that this is 1 everywhere: `B` takes the scale, and zeros
//! fill lower ranks up to the highest.

use std::collections::BTreeMap;

use crate::{Bias, InitLoraWeights, LoraConfig, PeftError, TargetModules, pattern::Pattern};

/// What to do where the adapter can be merged.
pub(crate) const MERGE: &str = "merge the adapter and save the model instead";
/// What to do where it can't.
pub(crate) const BESIDE: &str = "save the adapter as it is, for PEFT";

/// The factors of one layer, in burn's layout and row-major order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Factors {
    /// `A`, `[d_input, rank]`.
    pub a: Vec<f32>,
    /// `B`, `[rank, d_output]`.
    pub b: Vec<f32>,
    /// Size of the layer's input.
    pub d_input: usize,
    /// Size of the layer's output.
    pub d_output: usize,
    /// The adapter's rank.
    pub rank: usize,
    /// The factor `s` of `s · A · B`.
    pub scale: f64,
}

/// The same update in a form that every reader computes alike.
///
/// `target_modules` is the list that names the layers, and no others, in the
/// model. `s · A · B` is unchanged but for one rounding of each value of `B`,
/// which is none where `s` is a power of two.
///
/// # Errors
///
/// [`PeftError::NotBakeable`] for what factors alone cannot say: DoRA, trained
/// biases, modules saved whole, and a base that PiSSA or OLoRA changed; and
/// [`PeftError::NonFinite`] where a scaled value leaves the range of f32.
pub(crate) fn bake(
    config: &LoraConfig,
    target_modules: TargetModules,
    layers: BTreeMap<String, Factors>,
) -> Result<(LoraConfig, BTreeMap<String, Factors>), PeftError> {
    refuse(config)?;
    let rank = layers.values().map(|f| f.rank).max().unwrap_or(config.r);
    let layers: BTreeMap<_, _> = layers
        .into_iter()
        .map(|(path, factors)| (path, factors.baked(rank)))
        .collect();
    let broken = layers
        .iter()
        .filter(|(_, f)| !f.b.iter().all(|value| value.is_finite()));
    let broken: Vec<String> = broken.map(|(path, _)| path.clone()).collect();
    if !broken.is_empty() {
        return Err(PeftError::NonFinite { tensors: broken });
    }
    let config = LoraConfig {
        r: rank,
        lora_alpha: rank as f64,
        use_rslora: false,
        rank_pattern: Pattern::default(),
        alpha_pattern: Pattern::default(),
        target_modules,
        exclude_modules: None,
        layers_to_transform: None,
        layers_pattern: None,
        modules_to_save: None,
        init_lora_weights: InitLoraWeights::Kaiming,
        ensure_weight_tying: false,
        ..config.clone()
    };
    Ok((config, layers))
}

/// Refuses what the factors do not hold.
fn refuse(config: &LoraConfig) -> Result<(), PeftError> {
    let whole = config.modules_to_save.as_deref().unwrap_or_default();
    let refused = if config.use_dora {
        ("use_dora", "true".to_string())
    } else if config.bias != Bias::None {
        ("bias", format!("{:?}", config.bias.name()))
    } else if !whole.is_empty() {
        ("modules_to_save", format!("{whole:?}"))
    } else if config.init_lora_weights.changes_base() {
        ("init_lora_weights", config.init_lora_weights.to_string())
    } else {
        return Ok(());
    };
    let (field, found) = refused;
    Err(PeftError::NotBakeable {
        field,
        found,
        advice: MERGE,
    })
}

impl Factors {
    /// With the scale in `B`, and zeros up to this rank.
    fn baked(self, rank: usize) -> Self {
        let mut a = Vec::with_capacity(self.d_input * rank);
        for row in self.a.chunks_exact(self.rank) {
            a.extend_from_slice(row);
            a.resize(a.len() + rank - self.rank, 0.0);
        }
        // In f64, so that the product is rounded once.
        let scaled = self.b.iter().map(|&b| (f64::from(b) * self.scale) as f32);
        let mut b: Vec<f32> = scaled.collect();
        b.resize(rank * self.d_output, 0.0);
        Self {
            a,
            b,
            rank,
            scale: 1.0,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use anneal_testkit::hashed;

    use super::*;

    fn factors(d_input: usize, rank: usize, d_output: usize, scale: f64) -> Factors {
        Factors {
            a: hashed("bake.a", d_input * rank),
            b: hashed("bake.b", rank * d_output),
            d_input,
            d_output,
            rank,
            scale,
        }
    }

    /// `s · A · B`, `[d_input, d_output]`, summed in f64 over the ranks in order.
    fn delta(f: &Factors) -> Vec<f64> {
        let at = |i: usize, j: usize| -> f64 {
            let terms = (0..f.rank)
                .map(|k| f64::from(f.a[i * f.rank + k]) * f64::from(f.b[k * f.d_output + j]));
            terms.sum::<f64>() * f.scale
        };
        let rows = 0..f.d_input;
        rows.flat_map(|i| (0..f.d_output).map(move |j| at(i, j)))
            .collect()
    }

    fn names() -> TargetModules {
        TargetModules::names(["q", "v"])
    }

    #[test]
    fn the_update_stays_and_every_scale_is_one() {
        let config = LoraConfig::new(TargetModules::Pattern(".*".into()))
            .with_r(5)
            .with_lora_alpha(7.0)
            .with_lora_dropout(0.1)
            .with_use_rslora(true)
            .with_rank_pattern(Pattern::new([("q", 2)]))
            .with_alpha_pattern(Pattern::new([("q", 9.0)]))
            .with_exclude_modules(TargetModules::names(["k"]))
            .with_base_model("a/b");
        let before = BTreeMap::from([
            (
                "0.q".to_string(),
                factors(7, 2, 3, config.scale("0.q").unwrap()),
            ),
            (
                "0.v".to_string(),
                factors(4, 5, 6, config.scale("0.v").unwrap()),
            ),
        ]);
        let (baked, after) = bake(&config, names(), before.clone()).unwrap();
        baked.validate().unwrap();
        let expected = LoraConfig::new(names())
            .with_r(5)
            .with_lora_alpha(5.0)
            .with_lora_dropout(0.1)
            .with_base_model("a/b");
        assert_eq!(baked, expected);
        for (path, factors) in &after {
            assert_eq!(baked.rank(path).unwrap(), factors.rank);
            assert_eq!((baked.scale(path).unwrap(), factors.scale), (1.0, 1.0));
            assert_eq!(factors.a.len(), factors.d_input * 5);
            // Each value of `B` is rounded once: half an ulp of at most 0.5 · s
            // for each rank, times an `A` of at most 0.5.
            let bound = 5.0 * 0.25 * before[path].scale * f64::from(f32::EPSILON);
            for (got, want) in delta(factors).iter().zip(delta(&before[path])) {
                assert!(
                    (got - want).abs() <= bound,
                    "{path}: {got} instead of {want}"
                );
            }
        }
    }

    #[test]
    fn a_power_of_two_changes_no_bit() {
        let config = LoraConfig::default().with_r(3).with_lora_alpha(6.0);
        let before = factors(4, 3, 5, config.scale("q").unwrap());
        assert_eq!(before.scale, 2.0);
        let layers = BTreeMap::from([("q".to_string(), before.clone())]);
        let (_, after) = bake(&config, names(), layers).unwrap();
        assert_eq!(delta(&after["q"]), delta(&before));
        assert_eq!(after["q"].a, before.a);
    }

    #[test]
    fn what_factors_cannot_say_is_refused() {
        for (config, start) in [
            (
                LoraConfig::default().with_use_dora(true),
                "use_dora is true",
            ),
            (
                LoraConfig::default().with_bias(Bias::All),
                "bias is \"all\"",
            ),
            (
                LoraConfig::default().with_modules_to_save(["head"]),
                "modules_to_save is [\"head\"]",
            ),
            (
                LoraConfig::default().with_init_lora_weights(InitLoraWeights::Olora),
                "init_lora_weights is olora",
            ),
        ] {
            let error = bake(&config, names(), BTreeMap::new()).unwrap_err();
            let end = format!("which low-rank factors alone cannot say; {MERGE}");
            assert_eq!(error.to_string(), format!("{start}, {end}"));
        }
    }

    #[test]
    fn a_scale_that_overflows_is_refused() {
        let mut layer = factors(2, 1, 2, 1e39);
        layer.b = vec![0.5, -0.5];
        let layers = BTreeMap::from([("q".to_string(), layer)]);
        let error = bake(&LoraConfig::default(), names(), layers).unwrap_err();
        assert_eq!(error.to_string(), "NaN or infinite values in q");
    }
}
