//! How exactly products of f32 are made.

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// How the operands of a large product with a frozen f32 weight are rounded
/// before they are multiplied. The sums, everything between products, low-rank
/// factors, their gradients and the optimiser are f32 in either case.
///
/// The names are PyTorch's, of `torch.set_float32_matmul_precision`
/// (<https://docs.pytorch.org/docs/stable/generated/torch.set_float32_matmul_precision.html>);
/// its `high`, which splits a number into several of bf16, would be slower than
/// f32 on a CPU and is not offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatmulPrecision {
    /// Not at all: 24 bits of precision.
    #[default]
    Highest,
    /// To bf16, 8 bits of precision, where the CPU multiplies those faster
    /// (AVX-512 BF16: AMD from Zen 4, Intel from Cooper Lake); elsewhere as
    /// [`Highest`](Self::Highest).
    Medium,
}

impl fmt::Display for MatmulPrecision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Highest => "highest",
            Self::Medium => "medium",
        })
    }
}

/// A name that is none of [`MatmulPrecision`]'s.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{found}` is no precision of products: expected `highest` or `medium`")]
pub struct UnknownPrecision {
    /// What was given.
    pub found: String,
}

impl FromStr for MatmulPrecision {
    type Err = UnknownPrecision;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "highest" => Ok(Self::Highest),
            "medium" => Ok(Self::Medium),
            _ => Err(UnknownPrecision {
                found: text.to_owned(),
            }),
        }
    }
}

static MEDIUM: AtomicBool = AtomicBool::new(false);

/// Sets the precision of products for the whole process.
///
/// ```
/// use anneal_kernels::{MatmulPrecision, float32_matmul_precision, set_float32_matmul_precision};
///
/// assert_eq!(float32_matmul_precision(), MatmulPrecision::Highest);
/// set_float32_matmul_precision("medium".parse()?);
/// assert_eq!(float32_matmul_precision(), MatmulPrecision::Medium);
/// # Ok::<(), anneal_kernels::UnknownPrecision>(())
/// ```
pub fn set_float32_matmul_precision(precision: MatmulPrecision) {
    MEDIUM.store(precision == MatmulPrecision::Medium, Relaxed);
}

/// What [`set_float32_matmul_precision`] has set; [`MatmulPrecision::Highest`]
/// before.
pub fn float32_matmul_precision() -> MatmulPrecision {
    match MEDIUM.load(Relaxed) {
        true => MatmulPrecision::Medium,
        false => MatmulPrecision::Highest,
    }
}
