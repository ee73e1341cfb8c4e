//! What a run minimises, and where its steps come from.

use burn::module::Module;

use crate::accumulator::Accumulator;
use crate::checkpoint::DataPosition;
use crate::error::Result;
use crate::loss::TokenLoss;

/// What is minimised: the loss of a micro-batch under a model.
///
/// A closure `Fn(&M, &B) -> TokenLoss` is one. [`rows`](Self::rows) and
/// [`first_non_finite`](Self::first_non_finite) serve only to say what went wrong when a loss or a
/// gradient is not finite.
///
/// # Example
/// ```
/// use anneal_train::{Objective, TokenLoss};
/// use burn::{nn::{Linear, LinearConfig}, tensor::Tensor};
///
/// struct Row { number: u64, x: Tensor<2> }
/// struct SquaredOutput;
/// impl Objective<Linear, Row> for SquaredOutput {
///     fn loss(&self, model: &Linear, row: &Row) -> TokenLoss {
///         TokenLoss::new(model.forward(row.x.clone()).square().sum(), 1)
///     }
///     fn rows(&self, row: &Row) -> Vec<u64> {
///         vec![row.number]
///     }
/// }
/// let device = anneal_testkit::device().autodiff();
/// let row = Row { number: 12, x: Tensor::zeros([1, 2], &device) };
/// let model = LinearConfig::new(2, 3).with_bias(false).init(&device);
/// assert_eq!(SquaredOutput.loss(&model, &row).mean(), 0.0);
/// assert_eq!(SquaredOutput.rows(&row), [12]);
/// ```
pub trait Objective<M, B> {
    /// The summed loss of a micro-batch and its count of trained tokens.
    ///
    /// What it draws at random must come from the device, which the run seeds before each call.
    fn loss(&self, model: &M, batch: &B) -> TokenLoss;

    /// Adds the loss of a micro-batch and its gradients to those of the step: the backward pass of
    /// [`loss`](Self::loss), unless the objective has its own way to the same numbers. One that keeps
    /// less in memory ends in [`Accumulator::backward_through`].
    ///
    /// # Errors
    /// As [`Accumulator::backward`].
    fn accumulate(&self, model: &M, batch: &B, into: &mut Accumulator) -> Result<()>
    where
        M: Module,
    {
        into.backward(model, self.loss(model, batch))
    }

    /// The numbers of the rows that the micro-batch is made of, for error messages.
    fn rows(&self, batch: &B) -> Vec<u64> {
        let _ = batch;
        Vec::new()
    }

    /// The module path of the first layer whose output is not finite, where that can be told.
    fn first_non_finite(&self, model: &M, batch: &B) -> Option<String> {
        let _ = (model, batch);
        None
    }
}

impl<M, B, F: Fn(&M, &B) -> TokenLoss> Objective<M, B> for F {
    fn loss(&self, model: &M, batch: &B) -> TokenLoss {
        self(model, batch)
    }
}

/// The micro-batches of one optimiser step.
#[derive(Clone, Debug)]
pub struct StepData<B> {
    /// The parts of the step; the split does not change the gradient.
    pub micro_batches: Vec<B>,
    /// Tokens that go through the model, padding left out.
    pub tokens: u64,
    /// Examples (rows) in the step.
    pub examples: u64,
}

/// Steps without end, that can be continued from any position.
///
/// # Example
/// ```
/// use anneal_train::{Feed, Result, StepData, checkpoint::DataPosition};
///
/// /// Three steps an epoch, in order.
/// struct Three(DataPosition);
/// impl Feed for Three {
///     type Batch = u64;
///     fn next(&mut self) -> StepData<u64> {
///         let at = self.0.position;
///         self.0.position = (at + 1) % 3;
///         self.0.epoch += (at + 1) / 3;
///         StepData { micro_batches: vec![at], tokens: 10, examples: 1 }
///     }
///     fn position(&self) -> DataPosition { self.0 }
///     fn seek(&mut self, at: DataPosition) -> Result<()> { self.0 = at; Ok(()) }
///     fn steps_per_epoch(&self) -> u64 { 3 }
/// }
/// let mut feed = Three(DataPosition::default());
/// for _ in 0..4 { feed.next(); }
/// assert_eq!(feed.position(), DataPosition { epoch: 1, position: 1, seed: 0 });
/// ```
pub trait Feed {
    /// A micro-batch.
    type Batch;

    /// The data of the next step.
    fn next(&mut self) -> StepData<Self::Batch>;

    /// Where the step after the last [`next`](Self::next) begins; saved in checkpoints.
    fn position(&self) -> DataPosition;

    /// Goes on from a position that [`position`](Self::position) gave, in this process or another.
    ///
    /// # Errors
    /// An error of the feed's choice where the position is none of this feed's.
    fn seek(&mut self, at: DataPosition) -> Result<()>;

    /// Steps in one pass over the data; 0 where that is not known.
    fn steps_per_epoch(&self) -> u64;
}
