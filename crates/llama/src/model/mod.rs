//! The network, module by module; field names spell Hugging Face's paths.

mod attention;
mod block_seeds;
mod causal_lm;
mod layer;
mod llama;
mod mlp;
mod non_finite;
mod projection;
mod prompt;
mod rms_norm;
mod rotary;
mod states;
mod tape;
mod token_loss;
mod untie;

pub use attention::Attention;
pub use causal_lm::LlamaForCausalLM;
pub use layer::DecoderLayer;
pub use llama::LlamaModel;
pub use mlp::Mlp;
pub use rms_norm::RmsNorm;
pub use rotary::{Positions, RotaryTables};
pub use tape::BlockTape;
