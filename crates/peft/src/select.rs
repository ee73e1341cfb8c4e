//! Which layers of a module a configuration adapts, and how.

use burn::module::Module;

use crate::{
    LoraConfig, PeftError,
    layers::LayerFilter,
    targets::{TargetModules, ends_at_dot, nearest},
    traverse::{LinearSite, linears},
};

/// A layer to adapt, and how.
pub(crate) struct PlannedLayer {
    /// The layer.
    pub site: LinearSite,
    /// The adapter's rank.
    pub rank: usize,
    /// The factor of the update.
    pub scale: f64,
}

/// What a configuration means for a module.
pub(crate) struct Plan {
    /// The layers to adapt, in the module's order; at least one.
    pub layers: Vec<PlannedLayer>,
    /// Names that match nothing.
    pub unmatched: Vec<String>,
    /// Probability of dropping an input of an adapter.
    pub dropout: f64,
}

/// Finds the layers that a configuration names, all of them still bare.
pub(crate) fn plan<M: Module>(module: &M, config: &LoraConfig) -> Result<Plan, PeftError> {
    let plan = select(module, config)?;
    match plan.layers.iter().find(|layer| layer.site.adapted) {
        Some(layer) => Err(PeftError::AlreadyAdapted {
            path: layer.site.path.clone(),
        }),
        None => Ok(plan),
    }
}

/// Finds the layers that a configuration names, adapted or not.
pub(crate) fn select<M: Module>(module: &M, config: &LoraConfig) -> Result<Plan, PeftError> {
    config.validate()?;
    let sites = linears(module);
    if sites.is_empty() {
        return Err(PeftError::NoLinear);
    }
    let targets = config.target_modules.compile("target_modules")?;
    let excluded = match &config.exclude_modules {
        Some(rule) => Some(rule.compile("exclude_modules")?),
        None => None,
    };
    let filter = LayerFilter::new(config)?;
    let paths: Vec<String> = sites.iter().map(|site| site.path.clone()).collect();

    let mut layers = Vec::new();
    for site in sites {
        let path = site.path.as_str();
        let excluded = match &excluded {
            Some(rule) => rule.matches(path)?,
            None => false,
        };
        let in_layers = match &filter {
            Some(filter) if !targets.spells_out(path) => filter.admits(path)?,
            _ => true,
        };
        if !excluded && in_layers && targets.matches(path)? {
            layers.push(PlannedLayer {
                rank: config.rank(path)?,
                scale: config.scale(path)?,
                site,
            });
        }
    }
    if layers.is_empty() {
        return Err(PeftError::NoMatch {
            nearest: nearest(&config.target_modules, &paths),
            targets: config.target_modules.clone(),
        });
    }
    Ok(Plan {
        layers,
        unmatched: unmatched(&config.target_modules, &paths),
        dropout: config.lora_dropout,
    })
}

/// The names of a list that match none of the paths.
fn unmatched(targets: &TargetModules, paths: &[String]) -> Vec<String> {
    let TargetModules::Names(names) = targets else {
        return Vec::new();
    };
    let found = |name: &String| paths.iter().any(|path| ends_at_dot(path, name));
    names.iter().filter(|name| !found(name)).cloned().collect()
}
