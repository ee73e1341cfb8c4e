//! Muon for matrices, AdamW for the rest.
//!
//! Muon orthogonalises an update, which a vector has no use for: its authors train vectors,
//! embeddings and the output head with AdamW, and so does everyone since.

use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdjustLrFn, Muon, MuonConfig as BurnMuonConfig};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::{BurnOptimizer, Optimizer, ParameterUpdate, StateLeaf, StateTensors};
use crate::adamw::{AdamW, AdamWConfig};
use crate::error::Result;
use crate::pattern::PathPattern;
use crate::range::{Range, check};

/// How a matrix `[m, n]` scales the learning rate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MuonAdjust {
    /// `√max(1, m/n)`, Keller Jordan's.
    Original,
    /// `0.2·√max(m, n)` (arXiv 2502.16982): steps as large as AdamW's, so that its learning rate and
    /// decay can be used.
    #[default]
    MatchRmsAdamw,
}

/// Settings of [`MuonWithAdamW`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MuonConfig {
    /// The peak learning rate of the matrices, 5e-5.
    pub learning_rate: f64,
    /// Decay of the velocity, 0.95.
    pub momentum: f64,
    /// Whether Nesterov's momentum is used, yes.
    pub nesterov: bool,
    /// Iterations of Newton and Schulz, 5.
    pub ns_steps: usize,
    /// How a matrix's size scales its learning rate.
    pub adjust: MuonAdjust,
    /// Decoupled weight decay of the matrices, 0.
    pub weight_decay: f64,
    /// Regular expressions over whole module paths: matrices that AdamW takes, such as the
    /// embedding's and the output head's; none.
    pub adamw_patterns: Vec<String>,
    /// AdamW, for what is no matrix and what the patterns name. Its peak learning rate is its own.
    pub adamw: AdamWConfig,
}

impl Default for MuonConfig {
    fn default() -> Self {
        Self {
            learning_rate: 5e-5,
            momentum: 0.95,
            nesterov: true,
            ns_steps: 5,
            adjust: MuonAdjust::default(),
            weight_decay: 0.0,
            adamw_patterns: Vec::new(),
            adamw: AdamWConfig::default(),
        }
    }
}

impl MuonConfig {
    /// Checks the ranges and the patterns.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`](crate::TrainError::InvalidSetting),
    /// [`TrainError::Pattern`](crate::TrainError::Pattern).
    pub fn validate(&self) -> Result<()> {
        check([
            ("learning_rate", self.learning_rate, Range::Positive),
            ("momentum", self.momentum, Range::BelowOne),
            ("ns_steps", self.ns_steps as f64, Range::Positive),
            ("weight_decay", self.weight_decay, Range::NotNegative),
        ])?;
        self.patterns()?;
        self.adamw.validate()
    }

    fn patterns(&self) -> Result<Vec<PathPattern>> {
        let compile = |pattern: &String| PathPattern::new("adamw_patterns", pattern);
        self.adamw_patterns.iter().map(compile).collect()
    }

    fn build(&self, weight_decay: f64) -> Muon {
        let decay = (weight_decay > 0.0).then(|| WeightDecayConfig::new(weight_decay as f32));
        let adjust = match self.adjust {
            MuonAdjust::Original => AdjustLrFn::Original,
            MuonAdjust::MatchRmsAdamw => AdjustLrFn::MatchRmsAdamW,
        };
        BurnMuonConfig::new()
            .with_weight_decay(decay)
            .with_momentum(MomentumConfig {
                momentum: self.momentum,
                dampening: 0.0,
                nesterov: self.nesterov,
            })
            .with_ns_steps(self.ns_steps)
            .with_adjust_lr_fn(adjust)
            .build()
    }
}

/// burn's [`Muon`] for matrices, [`AdamW`] for every other parameter and for those that
/// [`adamw_patterns`](MuonConfig::adamw_patterns) name.
///
/// Muon: <https://kellerjordan.github.io/posts/muon/>, arXiv 2502.16982. A schedule and parameter
/// groups scale both learning rates alike.
///
/// # Example
/// ```
/// use anneal_train::{AdamWConfig, MuonConfig, MuonWithAdamW, Optimizer, ParameterUpdate};
/// use burn::tensor::Tensor;
///
/// let adamw = AdamWConfig { learning_rate: 0.01, ..AdamWConfig::default() };
/// let config = MuonConfig { learning_rate: 0.1, adamw, ..MuonConfig::default() };
/// let mut muon = MuonWithAdamW::new(config).unwrap();
/// let device = anneal_testkit::device();
/// let value = Tensor::from_floats([1.0, 1.0], &device);
/// let gradient = Tensor::from_floats([3.0, -4.0], &device);
/// let (path, shape, learning_rate) = ("bias", [2], 0.05);
/// let bias = muon.update(ParameterUpdate {
///     path, shape: &shape, value, gradient, learning_rate, weight_decay: None,
/// });
/// // Half of the peak of one is half of the peak of the other: AdamW's first step is lr·sign(g).
/// let bias: Vec<f32> = bias.to_data().iter().collect();
/// assert!((bias[0] - 0.995).abs() < 1e-6 && (bias[1] - 1.005).abs() < 1e-6);
/// ```
#[derive(Debug)]
pub struct MuonWithAdamW {
    matrices: BurnOptimizer<Muon>,
    others: AdamW,
    patterns: Vec<PathPattern>,
    /// AdamW's peak rate by Muon's.
    ratio: f64,
}

impl MuonWithAdamW {
    /// An optimiser without state.
    ///
    /// # Errors
    /// As [`MuonConfig::validate`].
    pub fn new(config: MuonConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            ratio: config.adamw.learning_rate / config.learning_rate,
            patterns: config.patterns()?,
            others: AdamW::new(config.adamw.clone())?,
            matrices: BurnOptimizer::new(
                "muon",
                config.learning_rate,
                config.weight_decay,
                move |decay| config.build(decay),
            )?,
        })
    }

    /// Whether Muon takes the parameter. An expression that gives up on a path does not name it.
    fn is_muons(&self, path: &str, shape: &[usize]) -> bool {
        let named = |pattern: &PathPattern| pattern.matches(path).unwrap_or(false);
        shape.len() == 2 && !self.patterns.iter().any(named)
    }

    fn part(&self, path: &str, shape: &[usize]) -> &dyn Optimizer {
        if self.is_muons(path, shape) {
            &self.matrices
        } else {
            &self.others
        }
    }
}

impl Optimizer for MuonWithAdamW {
    fn name(&self) -> &str {
        "muon"
    }

    fn learning_rate(&self) -> f64 {
        self.matrices.learning_rate()
    }

    fn check_parameter(&self, path: &str, _shape: &[usize]) -> Result<()> {
        for pattern in &self.patterns {
            pattern.matches(path)?;
        }
        Ok(())
    }

    fn update(&mut self, mut parameter: ParameterUpdate<'_>) -> Tensor<1> {
        if self.is_muons(parameter.path, parameter.shape) {
            return self.matrices.update(parameter);
        }
        parameter.learning_rate *= self.ratio;
        Optimizer::update(&mut self.others, parameter)
    }

    fn state(&self, path: &str, shape: &[usize]) -> Vec<(String, TensorData)> {
        self.part(path, shape).state(path, shape)
    }

    fn layout(&self, path: &str, shape: &[usize], step: u64, device: &Device) -> Vec<StateLeaf> {
        self.part(path, shape).layout(path, shape, step, device)
    }

    fn set_state(
        &mut self,
        path: &str,
        shape: &[usize],
        step: u64,
        tensors: StateTensors,
        device: &Device,
    ) {
        if self.is_muons(path, shape) {
            self.matrices.set_state(path, shape, step, tensors, device);
        } else {
            self.others.set_state(path, shape, step, tensors, device);
        }
    }

    fn clear(&mut self) {
        self.matrices.clear();
        Optimizer::clear(&mut self.others);
    }
}
