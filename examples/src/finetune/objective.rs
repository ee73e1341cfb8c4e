//! The loss of a micro-batch: each token by the weight of its class, and the loss of every class apart.

use anneal_data::MicroBatch;
use anneal_llama::{LlamaConfig, LlamaForCausalLM};
use anneal_train::{Accumulator, LossPart, Objective, TokenLoss};
use burn::tensor::{Device, Tensor, TensorData};

use super::classes::Class;
use crate::settings::LossSettings;
use crate::{first_non_finite, token_losses, token_losses_taped};

/// `Σᵢ w(classᵢ) · lossᵢ` over a micro-batch's targets.
///
/// A run divides it by the number of targets, not by the sum of their weights: a class of weight 0 still
/// counts as tokens, so that the others' gradient does not depend on it.
pub struct SqlObjective<'a> {
    /// The model's shape.
    pub config: &'a LlamaConfig,
    /// What it is computed on.
    pub device: &'a Device,
    /// The classes of each example's targets, in their order.
    pub classes: &'a [Vec<Class>],
    /// Smoothing and weights.
    pub settings: LossSettings,
    /// Whether a gradient is made with each block computed once more on the way back: less memory, the same numbers.
    pub recompute: bool,
}

/// The summed loss of the targets of each class, without weights, and how many there are.
pub type ClassSums = Vec<(Class, Tensor<1>, usize)>;

impl SqlObjective<'_> {
    /// The loss of each target, and its class.
    pub fn losses(&self, model: &LlamaForCausalLM, batch: &MicroBatch) -> (Tensor<1>, Vec<Class>) {
        let smoothing = self.settings.label_smoothing;
        let losses = token_losses(model, batch, smoothing, self.config, self.device);
        (losses, self.classes_of(batch))
    }

    /// The class of each target.
    fn classes_of(&self, batch: &MicroBatch) -> Vec<Class> {
        let examples = batch.examples.iter().flatten();
        let classes = examples.flat_map(|&example| self.classes[example].iter().copied());
        classes.collect()
    }

    /// What is minimised, of each target's loss.
    fn weighted(&self, losses: Tensor<1>, classes: &[Class]) -> TokenLoss {
        let parts = class_sums(losses.clone().inner(), classes);
        let weights = &self.settings.weights;
        let sum = if weights.are_all_one() {
            losses.sum()
        } else {
            let weights = classes.iter().map(|class| class.weight(weights) as f32);
            let weights: Vec<f32> = weights.collect();
            let weights = TensorData::new(weights, [classes.len()]);
            (losses * Tensor::from_data(weights, self.device)).sum()
        };
        let part = |(class, sum, count): (Class, Tensor<1>, usize)| LossPart {
            name: class.name(),
            sum,
            count,
        };
        TokenLoss::new(sum, classes.len()).with_parts(parts.into_iter().map(part).collect())
    }
}

/// Adds losses up by class: one product with a 0-1 matrix, where six masked sums would be as many kernels.
pub fn class_sums(losses: Tensor<1>, classes: &[Class]) -> ClassSums {
    let counted = |class: &Class| classes.iter().filter(|other| *other == class).count();
    let present: Vec<(Class, usize)> = Class::ALL
        .iter()
        .map(|class| (*class, counted(class)))
        .filter(|(_, count)| *count > 0)
        .collect();
    if present.is_empty() {
        return Vec::new();
    }
    let is = |class: Class| classes.iter().map(move |other| f32::from(*other == class));
    let mask: Vec<f32> = present.iter().flat_map(|(class, _)| is(*class)).collect();
    let shape = [present.len(), classes.len()];
    let mask = Tensor::<2>::from_data(TensorData::new(mask, shape), &losses.device());
    let sums = mask.matmul(losses.unsqueeze_dim(1));
    let sum = |(row, (class, count)): (usize, &(Class, usize))| {
        let sum = sums.clone().narrow(0, row, 1).reshape([1]);
        (*class, sum, *count)
    };
    present.iter().enumerate().map(sum).collect()
}

impl Objective<LlamaForCausalLM, MicroBatch> for SqlObjective<'_> {
    fn loss(&self, model: &LlamaForCausalLM, batch: &MicroBatch) -> TokenLoss {
        let (losses, classes) = self.losses(model, batch);
        self.weighted(losses, &classes)
    }

    fn accumulate(
        &self,
        model: &LlamaForCausalLM,
        batch: &MicroBatch,
        into: &mut Accumulator,
    ) -> anneal_train::Result<()> {
        if !self.recompute {
            return into.backward(model, self.loss(model, batch));
        }
        let smoothing = self.settings.label_smoothing;
        let (losses, tape) = token_losses_taped(model, batch, smoothing, self.config, self.device);
        let loss = self.weighted(losses, &self.classes_of(batch));
        into.backward_through(model, loss, |gradients, each| {
            tape.backward(model, gradients, each);
        })
    }

    fn rows(&self, batch: &MicroBatch) -> Vec<u64> {
        let examples = batch.examples.iter().flatten();
        examples.map(|&example| example as u64).collect()
    }

    fn first_non_finite(&self, model: &LlamaForCausalLM, batch: &MicroBatch) -> Option<String> {
        first_non_finite(model, batch, self.config, self.device)
    }
}
