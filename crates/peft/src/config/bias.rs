//! Which biases are trained beside an adapter: PEFT's `bias`.

use serde::{Deserialize, Serialize};

/// Which biases of the base are trained and saved with the adapter.
///
/// A trained bias changes the base: it cannot be switched off with the
/// adapter in PEFT, and few other readers take it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// None, `"none"`.
    #[default]
    None,
    /// Every bias of the module, `"all"`.
    All,
    /// Those of the adapted layers, `"lora_only"`; PEFT calls it `"vera_only"`
    /// for VeRA, and reads either.
    LoraOnly,
}

impl Bias {
    /// PEFT's name, in LoRA's settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::All => "all",
            Self::LoraOnly => "lora_only",
        }
    }
}
