//! The losses of the trained tokens, without the logits of the others.

use anneal_kernels::{cross_entropy_rows, linear_cross_entropy_rows};
use anneal_peft::{Adapters, Effect, tied_is_updated, tied_weight};
use burn::tensor::{Int, Tensor};

use super::{BlockTape, LlamaForCausalLM};
use crate::{LlamaConfig, Segments};

impl LlamaForCausalLM {
    /// The summed negative log-likelihood of the targets: the sum of
    /// [`LlamaForCausalLM::token_losses`] without smoothing.
    ///
    /// # Shapes
    /// - `input_ids`: `[batch, length]`, right-padded
    /// - `places`: `[n]`, flat indices `row · length + t` of the states that
    ///   predict; `targets`: `[n]`, the ids that follow them
    /// - result: `[1]`, in f32
    pub fn token_loss(
        &self,
        input_ids: Tensor<2, Int>,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        config: &LlamaConfig,
    ) -> Tensor<1> {
        self.token_losses(input_ids, places, targets, 0.0, config)
            .sum()
    }

    /// As [`LlamaForCausalLM::token_loss`], over packed rows. The last state
    /// of a segment must not be among the places: what follows it belongs to
    /// another example.
    ///
    /// # Panics
    /// If the segments are those of a batch of another shape.
    pub fn token_loss_packed(
        &self,
        input_ids: Tensor<2, Int>,
        segments: &Segments,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        config: &LlamaConfig,
    ) -> Tensor<1> {
        self.token_losses_packed(input_ids, segments, places, targets, 0.0, config)
            .sum()
    }

    /// One loss for each place, in nats, with the head computed for these
    /// places alone:
    ///
    /// `lossᵢ = (1 − ε)·(−log p[targetᵢ]) + ε·mean(−log p)`
    ///
    /// where `p` is the softmax of the logits at place `i`, the mean is over the
    /// vocabulary, and ε is `label_smoothing`: 0 leaves the negative
    /// log-likelihood, 0.1 is common. The formula is that of transformers'
    /// `LabelSmoother`, for any head, adapted ones too.
    ///
    /// Each loss has its own gradient, so that a caller may weight the places
    /// before it sums them.
    ///
    /// # Shapes
    /// - `input_ids`: `[batch, length]`, right-padded
    /// - `places`: `[n]`, flat indices `row · length + t` of the states that
    ///   predict; `targets`: `[n]`, the ids that follow them. `n` may be 0
    /// - result: `[n]`, in f32
    ///
    /// # Panics
    /// If the shapes do not fit, or `label_smoothing` is not within `0..=1`.
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
    /// // Two rows; trained are the 4 that follows 3 1, and all that follows a 1.
    /// let ids = Tensor::<2, Int>::from_ints([[3, 1, 4], [1, 5, 9]], &device);
    /// let places = Tensor::<1, Int>::from_ints([1, 3], &device);
    /// let targets = Tensor::<1, Int>::from_ints([4, 5], &device);
    /// let losses = model.token_losses(ids.clone(), places.clone(), targets.clone(), 0.0, &config);
    /// let weights = Tensor::<1>::from_floats([2.0, 0.5], &device);
    /// let weighted = (losses.clone() * weights).sum().into_scalar::<f32>();
    ///
    /// let losses = losses.try_into_vec_as::<f32>()?;
    /// assert!((weighted - (2.0 * losses[0] + 0.5 * losses[1])).abs() < 1e-5);
    /// let sum = model.token_loss(ids, places, targets, &config).into_scalar::<f32>();
    /// assert!((sum - losses[0] - losses[1]).abs() < 1e-5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn token_losses(
        &self,
        input_ids: Tensor<2, Int>,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        label_smoothing: f64,
        config: &LlamaConfig,
    ) -> Tensor<1> {
        let hidden = self.hidden_states(input_ids, config);
        self.losses_at(hidden, places, targets, label_smoothing)
    }

    /// As [`LlamaForCausalLM::token_losses`], over packed rows. The last state
    /// of a segment must not be among the places: what follows it belongs to
    /// another example.
    ///
    /// # Panics
    /// If the segments are those of a batch of another shape; as
    /// [`LlamaForCausalLM::token_losses`] besides.
    pub fn token_losses_packed(
        &self,
        input_ids: Tensor<2, Int>,
        segments: &Segments,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        label_smoothing: f64,
        config: &LlamaConfig,
    ) -> Tensor<1> {
        let hidden = self.hidden_states_packed(input_ids, segments, config);
        self.losses_at(hidden, places, targets, label_smoothing)
    }

    /// As [`LlamaForCausalLM::token_losses`], or with segments
    /// [`LlamaForCausalLM::token_losses_packed`], with a tape in place of the
    /// blocks' graph: see [`BlockTape`] for what to do with it.
    ///
    /// # Panics
    /// As [`LlamaForCausalLM::token_losses_packed`].
    pub fn token_losses_taped(
        &self,
        input_ids: Tensor<2, Int>,
        segments: Option<&Segments>,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        label_smoothing: f64,
        config: &LlamaConfig,
    ) -> (Tensor<1>, BlockTape) {
        let (hidden, tape) = self.hidden_states_taped(input_ids, segments, config);
        let losses = self.losses_at(hidden, places, targets, label_smoothing);
        (losses, tape)
    }

    fn losses_at(
        &self,
        hidden: Tensor<3>,
        places: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        smoothing: f64,
    ) -> Tensor<1> {
        let [batch, length, width] = hidden.dims();
        let trained = hidden.reshape([batch * length, width]).select(0, places);
        match self.plain_head() {
            Some(weight) => linear_cross_entropy_rows(trained, weight, targets, smoothing),
            // An adapted head has its own way from states to logits.
            None => cross_entropy_rows(self.logits(trained), targets, smoothing),
        }
    }

    /// `[vocab_size, hidden_size]`, where the head is nothing but this matrix.
    fn plain_head(&self) -> Option<Tensor<2>> {
        let embedding = &self.model.embed_tokens.weight;
        match &self.lm_head {
            Some(head) => {
                let adapters = head.weight.reparameterization::<Adapters>();
                match adapters.map_or(Effect::None, Adapters::effect) {
                    Effect::None => Some(head.weight.base().transpose()),
                    _ => None,
                }
            }
            None if tied_is_updated(embedding) => None,
            None => Some(tied_weight(embedding)),
        }
    }
}
