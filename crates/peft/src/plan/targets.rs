//! The layers that `target_modules` names.

use super::{
    Kind, Plan, Planned,
    modules_to_save::{biases, copies, shields, unknown},
};
use crate::{
    AdapterConfig, LoraConfig, PeftError, PromptTuningConfig,
    layers::LayerFilter,
    state::Role,
    targets::{TargetModules, ends_at_dot, nearest},
    traverse::{Anatomy, Holder, ParamSite},
};

/// A layer that can be named as a target.
struct Candidate<'a> {
    /// Its path.
    path: &'a str,
    /// The parameter that would carry the adapter.
    site: &'a ParamSite,
    /// Whether it is an embedding, a linear layer or a head without a weight.
    sort: Sort,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Linear,
    Embedding,
    TiedHead,
}

/// Everything that PEFT could wrap, in the module's order.
fn candidates(anatomy: &Anatomy) -> Vec<Candidate<'_>> {
    let mut found: Vec<Candidate> = anatomy
        .params
        .iter()
        .filter(|site| site.name == "weight" && site.shape.len() == 2)
        .filter_map(|site| {
            let sort = match site.holder {
                Holder::Linear => Sort::Linear,
                Holder::Embedding => Sort::Embedding,
                Holder::LayerNorm | Holder::Other => return None,
            };
            Some(Candidate {
                path: site.module(),
                site,
                sort,
            })
        })
        .collect();
    for tied in &anatomy.tied {
        if let Some(site) = anatomy.param(&tied.weight) {
            found.push(Candidate {
                path: &tied.head,
                site,
                sort: Sort::TiedHead,
            });
        }
    }
    found
}

/// Plans an adapter that sits on layers.
pub(super) fn layers(anatomy: &Anatomy, config: &AdapterConfig) -> Result<Plan, PeftError> {
    let candidates = candidates(anatomy);
    let (Some(rule), false) = (config.target_modules(), candidates.is_empty()) else {
        return Err(PeftError::NoLinear);
    };
    let targets = rule.compile("target_modules")?;
    let excluded = match config.exclude_modules() {
        Some(rule) => Some(rule.compile("exclude_modules")?),
        None => None,
    };
    let filter = LayerFilter::new(config.layers_to_transform(), config.layers_pattern())?;
    let ensure_tying = matches!(config, AdapterConfig::Lora(lora) if lora.ensure_weight_tying);

    let mut chosen: Vec<&Candidate> = Vec::new();
    // The setting that took a matching layer away, if one did.
    let mut withheld = None;
    for candidate in &candidates {
        let path = candidate.path;
        let excluded = match &excluded {
            Some(rule) => rule.matches(path)?,
            None => false,
        };
        let in_layers = match &filter {
            Some(filter) if !targets.spells_out(path) => filter.admits(path)?,
            _ => true,
        };
        let by_type = !rule.is_all_linear() || candidate.sort == Sort::Linear;
        if !by_type || !targets.matches(path)? {
            continue;
        }
        if excluded {
            withheld = Some("exclude_modules");
        } else if !in_layers {
            withheld = Some("layers_to_transform");
        } else if shields(config, path)? {
            withheld = Some("modules_to_save");
        } else {
            chosen.push(candidate);
        }
    }
    if let (true, Some(field)) = (chosen.is_empty(), withheld) {
        return Err(PeftError::InvalidSetting {
            field: field.into(),
            found: format!("withholding every layer that target_modules {rule} matches"),
            expected: "a setting that leaves at least one of them",
        });
    }
    if chosen.is_empty() {
        let paths: Vec<String> = candidates.iter().map(|c| c.path.into()).collect();
        return Err(PeftError::NoMatch {
            nearest: nearest(rule, &paths),
            targets: rule.clone(),
        });
    }
    let chosen = if ensure_tying {
        tie(anatomy, &candidates, chosen)
    } else {
        chosen
            .into_iter()
            .map(|candidate| (candidate, None))
            .collect()
    };

    let mut layers = Vec::new();
    let mut largest = [0, 0];
    for (candidate, tied) in chosen {
        let planned = plan_layer(candidate, tied, config)?;
        largest = [0, 1].map(|axis| usize::max(largest[axis], planned.dims[axis]));
        layers.push(planned);
    }
    let guards = ia3_guards(anatomy, &layers);
    let copies = copies(anatomy, config, ensure_tying);
    let free = |bias: &Planned| copies.iter().all(|copy| copy.param != bias.param);
    let biases: Vec<Planned> = biases(anatomy, config, &layers)
        .into_iter()
        .filter(free)
        .collect();
    layers.extend(guards.into_iter().chain(copies).chain(biases));
    let paths: Vec<&str> = candidates.iter().map(|c| c.path).collect();
    Ok(Plan {
        layers,
        unmatched: unmatched(rule, &paths),
        unknown: unknown(anatomy, config),
        largest,
    })
}

/// With `ensure_weight_tying`, an adapter of the embedding or of its head is
/// one of the embedding that the head follows
/// (`LoraModel._add_targets_to_tie` of PEFT 0.21).
fn tie<'a>(
    anatomy: &'a Anatomy,
    candidates: &'a [Candidate<'a>],
    chosen: Vec<&'a Candidate<'a>>,
) -> Vec<(&'a Candidate<'a>, Option<&'a str>)> {
    let head = |path: &str| anatomy.tied.iter().find(|tied| tied.weight == path);
    let mut result: Vec<(&Candidate, Option<&str>)> = Vec::new();
    for candidate in chosen {
        let head = head(&candidate.site.path).filter(|_| candidate.sort != Sort::Linear);
        let embedding = candidates
            .iter()
            .find(|other| other.sort == Sort::Embedding && other.site.path == candidate.site.path);
        match (embedding, head) {
            (Some(embedding), Some(head)) => {
                if result.iter().all(|(other, _)| other.path != embedding.path) {
                    result.push((embedding, Some(head.head.as_str())));
                }
            }
            _ => result.push((candidate, None)),
        }
    }
    result
}

/// What a chosen layer gets.
fn plan_layer(
    candidate: &Candidate,
    tied: Option<&str>,
    config: &AdapterConfig,
) -> Result<Planned, PeftError> {
    let Candidate { path, site, sort } = candidate;
    let kind = match config {
        AdapterConfig::Lora(lora) => {
            refuse_at_embedding(path, *sort, tied.is_some(), lora)?;
            Kind::Lora {
                rank: lora.rank(path)?,
                scale: lora.scale(path)?,
                dora: lora.use_dora,
                embedding: *sort == Sort::Embedding,
            }
        }
        _ if *sort != Sort::Linear => {
            return Err(PeftError::NotLinear {
                path: (*path).into(),
                method: config.peft_type(),
            });
        }
        AdapterConfig::Vera(vera) => Kind::Vera { rank: vera.r },
        AdapterConfig::Ia3(ia3) => Kind::Ia3 {
            feedforward: ia3.is_feedforward(path)?,
        },
        AdapterConfig::PromptTuning(_) => return Err(PeftError::NoLinear),
    };
    let mut dims = site.dims();
    if *sort == Sort::TiedHead {
        dims.reverse();
    }
    Ok(Planned {
        module: (*path).into(),
        param: site.path.clone(),
        role: match sort {
            Sort::TiedHead => Role::TiedHead,
            Sort::Linear | Sort::Embedding => Role::Parameter,
        },
        tied: tied.map(String::from),
        dims,
        device: site.device.clone(),
        kind,
    })
}

/// What has no meaning on an embedding, or on a head that is one.
fn refuse_at_embedding(
    path: &str,
    sort: Sort,
    tied: bool,
    lora: &LoraConfig,
) -> Result<(), PeftError> {
    let refuse = |field: &str, found: String, expected| {
        Err(PeftError::InvalidSetting {
            field: field.into(),
            found: format!("{found} at {path}"),
            expected,
        })
    };
    if lora.use_dora && (sort == Sort::TiedHead || tied) {
        let expected = "false for a head that is tied to the embedding";
        return refuse("use_dora", "true".into(), expected);
    }
    if lora.init_lora_weights.changes_base() && sort != Sort::Linear {
        let found = lora.init_lora_weights.to_string();
        let expected = "an initialisation that leaves an embedding as it is";
        return refuse("init_lora_weights", found, expected);
    }
    Ok(())
}

/// A guard for the bias of every layer whose output IA3 scales.
fn ia3_guards(anatomy: &Anatomy, layers: &[Planned]) -> Vec<Planned> {
    let scaled = layers
        .iter()
        .filter(|layer| matches!(layer.kind, Kind::Ia3 { feedforward: false }));
    scaled
        .filter_map(|layer| anatomy.param(&format!("{}.bias", layer.module)))
        .map(|site| Planned {
            kind: Kind::Ia3Bias,
            ..Planned::copy(site, String::new(), false)
        })
        .collect()
}

/// Plans virtual tokens, on the module's one embedding or the first of several.
pub(super) fn prompt(anatomy: &Anatomy, config: &PromptTuningConfig) -> Result<Plan, PeftError> {
    let Some(site) = anatomy.weights(Holder::Embedding).next() else {
        return Err(PeftError::NoEmbedding);
    };
    Ok(Plan {
        layers: vec![Planned {
            kind: Kind::Prompt {
                tokens: config.num_virtual_tokens,
            },
            ..Planned::copy(site, String::new(), false)
        }],
        unmatched: Vec::new(),
        unknown: Vec::new(),
        largest: [0, 0],
    })
}

/// The names of a list that match none of the paths.
fn unmatched(targets: &TargetModules, paths: &[&str]) -> Vec<String> {
    let TargetModules::Names(names) = targets else {
        return Vec::new();
    };
    let found = |name: &String| paths.iter().any(|path| ends_at_dot(path, name));
    names.iter().filter(|name| !found(name)).cloned().collect()
}
