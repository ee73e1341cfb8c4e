//! How it is learned: the optimiser, the learning rate over the run, and the budget.

use anneal_train::{AdamWConfig, Budget, Decay, Schedule, TrainerConfig, Warmup};

use super::check::{refuse, word};
use super::given::given;
use super::method::Method;
use crate::ExampleError;

given! {
    /// Settings of the optimiser and the budget.
    GivenTraining {
        /// Stop after this many passes over the data
        epochs: f64,
        /// Stop after this many optimiser steps
        max_steps: u64,
        /// Stop after this many minutes of training [default, where no limit is given: 1 epoch]
        max_minutes: f64,
        /// Peak learning rate; larger models want a lower one [default: 1e-3 for lora and norms, 5e-3 for ia3, 1e-2 for
        /// vera, 3e-2 for prompt-tuning, 1e-4 for full and embeddings]
        learning_rate: f64,
        /// Optimiser steps of linear warm-up [default: 10]
        warmup_steps: u64,
        /// The part of the budget that is warm-up, in place of --warmup-steps
        warmup_ratio: f64,
        /// After the warm-up: cosine, linear or constant [default: cosine]
        decay: String,
        /// Decoupled weight decay [default: 0]
        weight_decay: f64,
        /// Clip the global gradient norm to this [default: 1]
        max_grad_norm: f64,
    }
}

impl GivenTraining {
    pub(super) fn resolve(self, method: Method) -> Result<TrainerConfig, ExampleError> {
        let limited = self.max_steps.is_some() || self.max_minutes.is_some();
        let budget = Budget {
            max_steps: self.max_steps,
            epochs: self.epochs.or((!limited).then_some(1.0)),
            max_minutes: self.max_minutes,
        };
        let warmup = match (self.warmup_steps, self.warmup_ratio) {
            (Some(_), Some(ratio)) => {
                let expected = "none beside --warmup-steps";
                return Err(refuse("warmup-ratio", &ratio.to_string(), expected));
            }
            (None, Some(ratio)) => Warmup::Ratio(ratio),
            (steps, None) => Warmup::Steps(steps.unwrap_or(10)),
        };
        Ok(TrainerConfig {
            optimizer: AdamWConfig {
                learning_rate: self
                    .learning_rate
                    .unwrap_or_else(|| method.learning_rate()),
                weight_decay: self.weight_decay.unwrap_or(0.0),
                ..AdamWConfig::default()
            },
            schedule: Schedule {
                decay: word(
                    "decay",
                    self.decay.as_deref(),
                    &[
                        ("cosine", Decay::Cosine),
                        ("linear", Decay::Linear),
                        ("constant", Decay::Constant),
                    ],
                )?,
                warmup,
            },
            max_grad_norm: Some(self.max_grad_norm.unwrap_or(1.0)),
            budget,
        })
    }
}
