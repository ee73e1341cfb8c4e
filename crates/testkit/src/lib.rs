//! Fixtures, tolerances and tiny models for Anneal's own tests; never published.
//!
//! Beside the kernels' optional feature this is the one library that names a
//! backend: a test needs a device, and every test runs on burn's pure-Rust CPU
//! backend.

mod close;
mod device;
mod fixture;
mod hashed;
mod logits;
mod narrow;
mod peft_option;
mod random;

pub use close::{assert_close, max_difference};
pub use device::device;
pub use fixture::{Fixture, fixture_path};
pub use hashed::hashed;
pub use logits::{LOGIT_TOLERANCE, unpadded};
pub use narrow::narrow_type;
pub use peft_option::{PeftOption, peft_combination, vera_projections};
pub use random::random;
