//! Which operations run their kernels, and which their plain twins.

use std::cell::Cell;
use std::fmt;
use std::str::FromStr;
use std::sync::atomic::{AtomicU8, Ordering};

/// An operation that has a kernel beside its plain twin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Kernel {
    /// [`rms_norm`](crate::rms_norm()) and [`add_rms_norm`](crate::add_rms_norm)
    RmsNorm,
    /// [`rotary`](crate::rotary()) and [`rotary_pair`](crate::rotary_pair)
    Rotary,
    /// [`swiglu`](crate::swiglu())
    Swiglu,
    /// [`attention`](crate::attention())
    Attention,
    /// [`linear`](crate::linear())
    Linear,
    /// [`lora_linear`](crate::lora_linear())
    LoraLinear,
    /// [`linear_cross_entropy`](crate::linear_cross_entropy()),
    /// [`linear_cross_entropy_rows`](crate::linear_cross_entropy_rows) and
    /// [`argmax_log_softmax`](crate::argmax_log_softmax())
    LinearCrossEntropy,
}

impl Kernel {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::RmsNorm,
        Self::Rotary,
        Self::Swiglu,
        Self::Attention,
        Self::Linear,
        Self::LoraLinear,
        Self::LinearCrossEntropy,
    ];

    /// The name of the function, which is also how a [`KernelSet`] is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::RmsNorm => "rms_norm",
            Self::Rotary => "rotary",
            Self::Swiglu => "swiglu",
            Self::Attention => "attention",
            Self::Linear => "linear",
            Self::LoraLinear => "lora_linear",
            Self::LinearCrossEntropy => "linear_cross_entropy",
        }
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// Operations that run their kernels; the others run their plain twins.
///
/// As text it is `all`, `none`, the names of those that run, or, each behind a
/// minus sign, the names of those that do not.
///
/// ```
/// use anneal_kernels::{Kernel, KernelSet};
///
/// let most: KernelSet = "-attention,-rotary".parse().unwrap();
/// assert_eq!(most, KernelSet::ALL.without(Kernel::Attention).without(Kernel::Rotary));
/// assert_eq!("swiglu".parse(), Ok(KernelSet::NONE.with(Kernel::Swiglu)));
/// let error = "all,swish".parse::<KernelSet>().unwrap_err();
/// assert!(error.to_string().starts_with("there is no kernel 'swish'"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KernelSet(u8);

impl KernelSet {
    /// Every kernel: the default.
    pub const ALL: Self = Self((1 << Kernel::ALL.len()) - 1);
    /// Plain tensor operations alone.
    pub const NONE: Self = Self(0);

    /// These and `kernel`.
    #[must_use]
    pub const fn with(self, kernel: Kernel) -> Self {
        Self(self.0 | kernel.bit())
    }

    /// These but `kernel`.
    #[must_use]
    pub const fn without(self, kernel: Kernel) -> Self {
        Self(self.0 & !kernel.bit())
    }

    /// Whether `kernel` is one of these.
    pub const fn contains(self, kernel: Kernel) -> bool {
        self.0 & kernel.bit() != 0
    }
}

impl Default for KernelSet {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for KernelSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("all");
        }
        let kernels = Kernel::ALL.into_iter();
        let names: Vec<_> = kernels.filter(|&kernel| self.contains(kernel)).collect();
        match names.is_empty() {
            true => f.write_str("none"),
            false => f.write_str(&names.iter().map(|k| k.name()).collect::<Vec<_>>().join(",")),
        }
    }
}

impl FromStr for KernelSet {
    type Err = UnknownKernel;

    fn from_str(text: &str) -> Result<Self, UnknownKernel> {
        // Names that are taken away are taken from all of them.
        let begin = match text.trim_start().starts_with('-') {
            true => Self::ALL,
            false => Self::NONE,
        };
        text.split(',').try_fold(begin, |set, entry| {
            let entry = entry.trim();
            let (name, is_taken) = match entry.strip_prefix('-') {
                Some(name) => (name, true),
                None => (entry, false),
            };
            match name {
                "all" if !is_taken => return Ok(Self::ALL),
                "none" if !is_taken => return Ok(Self::NONE),
                _ => {}
            }
            let mut kernels = Kernel::ALL.into_iter();
            let kernel = kernels.find(|kernel| kernel.name() == name);
            let kernel = kernel.ok_or_else(|| UnknownKernel(name.to_string()))?;
            Ok(match is_taken {
                true => set.without(kernel),
                false => set.with(kernel),
            })
        })
    }
}

/// A name that is none of a kernel's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownKernel(String);

impl fmt::Display for UnknownKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = Kernel::ALL.map(Kernel::name).join(", ");
        let Self(name) = self;
        write!(
            f,
            "there is no kernel '{name}'; expected all, none or {names}"
        )
    }
}

impl std::error::Error for UnknownKernel {}

static PROCESS: AtomicU8 = AtomicU8::new(KernelSet::ALL.0);

thread_local! {
    static THREAD: Cell<Option<KernelSet>> = const { Cell::new(None) };
}

/// Chooses for the whole process, but not within [`with_kernels`].
///
/// An operation that was recorded keeps, on its way back, to the form in which
/// it went forward.
///
/// ```
/// use anneal_kernels::{KernelSet, active_kernels, set_kernels};
///
/// set_kernels(KernelSet::NONE);
/// assert_eq!(active_kernels(), KernelSet::NONE);
/// ```
pub fn set_kernels(kernels: KernelSet) {
    PROCESS.store(kernels.0, Ordering::Relaxed);
}

/// Chooses for what `run` does on this thread.
///
/// ```
/// use anneal_kernels::{KernelSet, active_kernels, with_kernels};
///
/// assert_eq!(with_kernels(KernelSet::NONE, active_kernels), KernelSet::NONE);
/// assert_eq!(active_kernels(), KernelSet::ALL);
/// ```
pub fn with_kernels<T>(kernels: KernelSet, run: impl FnOnce() -> T) -> T {
    /// Puts back what was chosen, after a panic too.
    struct Restore(Option<KernelSet>);
    impl Drop for Restore {
        fn drop(&mut self) {
            THREAD.set(self.0);
        }
    }
    let _restore = Restore(THREAD.replace(Some(kernels)));
    run()
}

/// What is chosen on this thread.
pub fn active_kernels() -> KernelSet {
    let process = || KernelSet(PROCESS.load(Ordering::Relaxed));
    THREAD.get().unwrap_or_else(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_of_kernels_can_be_written_and_read() {
        for bits in 0..=KernelSet::ALL.0 {
            let set = KernelSet(bits);
            assert_eq!(set.to_string().parse(), Ok(set));
        }
        let all_but_linear = Ok(KernelSet::ALL.without(Kernel::Linear));
        assert_eq!("-linear".parse(), all_but_linear);
        assert_eq!(" all , -linear ".parse(), all_but_linear);
        for wrong in ["", "-all", "linear,", "Linear"] {
            assert!(wrong.parse::<KernelSet>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_choice_for_a_thread_ends_with_its_call_even_in_a_panic() {
        let before = active_kernels();
        let only = KernelSet::NONE.with(Kernel::Rotary);
        let panic = std::panic::catch_unwind(|| {
            with_kernels(only, || {
                assert_eq!(
                    with_kernels(KernelSet::NONE, active_kernels),
                    KernelSet::NONE
                );
                assert_eq!(active_kernels(), only);
                panic!("stop")
            })
        });
        assert!(panic.is_err());
        assert_eq!(active_kernels(), before);
    }
}
