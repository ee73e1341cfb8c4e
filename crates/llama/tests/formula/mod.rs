//! Models whose weights are a formula, so that no file holds them.

use std::path::Path;

use anneal_llama::{
    HuggingFaceConfig, LlamaConfig, LlamaError, LlamaForCausalLM, Problem, TensorSource,
};
use anneal_testkit::hashed;
use burn::tensor::Device;

/// Weights by the formula that the generator uses.
struct Formula;

impl TensorSource for Formula {
    fn location(&self) -> &Path {
        Path::new("the formula")
    }

    fn tensor(
        &mut self,
        name: &str,
        shape: &[usize],
    ) -> Result<Result<Vec<f32>, Problem>, LlamaError> {
        Ok(Ok(hashed(name, shape.iter().product())))
    }

    fn names(&self) -> Vec<(String, Vec<usize>)> {
        Vec::new()
    }
}

/// The model of a `config.json`.
pub fn model(config: &Path, device: &Device) -> (LlamaForCausalLM, LlamaConfig) {
    let settings = HuggingFaceConfig::read(config).unwrap();
    let config = settings.resolve(config).unwrap();
    let model = LlamaForCausalLM::from_source(&config, &mut Formula, device).unwrap();
    (model, config)
}
