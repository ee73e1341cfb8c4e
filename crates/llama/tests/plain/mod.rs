//! The model once more, of the same parameters, in plain tensor operations.

use anneal_kernels::{AttentionMask, reference};
use anneal_llama::{
    Attention, LlamaConfig, LlamaForCausalLM, Mlp, Positions, RmsNorm, RotaryTables,
};
use burn::nn::Linear;
use burn::tensor::{Int, Tensor};

fn linear(layer: &Linear, x: Tensor<3>) -> Tensor<3> {
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    reference::linear(x, layer.weight.val(), bias)
}

fn norm(layer: &RmsNorm, x: Tensor<3>) -> Tensor<3> {
    reference::rms_norm(x, layer.weight.val(), layer.epsilon)
}

fn attend(
    layer: &Attention,
    x: Tensor<3>,
    tables: &RotaryTables,
    mask: &AttentionMask,
    config: &LlamaConfig,
) -> Tensor<3> {
    let [batch, length, _] = x.dims();
    let heads = |x: Tensor<3>, count| {
        x.reshape([batch, length, count, config.head_dim])
            .swap_dims(1, 2)
    };
    let turn = |x| reference::rotary(x, tables.cos.clone(), tables.sin.clone());
    let q = turn(heads(
        linear(&layer.q_proj, x.clone()),
        config.num_attention_heads,
    ));
    let k = turn(heads(
        linear(&layer.k_proj, x.clone()),
        config.num_key_value_heads,
    ));
    let v = heads(linear(&layer.v_proj, x), config.num_key_value_heads);
    let y = reference::attention(q, k, v, mask).swap_dims(1, 2);
    let width = config.num_attention_heads * config.head_dim;
    linear(&layer.o_proj, y.reshape([batch, length, width]))
}

fn feed(layer: &Mlp, x: Tensor<3>) -> Tensor<3> {
    let (gate, up) = (
        linear(&layer.gate_proj, x.clone()),
        linear(&layer.up_proj, x),
    );
    linear(&layer.down_proj, reference::swiglu(gate, up))
}

/// As `hidden_states_at`.
pub fn hidden_states(
    model: &LlamaForCausalLM,
    ids: Tensor<2, Int>,
    positions: Positions,
    mask: &AttentionMask,
    config: &LlamaConfig,
) -> Tensor<3> {
    let tables = RotaryTables::new(config, positions, &ids.device());
    let ([batch, length], width) = (ids.dims(), config.hidden_size);
    let embedding = model.model.embed_tokens.weight.val();
    let rows = embedding.select(0, ids.reshape([batch * length]));
    let mut x = rows.reshape([batch, length, width]);
    for layer in &model.model.layers {
        let normed = norm(&layer.input_layernorm, x.clone());
        x = x + attend(&layer.self_attn, normed, &tables, mask, config);
        let normed = norm(&layer.post_attention_layernorm, x.clone());
        x = x + feed(&layer.mlp, normed);
    }
    norm(&model.model.norm, x)
}

/// The losses at flat places, by every logit there.
pub fn losses(
    model: &LlamaForCausalLM,
    hidden: Tensor<3>,
    places: Tensor<1, Int>,
    targets: Tensor<1, Int>,
    smoothing: f64,
) -> Tensor<1> {
    let [batch, length, width] = hidden.dims();
    let trained = hidden.reshape([batch * length, width]).select(0, places);
    let head = match &model.lm_head {
        Some(head) => head.weight.val().transpose(),
        None => model.model.embed_tokens.weight.val(),
    };
    reference::linear_cross_entropy_rows(trained, head, targets, smoothing)
}
