//! The whole model: hidden states, and a head that a loss can avoid.

use anneal_peft::{Adapters, Effect, TiedHead, tied_update, tied_weight};
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{DType, Device, Int, Tensor};

use super::{LlamaModel, projection::project};
use crate::{LlamaConfig, LlamaError, Precision, TensorSource, weights::Builder};

/// transformers' `LlamaForCausalLM`.
///
/// ```
/// use anneal_llama::{LlamaConfig, LlamaForCausalLM, RandomWeights};
/// use burn::tensor::{Int, Tensor};
///
/// let mut config = LlamaConfig::smollm2_135m();
/// (config.vocab_size, config.hidden_size, config.intermediate_size) = (50, 24, 40);
/// (config.num_attention_heads, config.num_key_value_heads, config.head_dim) = (3, 1, 8);
/// config.num_hidden_layers = 2;
/// let device = anneal_testkit::device();
/// let model = LlamaForCausalLM::from_source(&config, &mut RandomWeights::new(0.1, 7), &device)?;
///
/// let ids = Tensor::<2, Int>::from_ints([[3, 1, 4], [1, 5, 9]], &device);
/// let logits = model.forward(ids, &config);
/// assert_eq!(logits.dims(), [2, 3, 50]);
/// // The head is the embedding, so the model has no other matrix of its size.
/// assert!(model.lm_head.is_none());
/// # Ok::<(), anneal_llama::LlamaError>(())
/// ```
#[derive(Module, Debug)]
pub struct LlamaForCausalLM {
    /// All but the head.
    pub model: LlamaModel,
    /// `hidden_size → vocab_size`; absent where the embedding serves as head.
    pub lm_head: Option<Linear>,
    /// Says where the head is if it has no matrix of its own.
    pub tied_head: TiedHead,
}

impl LlamaForCausalLM {
    /// Builds the model in f32 from a source of named tensors.
    ///
    /// The parameters are frozen: training starts with an adapter, or with
    /// burn's `unfreeze`.
    ///
    /// # Errors
    /// [`LlamaError::Weights`] with every missing, mis-shaped and unexpected
    /// tensor at once; [`LlamaError::Config`] for dimensions that contradict
    /// each other; what the source itself fails with.
    pub fn from_source(
        config: &LlamaConfig,
        source: &mut dyn TensorSource,
        device: &Device,
    ) -> Result<Self, LlamaError> {
        Self::from_source_with(config, source, Precision::F32, device)
    }

    /// As [`LlamaForCausalLM::from_source`], in the precision given.
    ///
    /// # Errors
    /// [`LlamaError::UnsupportedPrecision`] besides.
    pub fn from_source_with(
        config: &LlamaConfig,
        source: &mut dyn TensorSource,
        precision: Precision,
        device: &Device,
    ) -> Result<Self, LlamaError> {
        config.check(source.location())?;
        precision.check(device)?;
        let mut builder = Builder::new(source, precision, device);
        let model = LlamaModel::build(&mut builder, config);
        let lm_head = (!config.tie_word_embeddings)
            .then(|| builder.linear("lm_head", config.hidden_size, config.vocab_size, false));
        builder.finish(config.tie_word_embeddings)?;
        let tied_head = match lm_head {
            Some(_) => TiedHead::untied(),
            None => TiedHead::new("lm_head", "model.embed_tokens.weight"),
        };
        Ok(Self {
            model,
            lm_head,
            tied_head,
        })
    }

    /// The type of the weights and activations, and of a cache for them.
    pub fn dtype(&self) -> DType {
        self.model.embed_tokens.weight.base().dtype()
    }

    /// The head: hidden states to logits, in f32 whatever the model's type. A
    /// head with an adapter of its own rounds to that type first, as any
    /// adapted layer does.
    ///
    /// # Shapes
    /// `[.., hidden_size]` to `[.., vocab_size]`
    pub fn logits<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        let Some(head) = &self.lm_head else {
            return self.tied_logits(hidden);
        };
        let adapters = head.weight.reparameterization::<Adapters>();
        match adapters.map_or(Effect::None, Adapters::effect) {
            Effect::None => anneal_kernels::logits(hidden, head.weight.val().transpose()),
            _ => project(head, hidden).cast(DType::F32),
        }
    }

    /// The logits where the embedding is the head.
    fn tied_logits<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        let embedding = &self.model.embed_tokens.weight;
        let logits = anneal_kernels::logits(hidden.clone(), tied_weight(embedding));
        let dims = logits.dims();
        let width = hidden.dims()[D - 1];
        let rows = hidden.shape().num_elements() / width;
        match tied_update(embedding, hidden.reshape([rows, width])) {
            Some(update) => logits + update.reshape(dims),
            None => logits,
        }
    }

    /// Token ids to logits: `[batch, length]` to `[batch, length, vocab_size]`.
    pub fn forward(&self, input_ids: Tensor<2, Int>, config: &LlamaConfig) -> Tensor<3> {
        self.logits(self.hidden_states(input_ids, config))
    }
}
