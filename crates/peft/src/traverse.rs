//! What any burn module is made of: its parameters, layers and tied heads.
//!
//! burn's traversal names every parameter by its path and tells the type that
//! holds it, which is all that is needed to find `Linear` in a module that
//! knows nothing of adapters.

use std::any::Any;

use burn::{
    module::{Module, ModuleVisitor, Param, Reparameterization},
    tensor::{Device, Tensor},
};

use crate::{
    Adapters,
    head::{TIED_HEAD, TIED_WEIGHT},
    tensors::PREFIX,
};

/// How burn's traversal calls the type [`burn::nn::Linear`].
const LINEAR: &str = "Struct:Linear";
/// How it calls [`burn::nn::Embedding`].
const EMBEDDING: &str = "Struct:Embedding";

/// How it calls [`burn::nn::LayerNorm`].
const LAYER_NORM: &str = "Struct:LayerNorm";

/// How it calls burn's norms.
const NORMS: [&str; 5] = [
    "Struct:LayerNorm",
    "Struct:RmsNorm",
    "Struct:BatchNorm",
    "Struct:GroupNorm",
    "Struct:InstanceNorm",
];

/// What holds a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// A linear layer.
    Linear,
    /// An embedding.
    Embedding,
    /// A layer norm.
    LayerNorm,
    /// Anything else.
    Other,
}

/// A parameter of a module.
#[derive(Debug, Clone)]
pub(crate) struct ParamSite {
    /// Its path, as in a state dict: `model.layers.0.self_attn.q_proj.weight`.
    pub path: String,
    /// Its last segment: `weight`, `bias`.
    pub name: String,
    /// What holds it.
    pub holder: Holder,
    /// Whether one of burn's norms does, which call their values `gamma` and
    /// `beta`.
    pub norm: bool,
    /// Its axes, as burn holds them.
    pub shape: Vec<usize>,
    /// Where it lies.
    pub device: Device,
    /// A matrix's own values, without adapters.
    pub matrix: Option<Param<Tensor<2>>>,
    /// A vector's own values.
    pub vector: Option<Param<Tensor<1>>>,
    /// Whether a reparameterization that is not this crate's sits on it.
    pub foreign: bool,
}

impl ParamSite {
    /// The path of what holds it.
    pub(crate) fn module(&self) -> &str {
        self.path
            .strip_suffix(self.name.as_str())
            .and_then(|path| path.strip_suffix('.'))
            .unwrap_or("")
    }

    /// The last segment as PyTorch calls it, for the norms that burn names
    /// otherwise.
    pub(crate) fn peft_name(&self) -> &str {
        match (self.norm, self.name.as_str()) {
            (true, "gamma") => "weight",
            (true, "beta") => "bias",
            (_, name) => name,
        }
    }

    /// PEFT's name of the whole parameter.
    pub(crate) fn key(&self) -> String {
        let module = self.module();
        let dot = if module.is_empty() { "" } else { "." };
        format!("{PREFIX}{module}{dot}{}", self.peft_name())
    }

    /// Input and output features of a layer's weight.
    pub(crate) fn dims(&self) -> [usize; 2] {
        match self.shape.as_slice() {
            [d_input, d_output] => [*d_input, *d_output],
            other => [other.iter().product(), 1],
        }
    }
}

/// A head that is an embedding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TiedSite {
    /// The head's path.
    pub head: String,
    /// The path of the embedding's parameter.
    pub weight: String,
}

/// A module's parameters in its own order, those of adapters left out, and
/// its tied heads.
#[derive(Debug, Default)]
pub(crate) struct Anatomy {
    /// The parameters.
    pub params: Vec<ParamSite>,
    /// The tied heads.
    pub tied: Vec<TiedSite>,
}

impl Anatomy {
    /// Takes a module apart.
    pub(crate) fn of<M: Module>(module: &M) -> Self {
        let mut finder = Finder::default();
        module.visit(&mut finder);
        finder.anatomy
    }

    /// The weights of layers of a kind.
    pub(crate) fn weights(&self, holder: Holder) -> impl Iterator<Item = &ParamSite> {
        self.params.iter().filter(move |site| {
            site.holder == holder && site.name == "weight" && site.shape.len() == 2
        })
    }

    /// The parameter of a path.
    pub(crate) fn param(&self, path: &str) -> Option<&ParamSite> {
        self.params.iter().find(|site| site.path == path)
    }
}

/// Notes parameters on the way through a module.
#[derive(Default)]
struct Finder {
    /// Name and holder's type of each segment of the current path.
    stack: Vec<(String, String)>,
    /// How many reparameterizations the traversal is inside of.
    nested: usize,
    anatomy: Anatomy,
}

impl Finder {
    /// The current path, without its last `tail` segments.
    fn path(&self, tail: usize) -> String {
        let names = &self.stack[..self.stack.len().saturating_sub(tail)];
        let names: Vec<&str> = names.iter().map(|(name, _)| name.as_str()).collect();
        names.join(".")
    }

    /// A path that begins where the current field's holder does.
    fn beside(&self, relative: &str, tail: usize) -> String {
        let prefix = self.path(tail);
        if prefix.is_empty() {
            relative.into()
        } else {
            format!("{prefix}.{relative}")
        }
    }
}

impl ModuleVisitor for Finder {
    fn enter_module(&mut self, name: &str, container_type: &str) {
        self.stack.push((name.into(), container_type.into()));
        match container_type {
            "Reparameterization" => {
                // The parameter was visited just before.
                self.nested += 1;
                if let Some(site) = self.anatomy.params.last_mut() {
                    site.foreign |= self.nested == 1 && name != Adapters::NAME;
                }
            }
            TIED_WEIGHT => {
                // On the stack: the field, the head's name, the weight's name.
                if let [.., (head, holder), _] = self.stack.as_slice()
                    && holder == TIED_HEAD
                {
                    let site = TiedSite {
                        head: self.beside(head, 3),
                        weight: self.beside(name, 3),
                    };
                    self.anatomy.tied.push(site);
                }
            }
            _ => {}
        }
    }

    fn exit_module(&mut self, _name: &str, container_type: &str) {
        self.stack.pop();
        if container_type == "Reparameterization" {
            self.nested -= 1;
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.nested > 0 {
            return;
        }
        let (name, holder) = match self.stack.last() {
            Some((name, holder)) => (name.clone(), holder.as_str()),
            None => return,
        };
        let norm = NORMS.contains(&holder);
        let holder = match holder {
            LINEAR => Holder::Linear,
            EMBEDDING => Holder::Embedding,
            LAYER_NORM => Holder::LayerNorm,
            _ => Holder::Other,
        };
        let any = param as &dyn Any;
        self.anatomy.params.push(ParamSite {
            path: self.path(0),
            name,
            holder,
            norm,
            shape: param.lazy_shape().to_vec(),
            device: param.lazy_device(),
            matrix: any.downcast_ref::<Param<Tensor<2>>>().cloned(),
            vector: any.downcast_ref::<Param<Tensor<1>>>().cloned(),
            foreign: false,
        });
    }
}
