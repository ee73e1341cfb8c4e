//! Which programs take an adapter, and what each of them will get wrong.
//!
//! The files have one format and several readers, and not every reader does
//! what the settings say: some take one scale for all layers, or none of
//! rank-stabilised LoRA's. That fails without a word, so it is told before.

mod consumer;
mod files;
mod module;
mod rules;

use std::{collections::BTreeMap, fmt};

pub use consumer::{Consumer, Finding, Severity};
pub use files::portability_of;
pub(crate) use module::of_saved;
pub use module::portability;

use crate::{AdapterConfig, PeftError};

/// What the settings alone do not say about an adapter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdapterFacts {
    /// The rank at each adapted layer, by its path. Empty but for LoRA.
    pub ranks: BTreeMap<String, usize>,
    /// Whether the model's head shares its weight with the embedding; absent
    /// where nobody knows, as with an adapter in a folder.
    pub tied_head: Option<bool>,
}

/// What each [`Consumer`] makes of an adapter.
///
/// Printed, it is a table of one line for each consumer and finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Portability {
    /// The findings of each consumer, in the order of [`Consumer::ALL`].
    verdicts: Vec<(Consumer, Vec<Finding>)>,
}

impl Portability {
    /// What this consumer does not do as PEFT means it; empty where all is well.
    pub fn findings(&self, consumer: Consumer) -> &[Finding] {
        let verdict = self.verdicts.iter().find(|(c, _)| *c == consumer);
        verdict.map_or(&[], |(_, findings)| findings)
    }

    /// Whether this consumer computes what the adapter means, as it is.
    pub fn is_ok(&self, consumer: Consumer) -> bool {
        self.findings(consumer).is_empty()
    }

    /// Whether every consumer does.
    pub fn is_ok_everywhere(&self) -> bool {
        self.verdicts
            .iter()
            .all(|(_, findings)| findings.is_empty())
    }
}

impl fmt::Display for Portability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (consumer, findings) in &self.verdicts {
            if findings.is_empty() {
                write!(f, "{separator}{consumer:<10}  ok")?;
                separator = "\n";
            }
            for finding in findings {
                write!(f, "{separator}{consumer:<10}  {finding}")?;
                separator = "\n";
            }
        }
        Ok(())
    }
}

/// What each consumer makes of an adapter with these settings.
///
/// ```
/// use std::collections::BTreeMap;
/// use anneal_peft::{AdapterFacts, Consumer, LoraConfig, TargetModules, portability_from};
///
/// let config = LoraConfig::new(TargetModules::names(["q_proj"])).with_base_model("a/b");
/// let facts = AdapterFacts {
///     ranks: BTreeMap::from([("model.layers.0.self_attn.q_proj".into(), 8)]),
///     tied_head: Some(true),
/// };
/// assert!(portability_from(&config, &facts)?.is_ok_everywhere());
/// // llama.cpp divides by the rank, not by its root.
/// let report = portability_from(config.with_use_rslora(true), &facts)?;
/// assert!(report.is_ok(Consumer::Vllm));
/// assert_eq!(report.findings(Consumer::LlamaCpp)[0].setting, "use_rslora");
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
///
/// # Errors
///
/// [`PeftError::Pattern`] where a pattern's key is not an expression.
pub fn portability_from(
    config: impl Into<AdapterConfig>,
    facts: &AdapterFacts,
) -> Result<Portability, PeftError> {
    let config = config.into();
    let mut verdicts = Vec::new();
    for consumer in Consumer::ALL {
        verdicts.push((consumer, rules::findings(consumer, &config, facts)?));
    }
    Ok(Portability { verdicts })
}
