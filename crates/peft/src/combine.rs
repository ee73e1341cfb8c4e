//! A new LoRA adapter out of several, by weight.
//!
//! Compared against `add_weighted_adapter` of PEFT 0.21
//! (`tuners/lora/model.py`).

use std::{collections::BTreeMap, sync::Arc};

use burn::{
    module::{Module, Param},
    nn::DropoutConfig,
    tensor::{DType, Tensor, TensorData},
};

use crate::{
    AdapterConfig, AdapterLayer, LoraConfig, LoraFactors, Pattern, PeftError, TargetModules,
    init::{self, Term},
    named::{check_known, check_new_name, entries, put},
    plan::{Field, Slot},
    state::{self, Adapters, Entry, Role, Status},
};

/// How adapters are combined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combination {
    /// The factors one beside the other: exactly `Σ wᵢ · Δᵢ`, at the sum of
    /// the ranks.
    Cat,
    /// `A = Σ ±√(wᵢ sᵢ) Aᵢ` and `B = Σ √(wᵢ sᵢ) Bᵢ`, for adapters of one rank.
    /// Their product holds mixed terms as well; it is PEFT's.
    Linear,
    /// The best approximation of `Σ wᵢ · Δᵢ` at this rank.
    Svd {
        /// The rank.
        rank: usize,
    },
}

/// Adds the adapter `name`, the weighted sum of others, inactive.
///
/// It is a plain LoRA adapter with `alpha = r`, so that its scale is 1. A
/// module that only some of the others adapt gets their part alone.
///
/// # Errors
///
/// A name that is taken, adapters that don't exist or are not plain LoRA, no
/// adapters at all, weights that are not finite, different ranks for
/// [`Combination::Linear`], and a rank above a layer's own for
/// [`Combination::Svd`].
pub fn combine_adapters<M: Module>(
    module: M,
    name: &str,
    parts: &[(&str, f64)],
    how: Combination,
) -> Result<M, PeftError> {
    let mut carried = state::read(&module);
    check_new_name(&carried, name)?;
    check_parts(&carried, parts)?;
    let mut combined: Vec<(String, Entry)> = Vec::new();
    for (path, adapters) in &carried {
        for role in [Role::Parameter, Role::TiedHead] {
            let sources: Vec<(&Entry, &LoraFactors, f64)> = parts
                .iter()
                .filter_map(|(part, weight)| {
                    let entry = adapters.find(part, role)?;
                    match &entry.layer {
                        AdapterLayer::Lora(lora) => Some((entry, lora, *weight)),
                        _ => None,
                    }
                })
                .collect();
            if let Some((first, _, _)) = sources.first() {
                if sources.iter().any(|(entry, _, _)| entry.tied != first.tied) {
                    return Err(PeftError::InvalidSetting {
                        field: "ensure_weight_tying".into(),
                        found: format!("different in the adapters of {}", first.module),
                        expected: "the same in all adapters that are combined",
                    });
                }
                let [a, b] = factors(&first.module, &sources, how)?;
                combined.push((path.clone(), new_entry(name, first, [a, b])));
            }
        }
    }
    let config = config(&carried, parts[0].0, &combined);
    for (path, mut entry) in combined {
        entry.config = config.clone();
        if let Some(adapters) = carried.get_mut(&path) {
            adapters.entries.push(entry);
        }
    }
    Ok(put(module, carried))
}

/// Refuses what is not a weighted sum of plain LoRA adapters.
fn check_parts(
    carried: &BTreeMap<String, Adapters>,
    parts: &[(&str, f64)],
) -> Result<(), PeftError> {
    if parts.is_empty() {
        return Err(PeftError::InvalidSetting {
            field: "adapters to combine".into(),
            found: "none".into(),
            expected: "at least one",
        });
    }
    for (part, weight) in parts {
        check_known(carried, part)?;
        if !weight.is_finite() {
            return Err(PeftError::InvalidSetting {
                field: format!("the weight of {part}"),
                found: weight.to_string(),
                expected: "a finite number",
            });
        }
        let plain = |entry: &Entry| match &entry.layer {
            AdapterLayer::Lora(lora) => lora.magnitude.is_none() && lora.initial.is_none(),
            _ => false,
        };
        let mut own = entries(carried).filter(|entry| entry.name == *part);
        if let Some(entry) = own.find(|entry| !plain(entry)) {
            return Err(PeftError::NotAdditive {
                name: (*part).into(),
                path: entry.module.clone(),
            });
        }
    }
    Ok(())
}

/// The new factors of one layer, at scale 1.
fn factors(
    path: &str,
    sources: &[(&Entry, &LoraFactors, f64)],
    how: Combination,
) -> Result<[Tensor<2>; 2], PeftError> {
    let plain = |param: &Param<Tensor<2>>| param.val().without_autodiff();
    match how {
        Combination::Cat => {
            let a = sources
                .iter()
                .map(|(_, lora, weight)| plain(&lora.a).mul_scalar(weight * lora.scale));
            let b = sources.iter().map(|(_, lora, _)| plain(&lora.b));
            Ok([Tensor::cat(a.collect(), 1), Tensor::cat(b.collect(), 0)])
        }
        Combination::Linear => {
            let rank = |lora: &LoraFactors| lora.a.lazy_shape()[1];
            let ranks: Vec<usize> = sources.iter().map(|(_, lora, _)| rank(lora)).collect();
            if ranks.iter().any(|rank| *rank != ranks[0]) {
                return Err(PeftError::RanksDiffer {
                    path: path.into(),
                    ranks,
                });
            }
            let sum = |parts: Vec<Tensor<2>>| parts.into_iter().reduce(|sum, part| sum + part);
            let a = sources.iter().map(|(_, lora, weight)| {
                let weight = weight * lora.scale;
                plain(&lora.a).mul_scalar(weight.abs().sqrt().copysign(weight))
            });
            let b = sources.iter().map(|(_, lora, weight)| {
                plain(&lora.b).mul_scalar((weight * lora.scale).abs().sqrt())
            });
            match (sum(a.collect()), sum(b.collect())) {
                (Some(a), Some(b)) => Ok([a, b]),
                _ => Err(PeftError::NotAdapted),
            }
        }
        Combination::Svd { rank } => {
            let host = |param: &Param<Tensor<2>>| -> Vec<f32> {
                plain(param)
                    .into_data()
                    .convert::<f32>()
                    .iter::<f32>()
                    .collect()
            };
            let values: Vec<(Vec<f32>, Vec<f32>)> = sources
                .iter()
                .map(|(_, lora, _)| (host(&lora.a), host(&lora.b)))
                .collect();
            let terms: Vec<Term> = sources
                .iter()
                .zip(&values)
                .map(|((_, lora, weight), (a, b))| Term {
                    weight: weight * lora.scale,
                    a,
                    b,
                })
                .collect();
            let lora = sources[0].1;
            let dims = [lora.a.lazy_shape()[0], lora.b.lazy_shape()[1]];
            let (a, b) = init::truncate_sum(path, dims, &terms, rank)?;
            let device = plain(&lora.a).device();
            let matrix = |values: Vec<f32>, shape: [usize; 2]| {
                Tensor::from_data(TensorData::new(values, shape), (&device, DType::F32))
            };
            Ok([matrix(a, [dims[0], rank]), matrix(b, [rank, dims[1]])])
        }
    }
}

/// An inactive entry like `like`, with other factors and without a
/// configuration of its own yet.
fn new_entry(name: &str, like: &Entry, [a, b]: [Tensor<2>; 2]) -> Entry {
    let rank = a.dims()[1];
    let autodiff = match &like.layer {
        AdapterLayer::Lora(lora) => lora.a.val().is_autodiff(),
        _ => false,
    };
    let param = |tensor: Tensor<2>| {
        let tensor = if autodiff {
            Tensor::from_inner(tensor)
        } else {
            tensor
        };
        Param::from_tensor(tensor).set_require_grad(false)
    };
    let slots = like.slots.iter().map(|slot| {
        let mut shape = slot.shape.clone();
        // The rank is the first axis of the file's A and the last of its B;
        // a head's side of a tied adapter has them the other way round.
        let axis = usize::from((slot.field == Field::B) != slot.mirror);
        shape[axis] = rank;
        Slot {
            shape,
            ..slot.clone()
        }
    });
    Entry {
        name: name.into(),
        status: Status::Inactive,
        slots: slots.collect(),
        layer: AdapterLayer::Lora(LoraFactors {
            a: param(a),
            b: param(b),
            magnitude: None,
            scale: 1.0,
            dropout: DropoutConfig::new(0.0).init(),
            initial: None,
        }),
        ..like.clone()
    }
}

/// Settings that name the combined layers, each with its rank as its alpha.
fn config(
    carried: &BTreeMap<String, Adapters>,
    first: &str,
    combined: &[(String, Entry)],
) -> Arc<AdapterConfig> {
    let ranks: Vec<(String, usize)> = combined
        .iter()
        .filter_map(|(_, entry)| match &entry.layer {
            AdapterLayer::Lora(lora) => Some((entry.module.clone(), lora.a.lazy_shape()[1])),
            _ => None,
        })
        .collect();
    let largest = ranks.iter().map(|(_, rank)| *rank).max().unwrap_or(1);
    let names = ranks.iter().map(|(path, _)| path.clone());
    let mut config = LoraConfig::new(TargetModules::names(names))
        .with_r(largest)
        .with_lora_alpha(largest as f64);
    let smaller: Vec<(String, usize)> = ranks
        .into_iter()
        .filter(|(_, rank)| *rank != largest)
        .collect();
    let alphas: Vec<(String, f64)> = smaller
        .iter()
        .map(|(path, rank)| (path.clone(), *rank as f64))
        .collect();
    config.rank_pattern = Pattern::new(smaller);
    config.alpha_pattern = Pattern::new(alphas);
    let first = entries(carried).find_map(|entry| match &*entry.config {
        AdapterConfig::Lora(lora) if entry.name == first => Some(lora),
        _ => None,
    });
    if let Some(first) = first {
        config.task_type.clone_from(&first.task_type);
        config
            .base_model_name_or_path
            .clone_from(&first.base_model_name_or_path);
        config.ensure_weight_tying = first.ensure_weight_tying;
    }
    Arc::new(AdapterConfig::Lora(config))
}
