//! Adapters for any burn module, in PEFT's own files.
//!
//! [`attach`] finds the linear layers of a module by their paths and gives
//! them a LoRA update `s · A · B`; everything else is frozen. A model whose
//! forward calls [`LinearExt::forward_adapted`] computes the update in
//! activation space, `y = xW + s · B(A(drop(x)))`, without a dense copy of any
//! weight; one that calls [`Linear::forward`](burn::nn::Linear::forward) gets
//! the same numbers in weight space, at a higher price.
//!
//! [`save_adapter`] and [`load_adapter`] write and read the two files of
//! Hugging Face PEFT, and [`merge`] folds the update into the weights.
//!
//! ```
//! use anneal_peft::{LinearExt, LoraConfig, TargetModules, attach, merge};
//! use burn::{module::Module, nn::{Linear, LinearConfig}, tensor::{Device, Tensor}};
//!
//! #[derive(Module, Debug)]
//! struct Net { proj: Linear }
//!
//! let device = Device::default();
//! let net = Net { proj: LinearConfig::new(3, 2).init(&device) };
//! let x = Tensor::<2>::from_floats([[1.0, 2.0, 3.0]], &device);
//! let before = net.proj.forward(x.clone());
//!
//! let config = LoraConfig::new(TargetModules::names(["proj"])).with_r(1);
//! let (net, report) = attach(net, &config, 7)?;
//! assert_eq!(report.to_string(), "trainable params: 5 || all params: 13 || trainable%: 38.4615");
//! // A fresh adapter changes nothing, merged or not.
//! assert_eq!(net.proj.forward_adapted(x.clone()).to_data(), before.to_data());
//! assert_eq!(merge(net)?.proj.forward(x).to_data(), before.to_data());
//! # Ok::<(), anneal_peft::PeftError>(())
//! ```

mod attach;
#[cfg_attr(
    not(test),
    expect(dead_code, reason = "the export of a portable adapter calls it")
)]
mod bake;
mod config;
mod error;
mod files;
mod init;
mod layers;
mod linear;
mod load;
mod lora;
mod merge;
mod mismatch;
mod pattern;
mod portability;
mod report;
mod save;
mod select;
mod targets;
mod tensors;
mod traverse;

pub use attach::attach;
pub use config::{
    AdapterConfig, Bias, Ia3Config, InitLoraWeights, LoraConfig, PeftType, PromptTuningConfig,
    PromptTuningInit, VeraConfig,
};
pub use error::PeftError;
pub use linear::LinearExt;
pub use load::{LoadReport, load_adapter};
pub use lora::LoraFactors;
pub use merge::merge;
pub use mismatch::Mismatch;
pub use pattern::Pattern;
pub use portability::{
    AdapterFacts, Consumer, Finding, Portability, Severity, portability_from, portability_of,
};
pub use report::AttachReport;
pub use save::save_adapter;
pub use targets::TargetModules;
pub use tensors::{lora_gradients, lora_param_ids, lora_tensors};
