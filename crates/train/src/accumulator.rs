//! Token-exact accumulation: sums of losses and of their gradients, divided once.
//!
//! `∇(Σ sumᵢ / Σ countᵢ) = Σ ∇sumᵢ / Σ countᵢ`: any split of a batch into micro-batches gives the
//! same gradient. Dividing each micro-batch by its own count, as a mean loss does, does not.

use std::time::Duration;

use burn::module::Module;
use burn::tensor::{Gradients, Tensor};

use crate::error::{Result, TrainError};
use crate::gradients::GradientMap;
use crate::loss::{LossPart, TokenLoss};

/// What the micro-batches of one optimiser step add up to.
///
/// [`Trainer::begin`](crate::Trainer::begin) makes one and
/// [`Trainer::apply`](crate::Trainer::apply) uses it up.
#[derive(Debug)]
pub struct Accumulator {
    pub(crate) step: u64,
    pub(crate) started: Duration,
    pub(crate) gradients: GradientMap,
    pub(crate) tokens: usize,
    pub(crate) model_tokens: u64,
    losses: Vec<(usize, Tensor<1>)>,
    parts: Vec<LossPart>,
    micro_batches: usize,
}

impl Accumulator {
    pub(crate) fn new(step: u64, started: Duration) -> Self {
        Self {
            step,
            started,
            gradients: GradientMap::default(),
            tokens: 0,
            model_tokens: 0,
            losses: Vec::new(),
            parts: Vec::new(),
            micro_batches: 0,
        }
    }

    /// Runs a micro-batch's backward pass and adds the gradients of `module`'s trained parameters.
    ///
    /// A micro-batch without a trained token adds nothing. Does not wait for the device.
    ///
    /// # Errors
    /// [`TrainError::NotRecorded`] where the loss carries no gradient graph.
    pub fn backward<M: Module>(&mut self, module: &M, loss: TokenLoss) -> Result<()> {
        self.backward_through(module, loss, |gradients, each| each(gradients))
    }

    /// The same where the backward pass of the loss is the first part of a longer one, as with
    /// activations that are computed again piece by piece.
    ///
    /// `through` gets the gradients of the loss and hands over, as they come, those of every part,
    /// the loss's included; what a parameter gets several times is added up. Each part is freed
    /// before the next one is made.
    ///
    /// # Errors
    /// As [`backward`](Self::backward).
    ///
    /// # Example
    /// ```
    /// use anneal_train::{Budget, TokenLoss, Trainer, TrainerConfig};
    /// use burn::{nn::{Linear, LinearConfig}, tensor::Tensor};
    ///
    /// let device = anneal_testkit::device().autodiff();
    /// let mut model: Vec<Linear> = (0..2).map(|_| LinearConfig::new(3, 3).init(&device)).collect();
    /// let x = Tensor::<2>::ones([1, 3], &device);
    ///
    /// let budget = Budget { max_steps: Some(1), ..Budget::default() };
    /// let config = TrainerConfig { budget, ..TrainerConfig::default() };
    /// let mut trainer = Trainer::new(&config, 0).unwrap();
    /// let mut step = trainer.begin();
    /// // The first layer's result without its graph; the graph is made when its turn comes.
    /// let middle = model[0].forward(x.clone()).inner().autodiff().require_grad();
    /// let loss = TokenLoss::new(model[1].forward(middle.clone()).square().sum(), 1);
    /// step.backward_through(&model, loss, |mut gradients, each| {
    ///     let of_middle = middle.grad_remove(&mut gradients).unwrap();
    ///     each(gradients);
    ///     each((model[0].forward(x) * of_middle).sum().backward());
    /// }).unwrap();
    /// assert!(trainer.apply(&mut model, step).unwrap().grad_norm > 0.0);
    /// ```
    pub fn backward_through<M: Module>(
        &mut self,
        module: &M,
        loss: TokenLoss,
        through: impl FnOnce(Gradients, &mut dyn FnMut(Gradients)),
    ) -> Result<()> {
        let micro_batch = self.micro_batches;
        self.micro_batches += 1;
        if loss.count == 0 {
            if loss.sum.is_tracked() {
                // burn keeps a graph, and all activations in it, until its backward pass.
                through(loss.sum.backward(), &mut drop);
            }
            return Ok(());
        }
        if !loss.sum.is_tracked() {
            return Err(TrainError::NotRecorded {
                step: self.step,
                micro_batch,
            });
        }
        let sum = &mut self.gradients;
        through(loss.sum.backward(), &mut |part| sum.collect(module, part));
        self.tokens += loss.count;
        self.losses.push((micro_batch, loss.sum.inner()));
        self.parts.extend(loss.parts);
        Ok(())
    }

    /// Adds a micro-batch whose gradients were computed elsewhere (block by block, say).
    ///
    /// # Shapes
    /// - loss.sum: `[1]`; `gradients` are those of the sum, not of the mean
    pub fn add(&mut self, loss: TokenLoss, gradients: GradientMap) {
        let micro_batch = self.micro_batches;
        self.micro_batches += 1;
        if loss.count == 0 {
            return;
        }
        for (path, gradient) in gradients.iter() {
            self.gradients.add(path.to_owned(), gradient.clone());
        }
        self.tokens += loss.count;
        self.losses.push((micro_batch, loss.sum.inner()));
        self.parts.extend(loss.parts);
    }

    /// Counts tokens that went through the model, padding left out, trained or not.
    ///
    /// [`Budget::max_tokens`](crate::Budget::max_tokens) limits their sum over all steps; without
    /// that limit nothing needs to be counted.
    pub fn count_tokens(&mut self, tokens: u64) {
        self.model_tokens += tokens;
    }

    /// The sum of the losses, NaN or infinite where one of them is. Waits for the device.
    pub(crate) fn loss_sum(&self) -> f64 {
        if self.losses.is_empty() {
            return 0.0;
        }
        let sums = self.losses.iter().map(|(_, sum)| sum.clone()).collect();
        Tensor::cat(sums, 0).into_data().iter::<f64>().sum()
    }

    /// The trained tokens so far.
    pub fn trained_tokens(&self) -> usize {
        self.tokens
    }

    /// Takes the parts of the losses out, those of every micro-batch one after another.
    pub(crate) fn take_parts(&mut self) -> Vec<LossPart> {
        std::mem::take(&mut self.parts)
    }

    /// The mean loss per trained token. Waits for the device.
    ///
    /// # Errors
    /// [`TrainError::NoTrainedTokens`], or [`TrainError::NonFiniteLoss`] for the first such sum.
    pub fn mean_loss(&self) -> Result<f64> {
        if self.tokens == 0 {
            return Err(TrainError::NoTrainedTokens {
                step: self.step,
                micro_batches: self.micro_batches,
            });
        }
        let sums = self.losses.iter().map(|(_, sum)| sum.clone()).collect();
        let sums = Tensor::cat(sums, 0).into_data();
        let mut total = 0.0;
        for ((micro_batch, _), value) in self.losses.iter().zip(sums.iter::<f64>()) {
            if !value.is_finite() {
                return Err(TrainError::NonFiniteLoss {
                    step: self.step,
                    micro_batch: *micro_batch,
                    value,
                });
            }
            total += value;
        }
        Ok(total / self.tokens as f64)
    }
}
