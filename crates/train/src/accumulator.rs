//! Token-exact accumulation: sums of losses and of their gradients, divided once.
//!
//! `∇(Σ sumᵢ / Σ countᵢ) = Σ ∇sumᵢ / Σ countᵢ`: any split of a batch into micro-batches gives the
//! same gradient. Dividing each micro-batch by its own count, as a mean loss does, does not.

use std::time::Duration;

use burn::module::Module;
use burn::tensor::Tensor;

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
        let micro_batch = self.micro_batches;
        self.micro_batches += 1;
        if loss.count == 0 {
            return Ok(());
        }
        if !loss.sum.is_tracked() {
            return Err(TrainError::NotRecorded {
                step: self.step,
                micro_batch,
            });
        }
        let gradients = loss.sum.backward();
        self.gradients.collect(module, gradients);
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
