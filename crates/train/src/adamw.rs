//! AdamW with PyTorch's arithmetic and Hugging Face's defaults.
//!
//! burn's own AdamW has the same formula, but takes `β` and the bias corrections `1 − βᵗ` in f32.
//! Early on `1 − 0.999ᵗ` is a small difference of numbers near 1, and the rounding shows: over 25
//! steps 4e-6 of the distance moved, against 2e-7 here (`burns_own_adamw_is_less_exact` measures
//! both). PyTorch computes them in f64 on the host, and so do we. The state is ours for another
//! reason too: it goes by module path, so that a checkpoint is a safetensors file with names.

use std::collections::BTreeMap;

use burn::tensor::{DType, Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::optimizer::{
    Optimizer, ParameterUpdate, StateLeaf, StateTensors, step_leaf, step_tensor,
};
use crate::range::{Range, check};

/// The names of a state's tensors, PyTorch's.
const EXP_AVG: &str = "exp_avg";
const EXP_AVG_SQ: &str = "exp_avg_sq";

/// Settings of [`AdamW`]; the defaults are those of Hugging Face's `TrainingArguments`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdamWConfig {
    /// The peak learning rate, 5e-5.
    pub learning_rate: f64,
    /// Decay of the gradient's running mean, 0.9.
    pub beta_1: f64,
    /// Decay of the squared gradient's running mean, 0.999.
    pub beta_2: f64,
    /// Added to the root of the second moment, 1e-8.
    pub epsilon: f64,
    /// Decoupled weight decay, 0. Parameters of one dimension (biases, norms) are never decayed.
    pub weight_decay: f64,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            learning_rate: 5e-5,
            beta_1: 0.9,
            beta_2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.0,
        }
    }
}

impl AdamWConfig {
    /// Checks the ranges.
    ///
    /// # Errors
    /// [`TrainError::InvalidSetting`](crate::TrainError::InvalidSetting) for the first setting that is out of its range.
    pub fn validate(&self) -> Result<()> {
        check([
            ("learning_rate", self.learning_rate, Range::NotNegative),
            ("beta_1", self.beta_1, Range::BelowOne),
            ("beta_2", self.beta_2, Range::BelowOne),
            ("epsilon", self.epsilon, Range::NotNegative),
            ("weight_decay", self.weight_decay, Range::NotNegative),
        ])
    }
}

/// The running moments of one parameter's gradient, flat and in f32.
#[derive(Clone, Debug)]
pub struct Moments {
    /// The running mean of the gradient, PyTorch's `exp_avg`.
    pub exp_avg: Tensor<1>,
    /// The running mean of the squared gradient, PyTorch's `exp_avg_sq`.
    pub exp_avg_sq: Tensor<1>,
    /// Updates so far.
    pub step: u64,
}

/// The AdamW optimiser (Loshchilov and Hutter, 2019, <https://arxiv.org/abs/1711.05101>).
///
/// ```text
/// p ← p − lr·λ·p                                  (not for parameters of one dimension)
/// m ← m + (1 − β₁)(g − m)
/// v ← β₂·v + (1 − β₂)·g²
/// p ← p − lr/(1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε)
/// ```
///
/// Compared against `torch/optim/adamw.py` (the single-tensor path), whose order of operations it
/// has. `t` counts the updates of each parameter by itself, as there.
///
/// # Example
/// ```
/// use anneal_train::{AdamW, AdamWConfig};
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let mut adamw = AdamW::new(AdamWConfig::default()).unwrap();
/// let p = Tensor::<2>::from_floats([[1.0, -1.0]], &device);
/// let g = Tensor::<1>::from_floats([0.3, -0.002], &device);
/// // The first step is lr in the direction of the sign, whatever the gradient's size.
/// let p: Vec<f32> = adamw.update("weight", p, g, 0.1).into_data().iter().collect();
/// assert!((p[0] - 0.9).abs() < 1e-6 && (p[1] + 0.9).abs() < 1e-6);
/// ```
#[derive(Clone, Debug)]
pub struct AdamW {
    config: AdamWConfig,
    moments: BTreeMap<String, Moments>,
}

impl AdamW {
    /// An optimiser without state.
    ///
    /// # Errors
    /// As [`AdamWConfig::validate`].
    pub fn new(config: AdamWConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            config,
            moments: BTreeMap::new(),
        })
    }

    /// The settings.
    pub fn config(&self) -> &AdamWConfig {
        &self.config
    }

    /// The state of the parameter at `path`, if it was ever updated.
    pub fn moments(&self, path: &str) -> Option<&Moments> {
        self.moments.get(path)
    }

    /// One update of the parameter at `path` with this step's learning rate.
    ///
    /// The arithmetic is f32 and the result has the parameter's element type; keep trained
    /// parameters in f32, since small updates vanish in bf16.
    ///
    /// # Shapes
    /// - parameter: any, outside of autodiff
    /// - gradient: `[elements of parameter]`, f32, row-major
    ///
    /// # Panics
    /// If the gradient or the state at `path` has another number of elements.
    pub fn update<const D: usize>(
        &mut self,
        path: &str,
        parameter: Tensor<D>,
        gradient: Tensor<1>,
        learning_rate: f64,
    ) -> Tensor<D> {
        let (shape, dtype) = (parameter.shape(), parameter.dtype());
        let flat = parameter.reshape([shape.num_elements()]).cast(DType::F32);
        let weight_decay = if D > 1 { self.config.weight_decay } else { 0.0 };
        let updated = self.update_flat(path, flat, gradient, learning_rate, weight_decay);
        updated.cast(dtype).reshape(shape)
    }

    /// [`update`](Self::update) of a flat f32 tensor with this decay.
    fn update_flat(
        &mut self,
        path: &str,
        mut p: Tensor<1>,
        gradient: Tensor<1>,
        learning_rate: f64,
        weight_decay: f64,
    ) -> Tensor<1> {
        let AdamWConfig {
            beta_1,
            beta_2,
            epsilon,
            ..
        } = self.config;
        if weight_decay > 0.0 {
            p = p.mul_scalar(1.0 - learning_rate * weight_decay);
        }

        let (m, v, step) = match self.moments.remove(path) {
            None => {
                let zeros = gradient.zeros_like();
                (zeros.clone(), zeros, 0)
            }
            Some(state) => (state.exp_avg, state.exp_avg_sq, state.step),
        };
        let step = step + 1;
        let m = m.clone() + (gradient.clone() - m).mul_scalar(1.0 - beta_1);
        let v = v.mul_scalar(beta_2) + gradient.square().mul_scalar(1.0 - beta_2);

        let correction_1 = 1.0 - beta_1.powf(step as f64);
        let correction_2 = (1.0 - beta_2.powf(step as f64)).sqrt();
        let denominator = v
            .clone()
            .sqrt()
            .div_scalar(correction_2)
            .add_scalar(epsilon);
        let p = p - (m.clone() / denominator).mul_scalar(learning_rate / correction_1);

        self.moments.insert(
            path.to_owned(),
            Moments {
                exp_avg: m,
                exp_avg_sq: v,
                step,
            },
        );
        p
    }
}

/// A checkpoint holds `exp_avg` and `exp_avg_sq` (f32, the parameter's shape, zeros before the first
/// update) and `step`.
impl Optimizer for AdamW {
    fn name(&self) -> &str {
        "adamw"
    }

    fn learning_rate(&self) -> f64 {
        self.config.learning_rate
    }

    fn update(&mut self, parameter: ParameterUpdate<'_>) -> Tensor<1> {
        let ParameterUpdate {
            path,
            value,
            gradient,
            learning_rate,
            weight_decay,
            shape,
        } = parameter;
        let own = if shape.len() > 1 {
            self.config.weight_decay
        } else {
            0.0
        };
        let weight_decay = weight_decay.unwrap_or(own);
        self.update_flat(path, value, gradient, learning_rate, weight_decay)
    }

    fn state(&self, path: &str, shape: &[usize]) -> Vec<(String, TensorData)> {
        let state = self.moments.get(path);
        let shaped = |values: Option<&Tensor<1>>| match values {
            Some(values) => {
                let bytes = values.to_data().as_bytes().to_vec();
                TensorData::from_bytes_vec(bytes, shape, DType::F32)
            }
            None => TensorData::zeros::<f32, _>(shape),
        };
        vec![
            (EXP_AVG.into(), shaped(state.map(|s| &s.exp_avg))),
            (EXP_AVG_SQ.into(), shaped(state.map(|s| &s.exp_avg_sq))),
            step_tensor(state.map_or(0, |s| s.step)),
        ]
    }

    fn layout(&self, _path: &str, shape: &[usize], _step: u64, _device: &Device) -> Vec<StateLeaf> {
        let moment = |name: &str| StateLeaf {
            name: name.to_owned(),
            shape: shape.to_vec(),
            dtype: DType::F32,
        };
        vec![moment(EXP_AVG), moment(EXP_AVG_SQ), step_leaf()]
    }

    fn set_state(
        &mut self,
        path: &str,
        shape: &[usize],
        step: u64,
        mut tensors: StateTensors,
        device: &Device,
    ) {
        let elements: usize = shape.iter().product();
        let mut flat = |name: &str| {
            let bytes = tensors.remove(name)?.as_bytes().to_vec();
            let data = TensorData::from_bytes_vec(bytes, [elements], DType::F32);
            Some(Tensor::<1>::from_data(data, (device, DType::F32)))
        };
        if let (Some(exp_avg), Some(exp_avg_sq), 1..) = (flat(EXP_AVG), flat(EXP_AVG_SQ), step) {
            let moments = Moments {
                exp_avg,
                exp_avg_sq,
                step,
            };
            self.moments.insert(path.to_owned(), moments);
        }
    }

    fn clear(&mut self) {
        self.moments.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::optim::{AdamWConfig as BurnAdamWConfig, Optimizer};

    /// SplitMix64, for numbers in (−1, 1) that are the same everywhere.
    fn random(seed: &mut u64) -> f32 {
        *seed = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// The formula in f64, written from the paper (moments corrected first).
    struct Twin {
        m: Vec<f64>,
        v: Vec<f64>,
        t: i32,
        /// `Σ |update|`: what an error is measured against, since updates of both signs cancel.
        path: Vec<f64>,
    }
    impl Twin {
        fn new() -> Self {
            let [m, v, path] = [(); 3].map(|()| vec![0.0; 12]);
            Self { m, v, t: 0, path }
        }
        fn update(&mut self, p: &mut [f64], g: &[f32], lr: f64, config: &AdamWConfig) {
            self.t += 1;
            for i in 0..p.len() {
                let g = f64::from(g[i]);
                self.m[i] = config.beta_1 * self.m[i] + (1.0 - config.beta_1) * g;
                self.v[i] = config.beta_2 * self.v[i] + (1.0 - config.beta_2) * g * g;
                let m = self.m[i] / (1.0 - config.beta_1.powi(self.t));
                let v = self.v[i] / (1.0 - config.beta_2.powi(self.t));
                let update = lr * (m / (v.sqrt() + config.epsilon) + config.weight_decay * p[i]);
                p[i] -= update;
                self.path[i] += update.abs();
            }
        }
        /// The largest error relative to the path.
        fn error(&self, values: &Tensor<1>, exact: &[f64]) -> f64 {
            let values: Vec<f64> = values.to_data().iter().collect();
            let errors = values.iter().zip(exact).zip(&self.path);
            errors
                .map(|((a, b), path)| (a - b).abs() / path)
                .fold(0.0, f64::max)
        }
    }

    /// Calls `update` with 25 gradients, from 1e-9 (where ε matters) to 100, and learning rates.
    fn run(mut update: impl FnMut(&[f32], f64)) {
        let mut seed = 7;
        for step in 0..25 {
            let gradient: Vec<f32> = (0..12)
                .map(|i| random(&mut seed) * 10f32.powi(i - 9))
                .collect();
            update(&gradient, 1e-2 * (1.0 - f64::from(step) / 30.0));
        }
    }

    #[test]
    fn agrees_with_the_formula_in_f64() {
        for weight_decay in [0.0, 0.1] {
            let config = AdamWConfig {
                weight_decay,
                ..AdamWConfig::default()
            };
            let device = anneal_testkit::device();
            let mut seed = 3;
            let start: Vec<f32> = (0..12).map(|_| random(&mut seed)).collect();
            let mut adamw = AdamW::new(config.clone()).unwrap();
            let mut p = Tensor::<1>::from_floats(start.as_slice(), &device).reshape([3, 4]);
            let mut exact: Vec<f64> = start.iter().map(|&v| v.into()).collect();
            let mut twin = Twin::new();
            run(|gradient, lr| {
                let g = Tensor::<1>::from_floats(gradient, &device);
                p = adamw.update::<2>("p", p.clone(), g, lr);
                twin.update(&mut exact, gradient, lr, &config);
            });
            assert_eq!(adamw.moments("p").unwrap().step, 25);
            let values: Vec<f64> = p.into_data().iter().collect();
            for (value, exact) in values.iter().zip(&exact) {
                // 25 updates round a parameter below 1 by at most 2⁻²⁵ each.
                let close = (value - exact).abs() < 25.0 * 2f64.powi(-25) + 1e-6 * exact.abs();
                assert!(close, "decay {weight_decay}: {value} against {exact}");
            }
        }
    }

    /// The parameters start at 0, so that their own rounding does not hide the arithmetic's.
    #[test]
    fn burns_own_adamw_is_less_exact() {
        let device = anneal_testkit::device();
        let config = AdamWConfig::default();
        let burn = BurnAdamWConfig::new()
            .with_epsilon(1e-8)
            .with_weight_decay(0.0)
            .build();
        let mut ours = AdamW::new(config.clone()).unwrap();
        let zeros = Tensor::<1>::zeros([12], &device);
        let (mut a, mut b, mut state) = (zeros.clone(), zeros, None);
        let (mut exact, mut twin) = (vec![0.0; 12], Twin::new());
        let (mut worst_ours, mut worst_burns) = (0f64, 0f64);
        run(|gradient, lr| {
            let g = Tensor::<1>::from_floats(gradient, &device);
            a = ours.update("p", a.clone(), g.clone(), lr);
            (b, state) = burn.step(lr, b.clone(), g, state.take());
            twin.update(&mut exact, gradient, lr, &config);
            worst_ours = worst_ours.max(twin.error(&a, &exact));
            worst_burns = worst_burns.max(twin.error(&b, &exact));
        });
        assert!(worst_ours < 1e-6, "{worst_ours}");
        assert!(
            worst_burns > 10.0 * worst_ours,
            "{worst_burns} {worst_ours}"
        );
    }

    #[test]
    fn one_dimension_is_not_decayed_and_two_are() {
        let device = anneal_testkit::device();
        let mut adamw = AdamW::new(AdamWConfig {
            weight_decay: 0.5,
            ..AdamWConfig::default()
        })
        .unwrap();
        let zero = Tensor::<1>::zeros([2], &device);
        let bias = Tensor::<1>::from_floats([2.0, -3.0], &device);
        let bias = adamw.update("bias", bias, zero.clone(), 0.1);
        let weight = Tensor::<2>::from_floats([[2.0], [-3.0]], &device);
        let weight = adamw.update("weight", weight, zero, 0.1);
        let bias: Vec<f32> = bias.into_data().iter().collect();
        let weight: Vec<f32> = weight.into_data().iter().collect();
        assert_eq!(bias, [2.0, -3.0]);
        assert_eq!(weight, [1.9, -2.85]);
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let config = AdamWConfig {
            beta_2: 1.0,
            ..AdamWConfig::default()
        };
        let message = AdamW::new(config).unwrap_err().to_string();
        assert_eq!(message, "`beta_2` must be at least 0 and below 1, got 1");
    }
}
