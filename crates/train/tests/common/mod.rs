//! Small models, their batches, and the same training written once more in f64.
#![allow(
    dead_code,
    missing_docs,
    reason = "each test program uses a part of it"
)]

pub mod child;
pub mod feed;
pub mod twin;

use anneal_train::{
    AdamW, AdamWConfig, Budget, Decay, OptimizerConfig, Schedule, TokenLoss, Trainer,
    TrainerConfig, Warmup,
};
use burn::module::{Module, Param, Reparameterization, Reparameterizer};
use burn::nn::{Linear, LinearConfig};
use burn::tensor::{Device, Tensor, TensorData};
use twin::Matrix;

/// SplitMix64: the same numbers everywhere, in (−1, 1).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    pub fn matrix<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| self.next()).collect();
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

/// 5 → 7 → 3 with tanh between; everything is trained.
#[derive(Module, Debug)]
pub struct Mlp {
    pub up: Linear,
    pub down: Linear,
}

impl Mlp {
    pub fn new(seed: u64, device: &Device) -> Self {
        let mut random = Random(seed);
        let mut linear = |i, o| Linear {
            weight: Param::from_tensor(random.matrix([i, o], device)),
            bias: Some(Param::from_tensor(random.matrix([o], device))),
        };
        Self {
            up: linear(5, 7),
            down: linear(7, 3),
        }
    }

    pub fn loss(&self, batch: &Batch) -> TokenLoss {
        let y = self.down.forward(self.up.forward(batch.x.clone()).tanh());
        batch.loss(y)
    }
}

/// A low-rank change of a weight, as an adapter library attaches it.
#[derive(Module, Debug)]
pub struct LowRank {
    pub a: Param<Tensor<2>>,
    pub b: Param<Tensor<2>>,
    pub scale: f64,
}

impl Reparameterization for LowRank {
    const NAME: &'static str = "lora";
    fn apply<const D: usize>(&self, base: Tensor<D>) -> Tensor<D> {
        let change = self.a.val().matmul(self.b.val()).mul_scalar(self.scale);
        let shape = base.shape();
        base + change.reshape(shape)
    }
}

struct Attach(u64);

impl Reparameterizer for Attach {
    type Reparam = LowRank;
    fn reparameterize<const D: usize>(
        &mut self,
        _path: &str,
        param: Param<Tensor<D>>,
    ) -> (Param<Tensor<D>>, Option<LowRank>) {
        let param = param.set_require_grad(false);
        if D != 2 {
            return (param, None);
        }
        let base = param.base();
        let (dims, device) = (base.dims(), base.device());
        let mut random = Random(self.0);
        let low_rank = LowRank {
            a: Param::from_tensor(random.matrix([dims[0], 2], &device)),
            b: Param::from_tensor(random.matrix([2, dims[1]], &device)),
            scale: 1.5,
        };
        (param, Some(low_rank))
    }
}

/// One frozen linear layer 5 → 3 with a trained low-rank change of rank 2.
#[derive(Module, Debug)]
pub struct Adapted {
    pub q_proj: Linear,
}

impl Adapted {
    pub fn new(seed: u64, device: &Device) -> Self {
        let q_proj = LinearConfig::new(5, 3).init(device);
        let mut random = Random(99);
        let model = Self {
            q_proj: Linear {
                weight: q_proj.weight.map(|_| random.matrix([5, 3], device)),
                bias: q_proj.bias.map(|b| b.map(|_| random.matrix([3], device))),
            },
        };
        model.apply_reparameterization(Attach(seed))
    }

    pub fn low_rank(&self) -> &LowRank {
        self.q_proj
            .weight
            .reparameterization()
            .expect("attached in new")
    }

    /// In activation space: `xW + b + s·(xA)B`.
    pub fn loss(&self, batch: &Batch) -> TokenLoss {
        let x = batch.x.clone();
        let bias = self.q_proj.bias.as_ref().map(|bias| bias.val());
        let y = burn::tensor::module::linear(x.clone(), self.q_proj.weight.base(), bias);
        let LowRank { a, b, scale } = self.low_rank();
        let change = x.matmul(a.val()).matmul(b.val()).mul_scalar(*scale);
        batch.loss(y + change)
    }
}

/// Rows of inputs and targets; the loss is the summed squared error, a row counts as a token.
#[derive(Clone, Debug)]
pub struct Batch {
    pub x: Tensor<2>,
    pub y: Tensor<2>,
}

impl Batch {
    pub fn new(seed: u64, rows: usize, device: &Device) -> Self {
        let mut random = Random(seed);
        Self {
            x: random.matrix([rows, 5], device),
            y: random.matrix([rows, 3], device).mul_scalar(2.0),
        }
    }

    pub fn loss(&self, y: Tensor<2>) -> TokenLoss {
        let rows = self.x.dims()[0];
        TokenLoss::new((y - self.y.clone()).square().sum(), rows)
    }

    /// Several as one.
    pub fn join(batches: &[Self]) -> Self {
        let part = |f: fn(&Self) -> Tensor<2>| Tensor::cat(batches.iter().map(f).collect(), 0);
        Self {
            x: part(|b| b.x.clone()),
            y: part(|b| b.y.clone()),
        }
    }

    pub fn in_f64(&self) -> (Matrix, Matrix) {
        (Matrix::of(&self.x), Matrix::of(&self.y))
    }
}

/// Three micro-batches of 3, 1 and 6 rows, other ones each step.
pub fn micro_batches(step: u64, device: &Device) -> Vec<Batch> {
    [3, 1, 6]
        .into_iter()
        .enumerate()
        .map(|(i, rows)| Batch::new(1000 * step + i as u64, rows, device))
        .collect()
}

/// Warm-up, cosine, weight decay and clipping all at work.
pub fn config(max_steps: u64) -> TrainerConfig {
    TrainerConfig {
        optimizer: AdamWConfig {
            learning_rate: 0.03,
            weight_decay: 0.1,
            ..AdamWConfig::default()
        }
        .into(),
        schedule: Schedule {
            decay: Decay::Cosine,
            warmup: Warmup::Steps(3),
            ..Schedule::default()
        },
        max_grad_norm: Some(4.0),
        budget: Budget {
            max_steps: Some(max_steps),
            ..Budget::default()
        },
        ..TrainerConfig::default()
    }
}

/// The trainer's optimiser where it is AdamW.
pub fn adamw(trainer: &Trainer) -> &AdamW {
    let any: &dyn std::any::Any = trainer.optimizer();
    any.downcast_ref().expect("the settings' optimiser")
}

/// AdamW's settings.
pub fn adamw_settings(config: &TrainerConfig) -> &AdamWConfig {
    match &config.optimizer {
        OptimizerConfig::AdamW(settings) => settings,
        other => panic!("AdamW expected, got {other:?}"),
    }
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter().collect()
}
