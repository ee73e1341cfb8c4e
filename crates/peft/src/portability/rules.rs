//! What each consumer is known to do, one rule after another.
//!
//! From the consumers' sources: vLLM's `lora/peft_helper.py` and
//! `lora/lora_model.py`, llama.cpp's `convert_lora_to_gguf.py` and
//! `llama-adapter.h`, `validate_dynamic` in mistral.rs'
//! `mistralrs-quant/src/lora`, and PEFT 0.21.

use super::{AdapterFacts, Consumer, Finding, Severity};
use crate::{AdapterConfig, Bias, InitLoraWeights, LoraConfig, PeftError, targets::last_segment};

const BAKE: &str = "export the adapter with its scale baked in";
const MERGE: &str = "merge the adapter and export the model";
const CONVERT: &str = "save it converted to an adapter of the published base";
/// vLLM's `max_lora_rank` where it is not given.
const VLLM_MAX_RANK: usize = 16;

/// What a consumer does not do as the settings mean it.
pub(super) fn findings(
    consumer: Consumer,
    config: &AdapterConfig,
    facts: &AdapterFacts,
) -> Result<Vec<Finding>, PeftError> {
    match (consumer, config) {
        (Consumer::Peft, _) => Ok(peft(config)),
        (_, AdapterConfig::Lora(config)) => match consumer {
            Consumer::Vllm => vllm(config, facts),
            Consumer::LlamaCpp => llama_cpp(config, facts),
            _ => Ok(mistral_rs(config, facts)),
        },
        (Consumer::Vllm | Consumer::LlamaCpp | Consumer::MistralRs, other) => {
            let advice = match other {
                AdapterConfig::PromptTuning(_) => "use PEFT",
                _ => MERGE,
            };
            let kind = other.peft_type();
            let reason = format!("it reads LoRA adapters, and this is {kind}");
            Ok(vec![refuses("peft_type", reason, advice)])
        }
    }
}

/// PEFT itself, where a file does not hold all that was trained.
fn peft(config: &AdapterConfig) -> Vec<Finding> {
    match config {
        AdapterConfig::Lora(LoraConfig {
            init_lora_weights: InitLoraWeights::PissaNiter(_),
            ..
        }) => vec![wrong(
            "init_lora_weights",
            "it draws the randomised decomposition of the base anew",
            CONVERT,
        )],
        AdapterConfig::Vera(config) if !config.save_projection => vec![wrong(
            "save_projection",
            "it draws the projections from projection_prng_key itself, which need not give those \
             that the vectors were trained with",
            "save the projections",
        )],
        _ => Vec::new(),
    }
}

fn vllm(config: &LoraConfig, facts: &AdapterFacts) -> Result<Vec<Finding>, PeftError> {
    let mut found = not_plain(config);
    if config.bias != Bias::None {
        let reason = "it takes no trained biases unless told to";
        found.push(refuses("bias", reason, MERGE));
    }
    if config.init_lora_weights.changes_base() {
        found.push(base_unchanged());
    }
    // One scale from `r` and `lora_alpha`, for every layer.
    let root = (config.r as f64).sqrt();
    let scale = config.lora_alpha
        / if config.use_rslora {
            root
        } else {
            config.r as f64
        };
    if let Some((path, reason)) = first_scale(config, facts, |_| scale)? {
        let setting = match config.rank(path)? == config.r {
            true => "alpha_pattern",
            false => "rank_pattern",
        };
        let reason = format!("{reason}, because one scale is taken for all layers");
        found.push(wrong(setting, reason, BAKE));
    }
    let ranks = facts.ranks.values().copied();
    let rank = ranks.chain([config.r]).max().unwrap_or(config.r);
    if rank > VLLM_MAX_RANK {
        found.push(Finding {
            severity: Severity::Needs,
            setting: "r",
            reason: format!("rank {rank} is above its default limit of {VLLM_MAX_RANK}"),
            advice: format!("start it with --max-lora-rank {rank} or more"),
        });
    }
    Ok(found)
}

fn llama_cpp(config: &LoraConfig, facts: &AdapterFacts) -> Result<Vec<Finding>, PeftError> {
    let mut found = not_plain(config);
    if config.bias != Bias::None {
        let reason = "its converter stops at a tensor that is no factor";
        found.push(refuses("bias", reason, MERGE));
    }
    if config.init_lora_weights.changes_base() {
        found.push(base_unchanged());
    }
    // `lora_alpha` over the rank of the tensor.
    let scale = |rank: usize| config.lora_alpha / rank as f64;
    if let Some((_, reason)) = first_scale(config, facts, scale)? {
        let setting = match config.use_rslora {
            true => "use_rslora",
            false => "alpha_pattern",
        };
        let reason = format!("{reason}, because lora_alpha over the layer's rank is all it reads");
        found.push(wrong(setting, reason, BAKE));
    }
    let head = facts
        .ranks
        .keys()
        .any(|path| last_segment(path) == "lm_head");
    if head && facts.tied_head != Some(false) {
        let tied = match facts.tied_head {
            Some(_) => "because the head is tied to the embedding",
            None => "if the head is tied to the embedding",
        };
        found.push(refuses(
            "target_modules",
            format!("lm_head is adapted, which its converter cannot place {tied}"),
            "leave lm_head out, or merge the adapter and export the model",
        ));
    }
    if config.base_model_name_or_path.is_none() {
        found.push(Finding {
            severity: Severity::Needs,
            setting: "base_model_name_or_path",
            reason: "its converter reads the base's config.json, and the adapter does not name \
                     the base"
                .into(),
            advice: "name it in the settings, or give --base".into(),
        });
    }
    Ok(found)
}

fn mistral_rs(config: &LoraConfig, facts: &AdapterFacts) -> Vec<Finding> {
    let mut found = not_plain(config);
    let adapts = |name: &str| facts.ranks.keys().any(|path| last_segment(path) == name);
    for name in ["lm_head", "embed_tokens"] {
        if adapts(name) {
            let reason = format!("it takes no adapter of {name}");
            found.push(refuses("target_modules", reason, MERGE));
        }
    }
    if config.bias != Bias::None {
        found.push(refuses("bias", "it takes no trained biases", MERGE));
    }
    if config.ensure_weight_tying {
        let reason = "it does not keep a tied head and embedding the same";
        found.push(refuses("ensure_weight_tying", reason, MERGE));
    }
    if config.init_lora_weights.changes_base() {
        let reason = "the adapter belongs to a transformed base";
        found.push(refuses("init_lora_weights", reason, CONVERT));
    }
    found
}

/// What none but PEFT takes.
fn not_plain(config: &LoraConfig) -> Vec<Finding> {
    let mut found = Vec::new();
    if config.use_dora {
        found.push(refuses("use_dora", "it does not do DoRA", MERGE));
    }
    if config
        .modules_to_save
        .as_ref()
        .is_some_and(|m| !m.is_empty())
    {
        let reason = "it takes no modules that were trained whole";
        found.push(refuses("modules_to_save", reason, MERGE));
    }
    found
}

/// The adapter is put on the published base and not on what PiSSA or OLoRA
/// left of it.
fn base_unchanged() -> Finding {
    wrong(
        "init_lora_weights",
        "it adds the factors to the published base, from which they were taken",
        CONVERT,
    )
}

/// The first layer whose scale is not what the consumer takes for a layer of
/// its rank, and both scales in words.
fn first_scale<'a>(
    config: &LoraConfig,
    facts: &'a AdapterFacts,
    taken: impl Fn(usize) -> f64,
) -> Result<Option<(&'a str, String)>, PeftError> {
    for (path, &rank) in &facts.ranks {
        let (meant, taken) = (config.scale(path)?, taken(rank));
        if meant != taken {
            let reason = format!("{path} means a scale of {meant} and gets {taken}");
            return Ok(Some((path, reason)));
        }
    }
    Ok(None)
}

fn refuses(setting: &'static str, reason: impl Into<String>, advice: &str) -> Finding {
    finding(Severity::Refuses, setting, reason, advice)
}

fn wrong(setting: &'static str, reason: impl Into<String>, advice: &str) -> Finding {
    finding(Severity::Wrong, setting, reason, advice)
}

fn finding(
    severity: Severity,
    setting: &'static str,
    reason: impl Into<String>,
    advice: &str,
) -> Finding {
    Finding {
        severity,
        setting,
        reason: reason.into(),
        advice: advice.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Ia3Config, Pattern, PromptTuningConfig, TargetModules, VeraConfig, portability_from,
    };

    const Q: &str = "model.layers.0.self_attn.q_proj";

    /// The verdicts in one line: `refuses:use_dora` and so on, by consumer.
    fn verdicts(config: impl Into<AdapterConfig>, ranks: &[(&str, usize)]) -> [String; 4] {
        let facts = AdapterFacts {
            ranks: ranks
                .iter()
                .map(|&(path, rank)| (path.into(), rank))
                .collect(),
            tied_head: Some(true),
        };
        let report = portability_from(config, &facts).unwrap();
        Consumer::ALL.map(|consumer| {
            let findings = report.findings(consumer).iter();
            let words = findings.map(|f| format!("{}:{}", f.severity, f.setting));
            words.collect::<Vec<_>>().join(" ")
        })
    }

    fn lora() -> LoraConfig {
        LoraConfig::new(TargetModules::names(["q_proj"]))
            .with_r(4)
            .with_lora_alpha(6.0)
            .with_base_model("a/b")
    }

    #[test]
    fn each_setting_and_what_comes_of_it() {
        let dora = "refuses:use_dora";
        let whole = "refuses:modules_to_save";
        let bias = "refuses:bias";
        let init = "wrong:init_lora_weights";
        let no_init = "refuses:init_lora_weights";
        let alpha = "wrong:alpha_pattern";
        let cases = [
            (lora(), ["", "", "", ""]),
            (
                lora().with_use_rslora(true),
                ["", "", "wrong:use_rslora", ""],
            ),
            (
                lora().with_alpha_pattern(Pattern::new([("q_proj", 7.0)])),
                ["", alpha, alpha, ""],
            ),
            // A pattern that matches no adapted layer, or says what holds anyway.
            (
                lora().with_alpha_pattern(Pattern::new([("k_proj", 7.0)])),
                ["", "", "", ""],
            ),
            (
                lora().with_alpha_pattern(Pattern::new([("q_proj", 6.0)])),
                ["", "", "", ""],
            ),
            (lora().with_use_dora(true), ["", dora, dora, dora]),
            (
                lora().with_modules_to_save(["lm_head"]),
                ["", whole, whole, whole],
            ),
            (lora().with_bias(Bias::LoraOnly), ["", bias, bias, bias]),
            (
                lora().with_init_lora_weights(InitLoraWeights::Pissa),
                ["", init, init, no_init],
            ),
            (
                lora().with_init_lora_weights(InitLoraWeights::PissaNiter(2)),
                [init, init, init, no_init],
            ),
            (
                lora().with_init_lora_weights(InitLoraWeights::Gaussian),
                ["", "", "", ""],
            ),
            (
                lora().with_ensure_weight_tying(true),
                ["", "", "", "refuses:ensure_weight_tying"],
            ),
            (
                LoraConfig {
                    base_model_name_or_path: None,
                    ..lora()
                },
                ["", "", "needs:base_model_name_or_path", ""],
            ),
        ];
        for (config, expected) in cases {
            assert_eq!(verdicts(&config, &[(Q, 4)]), expected, "{config:?}");
        }
    }

    #[test]
    fn ranks_of_single_layers_are_vllms_matter_alone() {
        let config = lora().with_rank_pattern(Pattern::new([("q_proj", 2)]));
        let expected = ["", "wrong:rank_pattern", "", ""];
        assert_eq!(verdicts(&config, &[(Q, 2)]), expected);
        // Of rank 1, rsLoRA and LoRA are the same.
        let one = lora().with_r(1).with_use_rslora(true);
        assert_eq!(verdicts(one, &[(Q, 1)]), ["", "", "", ""]);
        let high = lora().with_r(32);
        assert_eq!(verdicts(high, &[(Q, 32)]), ["", "needs:r", "", ""]);
    }

    #[test]
    fn an_adapter_of_the_head_is_not_for_every_reader() {
        let no = "refuses:target_modules";
        let expected = ["", "", no, no];
        assert_eq!(verdicts(lora(), &[("lm_head", 4)]), expected);
        let facts = AdapterFacts {
            ranks: [("lm_head".into(), 4)].into(),
            tied_head: Some(false),
        };
        let report = portability_from(lora(), &facts).unwrap();
        assert!(report.is_ok(Consumer::LlamaCpp) && !report.is_ok(Consumer::MistralRs));
    }

    #[test]
    fn other_kinds_are_for_peft_alone() {
        let no = "refuses:peft_type";
        assert_eq!(verdicts(Ia3Config::llama(), &[]), ["", no, no, no]);
        assert_eq!(verdicts(PromptTuningConfig::new(3), &[]), ["", no, no, no]);
        assert_eq!(verdicts(VeraConfig::default(), &[]), ["", no, no, no]);
        let drawn = VeraConfig::default().with_save_projection(false);
        assert_eq!(verdicts(drawn, &[]), ["wrong:save_projection", no, no, no]);
    }

    #[test]
    fn a_broken_pattern_is_an_error() {
        let config = lora().with_alpha_pattern(Pattern::new([("(", 1.0)]));
        let facts = AdapterFacts {
            ranks: [(Q.into(), 4)].into(),
            tied_head: None,
        };
        let message = portability_from(config, &facts).unwrap_err().to_string();
        assert!(
            message.starts_with("alpha_pattern holds \"(\""),
            "{message}"
        );
    }
}
