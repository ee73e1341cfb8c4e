//! What an adapter in a folder is, without the model it belongs to.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anneal_peft::{AdapterConfig, AdapterFacts, Consumer, Portability, portability_of};
use safetensors::SafeTensors;
use serde::Serialize;
use serde_json::Value;

use crate::ExampleError;

/// PEFT's name of the tensor file.
const WEIGHTS: &str = "adapter_model.safetensors";

/// An adapter's method, sizes and readers.
#[derive(Debug, Serialize)]
pub struct AdapterSummary {
    /// `LORA`, `IA3`, `VERA` or `PROMPT_TUNING`.
    pub peft_type: &'static str,
    /// The settings by PEFT's names.
    pub config: Value,
    /// LoRA's layers, in the order of their paths; empty for other methods.
    pub layers: Vec<LayerSummary>,
    /// Tensors in the file.
    pub tensors: usize,
    /// The types of the tensors.
    pub dtypes: Vec<String>,
    /// Values that were trained: all but copies of the base and VeRA's
    /// projections.
    pub trained_values: usize,
    /// Bytes of the tensor file.
    pub bytes: usize,
    /// What each program makes of the adapter.
    pub portability: Vec<Verdict>,
    /// The same as a table.
    #[serde(skip)]
    table: String,
}

/// Rank and scale of one of LoRA's layers.
#[derive(Debug, Serialize)]
pub struct LayerSummary {
    /// Its path.
    pub path: String,
    /// Its rank.
    pub rank: usize,
    /// The factor `s` of its update `s · B · A`.
    pub scale: f64,
}

/// What one program makes of an adapter.
#[derive(Debug, Serialize)]
pub struct Verdict {
    /// The program.
    pub consumer: String,
    /// Whether it computes what is meant, as the adapter is.
    pub ok: bool,
    /// What it does not do.
    pub findings: Vec<VerdictFinding>,
}

/// One thing that a program does not do as PEFT means it.
#[derive(Debug, Serialize)]
pub struct VerdictFinding {
    /// `refuses`, `wrong` or `needs`.
    pub severity: String,
    /// The setting that it comes from.
    pub setting: &'static str,
    /// What the program does.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

/// What a portability table says, for JSON.
pub fn verdicts(portability: &Portability) -> Vec<Verdict> {
    let finding = |finding: &anneal_peft::Finding| VerdictFinding {
        severity: finding.severity.to_string(),
        setting: finding.setting,
        reason: finding.reason.clone(),
        advice: finding.advice.clone(),
    };
    let verdict = |consumer: Consumer| Verdict {
        consumer: consumer.to_string(),
        ok: portability.is_ok(consumer),
        findings: portability.findings(consumer).iter().map(finding).collect(),
    };
    Consumer::ALL.map(verdict).into()
}

/// Reads the two files of a folder.
///
/// # Errors
/// What [`AdapterConfig::from_dir`] and [`portability_of`] refuse.
pub fn summarise(dir: &Path) -> Result<AdapterSummary, ExampleError> {
    let config = AdapterConfig::from_dir(dir)?;
    let portability = portability_of(dir)?;
    let mut layers = Vec::new();
    if let AdapterConfig::Lora(lora) = &config {
        for (path, rank) in AdapterFacts::from_dir(dir)?.ranks {
            let scale = lora.scale(&path)?;
            layers.push(LayerSummary { path, rank, scale });
        }
    }
    let file = dir.join(WEIGHTS);
    let bytes = std::fs::read(&file).map_err(ExampleError::io(&file))?;
    let tensors = SafeTensors::deserialize(&bytes)
        .map_err(std::io::Error::other)
        .map_err(ExampleError::io(&file))?;
    let mut dtypes: Vec<String> = tensors
        .iter()
        .map(|(_, tensor)| format!("{:?}", tensor.dtype()))
        .collect();
    dtypes.sort();
    dtypes.dedup();
    let trained = tensors.iter().filter(|(name, _)| is_trained(name));
    Ok(AdapterSummary {
        peft_type: config.peft_type().name(),
        layers,
        tensors: tensors.len(),
        dtypes,
        trained_values: trained
            .map(|(_, t)| t.shape().iter().product::<usize>())
            .sum(),
        bytes: bytes.len(),
        portability: verdicts(&portability),
        table: portability.to_string(),
        config: settings(&config).map_err(ExampleError::json(dir))?,
    })
}

/// Whether a tensor is neither a copy of the base nor drawn from a seed.
fn is_trained(name: &str) -> bool {
    !name.ends_with(".base_layer.weight") && !name.ends_with("vera_A") && !name.ends_with("vera_B")
}

/// The settings as JSON.
fn settings(config: &AdapterConfig) -> serde_json::Result<Value> {
    match config {
        AdapterConfig::Lora(config) => serde_json::to_value(config),
        AdapterConfig::Ia3(config) => serde_json::to_value(config),
        AdapterConfig::Vera(config) => serde_json::to_value(config),
        AdapterConfig::PromptTuning(config) => serde_json::to_value(config),
    }
}

impl AdapterSummary {
    /// The layers of each rank and scale.
    fn groups(&self) -> Vec<String> {
        let mut groups: BTreeMap<(usize, String), usize> = BTreeMap::new();
        for layer in &self.layers {
            let key = (layer.rank, format!("scale {}", layer.scale));
            *groups.entry(key).or_default() += 1;
        }
        let groups = groups.into_iter();
        groups
            .map(|((rank, scale), count)| format!("{count} of rank {rank}, {scale}"))
            .collect()
    }
}

/// A setting in a few words, or nothing where it is off.
fn in_words(value: &Value) -> Option<String> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Object(fields) if fields.is_empty() => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

impl fmt::Display for AdapterSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "method      {}", self.peft_type)?;
        for group in self.groups() {
            writeln!(f, "layers      {group}")?;
        }
        let types = self.dtypes.join(", ");
        writeln!(
            f,
            "tensors     {} of {types}, {} trained values, {} bytes",
            self.tensors, self.trained_values, self.bytes
        )?;
        writeln!(f, "settings")?;
        for (name, value) in self.config.as_object().into_iter().flatten() {
            if let Some(value) = in_words(value) {
                writeln!(f, "  {name}: {value}")?;
            }
        }
        writeln!(f, "read by")?;
        for (index, line) in self.table.lines().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}  {line}")?;
        }
        Ok(())
    }
}
