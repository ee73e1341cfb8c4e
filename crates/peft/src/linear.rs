//! The forward pass of an adapted linear layer, in activation space.
//!
//! `y = xW + b + s · B(A(drop(x)))` costs two thin products instead of a dense
//! weight, and its backward never forms the dense gradient of `W`: per weight
//! and token about four multiply-adds (forward 2, input gradient 2) instead
//! of the six of weight space or of full fine-tuning.

use burn::{
    module::Param,
    nn::{Dropout, Linear},
    tensor::{DType, Distribution, Tensor, module},
};

use crate::{
    AdapterLayer, Adapters, LoraFactors,
    state::{Effect, Entry, Status, is_dropping},
};

/// What a model calls in place of [`Linear::forward`] to train adapters cheaply.
pub trait LinearExt {
    /// Applies the layer and its active adapters.
    ///
    /// Without adapters of this crate it is exactly [`Linear::forward`]; with
    /// them, for the method of each:
    ///
    /// - LoRA: `y = xW + b + s · ((drop(x) · A) · B)`
    /// - DoRA: `y = xW + b + (m/n - 1) · xW + m/n · s · ((x · A) · B)` with
    ///   `n = ‖W + s · A · B‖` by columns, a constant to the gradient; while
    ///   dropout is active the last two terms see `drop(x)`
    /// - VeRA: `y = xW + b + ((drop(x) · A) ⊙ λ_d · B) ⊙ λ_b`
    /// - IA3: `y = (x ⊙ l) · W + b` or `y = (xW + b) ⊙ l`
    ///
    /// An adapter's branch computes in its own type (f32), whatever the type
    /// of `x` and `W`; the sum is taken there too and rounded once to the type
    /// of the base's output, as PEFT does.
    ///
    /// Dropout acts on the adapter's input alone, in training alone: while `x`
    /// is on an autodiff device and neither [`valid`](burn::module::Module::valid)
    /// nor [`freeze`](burn::module::Module::freeze) switched it off, which is
    /// how [`burn::nn::Dropout`] decides. Every call draws a new mask from the
    /// device's generator: a forward pass that is to be repeated exactly must
    /// find the device seeded as it was ([`Adapters::drops`]).
    ///
    /// # Shapes
    ///
    /// - `x`: `[.., d_input]`
    /// - output: `[.., d_output]`
    ///
    /// # Panics
    ///
    /// Where the last axis of `x` is not `d_input`.
    fn forward_adapted<const D: usize>(&self, x: Tensor<D>) -> Tensor<D>;
}

impl LinearExt for Linear {
    fn forward_adapted<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        let mut dims = x.dims();
        let [d_input, d_output] = self.weight.lazy_shape().dims();
        assert_eq!(
            dims[D - 1],
            d_input,
            "the last axis of the input {dims:?} is not d_input"
        );
        let rows: usize = dims[..D - 1].iter().product();
        dims[D - 1] = d_output;
        rows_forward(self, x.reshape([rows, d_input])).reshape(dims)
    }
}

/// The layer on rows, `[n, d_input]`: one product of two matrices.
///
/// burn's own `linear` keeps small batches of rank 3 as they are and gives the
/// weight their rank; a transposed weight, which is how checkpoints are loaded,
/// is copied for that on every call: four fifths of a decoding step.
fn rows_forward(layer: &Linear, x: Tensor<2>) -> Tensor<2> {
    let Some(adapters) = layer.weight.reparameterization::<Adapters>() else {
        let bias = layer.bias.as_ref().map(|bias| bias.val());
        return module::linear(x, layer.weight.val(), bias);
    };
    match adapters.effect() {
        Effect::None => {
            let bias = layer.bias.as_ref().map(|bias| bias.val());
            module::linear(x, layer.weight.base(), bias)
        }
        Effect::Lora(lora) => {
            let bias = layer.bias.as_ref().map(|bias| bias.val());
            let y = module::linear(x.clone(), layer.weight.base(), bias);
            let dtype = y.dtype();
            (y.cast(DType::F32) + lora.update(x)).cast(dtype)
        }
        Effect::Other => adapted(layer, adapters, x),
    }
}

/// Every combination of adapters that is not the commonest one.
fn adapted(layer: &Linear, adapters: &Adapters, x: Tensor<2>) -> Tensor<2> {
    let acting: Vec<&Entry> = adapters.acting().collect();
    let replaced = acting
        .iter()
        .any(|entry| matches!(entry.layer, AdapterLayer::Replacement(_)));
    // A replacement stands alone; it is the whole weight.
    let weight = if replaced {
        layer.weight.val()
    } else {
        layer.weight.base()
    };
    let dtype = x.dtype();
    let x = match ia3(&acting) {
        Some(ia3) if ia3.feedforward => {
            let scaled = x.cast(DType::F32) * ia3.scales.val().unsqueeze_dim(0);
            scaled.cast(dtype)
        }
        _ => x,
    };
    let bias = match &layer.bias {
        // Its guard would refuse to give a value; here it is scaled below.
        Some(bias) if is_guarded(bias) => Some(bias.base()),
        Some(bias) => Some(bias.val()),
        None => None,
    };
    let y = module::linear(x.clone(), weight.clone(), bias.clone());
    let dtype = y.dtype();
    let mut sum = y.cast(DType::F32);
    // What inactive adapters took out of the weight comes first: the others
    // work on the whole of it. A replacement never missed it.
    for (lora, initial) in acting.iter().filter_map(|entry| entry.given_back()) {
        if !replaced {
            sum = sum + initial.update(x.clone(), lora.scale);
        }
    }
    for entry in acting {
        sum = match (&entry.layer, entry.status) {
            (_, Status::Inactive | Status::Merged) => sum,
            (AdapterLayer::Lora(lora), _) if lora.magnitude.is_some() => {
                let weight = adapters.foundation(weight.clone().cast(DType::F32));
                let base = match &bias {
                    Some(bias) => sum.clone() - bias.clone().cast(DType::F32).unsqueeze_dim(0),
                    None => sum.clone(),
                };
                sum + lora.dora_update(x.clone(), weight, base)
            }
            (AdapterLayer::Lora(lora), _) => sum + lora.update(x.clone()),
            (AdapterLayer::Vera(vera), _) => {
                let (x, keep) = dropped(&vera.dropout, x.clone().cast(DType::F32));
                sum + vera.update(x, 1.0 / keep)
            }
            (AdapterLayer::Ia3(ia3), _) if !ia3.feedforward => {
                sum * ia3.scales.val().unsqueeze_dim(0)
            }
            _ => sum,
        };
    }
    sum.cast(dtype)
}

/// Whether IA3 scales the output that this bias is a part of.
fn is_guarded(bias: &Param<Tensor<1>>) -> bool {
    let adapters = bias.reparameterization::<Adapters>();
    let mut acting = adapters.into_iter().flat_map(Adapters::acting);
    acting.any(|entry| matches!(entry.layer, AdapterLayer::Ia3Bias(_)))
}

/// The scales of the input or output, if IA3 is what acts.
fn ia3<'a>(acting: &[&'a Entry]) -> Option<&'a crate::Ia3Vector> {
    acting.iter().find_map(|entry| match &entry.layer {
        AdapterLayer::Ia3(ia3) => Some(ia3),
        _ => None,
    })
}

impl crate::InitialFactors {
    /// `s · ((x · A₀) · B₀)` in f32.
    fn update(&self, x: Tensor<2>, scale: f64) -> Tensor<2> {
        let hidden = x.cast(DType::F32).matmul(self.a.clone()).mul_scalar(scale);
        hidden.matmul(self.b.clone())
    }
}

impl LoraFactors {
    /// `s · ((drop(x) · A) · B)` for rows, in f32.
    ///
    /// Both scales, `s` and dropout's `1 / keep`, are applied to the product
    /// with `A`: it has `rank` columns, where `x` and the result have
    /// thousands.
    pub(crate) fn update(&self, x: Tensor<2>) -> Tensor<2> {
        let (x, keep) = dropped(&self.dropout, x.cast(DType::F32));
        self.product(x, self.scale / keep)
    }

    /// What the low-rank branch takes in place of `x`, if dropout acts on it
    /// now, and the scale of the branch, which holds dropout's `1 / keep`.
    ///
    /// Each call draws another mask.
    pub fn branch<const D: usize>(&self, x: &Tensor<D>) -> (Option<Tensor<D>>, f64) {
        match mask(&self.dropout, x) {
            Some((mask, keep)) => (Some(x.clone() * mask), self.scale / keep),
            None => (None, self.scale),
        }
    }

    fn product(&self, x: Tensor<2>, scale: f64) -> Tensor<2> {
        let hidden = module::linear(x, self.a.val(), None).mul_scalar(scale);
        module::linear(hidden, self.b.val(), None)
    }

    /// What DoRA adds to the base's output, `(ρ - 1) · xW + ρ · s · ((x·A)·B)`
    /// with `ρ = m / ‖W + s · A · B‖`.
    ///
    /// `base` is `xW` for the whole input. Under dropout PEFT computes it anew
    /// for what is left of the input, and so does this.
    fn dora_update(&self, x: Tensor<2>, weight: Tensor<2>, base: Tensor<2>) -> Tensor<2> {
        let Some(ratio) = self.magnitude_ratio(weight.clone()) else {
            return self.update(x);
        };
        let (kept, keep) = dropped(&self.dropout, x.cast(DType::F32));
        let base = if keep < 1.0 {
            module::linear(kept.clone(), weight, None).mul_scalar(1.0 / keep)
        } else {
            base
        };
        let ratio = ratio.unsqueeze_dim::<2>(0);
        base * (ratio.clone() - 1.0) + self.product(kept, self.scale / keep) * ratio
    }
}

/// The input without what dropout takes, not yet scaled, and the share `keep`
/// that it must be divided by.
pub(crate) fn dropped(dropout: &Dropout, x: Tensor<2>) -> (Tensor<2>, f64) {
    match mask(dropout, &x) {
        Some((mask, keep)) => (x * mask, keep),
        None => (x, 1.0),
    }
}

/// Ones where `x` is kept, and the share of them; nothing where all of it is.
fn mask<const D: usize>(dropout: &Dropout, x: &Tensor<D>) -> Option<(Tensor<D>, f64)> {
    (is_dropping(dropout) && x.is_autodiff()).then(|| {
        let keep = 1.0 - dropout.prob;
        (x.random_like(Distribution::Bernoulli(keep)), keep)
    })
}
