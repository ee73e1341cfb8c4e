//! The one place that decides a model's floating-point types.
//!
//! | values | type |
//! |---|---|
//! | weights, activations, key/value cache | the model's [`Precision`] |
//! | norm statistics, rotation, softmax, the product of the head, logits, losses | f32 |
//! | adapters and their optimiser state | f32 |
//!
//! A product rounds its result to the model's precision, as in transformers
//! with `dtype=torch.bfloat16`: `docs/decisions/0010-mixed-precision.md`.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{DType, Device};

use crate::LlamaError;

/// The type of a model's weights, activations and cache.
///
/// ```
/// use anneal_llama::Precision;
///
/// assert_eq!("bf16".parse::<Precision>()?, Precision::Bf16);
/// assert_eq!(Precision::default().to_string(), "f32");
/// # Ok::<(), anneal_llama::LlamaError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// 24 bits of precision; the numbers are transformers' own.
    #[default]
    F32,
    /// 8 bits of precision in half the memory. On a CPU it is far slower than
    /// f32: every product widens its weight first.
    Bf16,
}

impl Precision {
    /// As burn calls it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }

    /// Refuses a device that does not compute in this type.
    ///
    /// # Errors
    /// [`LlamaError::UnsupportedPrecision`].
    pub fn check(self, device: &Device) -> Result<(), LlamaError> {
        match device.supports_dtype(self.dtype()) {
            true => Ok(()),
            false => Err(LlamaError::UnsupportedPrecision {
                precision: self,
                device: format!("{device:?}"),
            }),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        })
    }
}

impl FromStr for Precision {
    type Err = LlamaError;

    fn from_str(name: &str) -> Result<Self, LlamaError> {
        match name {
            "f32" => Ok(Self::F32),
            "bf16" => Ok(Self::Bf16),
            _ => Err(LlamaError::UnknownPrecision {
                found: name.to_owned(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_names_are_refused_with_those_that_exist() {
        let error = "fp8".parse::<Precision>().unwrap_err().to_string();
        assert_eq!(error, "the precision is \"fp8\"; expected f32 or bf16");
    }

    #[test]
    fn the_cpu_computes_in_both() {
        for precision in [Precision::F32, Precision::Bf16] {
            assert!(precision.check(&anneal_testkit::device()).is_ok());
        }
        let refusal = LlamaError::UnsupportedPrecision {
            precision: Precision::Bf16,
            device: "wgpu:0".into(),
        };
        assert_eq!(
            refusal.to_string(),
            "the device wgpu:0 does not compute in bf16; f32 works on every device"
        );
    }
}
