//! Folding the active adapters into the weights, and taking them out again.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fmt,
    rc::Rc,
};

use burn::{
    module::Module,
    tensor::{DType, Tensor},
};

use crate::{
    AdapterLayer, PeftError,
    named::{check_unmerged, entries, put},
    state::{self, Adapters, Rewrite, Role, Status, columns},
    traverse::{Anatomy, TiedSite},
};

/// What rounding cost when adapters were merged.
///
/// A merged weight is `round(W + Δ)` in the weight's own type. Where `Δ` is
/// small beside `W`, little of it survives: in bf16, which has 8 bits, an
/// update below a 256th of the weight is lost entirely.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MergeReport {
    /// The merged parameters, by path.
    pub weights: Vec<MergedWeight>,
}

/// What rounding cost in one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct MergedWeight {
    /// The parameter's path.
    pub path: String,
    /// The largest `|(stored - W) - Δ|`.
    pub max_error: f64,
    /// `‖(stored - W) - Δ‖ / ‖Δ‖` (Frobenius): the share of the update that is
    /// lost. 0 where the update is zero.
    pub lost: f64,
}

impl MergeReport {
    /// The parameter that lost most of its update.
    pub fn worst(&self) -> Option<&MergedWeight> {
        self.weights.iter().max_by(|a, b| a.lost.total_cmp(&b.lost))
    }
}

impl fmt::Display for MergeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} weights merged", self.weights.len())?;
        match self.worst() {
            Some(worst) => write!(
                f,
                "; rounding lost at most {:.2e} of an update (largest error {:.2e}), in {}",
                worst.lost, worst.max_error, worst.path
            ),
            None => Ok(()),
        }
    }
}

/// Folds the active adapters into the weights and takes all adapters off
/// (PEFT's `merge_and_unload`).
///
/// The sum is taken in f32 and rounded once to the weight's own type. Packed
/// weights come out dense, in f32. The module is returned as
/// [`valid`](Module::valid) leaves it, for inference; its parameters stay
/// frozen if [`train`](Module::train) takes it back to training. The module
/// given is consumed: clone it first to keep the adapter (clones share their
/// weights).
///
/// # Errors
///
/// [`PeftError::NotAdapted`] where there is nothing to merge;
/// [`PeftError::Merged`] where an adapter is merged already;
/// [`PeftError::PromptMerge`] where a prompt is active, which is no part of
/// any weight;
/// [`PeftError::NonFinite`] with the layers whose merged weight holds NaN or
/// infinite values (the base may be the cause as well as the adapter);
/// [`PeftError::TiedHead`] where an adapter changes the embedding or the head
/// and not the other, which are one matrix.
pub fn merge<M: Module>(module: M) -> Result<(M, MergeReport), PeftError> {
    // `valid` first: a sum on the autodiff device would record a graph that no
    // backward ever frees.
    let module = module.valid();
    let carried = state::read(&module);
    let (module, folded) = fold(module, carried.clone(), false)?;
    let bare = carried.into_keys().map(|path| (path, Adapters::default()));
    Ok((state::drop_idle(put(module, bare.collect())), folded.report))
}

/// Folds the active adapters into the weights and keeps them on the module,
/// merged, until [`unmerge_adapter`] (PEFT's `merge_adapter`).
///
/// The weights as they were stay in memory meanwhile, so that unmerging gives
/// them back bit for bit; a subtraction could not, in bf16 least of all. A
/// record taken meanwhile holds the merged weights and the adapter: unmerge
/// first.
///
/// # Errors
///
/// As [`merge`]'s.
pub fn merge_adapter<M: Module>(module: M) -> Result<(M, MergeReport), PeftError> {
    let mut carried = state::read(&module);
    let (module, mut folded) = fold(module, carried.clone(), true)?;
    for (path, adapters) in &mut carried {
        adapters.unmerged = folded.originals.remove(path);
        for entry in &mut adapters.entries {
            if entry.status == Status::Active {
                let mut merged = entry.clone().switched(false);
                merged.status = Status::Merged;
                *entry = merged;
            }
        }
    }
    Ok((put(module, carried), folded.report))
}

/// Takes merged adapters out of the weights and makes them active again.
///
/// # Errors
///
/// [`PeftError::NotMerged`] where none is merged.
pub fn unmerge_adapter<M: Module>(module: M) -> Result<M, PeftError> {
    let mut carried = state::read(&module);
    if entries(&carried).all(|entry| entry.status != Status::Merged) {
        return Err(PeftError::NotMerged);
    }
    let mut rewrite = Rewrite::default();
    for (path, adapters) in &mut carried {
        if let Some(stored) = adapters.unmerged.take() {
            rewrite.bases.insert(path.clone(), stored);
        }
        for entry in &mut adapters.entries {
            if entry.status == Status::Merged {
                *entry = entry.clone().switched(true);
            }
        }
    }
    let module = rewrite.apply(module);
    Ok(put(module, carried))
}

/// Replaces every parameter that active adapters change, one after the other,
/// so that no second copy of the model is ever held unless `keep` asks for it.
fn fold<M: Module>(
    module: M,
    carried: BTreeMap<String, Adapters>,
    keep: bool,
) -> Result<(M, Fold), PeftError> {
    check_unmerged(&carried)?;
    let active = || entries(&carried).filter(|entry| entry.status == Status::Active);
    if active().next().is_none() {
        return Err(PeftError::NotAdapted);
    }
    if let Some(entry) = active().find(|entry| matches!(entry.layer, AdapterLayer::Prompt(_))) {
        return Err(PeftError::PromptMerge {
            name: entry.name.clone(),
        });
    }
    refuse_half_of_tied(&Anatomy::of(&module).tied, &carried)?;
    let carried = carried.into_iter();
    let fold = Rc::new(RefCell::new(Fold {
        carried: carried
            .map(|(path, a)| (path, a.without_autodiff()))
            .collect(),
        keep,
        originals: HashMap::new(),
        report: MergeReport::default(),
        broken: Vec::new(),
    }));
    let rewrite = Rewrite {
        fold: Some(fold.clone()),
        ..Rewrite::default()
    };
    let module = rewrite.apply(module);
    let folded = fold.take();
    if folded.broken.is_empty() {
        Ok((module, folded))
    } else {
        Err(PeftError::NonFinite {
            tensors: folded.broken,
        })
    }
}

/// A merge under way.
#[derive(Default)]
pub(crate) struct Fold {
    carried: BTreeMap<String, Adapters>,
    /// Whether the values as they were are kept.
    keep: bool,
    originals: HashMap<String, Tensor<1>>,
    report: MergeReport,
    /// Parameters whose merged values are not finite.
    broken: Vec<String>,
}

impl Fold {
    /// The merged value of a parameter, `None` where no adapter changes it.
    pub(crate) fn value<const D: usize>(
        &mut self,
        path: &str,
        stored: &Tensor<D>,
    ) -> Option<Tensor<D>> {
        let adapters = self.carried.get(path)?;
        adapters.acting().next()?;
        let stored = stored.clone().without_autodiff();
        let shape = stored.shape();
        let (dtype, dense) = match stored.dtype() {
            DType::QFloat(_) => (DType::F32, stored.clone().dequantize()),
            dtype => (dtype, stored.clone()),
        };
        let wide = columns(dense.cast(DType::F32));
        let whole = match ia3_of_bias(path, adapters, &self.carried) {
            Some(ia3) => wide.clone() * ia3.scales.val().unsqueeze_dim(0),
            None => adapters.composed(wide.clone()),
        };
        let kept = whole.clone().cast(dtype);
        if !kept.clone().is_finite().all().into_scalar::<bool>() {
            self.broken.push(path.into());
            return None;
        }
        let update = adapters.sum_of_deltas(wide.dims());
        let update = update.unwrap_or_else(|| whole - wide.clone());
        self.report
            .weights
            .push(cost(path, wide, update, kept.clone()));
        if self.keep {
            let count = shape.num_elements();
            self.originals.insert(path.into(), stored.reshape([count]));
        }
        Some(kept.reshape(shape))
    }
}

/// The scales of the weight that this bias belongs to.
fn ia3_of_bias<'a>(
    path: &str,
    adapters: &Adapters,
    carried: &'a BTreeMap<String, Adapters>,
) -> Option<&'a crate::Ia3Vector> {
    let mut acting = adapters.acting();
    acting.find(|entry| matches!(entry.layer, AdapterLayer::Ia3Bias(_)))?;
    let weight = format!("{}.weight", path.strip_suffix(".bias")?);
    let mut acting = carried.get(&weight)?.acting();
    acting.find_map(|entry| match &entry.layer {
        AdapterLayer::Ia3(ia3) if entry.status == Status::Active => Some(ia3),
        _ => None,
    })
}

/// What rounding `base + update` to `kept` cost of the update.
fn cost(path: &str, base: Tensor<2>, update: Tensor<2>, kept: Tensor<2>) -> MergedWeight {
    let kept = kept.cast(DType::F32);
    let norm = |tensor: Tensor<2>| f64::from((tensor.clone() * tensor).sum().into_scalar::<f32>());
    let error = (kept - base) - update.clone();
    let update = norm(update);
    let lost = norm(error.clone());
    MergedWeight {
        path: path.into(),
        max_error: f64::from(error.abs().max().into_scalar::<f32>()),
        lost: if update > 0.0 {
            (lost / update).sqrt()
        } else {
            0.0
        },
    }
}

/// An embedding that is also the head can only be merged where both change
/// alike.
fn refuse_half_of_tied(
    heads: &[TiedSite],
    carried: &BTreeMap<String, Adapters>,
) -> Result<(), PeftError> {
    for tied in heads {
        let Some(adapters) = carried.get(&tied.weight) else {
            continue;
        };
        let one_sided = adapters.entries.iter().find(|entry| {
            let changes =
                entry.status == Status::Active && !matches!(entry.layer, AdapterLayer::Prompt(_));
            changes && (entry.role == Role::TiedHead || !entry.tied)
        });
        if let Some(entry) = one_sided {
            return Err(PeftError::TiedHead {
                name: entry.name.clone(),
                module: entry.module.clone(),
                head: tied.head.clone(),
                weight: tied.weight.clone(),
            });
        }
    }
    Ok(())
}
