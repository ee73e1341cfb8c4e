//! The whole model: hidden states, and a head that a loss can avoid.

use anneal_peft::LoraFactors;
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
        Ok(Self { model, lm_head })
    }

    /// The type of the weights and activations, and of a cache for them.
    pub fn dtype(&self) -> DType {
        self.model.embed_tokens.weight.val().dtype()
    }

    /// The head: hidden states to logits, in f32 whatever the model's type. A
    /// head with an adapter of its own rounds to that type first, as any
    /// adapted layer does.
    ///
    /// # Shapes
    /// `[.., hidden_size]` to `[.., vocab_size]`
    pub fn logits<const D: usize>(&self, hidden: Tensor<D>) -> Tensor<D> {
        match &self.lm_head {
            Some(head) if head.weight.reparameterization::<LoraFactors>().is_some() => {
                project(head, hidden).cast(DType::F32)
            }
            Some(head) => anneal_kernels::logits(hidden, head.weight.val().transpose()),
            None => anneal_kernels::logits(hidden, self.model.embed_tokens.weight.val()),
        }
    }

    /// Token ids to logits: `[batch, length]` to `[batch, length, vocab_size]`.
    pub fn forward(&self, input_ids: Tensor<2, Int>, config: &LlamaConfig) -> Tensor<3> {
        self.logits(self.hidden_states(input_ids, config))
    }
}
