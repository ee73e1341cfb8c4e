//! Small modules that know nothing of adapters' files, with seeded values.
#![allow(dead_code, reason = "every test file uses a part of this")]

use anneal_peft::{LinearExt, LoraConfig, TargetModules, attach};
use anneal_testkit::random;
use burn::{
    module::{Module, ModuleMapper, Param},
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor},
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
pub fn adapted(config: &LoraConfig, device: &Device) -> Mlp {
    let (module, _) = attach(Mlp::new(device), config, 5).unwrap();
    randomize(module, 2)
}

/// Gives every parameter, an adapter's included, values from `(-0.7, 0.7)`.
pub fn randomize<M: Module>(module: M, seed: u64) -> M {
    struct Randomize(u64);
    impl ModuleMapper for Randomize {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            self.0 += 1;
            let tracked = param.is_require_grad();
            param
                .map(|old| random(old.dims(), 0.7, self.0, &old.device()).set_require_grad(tracked))
        }
    }
    module.map(&mut Randomize(seed * 1000))
}

/// Sets the parameters whose path ends with `suffix` to one value.
pub fn fill<M: Module>(module: M, suffix: &str, value: f32) -> M {
    struct Fill<'a>(Vec<String>, &'a str, f32);
    impl ModuleMapper for Fill<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.0.push(name.into());
        }
        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.0.pop();
        }
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            if !self.0.join(".").ends_with(self.1) {
                return param;
            }
            let tracked = param.is_require_grad();
            param.map(|old| {
                (old.detach() * 0.0 + self.2)
                    .detach()
                    .set_require_grad(tracked)
            })
        }
    }
    module.map(&mut Fill(vec![], suffix, value))
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
