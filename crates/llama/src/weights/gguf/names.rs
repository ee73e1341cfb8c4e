//! llama.cpp's tensor names, as Hugging Face spells them.

/// The state-dict name of a GGUF tensor; `None` if a Llama has none such.
pub(super) fn hugging_face_name(name: &str) -> Option<String> {
    let whole = match name {
        "token_embd.weight" => Some("model.embed_tokens.weight"),
        "output_norm.weight" => Some("model.norm.weight"),
        "output.weight" => Some("lm_head.weight"),
        _ => None,
    };
    if let Some(whole) = whole {
        return Some(whole.to_owned());
    }
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    // `parse` would take "+1" and "01" for 1, and two tensors for one.
    let plain = layer == "0" || layer.starts_with(|c: char| ('1'..='9').contains(&c));
    let layer: usize = layer.parse().ok().filter(|_| plain)?;
    let (part, kind) = rest.rsplit_once('.')?;
    let part = match part {
        "attn_norm" => "input_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_output" => "self_attn.o_proj",
        "ffn_norm" => "post_attention_layernorm",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    };
    matches!(kind, "weight" | "bias").then(|| format!("model.layers.{layer}.{part}.{kind}"))
}

#[cfg(test)]
mod tests {
    use super::hugging_face_name;

    #[test]
    fn names_are_translated_and_foreign_ones_are_not() {
        let name = |n| hugging_face_name(n).unwrap_or_default();
        assert_eq!(
            name("blk.12.attn_q.weight"),
            "model.layers.12.self_attn.q_proj.weight"
        );
        assert_eq!(
            name("blk.0.ffn_down.bias"),
            "model.layers.0.mlp.down_proj.bias"
        );
        assert_eq!(name("output.weight"), "lm_head.weight");
        assert_eq!(hugging_face_name("blk.0.ssm_in.weight"), None);
        for layer in ["x", "+1", "01", "-1", "", "99999999999999999999"] {
            let name = format!("blk.{layer}.attn_q.weight");
            assert_eq!(hugging_face_name(&name), None, "{name}");
        }
    }
}
