//! What is trained as a whole: `modules_to_save` and biases.
//!
//! Compared against `_set_trainable` (`utils/other.py`) and
//! `_mark_only_adapters_as_trainable` of PEFT 0.21.

use std::collections::BTreeSet;

use super::{Kind, Planned};
use crate::{
    AdapterConfig, Bias, PeftError,
    state::Role,
    targets::{TargetModules, compile, nearest},
    tensors::PREFIX,
    traverse::{Anatomy, Holder, ParamSite},
};

/// The paths of the modules that lie on the way to a parameter, outermost
/// first.
fn modules(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('.').map(|(dot, _)| &path[..dot])
}

/// Whether a module is one of `modules_to_save`: a name is the end of its
/// path, at a dot or not.
fn saved(config: &AdapterConfig, module: &str) -> bool {
    let mut names = config.modules_to_save().iter();
    names.any(|name| module.ends_with(name.as_str()))
}

/// Whether `modules_to_save` keeps adapters off a path; PEFT reads its names
/// as expressions for segments here.
pub(super) fn shields(config: &AdapterConfig, path: &str) -> Result<bool, PeftError> {
    for name in config.modules_to_save() {
        let anchored = format!(r"\A(?:|.*\.)(?:{name})(?:\z|\..*)");
        let regex = compile("modules_to_save", name, &anchored)?;
        let found = regex.is_match(path).map_err(|source| PeftError::Pattern {
            field: "modules_to_save",
            pattern: name.clone(),
            source: Box::new(source),
        })?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Copies of everything in `modules_to_save`.
pub(super) fn copies(
    anatomy: &Anatomy,
    config: &AdapterConfig,
    ensure_weight_tying: bool,
) -> Vec<Planned> {
    let mut planned = Vec::new();
    let linear = |site: &ParamSite| site.holder == Holder::Linear && site.shape.len() == 2;
    for site in &anatomy.params {
        if modules(&site.path).any(|module| saved(config, module)) {
            let mut copy = Planned::copy(site, site.key(), linear(site));
            let tied = anatomy.tied.iter().find(|tied| tied.weight == site.path);
            copy.tied = tied
                .filter(|_| ensure_weight_tying)
                .map(|tied| tied.head.clone());
            planned.push(copy);
        }
    }
    for tied in &anatomy.tied {
        let follows = planned
            .iter()
            .any(|copy| copy.tied.is_some() && copy.param == tied.weight);
        let Some(site) = anatomy.param(&tied.weight) else {
            continue;
        };
        if saved(config, &tied.head) && !follows {
            // The head's weight is [vocabulary, hidden] in PEFT's file, as the
            // embedding is.
            planned.push(if ensure_weight_tying {
                Planned {
                    tied: Some(tied.head.clone()),
                    ..Planned::copy(site, site.key(), false)
                }
            } else {
                Planned {
                    module: tied.head.clone(),
                    role: Role::TiedHead,
                    ..Planned::copy(site, format!("{PREFIX}{}.weight", tied.head), false)
                }
            });
        }
    }
    planned
}

/// The names that no module ends with, each with the nearest that exist.
///
/// PEFT's own files have them: for a classifier it writes both names that such
/// a head has in some model.
pub(super) fn unknown(anatomy: &Anatomy, config: &AdapterConfig) -> Vec<(String, Vec<String>)> {
    let paths: BTreeSet<&str> = anatomy
        .params
        .iter()
        .flat_map(|site| modules(&site.path))
        .chain(anatomy.tied.iter().map(|tied| tied.head.as_str()))
        .collect();
    let all: Vec<String> = paths.iter().map(|path| (*path).into()).collect();
    let names = config.modules_to_save().iter();
    names
        .filter(|name| !paths.iter().any(|path| path.ends_with(name.as_str())))
        .map(|name| {
            (
                name.clone(),
                nearest(&TargetModules::names([name.as_str()]), &all),
            )
        })
        .collect()
}

/// Copies of the biases that the configuration trains; `adapted` are the
/// layers that PEFT wraps, whose biases move to `base_layer`.
pub(super) fn biases(
    anatomy: &Anatomy,
    config: &AdapterConfig,
    adapted: &[Planned],
) -> Vec<Planned> {
    let wrapped = |site: &ParamSite| adapted.iter().any(|layer| layer.module == site.module());
    let biases = anatomy
        .params
        .iter()
        .filter(|site| site.peft_name() == "bias");
    biases
        .filter(|site| match config.bias() {
            Bias::None => false,
            Bias::All => true,
            Bias::LoraOnly => wrapped(site),
        })
        .map(|site| {
            let inner = if wrapped(site) {
                "base_layer.bias"
            } else {
                "bias"
            };
            let key = format!("{PREFIX}{}.{inner}", site.module());
            let mut copy = Planned::copy(site, key, false);
            if let Kind::Replacement { bias, .. } = &mut copy.kind {
                *bias = true;
            }
            copy
        })
        .collect()
}
