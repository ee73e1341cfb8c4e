//! Recompute by block (gradient checkpointing): training in the memory of one
//! block.

use anneal_kernels::AttentionMask;
use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Gradients, Int, Tensor};

use super::block_seeds::BlockSeeds;
use super::{DecoderLayer, LlamaForCausalLM, LlamaModel, RotaryTables};

/// What a forward pass leaves behind for its way back: the input of every
/// block, and nothing from within the blocks.
///
/// With `hᵢ₊₁ = blockᵢ(hᵢ)` and `gᵢ = ∂loss/∂hᵢ`, [`backward`](Self::backward)
/// goes from the last block to the first. It runs a block once more, now with a
/// graph, and makes of it
///
/// `∂loss/∂θᵢ = (∂hᵢ₊₁/∂θᵢ)ᵀ·gᵢ₊₁` and `gᵢ = (∂hᵢ₊₁/∂hᵢ)ᵀ·gᵢ₊₁`
///
/// before it goes to the next. One block's graph is alive at a time, so that
/// memory is `tokens · (layers · hidden_size + one block)` where a graph of the
/// whole holds `tokens · layers · one block`. The price is one more forward
/// pass.
///
/// The gradients are those of the whole graph. With frozen weights in the blocks,
/// adapters on them or not, they are so to the bit where operations are
/// deterministic: the same operations meet the same numbers. Where norms or
/// weights within blocks are trained, a device with kernels for frozen ones uses
/// those in the forward pass here and not in a graph of the whole, so that both
/// round in different orders.
///
/// Dropout's masks are the same too. They are drawn from a seed for each block,
/// itself drawn from the device's generator where the forward pass begins:
/// nothing else may draw from the device while a block runs.
///
/// [`LlamaForCausalLM::hidden_states_taped`] and
/// [`LlamaForCausalLM::token_losses_taped`] make one. A loss without a way back
/// costs no more than the forward pass: use the methods without a tape for it.
///
/// ```
/// use anneal_llama::{LlamaConfig, LlamaForCausalLM, RandomWeights};
/// use burn::module::Module;
/// use burn::tensor::{Int, Tensor};
///
/// let mut config = LlamaConfig::smollm2_135m();
/// (config.vocab_size, config.hidden_size, config.intermediate_size) = (50, 24, 40);
/// (config.num_attention_heads, config.num_key_value_heads, config.head_dim) = (3, 1, 8);
/// config.num_hidden_layers = 3;
/// let device = anneal_testkit::device().autodiff();
/// let mut random = RandomWeights::new(0.1, 7);
/// let model = LlamaForCausalLM::from_source(&config, &mut random, &device)?.unfreeze();
/// let ids = || Tensor::<2, Int>::from_ints([[3, 1, 4, 1, 5]], &device);
/// let places = || Tensor::<1, Int>::from_ints([0, 2, 3], &device);
/// let targets = || Tensor::<1, Int>::from_ints([1, 1, 5], &device);
///
/// let whole = model.token_loss(ids(), places(), targets(), &config).backward();
///
/// let (losses, tape) = model.token_losses_taped(ids(), None, places(), targets(), 0.0, &config);
/// let weight = |layer: usize| model.model.layers[layer].mlp.up_proj.weight.val();
/// let mut found = vec![None; 3];
/// tape.backward(&model, losses.sum().backward(), |mut gradients| {
///     // A parameter's gradient may come in parts, which add up.
///     for (layer, sum) in found.iter_mut().enumerate() {
///         if let Some(part) = weight(layer).grad_remove(&mut gradients) {
///             *sum = Some(sum.take().map_or(part.clone(), |sum| sum + part));
///         }
///     }
/// });
/// for (layer, found) in found.into_iter().enumerate() {
///     let expected = weight(layer).grad(&whole).ok_or("no gradient")?;
///     let largest = expected.clone().abs().max().into_scalar::<f32>();
///     let off = (found.ok_or("no gradient")? - expected).abs().max().into_scalar::<f32>();
///     assert!(off <= 1e-5 * largest);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct BlockTape {
    /// The embeddings with their graph, which is as small as they are.
    embedded: Tensor<3>,
    /// The first block whose way back is needed.
    first: usize,
    /// The inputs of the blocks from there on, without a graph.
    inputs: Vec<Tensor<3>>,
    /// What left the last block; a leaf where anything before it is trained.
    output: Tensor<3>,
    tables: RotaryTables,
    mask: AttentionMask,
    seeds: BlockSeeds,
}

impl BlockTape {
    /// Hands `each` the gradients of every parameter that is trained, in parts:
    /// first `gradients`, those of what came after the blocks, then those of
    /// each block from the last to the first, then those of the embedding.
    ///
    /// `gradients` are what `backward` of a loss gave that was computed from the
    /// tape's hidden states, and `model` is the one that computed them, with the
    /// values it had. A parameter that stands at several places (a head that is
    /// the embedding) has a gradient in several parts: they are to be added up.
    ///
    /// # Panics
    /// If `model` has fewer blocks than the one of the forward pass.
    pub fn backward(
        self,
        model: &LlamaForCausalLM,
        mut gradients: Gradients,
        mut each: impl FnMut(Gradients),
    ) {
        let Self {
            embedded,
            first,
            mut inputs,
            output,
            tables,
            mask,
            seeds,
        } = self;
        let layers = &model.model.layers;
        assert!(
            first + inputs.len() <= layers.len(),
            "the tape is of a model with {} blocks, this one has {}",
            first + inputs.len(),
            layers.len()
        );
        let mut of_output = output.grad_remove(&mut gradients);
        drop(output);
        each(gradients);
        while let Some(input) = inputs.pop() {
            let index = first + inputs.len();
            let Some(gradient) = of_output.take() else {
                break;
            };
            // As in the whole graph: the first trained block's input has no
            // gradient unless there is something to train before it.
            let input = match index > first || embedded.is_tracked() {
                true => input.require_grad(),
                false => input,
            };
            seeds.enter(index);
            let output = layers[index].forward(input.clone(), &tables, &mask, None);
            if !output.is_tracked() {
                // What requires gradients there takes no part.
                break;
            }
            let mut gradients = back(output, gradient);
            of_output = input.grad_remove(&mut gradients);
            each(gradients);
        }
        if let Some(gradient) = of_output
            && embedded.is_tracked()
        {
            each(back(embedded, gradient));
        }
        // What is drawn next follows neither the first block nor the head.
        seeds.enter(layers.len() + 1);
    }
}

/// The gradients of a piece whose output has the gradient given.
///
/// burn's `backward` begins at a sum; that of the products has the same
/// gradients, since each entry of `output` is multiplied with its own.
fn back(output: Tensor<3>, gradient: Tensor<3>) -> Gradients {
    (output * gradient).sum().backward()
}

impl LlamaModel {
    /// [`LlamaModel::forward`] with a tape in place of the blocks' graph.
    pub(super) fn forward_taped(
        &self,
        input_ids: Tensor<2, Int>,
        tables: RotaryTables,
        mask: AttentionMask,
    ) -> (Tensor<3>, BlockTape) {
        let count = self.layers.len();
        let embedded = self.embed(input_ids);
        let seeds = BlockSeeds::draw(&self.layers, &embedded);
        let first = match embedded.is_tracked() {
            true => Some(0),
            false => self.layers.iter().position(is_trained),
        };
        let mut x = embedded.clone().detach();
        let mut inputs = Vec::new();
        for (index, layer) in self.layers.iter().enumerate() {
            if first.is_some_and(|first| first <= index) {
                inputs.push(x.clone());
            }
            seeds.enter(index);
            // Still on the autodiff device, which is what dropout looks at.
            let layer = layer.clone().no_grad();
            x = layer.forward(x, &tables, &mask, None);
        }
        seeds.enter(count);
        let output = match first {
            Some(_) => x.require_grad(),
            None => x,
        };
        let states = self.norm.forward(output.clone());
        let tape = BlockTape {
            embedded,
            first: first.unwrap_or(count),
            inputs,
            output,
            tables,
            mask,
            seeds,
        };
        (states, tape)
    }
}

/// Whether anything in a block is trained.
fn is_trained(layer: &DecoderLayer) -> bool {
    struct Any(bool);
    impl ModuleVisitor for Any {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0 |= param.base().is_require_grad();
        }
    }
    let mut any = Any(false);
    layer.visit(&mut any);
    any.0
}
