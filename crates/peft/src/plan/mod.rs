//! What a configuration means for a module: which parameters get which
//! trained values.
//!
//! Everything is decided here, before anything is changed, so that a refusal
//! leaves nothing half attached.

mod modules_to_save;
mod slot;
mod targets;

pub(crate) use slot::{Field, Slot};

use burn::tensor::Device;

use crate::{
    AdapterConfig, PeftError,
    state::Role,
    tensors::PREFIX,
    traverse::{Anatomy, ParamSite},
};

/// Trained values to be put on a parameter.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The path of what is adapted, as PEFT's file has it.
    pub module: String,
    /// The path of the parameter that carries the values.
    pub param: String,
    /// What the parameter is to the adapter.
    pub role: Role,
    /// The path of the tied head that follows the embedding, if one does.
    pub tied: Option<String>,
    /// Input and output features, in the role's sense.
    pub dims: [usize; 2],
    /// Where the parameter lies.
    pub device: Device,
    /// The method's part.
    pub kind: Kind,
}

/// What is put on a parameter.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Low-rank factors.
    Lora {
        /// The rank.
        rank: usize,
        /// The factor of the update.
        scale: f64,
        /// Whether the magnitude is trained apart.
        dora: bool,
        /// Whether the parameter is an embedding's, and the update its own.
        embedding: bool,
    },
    /// VeRA's vectors.
    Vera {
        /// The rank.
        rank: usize,
    },
    /// IA3's scales.
    Ia3 {
        /// Whether the input is scaled.
        feedforward: bool,
    },
    /// The guard of a bias.
    Ia3Bias,
    /// A trained copy.
    Replacement {
        /// The parameter's axes in PEFT's file.
        shape: Vec<usize>,
        /// Whether the file holds the transpose.
        transpose: bool,
        /// The tensor's name in the file.
        key: String,
        /// Whether `bias` asks for it and not `modules_to_save`.
        bias: bool,
    },
    /// Virtual tokens.
    Prompt {
        /// How many.
        tokens: usize,
    },
}

/// What a configuration means for a module.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What is adapted, in the module's order; at least one.
    pub layers: Vec<Planned>,
    /// Names in `target_modules` that match nothing.
    pub unmatched: Vec<String>,
    /// Names in `modules_to_save` that end no module's path, each with the
    /// nearest that exist.
    pub unknown: Vec<(String, Vec<String>)>,
    /// Input and output features of VeRA's shared projections.
    pub largest: [usize; 2],
}

impl Plan {
    /// Finds everything that a configuration names in a module taken apart.
    pub(crate) fn new(anatomy: &Anatomy, config: &AdapterConfig) -> Result<Self, PeftError> {
        config.validate()?;
        let plan = match config {
            AdapterConfig::PromptTuning(config) => targets::prompt(anatomy, config)?,
            _ => targets::layers(anatomy, config)?,
        };
        // Also one on a parameter that is no target: it would go on training
        // beside the adapter, unfrozen and unsaved.
        if let Some(site) = anatomy.params.iter().find(|site| site.foreign) {
            return Err(PeftError::ForeignReparameterization {
                path: site.path.clone(),
            });
        }
        plan.refuse_overlap()?;
        Ok(plan)
    }

    /// A module that is trained whole and holds an adapted layer: PEFT puts the
    /// adapter on the copy, and some of its versions refuse to.
    fn refuse_overlap(&self) -> Result<(), PeftError> {
        let copied = |planned: &&Planned| matches!(planned.kind, Kind::Replacement { .. });
        for copy in self.layers.iter().filter(copied) {
            let same = |other: &&Planned| other.param == copy.param && other.role == copy.role;
            if let Some(layer) = self.layers.iter().filter(same).find(|other| !copied(other))
                && !matches!(layer.kind, Kind::Ia3Bias)
            {
                return Err(PeftError::InvalidSetting {
                    field: "modules_to_save".into(),
                    found: format!("a module that holds {}, which is adapted", layer.module),
                    expected: "modules without adapted layers in them",
                });
            }
        }
        Ok(())
    }

    /// Refuses names in `modules_to_save` that end no module's path: they
    /// would train nothing, which nobody asks for.
    pub(crate) fn refuse_unknown(&self) -> Result<(), PeftError> {
        match self.unknown.first() {
            Some((name, nearest)) => Err(PeftError::NoSuchModule {
                name: name.clone(),
                nearest: nearest.clone(),
            }),
            None => Ok(()),
        }
    }

    /// The paths of what low-rank factors, scales or vectors are put on.
    pub(crate) fn adapted(&self) -> impl Iterator<Item = &str> {
        let layers = self.layers.iter();
        layers
            .filter(|planned| !matches!(planned.kind, Kind::Replacement { .. } | Kind::Ia3Bias))
            .map(|planned| planned.module.as_str())
    }
}

impl Planned {
    /// A trained copy of a parameter.
    fn copy(site: &ParamSite, key: String, transpose: bool) -> Self {
        let mut shape = site.shape.clone();
        if transpose {
            shape.reverse();
        }
        Self {
            module: site.module().into(),
            param: site.path.clone(),
            role: Role::Parameter,
            tied: None,
            dims: site.dims(),
            device: site.device.clone(),
            kind: Kind::Replacement {
                shape,
                transpose,
                key,
                bias: false,
            },
        }
    }

    /// Whether it is the copy of a bias, which `modules_to_save` does not name.
    pub(crate) fn is_bias(&self) -> bool {
        matches!(&self.kind, Kind::Replacement { bias: true, .. })
    }

    /// PEFT's name of a tensor of the adapted module.
    fn key(&self, suffix: &str) -> String {
        format!("{PREFIX}{}.{suffix}", self.module)
    }
}
