//! Adapters for any burn module, in PEFT's own files.
//!
//! [`attach`] finds the layers of a module by their paths and gives them an
//! adapter: LoRA with all its variants ([`LoraConfig`]), VeRA, IA3 or a tuned
//! prompt; everything else is frozen. A model whose forward calls
//! [`LinearExt::forward_adapted`] computes LoRA's update in activation space,
//! `y = xW + s · B(A(drop(x)))`, without a dense copy of any weight; one that
//! calls [`Linear::forward`](burn::nn::Linear::forward) gets the same numbers
//! in weight space, at a higher price.
//!
//! Several named adapters share a module: [`add_adapter`], [`set_active`],
//! [`disabled`], [`combine_adapters`], [`remove_adapter`]. [`save_adapter`] and
//! [`load_adapter`] write and read the two files of Hugging Face PEFT;
//! [`portability`] says who else computes the same from them, and
//! [`export_adapter`] writes what everybody does. [`merge`] folds the active
//! adapters into the weights.
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
//! assert_eq!(merge(net)?.0.proj.forward(x).to_data(), before.to_data());
//! # Ok::<(), anneal_peft::PeftError>(())
//! ```

mod attach;
mod bake;
mod build;
mod combine;
mod config;
mod convert;
mod embedding;
mod error;
mod export;
mod files;
mod groups;
mod head;
mod ia3;
mod init;
mod layers;
mod linear;
mod load;
mod lora;
mod merge;
mod mismatch;
mod named;
mod pattern;
mod plan;
mod portability;
mod prompt;
mod read;
mod replacement;
mod report;
mod save;
mod state;
mod targets;
mod tensors;
mod traverse;
mod values;
mod vera;

pub use attach::{DEFAULT_ADAPTER, add_adapter, attach};
pub use combine::{Combination, combine_adapters};
pub use config::{
    AdapterConfig, Bias, Ia3Config, InitLoraWeights, LoraConfig, PeftType, PromptTuningConfig,
    PromptTuningInit, VeraConfig,
};
pub use embedding::EmbeddingExt;
pub use error::PeftError;
pub use export::export_adapter;
pub use groups::{GroupKind, LoraPlus, ParameterGroup, lora_plus_groups};
pub use head::{TiedHead, tied_delta, tied_is_updated, tied_logits, tied_update, tied_weight};
pub use ia3::{Ia3Bias, Ia3Vector};
pub use linear::LinearExt;
pub use load::{LoadReport, load_adapter, load_adapter_as};
pub use lora::{InitialFactors, LoraFactors};
pub use merge::{MergeReport, MergedWeight, merge, merge_adapter, unmerge_adapter};
pub use mismatch::Mismatch;
pub use named::{AdapterInfo, adapters, disabled, remove_adapter, set_active};
pub use pattern::Pattern;
pub use portability::{
    AdapterFacts, Consumer, Finding, Portability, Severity, portability, portability_from,
    portability_of,
};
pub use prompt::PromptEmbeddings;
pub use replacement::Replacement;
pub use report::AttachReport;
pub use save::{save_adapter, save_adapter_as};
pub use state::{AdapterLayer, Adapters, Effect, Status};
pub use targets::TargetModules;
pub use tensors::{adapter_gradients, adapter_param_ids, adapter_tensors, adapter_tensors_of};
pub use vera::VeraVectors;
