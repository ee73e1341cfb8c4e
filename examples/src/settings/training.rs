//! How it is learned: the optimiser, the learning rate over the run, and the budget.

use anneal_train::{
    Budget, Decay, LoraPlus, OptimizerConfig, ParameterGroup, Schedule, TrainerConfig, Warmup,
};

use super::check::{refuse, share, word};
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
        /// Stop after this many tokens through the model, padding left out
        max_tokens: u64,
        /// adamw, adam, sgd, rmsprop, adagrad, adan, lamb, lion, adafactor or muon [default: adamw]
        optimizer: String,
        /// Peak learning rate; larger models want a lower one [default: 1e-3 for lora and norms, 5e-3 for ia3, 1e-2 for
        /// vera, 3e-2 for prompt-tuning, 1e-4 for full and embeddings]
        learning_rate: f64,
        /// LoRA+: how many times faster than A the matrices B of LoRA learn, at least 1 [default: 1]
        loraplus_ratio: f64,
        /// Optimiser steps of linear warm-up [default: 10]
        warmup_steps: u64,
        /// The part of the budget that is warm-up, in place of --warmup-steps
        warmup_ratio: f64,
        /// After the warm-up: cosine, linear or constant [default: cosine]
        decay: String,
        /// Where the decay ends, as a part of the peak [default: 0]
        min_lr_ratio: f64,
        /// Decoupled weight decay [default: 0]
        weight_decay: f64,
        /// Clip the global gradient norm to this [default: 1]
        max_grad_norm: f64,
    }
}

impl GivenTraining {
    pub(super) fn resolve(self, method: Method) -> Result<TrainerConfig, ExampleError> {
        let limited = [
            self.max_steps.is_some(),
            self.max_minutes.is_some(),
            self.max_tokens.is_some(),
        ];
        let budget = Budget {
            max_steps: self.max_steps,
            epochs: self.epochs.or((!limited.contains(&true)).then_some(1.0)),
            max_minutes: self.max_minutes,
            max_tokens: self.max_tokens,
        };
        let rate = self.learning_rate;
        let rate = rate.unwrap_or_else(|| method.learning_rate());
        let optimizer = optimizer(self.optimizer.as_deref())?
            .with_learning_rate(rate)
            .with_weight_decay(self.weight_decay.unwrap_or(0.0));
        Ok(TrainerConfig {
            optimizer,
            groups: lora_plus(self.loraplus_ratio, method, rate)?,
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
                warmup: warmup(self.warmup_steps, self.warmup_ratio)?,
                min_lr_ratio: self.min_lr_ratio.unwrap_or(0.0),
            },
            max_grad_norm: Some(self.max_grad_norm.unwrap_or(1.0)),
            budget,
        })
    }
}

fn optimizer(name: Option<&str>) -> Result<OptimizerConfig, ExampleError> {
    let Some(name) = name else {
        return Ok(OptimizerConfig::default());
    };
    OptimizerConfig::named(name).ok_or_else(|| {
        let names = OptimizerConfig::all().map(|config| config.name());
        refuse("optimizer", name, &format!("one of {}", names.join(", ")))
    })
}

fn warmup(steps: Option<u64>, ratio: Option<f64>) -> Result<Warmup, ExampleError> {
    match (steps, ratio) {
        (Some(_), Some(ratio)) => {
            let expected = "none beside --warmup-steps";
            Err(refuse("warmup-ratio", &ratio.to_string(), expected))
        }
        (None, Some(ratio)) => Ok(Warmup::Ratio(share("warmup-ratio", ratio)?)),
        (steps, None) => Ok(Warmup::Steps(steps.unwrap_or(10))),
    }
}

/// The groups of LoRA+, if it is asked for.
fn lora_plus(
    ratio: Option<f64>,
    method: Method,
    learning_rate: f64,
) -> Result<Vec<ParameterGroup>, ExampleError> {
    let Some(ratio) = ratio else {
        return Ok(Vec::new());
    };
    if method != Method::Lora {
        let found = format!("given with --method {}", method.name());
        let expected = "none: it is a setting of --method lora";
        return Err(refuse("loraplus-ratio", &found, expected));
    }
    Ok(LoraPlus::new(ratio).groups(learning_rate)?)
}
