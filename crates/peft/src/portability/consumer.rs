//! Who reads PEFT's files, and what can come of it.

use std::fmt;

/// A program that reads `adapter_config.json` and `adapter_model.safetensors`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consumer {
    /// Hugging Face PEFT 0.21.
    Peft,
    /// vLLM (`lora/peft_helper.py`, `lora/lora_model.py`).
    Vllm,
    /// llama.cpp's `convert_lora_to_gguf.py` and the scale of its runtime.
    LlamaCpp,
    /// mistral.rs (`mistralrs-quant/src/lora`).
    MistralRs,
}

impl Consumer {
    /// All of them, in the order they are told.
    pub const ALL: [Self; 4] = [Self::Peft, Self::Vllm, Self::LlamaCpp, Self::MistralRs];
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Peft => "PEFT",
            Self::Vllm => "vLLM",
            Self::LlamaCpp => "llama.cpp",
            Self::MistralRs => "mistral.rs",
        })
    }
}

/// What a consumer does with something it has no equal of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Severity {
    /// It does not load the adapter.
    Refuses,
    /// It loads the adapter and computes something else, without a word.
    Wrong,
    /// It loads the adapter only when told to.
    Needs,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Refuses => "refuses",
            Self::Wrong => "wrong",
            Self::Needs => "needs",
        })
    }
}

/// One thing that a consumer does not do as PEFT means it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What comes of it.
    pub severity: Severity,
    /// The setting it comes from, by PEFT's name.
    pub setting: &'static str,
    /// What the consumer does, in one sentence.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            severity,
            setting,
            reason,
            advice,
        } = self;
        write!(f, "{severity} {setting}: {reason}; {advice}")
    }
}
