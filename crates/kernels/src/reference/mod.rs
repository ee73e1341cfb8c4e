//! The plain twins: the same mathematics in burn's tensor operations alone.
//!
//! burn differentiates them by itself, so they are what the kernels' outputs
//! and hand-written gradients are tested against.

mod argmax_log_softmax;
mod attention;
mod linear;
mod linear_cross_entropy;
mod lora_linear;
mod rms_norm;
mod rotary;
mod swiglu;

pub use argmax_log_softmax::argmax_log_softmax;
pub use attention::attention;
pub use linear::linear;
pub use linear_cross_entropy::{linear_cross_entropy, linear_cross_entropy_rows};
pub use lora_linear::lora_linear;
pub use rms_norm::{add_rms_norm, rms_norm};
pub use rotary::rotary;
pub use swiglu::swiglu;
