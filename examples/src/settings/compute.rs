//! How it is computed: what is kept in memory, and how exactly matrices are multiplied.

use anneal_kernels::{
    Kernel, KernelSet, MatmulPrecision, UnknownKernel, set_float32_matmul_precision, set_kernels,
};
use serde::{Serialize, Serializer};

use super::check::{refuse, word};
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
        /// Operations that run as kernels: all, none, names, or, each behind a minus sign, names of those that do not; the
        /// others run as plain tensor operations, slower, the same numbers up to rounding [default: all]
        #[arg(allow_hyphen_values = true)]
        kernels: String,
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

/// Settings of the computation, every value decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ComputeSettings {
    /// Whether each block is computed once more on the way back.
    pub gradient_checkpointing: GradientCheckpointing,
    /// How exactly f32 matrices are multiplied.
    #[serde(serialize_with = "as_text")]
    pub matmul_precision: MatmulPrecision,
    /// Operations that run as kernels.
    #[serde(serialize_with = "as_text")]
    pub kernels: KernelSet,
}

fn as_text<S: Serializer>(value: &impl ToString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&value.to_string())
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
            kernels: match self.kernels {
                None => KernelSet::default(),
                Some(text) => text.parse().map_err(|_: UnknownKernel| {
                    let names = Kernel::ALL.map(Kernel::name).join(", ");
                    refuse("kernels", &text, &format!("all, none or of {names}"))
                })?,
            },
        })
    }
}

impl ComputeSettings {
    /// Puts into force what holds for the whole process; to be called before anything is computed.
    pub fn apply(&self) {
        set_float32_matmul_precision(self.matmul_precision);
        set_kernels(self.kernels);
    }
}
