//! The device that tests and benchmarks compute on.

use burn::tensor::Device;

/// The variable that names another device than the CPU.
const VARIABLE: &str = "ANNEAL_TEST_DEVICE";

/// burn's pure-Rust CPU backend, without gradient recording; or the device that `ANNEAL_TEST_DEVICE`
/// names (`cpu`, `cuda:N`, `wgpu`), so that the same tests judge a GPU.
///
/// A GPU must be compiled in: feature `cuda` or `wgpu` of this crate.
///
/// # Panics
/// If the variable names something else: a run that silently fell back to the CPU would prove nothing.
///
/// ```
/// use burn::tensor::Tensor;
///
/// let device = anneal_testkit::device();
/// let x = Tensor::<1>::from_floats([1.0, 2.0], &device);
/// assert_eq!(x.sum().into_scalar::<f32>(), 3.0);
/// ```
pub fn device() -> Device {
    match std::env::var(VARIABLE) {
        Err(_) => Device::flex(),
        Ok(name) => named(&name)
            .unwrap_or_else(|| panic!("{VARIABLE}={name}: no such device in this build")),
    }
}

fn named(name: &str) -> Option<Device> {
    if name == "cpu" {
        return Some(Device::flex());
    }
    #[cfg(feature = "cuda")]
    if let Some(index) = name.strip_prefix("cuda:") {
        return index.parse::<usize>().ok().map(Device::cuda);
    }
    #[cfg(feature = "wgpu")]
    if name == "wgpu" {
        return Some(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice));
    }
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_device_that_is_not_compiled_in_is_refused() {
        assert!(super::named("cpu").is_some());
        assert!(super::named("gpu").is_none());
        assert_eq!(super::named("cuda:0").is_some(), cfg!(feature = "cuda"));
        assert_eq!(super::named("wgpu").is_some(), cfg!(feature = "wgpu"));
    }
}
