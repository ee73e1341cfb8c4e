//! Where a NaN or an infinity comes from.

use anneal_kernels::AttentionMask;
use burn::tensor::{Int, Tensor, assert_shape};

use super::block_seeds::BlockSeeds;
use super::{LlamaForCausalLM, Positions, RotaryTables};
use crate::{LlamaConfig, Segments};

/// Logits looked at together: 2²³ of them are 32 MiB in f32.
const LOGITS: usize = 1 << 23;

impl LlamaForCausalLM {
    /// The module path of the first piece of the model whose output holds a NaN
    /// or an infinity for this batch; `None` where all is finite.
    ///
    /// For finding out after a loss was not finite: the model runs once more,
    /// piece by piece, without a graph. The pieces are, in this order, the
    /// embedding (`model.embed_tokens`), each layer's `input_layernorm`,
    /// `self_attn`, `post_attention_layernorm` and `mlp` and the sum that leaves
    /// the layer (`model.layers.3`: where only adding up overflows), `model.norm`,
    /// and `lm_head`, under this name where the head is the embedding too.
    /// Adapters and an active prompt take part; padded places count as well.
    /// The pieces draw random numbers in the order of a training pass: with the
    /// device seeded as it was for the loss, dropout is the same up to the head.
    ///
    /// `None` after a loss or gradient that was not finite means that it became
    /// so behind the logits: in the loss or on the way back.
    ///
    /// # Shapes
    /// - `input_ids`: `[batch, length]`, right-padded, or packed as `segments` say
    ///
    /// # Panics
    /// If the segments are those of a batch of another shape.
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
    /// let mut random = RandomWeights::new(0.1, 7);
    /// let mut model = LlamaForCausalLM::from_source(&config, &mut random, &device)?;
    /// let ids = Tensor::<2, Int>::from_ints([[3, 1, 4]], &device);
    /// assert_eq!(model.first_non_finite(ids.clone(), None, &config), None);
    ///
    /// let down_proj = &mut model.model.layers[1].mlp.down_proj;
    /// down_proj.weight = down_proj.weight.clone().map(|weight| weight * f32::NAN);
    /// let found = model.first_non_finite(ids, None, &config);
    /// assert_eq!(found.as_deref(), Some("model.layers.1.mlp"));
    /// # Ok::<(), anneal_llama::LlamaError>(())
    /// ```
    pub fn first_non_finite(
        &self,
        input_ids: Tensor<2, Int>,
        segments: Option<&Segments>,
        config: &LlamaConfig,
    ) -> Option<String> {
        match segments {
            None => {
                let ids = self.with_prompt(input_ids);
                let [_, length] = ids.dims();
                let range = Positions::Range { start: 0, length };
                self.look_through(ids, range, &AttentionMask::Causal, config)
                    .err()
            }
            Some(segments) => {
                let [batch, length] = segments.dims();
                assert_shape!(input_ids, [batch, length]);
                let (ids, layout) = self.with_prompt_packed(input_ids, segments);
                let segments = layout.as_ref().map_or(segments, |layout| &layout.segments);
                let (positions, mask) = (segments.positions(), segments.mask());
                self.look_through(ids, positions, &mask, config).err()
            }
        }
    }

    /// [`LlamaForCausalLM::hidden_states_at`] and the logits of every place, with
    /// a look at each output.
    fn look_through(
        &self,
        ids: Tensor<2, Int>,
        positions: Positions,
        mask: &AttentionMask,
        config: &LlamaConfig,
    ) -> Result<(), String> {
        let tables = RotaryTables::new(config, positions, &ids.device());
        let model = &self.model;
        let mut x = finite(model.embed(ids), || "model.embed_tokens".to_owned())?;
        let seeds = BlockSeeds::draw(&model.layers, &x);
        for (index, layer) in model.layers.iter().enumerate() {
            seeds.enter(index);
            let whole = || format!("model.layers.{index}");
            let part = |name: &str| format!("model.layers.{index}.{name}");

            let normed = layer.input_layernorm.forward(x.clone());
            let normed = finite(normed, || part("input_layernorm"))?;
            let attended = layer.self_attn.forward(normed, &tables, mask, None);
            x = finite(x + finite(attended, || part("self_attn"))?, whole)?;

            let normed = layer.post_attention_layernorm.forward(x.clone());
            let normed = finite(normed, || part("post_attention_layernorm"))?;
            let fed = finite(layer.mlp.forward(normed), || part("mlp"))?;
            x = finite(x + fed, whole)?;
        }
        seeds.enter(model.layers.len());
        let states = finite(model.norm.forward(x), || "model.norm".to_owned())?;

        let [batch, length, width] = states.dims();
        let (states, places) = (states.reshape([batch * length, width]), batch * length);
        let rows = (LOGITS / config.vocab_size.max(1)).max(1);
        for start in (0..places).step_by(rows) {
            let chunk = states.clone().narrow(0, start, rows.min(places - start));
            finite(self.logits(chunk), || "lm_head".to_owned())?;
        }
        Ok(())
    }
}

/// The tensor without its graph, or the path of what made it.
fn finite<const D: usize>(
    output: Tensor<D>,
    path: impl FnOnce() -> String,
) -> Result<Tensor<D>, String> {
    let output = output.detach();
    match output.clone().is_finite().all().into_scalar::<bool>() {
        true => Ok(output),
        false => Err(path()),
    }
}
