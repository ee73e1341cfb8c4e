//! The two factors of a LoRA update, with DoRA's magnitude.

use burn::{
    module::{Module, Param},
    nn::Dropout,
    tensor::Tensor,
};

/// The update `s · A · B` of a weight `W`, `[d_input, d_output]`.
///
/// The factors are stored as burn multiplies them; PEFT's files hold their
/// transposes. On an embedding, `d_input` is the vocabulary.
#[derive(Module, Debug)]
pub struct LoraFactors {
    /// `A`, `[d_input, rank]`, f32.
    pub a: Param<Tensor<2>>,
    /// `B`, `[rank, d_output]`, f32.
    pub b: Param<Tensor<2>>,
    /// DoRA's `m`, `[d_output]`: the length of each column of the adapted
    /// weight, trained apart from its direction.
    pub magnitude: Option<Param<Tensor<1>>>,
    /// The factor `s`.
    pub scale: f64,
    /// Probability and state of the dropout on the adapter's input.
    pub dropout: Dropout,
    /// What the factors were at the start, where their product was taken out
    /// of the weight (PiSSA, OLoRA).
    pub initial: Option<InitialFactors>,
}

/// The factors that an adapter began with; never trained.
#[derive(Module, Debug)]
pub struct InitialFactors {
    /// `A₀`, `[d_input, rank]`.
    pub a: Tensor<2>,
    /// `B₀`, `[rank, d_output]`.
    pub b: Tensor<2>,
}

impl InitialFactors {
    /// The same off the autodiff device.
    pub(crate) fn without_autodiff(&self) -> Self {
        self.valid()
    }

    /// What was taken out of the weight, `s · A₀ · B₀`.
    pub(crate) fn delta(&self, scale: f64) -> Tensor<2> {
        self.a.clone().mul_scalar(scale).matmul(self.b.clone())
    }
}

impl LoraFactors {
    /// The update itself, `s · A · B`, `[d_input, d_output]`, f32.
    pub fn delta(&self) -> Tensor<2> {
        self.a.val().mul_scalar(self.scale).matmul(self.b.val())
    }

    /// `W + s · A · B`; with DoRA, its columns brought to the lengths `m`.
    pub(crate) fn composed(&self, weight: Tensor<2>) -> Tensor<2> {
        let sum = weight + self.delta();
        match &self.magnitude {
            None => sum,
            Some(magnitude) => {
                let norm = column_norms(sum.clone());
                sum * (magnitude.val() / norm).unsqueeze_dim(0)
            }
        }
    }

    /// DoRA's `m / ‖W + s · A · B‖`, `[d_output]`; 1 for plain LoRA would be
    /// `None`.
    ///
    /// The norm is a constant to the gradient, as in PEFT (`tuners/lora/dora.py`)
    /// and in section 4.3 of the paper (arXiv 2402.09353).
    pub(crate) fn magnitude_ratio(&self, weight: Tensor<2>) -> Option<Tensor<1>> {
        let magnitude = self.magnitude.as_ref()?;
        // Nothing of this needs a gradient, so none is recorded.
        let plain = |tensor: Tensor<2>| tensor.detach();
        let delta = plain(self.a.val())
            .mul_scalar(self.scale)
            .matmul(plain(self.b.val()));
        let norm = column_norms(plain(weight) + delta);
        Some(magnitude.val() / norm)
    }
}

/// The length of each column, a constant to the gradient.
pub(crate) fn column_norms(weight: Tensor<2>) -> Tensor<1> {
    let weight = weight.detach();
    (weight.clone() * weight).sum_dim(0).sqrt().squeeze_dim(0)
}
