//! A model that is one GGUF file: its metadata holds all that a folder spreads
//! over several.

use std::io::Read;
use std::path::Path;

use burn::tensor::Device;

use super::{LoadOptions, LoadedModel};
use crate::weights::{GgufFile, GgufValue, GgufWeights, beginning};
use crate::{LlamaError, LlamaForCausalLM, Tokenizer};

pub(super) fn load(
    path: &Path,
    options: &LoadOptions,
    device: &Device,
) -> Result<LoadedModel, LlamaError> {
    let mut first = [0; 4];
    let mut file = std::fs::File::open(path).map_err(LlamaError::io(path))?;
    let read = file.read(&mut first).map_err(LlamaError::io(path))?;
    if first[..read] != GgufFile::MAGIC[..] {
        return Err(LlamaError::NotAModel {
            path: path.to_owned(),
            found: beginning(&first[..read]),
            expected: super::EXPECTED,
        });
    }
    let file = GgufFile::open(path)?;
    let config = file.config()?;
    let tokenizer = Tokenizer::of_metadata(&file)?;
    let model = LlamaForCausalLM::from_source_with(
        &config,
        &mut GgufWeights::new(&file, &config),
        options.precision,
        device,
    )?;
    let id = |key: &str| {
        let value = file
            .metadata
            .get(&format!("tokenizer.ggml.{key}_token_id"))?;
        value.as_u64().and_then(|id| u32::try_from(id).ok())
    };
    let token = |id: Option<u32>| tokenizer.as_ref()?.token(id?);
    let chat_template = file
        .metadata
        .get("tokenizer.chat_template")
        .and_then(GgufValue::as_str);
    Ok(LoadedModel {
        model,
        chat_template: chat_template.map(str::to_owned),
        bos_token: token(id("bos")),
        eos_token: token(id("eos")),
        end_ids: [id("eos"), id("eot")].into_iter().flatten().collect(),
        tokenizer,
        config,
    })
}
