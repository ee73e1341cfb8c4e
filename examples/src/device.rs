//! `--device`, `--dtype` and `--kernels`, from text to what this build computes on, in and by.

use anneal_kernels::{KernelSet, set_kernels};
use anneal_llama::Precision;
use burn::tensor::Device;

use crate::ExampleError;

/// Flags of every example that runs a model and does not train it.
#[derive(Debug, Clone, clap::Args)]
pub struct Compute {
    /// cpu, cuda:N or wgpu
    #[arg(long, default_value = "cpu")]
    device: String,
    /// The type of weights and activations: f32 or bf16; on a CPU bf16 is the slower one
    #[arg(long, default_value = "f32")]
    dtype: String,
    /// Operations that run as kernels: all, none, names, or, each behind a minus sign, names of those that do not; the
    /// others run as plain tensor operations
    #[arg(long, default_value_t, allow_hyphen_values = true)]
    kernels: KernelSet,
}

impl Compute {
    /// What a model is computed on, and in; from here on the chosen kernels run.
    ///
    /// # Errors
    /// As [`parse`]; [`ExampleError::Setting`] for another type.
    pub fn open(&self) -> Result<(Device, Precision), ExampleError> {
        set_kernels(self.kernels);
        Ok((parse(&self.device)?, precision(&self.dtype)?))
    }
}

/// `cpu`, `cuda:0` (or `cuda`), `wgpu`.
///
/// # Errors
/// [`ExampleError::Device`] for another word, or a backend that is not compiled in.
pub fn parse(text: &str) -> Result<Device, ExampleError> {
    let (name, index) = text.split_once(':').unwrap_or((text, "0"));
    let refuse = |expected| {
        Err(ExampleError::Device {
            found: text.to_owned(),
            expected,
        })
    };
    let Ok(index) = index.parse::<usize>() else {
        return refuse("expected cpu, cuda:N or wgpu");
    };
    match name {
        "cpu" if index == 0 => cpu(text),
        "cuda" => cuda(text, index),
        "wgpu" if index == 0 => wgpu(text),
        _ => refuse("expected cpu, cuda:N or wgpu"),
    }
}

fn precision(text: &str) -> Result<Precision, ExampleError> {
    text.parse().map_err(|_| ExampleError::Setting {
        setting: "dtype",
        found: text.to_owned(),
        expected: "f32 or bf16".to_owned(),
    })
}

#[cfg(feature = "cpu")]
fn cpu(_: &str) -> Result<Device, ExampleError> {
    Ok(Device::flex())
}

#[cfg(not(feature = "cpu"))]
fn cpu(text: &str) -> Result<Device, ExampleError> {
    missing(
        text,
        "this build has no CPU backend; build with --features cpu",
    )
}

#[cfg(feature = "cuda")]
fn cuda(_: &str, index: usize) -> Result<Device, ExampleError> {
    Ok(Device::cuda(index))
}

#[cfg(not(feature = "cuda"))]
fn cuda(text: &str, _: usize) -> Result<Device, ExampleError> {
    missing(
        text,
        "this build has no CUDA backend; build with --features cuda",
    )
}

#[cfg(feature = "wgpu")]
fn wgpu(_: &str) -> Result<Device, ExampleError> {
    Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice))
}

#[cfg(not(feature = "wgpu"))]
fn wgpu(text: &str) -> Result<Device, ExampleError> {
    missing(
        text,
        "this build has no wgpu backend; build with --features wgpu",
    )
}

#[allow(dead_code, reason = "unused in a build with every backend")]
fn missing(text: &str, expected: &'static str) -> Result<Device, ExampleError> {
    Err(ExampleError::Device {
        found: text.to_owned(),
        expected,
    })
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    #[test]
    fn the_cpu_is_there_and_other_words_are_refused() {
        assert!(super::parse("cpu").is_ok());
        for wrong in ["gpu", "cuda:x", "cpu:1", ""] {
            let message = super::parse(wrong).unwrap_err().to_string();
            assert!(
                message.contains("expected cpu, cuda:N or wgpu"),
                "{message}"
            );
        }
    }
}
