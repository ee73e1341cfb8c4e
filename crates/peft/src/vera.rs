//! VeRA's trained vectors around frozen random projections
//! (arXiv 2310.11454).

use burn::{
    module::{Module, Param},
    nn::Dropout,
    tensor::Tensor,
};

/// The update `A · diag(λ_d) · B · diag(λ_b)` of a weight `[d_input, d_output]`.
///
/// `A` and `B` are shared by all the layers that the adapter has and are as
/// large as the largest of them; a layer uses their first `d_input` rows and
/// `d_output` columns. Compared against `tuners/vera/layer.py` of PEFT 0.21,
/// which holds the transposes.
#[derive(Module, Debug)]
pub struct VeraVectors {
    /// `λ_b`, `[d_output]`.
    pub lambda_b: Param<Tensor<1>>,
    /// `λ_d`, `[rank]`.
    pub lambda_d: Param<Tensor<1>>,
    /// `A`, `[largest d_input, rank]`; frozen.
    pub a: Tensor<2>,
    /// `B`, `[rank, largest d_output]`; frozen.
    pub b: Tensor<2>,
    /// Probability and state of the dropout on the adapter's input.
    pub dropout: Dropout,
}

impl VeraVectors {
    /// The layer's own part of the projections.
    fn projections(&self, d_input: usize, d_output: usize) -> (Tensor<2>, Tensor<2>) {
        (
            self.a.clone().narrow(0, 0, d_input),
            self.b.clone().narrow(1, 0, d_output),
        )
    }

    /// The update itself, `[d_input, d_output]`.
    pub(crate) fn delta(&self, d_input: usize, d_output: usize) -> Tensor<2> {
        let (a, b) = self.factors(d_input, d_output);
        a.matmul(b)
    }

    /// The update as two factors, `A · diag(λ_d)` and `B · diag(λ_b)`.
    pub(crate) fn factors(&self, d_input: usize, d_output: usize) -> (Tensor<2>, Tensor<2>) {
        let (a, b) = self.projections(d_input, d_output);
        let a = a * self.lambda_d.val().unsqueeze_dim(0);
        let b = b * self.lambda_b.val().unsqueeze_dim(0);
        (a, b)
    }

    /// `((x · A) ⊙ λ_d · B) ⊙ λ_b` for rows `x`, `[n, d_input]`; both scales
    /// act on the narrow side of a product or on its result.
    pub(crate) fn update(&self, x: Tensor<2>, scale: f64) -> Tensor<2> {
        let [_, d_input] = x.dims();
        let [d_output] = self.lambda_b.lazy_shape().dims();
        let (a, b) = self.projections(d_input, d_output);
        let hidden = x.matmul(a) * self.lambda_d.val().mul_scalar(scale).unsqueeze_dim(0);
        hidden.matmul(b) * self.lambda_b.val().unsqueeze_dim(0)
    }
}
