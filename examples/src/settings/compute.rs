//! How it is computed: what is kept in memory, and how exactly matrices are multiplied.

use serde::Serialize;

use super::check::word;
use super::given::given;
use crate::ExampleError;

given! {
    /// Settings of the computation.
    GivenCompute {
        /// Keep only the inputs of the model's blocks, and compute each block once more on the way back: little memory,
        /// a third to a half more time, the same numbers. on, off, or auto: on where memory would not suffice without it
        /// [default: auto]
        gradient_checkpointing: String,
        /// How exactly f32 matrices are multiplied, by PyTorch's names: highest, or medium, for which the operands of
        /// frozen weights' products are rounded to bf16 on processors that are faster so [default: highest]
        matmul_precision: String,
    }
}

/// Whether each block is computed once more on the way back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GradientCheckpointing {
    /// Where memory would not suffice without it.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// How exactly f32 matrices are multiplied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatmulPrecision {
    /// With all digits of f32.
    #[default]
    Highest,
    /// With fewer digits of the factors, where the device is faster with them.
    Medium,
}

/// Settings of the computation, every value decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ComputeSettings {
    /// Whether each block is computed once more on the way back.
    pub gradient_checkpointing: GradientCheckpointing,
    /// How exactly f32 matrices are multiplied.
    pub matmul_precision: MatmulPrecision,
}

impl GivenCompute {
    pub(super) fn resolve(self) -> Result<ComputeSettings, ExampleError> {
        Ok(ComputeSettings {
            gradient_checkpointing: word(
                "gradient-checkpointing",
                self.gradient_checkpointing.as_deref(),
                &[
                    ("auto", GradientCheckpointing::Auto),
                    ("on", GradientCheckpointing::On),
                    ("off", GradientCheckpointing::Off),
                ],
            )?,
            matmul_precision: word(
                "matmul-precision",
                self.matmul_precision.as_deref(),
                &[
                    ("highest", MatmulPrecision::Highest),
                    ("medium", MatmulPrecision::Medium),
                ],
            )?,
        })
    }
}

impl ComputeSettings {
    /// Puts into force what holds for the whole process; to be called before anything is computed.
    pub fn apply(&self) {
        anneal_kernels::set_float32_matmul_precision(match self.matmul_precision {
            MatmulPrecision::Highest => anneal_kernels::MatmulPrecision::Highest,
            MatmulPrecision::Medium => anneal_kernels::MatmulPrecision::Medium,
        });
    }
}
