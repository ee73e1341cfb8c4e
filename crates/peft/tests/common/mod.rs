//! Small modules that know nothing of adapters' files, with seeded values.
#![allow(dead_code, reason = "every test file uses a part of this")]

pub mod cases;
pub mod oracle;
pub mod saved;
pub mod tokens;
pub mod values;

#[allow(unused_imports, reason = "every test file uses a part of this")]
pub use values::{fill, randomize, retrain};

use anneal_peft::{
    AdapterConfig, AdapterLayer, Adapters, LinearExt, LoraConfig, LoraFactors, TargetModules,
    attach,
};
use anneal_testkit::random;
use burn::{
    module::{Module, ModuleVisitor, Param},
    nn::{Linear, LinearConfig},
    tensor::{Device, Gradients, Tensor, TensorData},
};

/// Three layers of unequal sizes, one with a bias.
#[derive(Module, Debug)]
pub struct Mlp {
    pub up: Linear,
    pub down: Linear,
    pub lm_head: Linear,
}

impl Mlp {
    pub fn new(device: &Device) -> Self {
        let linear =
            |d_in, d_out, bias| LinearConfig::new(d_in, d_out).with_bias(bias).init(device);
        let module = Self {
            up: linear(7, 11, true),
            down: linear(11, 5, false),
            lm_head: linear(5, 3, false),
        };
        randomize(module, 1)
    }

    /// In activation space.
    pub fn forward_adapted<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = self.up.forward_adapted(x).tanh();
        self.lm_head.forward_adapted(self.down.forward_adapted(x))
    }

    /// In weight space.
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let x = self.up.forward(x).tanh();
        self.lm_head.forward(self.down.forward(x))
    }
}

/// `alpha ≠ r`, on the first two layers.
pub fn config() -> LoraConfig {
    LoraConfig::new(TargetModules::names(["up", "down"]))
        .with_r(3)
        .with_lora_alpha(7.5)
}

/// An adapted [`Mlp`] whose `B` is not zero.
pub fn adapted(config: impl Into<AdapterConfig>, device: &Device) -> Mlp {
    let (module, _) = attach(Mlp::new(device), config, 5).unwrap();
    randomize(module, 2)
}

/// The factors of the layer's one active adapter.
///
/// # Panics
/// If it has none, or several.
pub fn lora(linear: &Linear) -> &LoraFactors {
    let adapters = linear.weight.reparameterization::<Adapters>();
    let active: Vec<_> = adapters
        .iter()
        .flat_map(|adapters| adapters.active())
        .collect();
    match active.as_slice() {
        [(_, AdapterLayer::Lora(lora))] => lora,
        other => panic!("not one LoRA adapter, but {other:?}"),
    }
}

/// A file's tensor as one line of numbers.
pub fn flat(data: &TensorData) -> Tensor<1> {
    let values: Vec<f32> = data.iter::<f32>().collect();
    Tensor::from_floats(values.as_slice(), &anneal_testkit::device())
}

/// Paths of the module's own parameters, adapters' left out, that have a
/// gradient.
pub fn base_gradients<M: Module>(module: &M, grads: &Gradients) -> Vec<String> {
    struct Finder<'a> {
        stack: Vec<String>,
        nested: usize,
        grads: &'a Gradients,
        found: Vec<String>,
        seen: usize,
    }
    impl ModuleVisitor for Finder<'_> {
        fn enter_module(&mut self, name: &str, container_type: &str) {
            self.stack.push(name.into());
            self.nested += usize::from(container_type == "Reparameterization");
        }
        fn exit_module(&mut self, _name: &str, container_type: &str) {
            self.stack.pop();
            self.nested -= usize::from(container_type == "Reparameterization");
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if self.nested > 0 {
                return;
            }
            self.seen += 1;
            if param.val().grad(self.grads).is_some() {
                self.found.push(self.stack.join("."));
            }
        }
    }
    let mut finder = Finder {
        stack: vec![],
        nested: 0,
        grads,
        found: vec![],
        seen: 0,
    };
    module.visit(&mut finder);
    assert!(finder.seen > 0, "the module has no parameters");
    finder.found
}

/// Sums of outputs that weigh every element differently.
pub fn loss<const D: usize>(y: Tensor<D>) -> Tensor<1> {
    let weights = random(y.dims(), 1.0, 99, &y.device());
    (y * weights).sum()
}

/// The layer without its adapters.
pub fn bare(linear: &Linear) -> Linear {
    Linear {
        weight: Param::from_tensor(linear.weight.base()),
        bias: linear
            .bias
            .as_ref()
            .map(|bias| Param::from_tensor(bias.base())),
    }
}

/// A stack with the paths and sizes of the `tiny-llama` fixture.
#[derive(Module, Debug)]
pub struct TinyLlama {
    pub model: Stack,
}

#[derive(Module, Debug)]
pub struct Stack {
    pub layers: Vec<Block>,
}

#[derive(Module, Debug)]
pub struct Block {
    pub self_attn: Attention,
    pub mlp: Gated,
}

#[derive(Module, Debug)]
pub struct Attention {
    pub q_proj: Linear,
    pub k_proj: Linear,
    pub v_proj: Linear,
    pub o_proj: Linear,
}

#[derive(Module, Debug)]
pub struct Gated {
    pub gate_proj: Linear,
    pub up_proj: Linear,
    pub down_proj: Linear,
}

impl TinyLlama {
    pub fn new(device: &Device) -> Self {
        let linear = |d_in, d_out| LinearConfig::new(d_in, d_out).with_bias(false).init(device);
        let block = |_| Block {
            self_attn: Attention {
                q_proj: linear(42, 48),
                k_proj: linear(42, 16),
                v_proj: linear(42, 16),
                o_proj: linear(48, 42),
            },
            mlp: Gated {
                gate_proj: linear(42, 72),
                up_proj: linear(42, 72),
                down_proj: linear(72, 42),
            },
        };
        let layers = (0..3).map(block).collect();
        Self {
            model: Stack { layers },
        }
    }
}
