//! How the factors of a LoRA adapter begin: PEFT's `init_lora_weights`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The values that an initialisation may have, for messages.
pub(crate) const EXPECTED_INIT: &str = "true, false, \"gaussian\", \"olora\", \"pissa\" or \"pissa_niter_\" with the number of iterations";

/// How the factors `A` and `B` of a fresh adapter are drawn.
///
/// In JSON and TOML it is `true`, `false` or a name, as in PEFT.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum InitLoraWeights {
    /// `A` from `U(-1/√d_input, 1/√d_input)`, `B` zero: `true`, the default.
    #[default]
    Kaiming,
    /// Both factors random, so that a fresh adapter changes the output:
    /// `false`, for tests.
    Random,
    /// `A` from `N(0, 1/r²)`, `B` zero: `"gaussian"`.
    Gaussian,
    /// The `r` largest singular values of the weight, which keeps the rest:
    /// `"pissa"` (arXiv 2404.02948).
    Pissa,
    /// The same by a randomised decomposition with this many power
    /// iterations: `"pissa_niter_16"`.
    PissaNiter(usize),
    /// The first `r` columns of the weight's QR decomposition, which keeps the
    /// rest: `"olora"` (arXiv 2406.01775).
    Olora,
}

impl InitLoraWeights {
    /// Whether the base's weight becomes what the factors leave of it.
    pub fn changes_base(self) -> bool {
        matches!(self, Self::Pissa | Self::PissaNiter(_) | Self::Olora)
    }

    /// The initialisation of this name. PEFT ignores the case of `gaussian`
    /// and `olora` alone.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "pissa" => Some(Self::Pissa),
            _ if name.eq_ignore_ascii_case("gaussian") => Some(Self::Gaussian),
            _ if name.eq_ignore_ascii_case("olora") => Some(Self::Olora),
            _ => {
                let iterations = name.strip_prefix("pissa_niter_")?;
                iterations.parse().ok().map(Self::PissaNiter)
            }
        }
    }
}

impl fmt::Display for InitLoraWeights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kaiming => f.write_str("true"),
            Self::Random => f.write_str("false"),
            Self::Gaussian => f.write_str("gaussian"),
            Self::Pissa => f.write_str("pissa"),
            Self::PissaNiter(iterations) => write!(f, "pissa_niter_{iterations}"),
            Self::Olora => f.write_str("olora"),
        }
    }
}

impl Serialize for InitLoraWeights {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Kaiming => serializer.serialize_bool(true),
            Self::Random => serializer.serialize_bool(false),
            named => serializer.collect_str(named),
        }
    }
}

impl<'de> Deserialize<'de> for InitLoraWeights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Switch(bool),
            Name(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Switch(true) => Ok(Self::Kaiming),
            Written::Switch(false) => Ok(Self::Random),
            Written::Name(name) => Self::from_name(&name).ok_or_else(|| {
                D::Error::custom(format!(
                    "init_lora_weights is {name:?}, but it must be {EXPECTED_INIT}"
                ))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_initialisation_has_pefts_name() {
        for (init, written) in [
            (InitLoraWeights::Kaiming, json!(true)),
            (InitLoraWeights::Random, json!(false)),
            (InitLoraWeights::Gaussian, json!("gaussian")),
            (InitLoraWeights::Pissa, json!("pissa")),
            (InitLoraWeights::PissaNiter(16), json!("pissa_niter_16")),
            (InitLoraWeights::Olora, json!("olora")),
        ] {
            assert_eq!(serde_json::to_value(init).unwrap(), written);
            let read: InitLoraWeights = serde_json::from_value(written).unwrap();
            assert_eq!(read, init);
        }
    }

    #[test]
    fn the_case_counts_where_it_counts_for_peft() {
        let read = |name| InitLoraWeights::from_name(name);
        assert_eq!(read("Gaussian"), Some(InitLoraWeights::Gaussian));
        assert_eq!(read("OLoRA"), Some(InitLoraWeights::Olora));
        for unknown in ["PiSSA", "pissa_niter_", "pissa_niter_-1", "", "true"] {
            assert_eq!(read(unknown), None, "{unknown}");
        }
        let failure = serde_json::from_value::<InitLoraWeights>(Value::from("PiSSA"));
        let message = failure.unwrap_err().to_string();
        assert!(message.starts_with("init_lora_weights is \"PiSSA\", but"));
    }
}
