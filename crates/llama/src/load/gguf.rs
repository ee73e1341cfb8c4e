//! A model that is one GGUF file: its metadata holds all that a folder spreads
//! over several.

use std::io::Read;
use std::path::Path;

use burn::tensor::Device;

use super::pretrained_tokenizer::Text;
use super::special_tokens::NAMES;
use super::{LoadOptions, LoadedModel};
use crate::weights::{GgufFile, GgufValue, GgufWeights, beginning};
use crate::{LlamaError, LlamaForCausalLM, Tokenizer};

/// What llama.cpp calls the special tokens, in the order of [`NAMES`]; the
/// spelling of the fourth is its own.
const KEYS: [&str; 7] = [
    "bos",
    "eos",
    "unknown",
    "seperator",
    "padding",
    "cls",
    "mask",
];

pub(super) fn load(
    path: &Path,
    options: &LoadOptions,
    device: &Device,
) -> Result<LoadedModel, LlamaError> {
    let file = open(path)?;
    let config = file.config()?;
    let text = text(&file)?;
    let model = LlamaForCausalLM::from_source_with(
        &config,
        &mut GgufWeights::new(&file, &config),
        options.precision,
        device,
    )?;
    Ok(LoadedModel {
        model,
        config,
        tokenizer: text.tokenizer,
        chat_template: text.chat_template,
        special_tokens: text.special_tokens,
        end_ids: text.end_ids,
    })
}

/// Reads the header, if the file is a GGUF.
pub(super) fn open(path: &Path) -> Result<GgufFile, LlamaError> {
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
    GgufFile::open(path)
}

/// What the metadata say about text.
pub(super) fn text(file: &GgufFile) -> Result<Text, LlamaError> {
    let tokenizer = Tokenizer::of_metadata(file)?;
    let id = |key: &str| {
        let key = format!("tokenizer.ggml.{key}_token_id");
        let value = file.metadata.get(&key)?;
        value.as_u64().and_then(|id| u32::try_from(id).ok())
    };
    let special_tokens = NAMES.iter().zip(KEYS).filter_map(|(name, key)| {
        let text = tokenizer.as_ref()?.token(id(key)?)?;
        Some((*name, text))
    });
    let chat_template = file
        .metadata
        .get("tokenizer.chat_template")
        .and_then(GgufValue::as_str);
    Ok(Text {
        chat_template: chat_template.map(str::to_owned),
        special_tokens: special_tokens.collect(),
        end_ids: [id("eos"), id("eot")].into_iter().flatten().collect(),
        tokenizer,
    })
}
