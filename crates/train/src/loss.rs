//! The loss of a micro-batch: a sum and a count, never a mean.
//!
//! A mean of means weighs a token by the batch that it happens to be in. Sums and
//! counts can be added over micro-batches and divided once, which is exact.

use burn::tensor::Tensor;

/// The summed loss of a micro-batch's trained tokens, and how many there are.
///
/// The mean of several is `Σ sumᵢ / Σ countᵢ`; [`Trainer::step`](crate::Trainer::step) divides
/// once per optimiser step, as Hugging Face's trainer does (`num_items_in_batch`).
///
/// # Shapes
/// - sum: `[1]`
///
/// # Example
/// ```
/// use anneal_train::TokenLoss;
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// // Three tokens, the last one not trained.
/// let losses = Tensor::<1>::from_floats([2.0, 4.0, 9.0], &device);
/// let mask = Tensor::<1>::from_floats([1.0, 1.0, 0.0], &device);
/// let loss = TokenLoss::new((losses * mask).sum(), 2);
/// assert_eq!(loss.mean(), 3.0);
/// ```
#[derive(Clone, Debug)]
pub struct TokenLoss {
    /// The summed loss, a tensor of one element that carries the gradient graph.
    pub sum: Tensor<1>,
    /// The number of trained tokens in the sum.
    pub count: usize,
    /// Sums over parts of the tokens, for reading; the training does not look at them.
    pub parts: Vec<LossPart>,
}

/// The summed loss of some of a micro-batch's tokens, such as those of one class.
///
/// Parts are logged as the mean per token of the part, `Σ sumᵢ / Σ countᵢ` over a step's
/// micro-batches. They need not cover all tokens, and may overlap.
#[derive(Clone, Debug)]
pub struct LossPart {
    /// The name in metrics and TensorBoard.
    pub name: &'static str,
    /// The sum, a tensor of one element outside of the gradient graph.
    pub sum: Tensor<1>,
    /// The number of tokens in the sum.
    pub count: usize,
}

impl LossPart {
    /// A sum over `count` tokens; its gradient graph, if it has one, is let go.
    ///
    /// # Panics
    /// If `sum` has more than one element.
    pub fn new(name: &'static str, sum: Tensor<1>, count: usize) -> Self {
        one_element(&sum);
        Self {
            name,
            sum: sum.inner(),
            count,
        }
    }
}

impl TokenLoss {
    /// A sum over `count` trained tokens.
    ///
    /// # Panics
    /// If `sum` has more than one element.
    pub fn new(sum: Tensor<1>, count: usize) -> Self {
        one_element(&sum);
        Self {
            sum,
            count,
            parts: Vec::new(),
        }
    }

    /// The same loss with sums over parts of its tokens.
    pub fn with_parts(mut self, parts: Vec<LossPart>) -> Self {
        self.parts = parts;
        self
    }

    /// The mean loss per trained token, 0 where there is none. Waits for the device.
    pub fn mean(&self) -> f64 {
        let sum: f64 = self.sum.clone().inner().into_scalar();
        if self.count == 0 {
            0.0
        } else {
            sum / self.count as f64
        }
    }
}

fn one_element(sum: &Tensor<1>) {
    let [elements] = sum.dims();
    assert_eq!(elements, 1, "a loss sum has one element, got {elements}");
}
