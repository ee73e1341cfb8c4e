//! Gradients by module path: collected, added, scaled, measured and clipped.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{DType, Gradients, Tensor};

use crate::parameters::Names;

/// The gradients of a module's trained parameters, by module path.
///
/// Each is flat, row-major and f32, outside of autodiff: sums over micro-batches, norms and the
/// optimiser's moments need no shape, and must not lose precision to a half-precision parameter.
///
/// # Example
/// ```
/// use anneal_train::GradientMap;
/// use burn::{nn::LinearConfig, tensor::Tensor};
///
/// let device = anneal_testkit::device().autodiff();
/// let linear = LinearConfig::new(2, 3).with_bias(false).init(&device);
/// let x = Tensor::<2>::from_floats([[1.0, -2.0]], &device);
///
/// let mut gradients = GradientMap::default();
/// gradients.collect(&linear, linear.forward(x).sum().backward());
/// let weight: Vec<f32> = gradients.get("weight").unwrap().to_data().iter().collect();
/// assert_eq!(weight, [1.0, 1.0, 1.0, -2.0, -2.0, -2.0]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct GradientMap {
    tensors: BTreeMap<String, Tensor<1>>,
}

impl GradientMap {
    /// Takes the gradients of `module`'s trained parameters out of a backward pass and adds them.
    ///
    /// A trained parameter that the loss does not depend on gets no entry, as in PyTorch.
    pub fn collect<M: Module>(&mut self, module: &M, gradients: Gradients) {
        struct Collect<'a> {
            names: Names,
            gradients: Gradients,
            into: &'a mut GradientMap,
        }
        impl ModuleVisitor for Collect<'_> {
            fn enter_module(&mut self, name: &str, _container: &str) {
                self.names.enter(name);
            }
            fn exit_module(&mut self, _name: &str, _container: &str) {
                self.names.exit();
            }
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                if !param.is_require_grad() {
                    return;
                }
                let name = self.names.of(param.id);
                // A tied parameter's second place finds nothing left, or a separate leaf to add.
                if let Some(gradient) = param.base().grad_remove(&mut self.gradients) {
                    self.into.add(name, gradient);
                }
            }
        }
        module.visit(&mut Collect {
            names: Names::default(),
            gradients,
            into: self,
        });
    }

    /// Adds one parameter's gradient, of any rank, to what is there under `path`.
    ///
    /// # Panics
    /// If the number of elements differs from the one already there.
    pub fn add<const D: usize>(&mut self, path: String, gradient: Tensor<D>) {
        let elements = gradient.dims().iter().product::<usize>();
        let gradient = gradient.inner().cast(DType::F32).reshape([elements]);
        let gradient = match self.tensors.remove(&path) {
            Some(sum) => sum + gradient,
            None => gradient,
        };
        self.tensors.insert(path, gradient);
    }

    /// The gradient at `path`, flat.
    pub fn get(&self, path: &str) -> Option<&Tensor<1>> {
        self.tensors.get(path)
    }

    /// Takes the gradient at `path` out of the map.
    pub fn remove(&mut self, path: &str) -> Option<Tensor<1>> {
        self.tensors.remove(path)
    }

    /// Every path and its gradient, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor<1>)> {
        self.tensors.iter().map(|(path, g)| (path.as_str(), g))
    }

    /// The number of parameters with a gradient.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether no parameter has a gradient.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Multiplies every gradient by `factor`.
    pub fn scale(&mut self, factor: f64) {
        for gradient in self.tensors.values_mut() {
            *gradient = gradient.clone().mul_scalar(factor);
        }
    }

    /// The Euclidean norm of each gradient, by path. Waits for the device, once for all.
    ///
    /// Squares are summed in f32 per tensor on the device; the root is taken in f64.
    pub fn norms(&self) -> Vec<(String, f64)> {
        if self.is_empty() {
            return Vec::new();
        }
        let sums = self.tensors.values().map(|g| g.clone().square().sum());
        let sums = Tensor::cat(sums.collect(), 0).into_data();
        self.tensors
            .keys()
            .cloned()
            .zip(sums.iter::<f64>().map(f64::sqrt))
            .collect()
    }
}

/// The Euclidean norm over all tensors, from their own norms: `√Σ normᵢ²`.
pub fn global_norm(norms: &[(String, f64)]) -> f64 {
    norms
        .iter()
        .map(|(_, norm)| norm * norm)
        .sum::<f64>()
        .sqrt()
}

/// Clips gradients to a global norm and returns the norm before clipping.
///
/// `g ← g · min(1, max_norm / (‖g‖ + 1e-6))`, with one norm over all tensors: the formula of
/// `torch.nn.utils.clip_grad_norm_`. (burn's own `GradientClipping::Norm` clips each tensor by
/// itself, which changes the direction of the step.)
///
/// # Example
/// ```
/// use anneal_train::{GradientMap, clip_grad_norm};
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let mut gradients = GradientMap::default();
/// gradients.add("a".into(), Tensor::<1>::from_floats([3.0], &device));
/// gradients.add("b".into(), Tensor::<2>::from_floats([[4.0, 0.0]], &device));
/// assert_eq!(clip_grad_norm(&mut gradients, 1.0), 5.0);
/// let a: f32 = gradients.get("a").unwrap().clone().into_scalar();
/// assert!((a - 3.0 / 5.000001).abs() < 1e-7);
/// ```
pub fn clip_grad_norm(gradients: &mut GradientMap, max_norm: f64) -> f64 {
    let norm = global_norm(&gradients.norms());
    clip_with_norm(gradients, norm, max_norm);
    norm
}

/// [`clip_grad_norm`] where the norm is known already.
pub(crate) fn clip_with_norm(gradients: &mut GradientMap, norm: f64, max_norm: f64) {
    let coefficient = max_norm / (norm + 1e-6);
    if coefficient < 1.0 {
        gradients.scale(coefficient);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_gradients_are_not_scaled_up_and_large_ones_land_on_the_limit() {
        let device = anneal_testkit::device();
        let values: Vec<f32> = (0..1000).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
        let exact = values
            .iter()
            .map(|&v| f64::from(v).powi(2))
            .sum::<f64>()
            .sqrt();
        let mut gradients = GradientMap::default();
        for (name, part) in [("x", &values[..300]), ("y", &values[300..])] {
            gradients.add(name.into(), Tensor::<1>::from_floats(part, &device));
        }

        let norm = clip_grad_norm(&mut gradients, 2.0 * exact);
        assert!((norm / exact - 1.0).abs() < 1e-6, "{norm} against {exact}");
        let x: Vec<f32> = gradients.get("x").unwrap().to_data().iter().collect();
        assert_eq!(x, values[..300], "below the limit nothing changes");

        clip_grad_norm(&mut gradients, 0.5);
        let after = global_norm(&gradients.norms());
        assert!((after / 0.5 - 1.0).abs() < 1e-6, "{after}");
        let y: Vec<f32> = gradients.get("y").unwrap().to_data().iter().collect();
        let expected = f64::from(values[300]) * 0.5 / (exact + 1e-6);
        assert!((f64::from(y[0]) / expected - 1.0).abs() < 1e-6);
    }
}
