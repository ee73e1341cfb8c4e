//! Settings of burn's optimisers: what a file can say, with ranges.
//!
//! burn's own configurations panic on a bad value or take it, and have other names and defaults
//! than the field's. These have PyTorch's names and defaults where PyTorch has the optimiser.
//! Learning rates are fine-tuning's.

use burn::optim;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::range::{Range, check};

/// A struct of settings, each with its default and, for a number, its range.
macro_rules! settings {
    ($(#[$about:meta])* $name:ident {
        $($(#[$doc:meta])* $field:ident: $kind:ty = $default:expr $(, $range:ident)?;)*
    }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$doc])* pub $field: $kind,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        impl $name {
            /// Checks the ranges.
            ///
            /// # Errors
            /// [`TrainError::InvalidSetting`](crate::TrainError::InvalidSetting) for the first
            /// setting that is out of its range.
            pub fn validate(&self) -> Result<()> {
                $($(check([(stringify!($field), self.$field, Range::$range)])?;)?)*
                Ok(())
            }
        }
    };
}

settings! {
    /// Adam (arXiv 1412.6980) with a decay that is added to the gradient; [`optim::Adam`].
    AdamConfig {
        /// The peak learning rate, 5e-5.
        learning_rate: f64 = 5e-5, NotNegative;
        /// Decay of the gradient's running mean, 0.9.
        beta_1: f64 = 0.9, BelowOne;
        /// Decay of the squared gradient's running mean, 0.999.
        beta_2: f64 = 0.999, BelowOne;
        /// Added to the root of the second moment, 1e-8.
        epsilon: f64 = 1e-8, Positive;
        /// Whether the largest second moment so far is used (AMSGrad), no.
        amsgrad: bool = false;
        /// Weight decay, 0: `g ← g + λ·p`.
        weight_decay: f64 = 0.0, NotNegative;
    }
}

settings! {
    /// Stochastic gradient descent; [`optim::Sgd`].
    SgdConfig {
        /// The peak learning rate, 1e-3.
        learning_rate: f64 = 1e-3, NotNegative;
        /// Decay of the velocity, 0.9; 0 keeps none.
        momentum: f64 = 0.9, BelowOne;
        /// Part of a gradient that does not enter the velocity, 0.
        dampening: f64 = 0.0, BelowOne;
        /// Whether Nesterov's momentum is used, no.
        nesterov: bool = false;
        /// Weight decay, 0: `g ← g + λ·p`.
        weight_decay: f64 = 0.0, NotNegative;
    }
}

settings! {
    /// RMSprop; [`optim::RmsProp`].
    RmsPropConfig {
        /// The peak learning rate, 1e-4.
        learning_rate: f64 = 1e-4, NotNegative;
        /// Decay of the squared gradient's running mean, 0.99.
        alpha: f64 = 0.99, BelowOne;
        /// Decay of the velocity, 0.
        momentum: f64 = 0.0, BelowOne;
        /// Added to the root of the second moment, 1e-8.
        epsilon: f64 = 1e-8, Positive;
        /// Whether the mean's square is taken off the second moment, no.
        centered: bool = false;
        /// Weight decay, 0: `g ← g + λ·p`.
        weight_decay: f64 = 0.0, NotNegative;
    }
}

settings! {
    /// AdaGrad; [`optim::AdaGrad`].
    AdaGradConfig {
        /// The peak learning rate, 1e-3.
        learning_rate: f64 = 1e-3, NotNegative;
        /// `η ← η / (1 + (t − 1)·lr_decay)`, 0.
        lr_decay: f64 = 0.0, NotNegative;
        /// Added to the root of the sum of squares, 1e-10.
        epsilon: f64 = 1e-10, Positive;
        /// Weight decay, 0: `g ← g + λ·p`.
        weight_decay: f64 = 0.0, NotNegative;
    }
}

settings! {
    /// Adan (arXiv 2208.06677); [`optim::Adan`].
    AdanConfig {
        /// The peak learning rate, 1e-4.
        learning_rate: f64 = 1e-4, NotNegative;
        /// Decay of the gradient's running mean, 0.98.
        beta_1: f64 = 0.98, BelowOne;
        /// Decay of the gradient's difference's running mean, 0.92.
        beta_2: f64 = 0.92, BelowOne;
        /// Decay of the squared Nesterov gradient's running mean, 0.99.
        beta_3: f64 = 0.99, BelowOne;
        /// Added to the root of the second moment, 1e-8.
        epsilon: f64 = 1e-8, Positive;
        /// Whether decay is AdamW's, and not the paper's division afterwards, no.
        no_prox: bool = false;
        /// Decoupled weight decay, 0.
        weight_decay: f64 = 0.0, NotNegative;
    }
}

settings! {
    /// LAMB (arXiv 1904.00962); [`optim::Lamb`].
    LambConfig {
        /// The peak learning rate, 1e-3.
        learning_rate: f64 = 1e-3, NotNegative;
        /// Decay of the gradient's running mean, 0.9.
        beta_1: f64 = 0.9, BelowOne;
        /// Decay of the squared gradient's running mean, 0.999.
        beta_2: f64 = 0.999, BelowOne;
        /// Added to the root of the second moment, 1e-6.
        epsilon: f64 = 1e-6, Positive;
        /// Whether a step is scaled by `‖p‖/‖update‖`, yes.
        use_trust_ratio: bool = true;
        /// Weight decay, 0: part of the update before it is scaled.
        weight_decay: f64 = 0.0, NotNegative;
    }
}

settings! {
    /// Lion (arXiv 2302.06675); [`optim::Lion`]. Wants a third to a tenth of AdamW's rate, and as
    /// much more decay.
    LionConfig {
        /// The peak learning rate, 1e-5.
        learning_rate: f64 = 1e-5, NotNegative;
        /// The momentum's part of the update, 0.9.
        beta_1: f64 = 0.9, BelowOne;
        /// Decay of the momentum, 0.99.
        beta_2: f64 = 0.99, BelowOne;
        /// Decoupled weight decay, 0.
        weight_decay: f64 = 0.0, NotNegative;
    }
}

settings! {
    /// Adafactor (arXiv 1804.04235); [`optim::Adafactor`]. A matrix `[m, n]` has a state of `m + n`
    /// numbers. The defaults are those of Hugging Face's `Trainer`: an absolute learning rate, which
    /// the schedule scales.
    AdafactorConfig {
        /// The peak learning rate, 5e-5.
        learning_rate: f64 = 5e-5, NotNegative;
        /// Added to squared gradients, 1e-30.
        epsilon_1: f64 = 1e-30, Positive;
        /// The least scale of a parameter, 1e-3.
        epsilon_2: f64 = 1e-3, Positive;
        /// The largest root mean square of an update before the learning rate, 1.
        clip_threshold: f64 = 1.0, Positive;
        /// `β₂ = 1 − t^decay_rate`, −0.8.
        decay_rate: f64 = -0.8, Negative;
        /// Whether the learning rate is at most `1/√t`, no.
        relative_step: bool = false;
        /// Whether a step is scaled by the parameter's root mean square, no.
        scale_parameter: bool = false;
        /// Decoupled weight decay, 0.
        weight_decay: f64 = 0.0, NotNegative;
    }
}

/// A decay that burn adds to the gradient.
fn added(weight_decay: f64) -> Option<WeightDecayConfig> {
    (weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32))
}

impl AdamConfig {
    pub(super) fn build(&self, weight_decay: f64) -> optim::Adam {
        optim::AdamConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_amsgrad(self.amsgrad)
            .with_weight_decay(added(weight_decay))
            .build()
    }
}

impl SgdConfig {
    pub(super) fn build(&self, weight_decay: f64) -> optim::Sgd {
        let momentum = (self.momentum > 0.0).then_some(MomentumConfig {
            momentum: self.momentum,
            dampening: self.dampening,
            nesterov: self.nesterov,
        });
        optim::SgdConfig::new()
            .with_momentum(momentum)
            .with_weight_decay(added(weight_decay))
            .build()
    }
}

impl RmsPropConfig {
    pub(super) fn build(&self, weight_decay: f64) -> optim::RmsProp {
        optim::RmsPropConfig::new()
            .with_alpha(self.alpha as f32)
            .with_momentum(self.momentum as f32)
            .with_epsilon(self.epsilon as f32)
            .with_centered(self.centered)
            .with_weight_decay(added(weight_decay))
            .build()
    }
}

impl AdaGradConfig {
    pub(super) fn build(&self, weight_decay: f64) -> optim::AdaGrad {
        optim::AdaGradConfig::new()
            .with_lr_decay(self.lr_decay)
            .with_epsilon(self.epsilon as f32)
            .with_weight_decay(added(weight_decay))
            .build()
    }
}

impl AdanConfig {
    pub(super) fn build(&self, weight_decay: f64) -> optim::Adan {
        optim::AdanConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_beta_3(self.beta_3 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_no_prox(self.no_prox)
            .with_weight_decay(weight_decay as f32)
            .build()
    }
}

impl LambConfig {
    pub(super) fn build(&self, weight_decay: f64) -> optim::Lamb {
        optim::LambConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_epsilon(self.epsilon as f32)
            .with_use_trust_ratio(self.use_trust_ratio)
            .with_weight_decay(weight_decay as f32)
            .build()
    }
}

impl LionConfig {
    pub(super) fn build(&self, weight_decay: f64) -> optim::Lion {
        optim::LionConfig::new()
            .with_beta_1(self.beta_1 as f32)
            .with_beta_2(self.beta_2 as f32)
            .with_weight_decay(weight_decay as f32)
            .build()
    }
}

impl AdafactorConfig {
    pub(super) fn build(&self, weight_decay: f64) -> optim::Adafactor {
        optim::AdafactorConfig::new()
            .with_epsilon_1(self.epsilon_1 as f32)
            .with_epsilon_2(self.epsilon_2 as f32)
            .with_clip_threshold(self.clip_threshold as f32)
            .with_decay_rate(self.decay_rate)
            .with_relative_step(self.relative_step)
            .with_scale_parameter(self.scale_parameter)
            .with_weight_decay(weight_decay as f32)
            .build()
    }
}
