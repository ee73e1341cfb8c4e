//! The portability of an adapter in a folder.

use std::path::Path;

use safetensors::SafeTensors;

use super::{AdapterFacts, Portability, portability_from};
use crate::{
    AdapterConfig, PeftError,
    files::{WEIGHTS_FILE, read},
    tensors::PREFIX,
};

/// What each [`Consumer`](super::Consumer) makes of the adapter in a folder.
///
/// The folder does not say whether the model's head is tied, so that an
/// adapter of `lm_head` is told with an "if".
///
/// # Errors
///
/// What [`AdapterConfig::from_dir`] refuses, and a tensor file that cannot be
/// read or is cut short.
pub fn portability_of(dir: impl AsRef<Path>) -> Result<Portability, PeftError> {
    let dir = dir.as_ref();
    portability_from(AdapterConfig::from_dir(dir)?, &AdapterFacts::from_dir(dir)?)
}

impl AdapterFacts {
    /// What the tensors of the adapter in a folder say.
    ///
    /// # Errors
    ///
    /// A tensor file that cannot be read or is cut short.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self, PeftError> {
        let file = dir.as_ref().join(WEIGHTS_FILE);
        let bytes = read(&file)?;
        let tensors = SafeTensors::deserialize(&bytes)
            .map_err(|source| PeftError::Weights { file, source })?;
        let shapes = tensors.iter();
        Ok(Self::of_tensors(shapes.map(|(name, tensor)| {
            (name, tensor.shape().first().copied())
        })))
    }

    /// What an adapter's tensors say, by their names and their first axes.
    pub(crate) fn of_tensors<'a>(tensors: impl Iterator<Item = (&'a str, Option<usize>)>) -> Self {
        let ranks = tensors
            .filter_map(|(name, rank)| Some((adapted(name)?.to_owned(), rank?)))
            .collect();
        Self {
            ranks,
            tied_head: None,
        }
    }
}

/// The layer that a tensor is the factor `A` of, `[rank, d_input]`.
fn adapted(name: &str) -> Option<&str> {
    let name = name.strip_prefix(PREFIX).unwrap_or(name);
    let of_linear = name.split_once(".lora_A.");
    let found = of_linear.or_else(|| name.split_once(".lora_embedding_A"));
    found.map(|(path, _)| path)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use safetensors::{Dtype, tensor::TensorView};

    use super::*;
    use crate::{Consumer, LoraConfig, Pattern, TargetModules};

    #[test]
    fn ranks_are_those_of_the_tensors() {
        let dir = tempfile::tempdir().unwrap();
        AdapterConfig::from(
            LoraConfig::new(TargetModules::names(["q_proj", "lm_head", "embed_tokens"]))
                .with_r(4)
                .with_lora_alpha(12.0)
                .with_rank_pattern(Pattern::new([("q_proj", 24)]))
                .with_base_model("a/b"),
        )
        .write(dir.path())
        .unwrap();
        let zeros = [0; 4 * 24];
        let tensor = |rank: usize| TensorView::new(Dtype::F32, vec![rank, 1], &zeros[..4 * rank]);
        let bytes = safetensors::serialize(
            [
                (
                    "base_model.model.0.q_proj.lora_A.weight",
                    tensor(24).unwrap(),
                ),
                ("base_model.model.lm_head.lora_A.weight", tensor(4).unwrap()),
                ("embed_tokens.lora_embedding_A", tensor(4).unwrap()),
            ],
            None,
        )
        .unwrap();
        let file = dir.path().join(WEIGHTS_FILE);
        fs::write(&file, &bytes).unwrap();
        assert_eq!(
            portability_of(dir.path()).unwrap().to_string(),
            "PEFT        ok\n\
             vLLM        wrong rank_pattern: 0.q_proj means a scale of 0.5 and \
             gets 3, because one scale is taken for all layers; export the adapter with its \
             scale baked in\n\
             vLLM        needs r: rank 24 is above its default limit of 16; start it with \
             --max-lora-rank 24 or more\n\
             llama.cpp   refuses target_modules: lm_head is adapted, which its converter cannot \
             place if the head is tied to the embedding; leave lm_head out, or merge the \
             adapter and export the model\n\
             mistral.rs  refuses target_modules: it takes no adapter of lm_head; merge the \
             adapter and export the model\n\
             mistral.rs  refuses target_modules: it takes no adapter of embed_tokens; merge the \
             adapter and export the model"
        );
        assert!(portability_of(dir.path()).unwrap().is_ok(Consumer::Peft));

        fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        let message = portability_of(dir.path()).unwrap_err().to_string();
        assert!(
            message.contains("is not a complete safetensors file"),
            "{message}"
        );
    }
}
