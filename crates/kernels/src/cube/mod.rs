//! Kernels in CubeCL for burn's GPU backend: CUDA, Vulkan, WebGPU from one
//! source.
//!
//! They read f32, bf16 or f16 as the device has them, compute in f32 and round
//! once. Sums over a row go through shared memory, which every device has in
//! the same form; planes have 8 lanes on one device and 64 on another.

#![allow(
    clippy::too_many_arguments,
    reason = "a kernel's arguments are its buffers, one by one"
)]

mod attention;
mod attention_bounds;
mod attention_keys;
mod attention_output;
mod attention_products;
mod attention_queries;
mod attention_tile;
mod backend;
mod launch;
mod rms_norm;
mod rotary;
mod swiglu;

use burn::tensor::DType;
use burn_cubecl::CubeDevice;

use crate::Kernel;

/// Whether there is a kernel on this device for tensors of this type, whose
/// last axis has `width` values.
pub(crate) fn offers(kernel: Kernel, device: &CubeDevice, dtype: DType, width: usize) -> bool {
    let is_there = launch::has(device, dtype);
    match kernel {
        Kernel::Attention => is_there && attention::supports(&device.client(), width),
        _ => is_there,
    }
}
