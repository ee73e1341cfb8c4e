//! From a model back to a Hugging Face folder, one that transformers loads.
//!
//! The folder is made under another name beside its place, completed, handed to
//! the disk and renamed: under the final name there is a whole model or nothing,
//! whatever happens on the way. Tensors leave the device one at a time.

mod companions;
mod options;
mod shards;
mod tensors;
mod weights;

use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub use options::{SaveDtype, SaveOptions};
pub(crate) use tensors::first_adapted;

use serde::Serialize;

use crate::config::HuggingFaceConfig;
use crate::{LlamaConfig, LlamaError, LlamaForCausalLM, LoadedModel};

/// Writes `config.json` and the weights into a folder, which may exist if it is
/// empty.
///
/// Names and layout are Hugging Face's: `[out, in]` for linear layers, and no
/// `lm_head.weight` where the embedding is the head. Weights of more than
/// [`SaveOptions::max_shard_bytes`] go into numbered shards with an index.
/// With [`SaveOptions::source`], tokenizer, template and generation settings
/// are copied from that folder.
///
/// ```
/// use anneal_llama::{LlamaForCausalLM, LlamaConfig, RandomWeights, SaveOptions, load, save};
/// use burn::tensor::{Int, Tensor};
///
/// let mut config = LlamaConfig::smollm2_135m();
/// (config.vocab_size, config.hidden_size, config.intermediate_size) = (50, 24, 40);
/// (config.num_attention_heads, config.num_key_value_heads, config.head_dim) = (3, 1, 8);
/// config.num_hidden_layers = 2;
/// let device = anneal_testkit::device();
/// let model = LlamaForCausalLM::from_source(&config, &mut RandomWeights::new(0.1, 7), &device)?;
///
/// let place = tempfile::tempdir()?;
/// let folder = place.path().join("model");
/// save(&model, &config, &folder, &SaveOptions::default())?;
/// let again = load(&folder, &device)?;
///
/// let ids = Tensor::<2, Int>::from_ints([[3, 1, 4]], &device);
/// let logits = again.model.forward(ids.clone(), &again.config);
/// assert_eq!(logits.to_data(), model.forward(ids, &config).to_data());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`LlamaError::OutputInUse`] if the folder holds files already;
/// [`LlamaError::Adapted`] if an adapter is attached, which has to be merged
/// first; [`LlamaError::Unsavable`] if a weight is, or becomes, infinite or
/// NaN; [`LlamaError::Io`] if the disk refuses.
pub fn save(
    model: &LlamaForCausalLM,
    config: &LlamaConfig,
    folder: &Path,
    options: &SaveOptions,
) -> Result<(), LlamaError> {
    let edges = match &options.source {
        Some(source) => Edges::of_folder(source)?,
        None => Edges::default(),
    };
    whole(folder, |partial| {
        write_model(model, config, &edges, partial, options)?;
        match &options.source {
            Some(source) => companions::copy(source, partial),
            None => Ok(()),
        }
    })
}

impl LoadedModel {
    /// [`save`]s the model with its tokenizer, template and end tokens.
    ///
    /// Where [`SaveOptions::source`] is not given, `tokenizer.json`,
    /// `tokenizer_config.json` and `generation_config.json` are made from what
    /// was loaded: that is how a GGUF file becomes a folder.
    ///
    /// # Errors
    /// As [`save`].
    pub fn save(&self, folder: &Path, options: &SaveOptions) -> Result<(), LlamaError> {
        if options.source.is_some() {
            return save(&self.model, &self.config, folder, options);
        }
        let edges = Edges::of_model(self);
        whole(folder, |partial| {
            write_model(&self.model, &self.config, &edges, partial, options)?;
            companions::write(self, &edges, partial)
        })
    }
}

/// The ids that begin and end a text, which `config.json` holds too.
#[derive(Default)]
struct Edges {
    bos: Option<u32>,
    eos: Vec<u32>,
}

impl Edges {
    /// As a folder's `config.json` has them, if it has one.
    fn of_folder(folder: &Path) -> Result<Self, LlamaError> {
        let path = folder.join("config.json");
        if !path.exists() {
            return Ok(Self::default());
        }
        let config = HuggingFaceConfig::read(&path)?;
        Ok(Self {
            bos: config.bos_token_id,
            eos: config.end_ids(),
        })
    }

    fn of_model(loaded: &LoadedModel) -> Self {
        let bos = loaded.special_tokens.bos();
        let bos = bos.zip(loaded.tokenizer.as_ref());
        Self {
            bos: bos.and_then(|(token, tokenizer)| tokenizer.id(token)),
            eos: loaded.end_ids.clone(),
        }
    }
}

fn write_model(
    model: &LlamaForCausalLM,
    config: &LlamaConfig,
    edges: &Edges,
    folder: &Path,
    options: &SaveOptions,
) -> Result<(), LlamaError> {
    let config_path = folder.join("config.json");
    let dtype = options.dtype.torch_name();
    let file = HuggingFaceConfig::from_config(config, dtype, &edges.eos, edges.bos);
    write_json(&config_path, &file)?;
    weights::write(model, folder, options)?;
    // The safetensors crate makes its files readable by their owner alone.
    let usual = fs::metadata(&config_path)
        .map_err(LlamaError::io(&config_path))?
        .permissions();
    for file in files(folder)? {
        fs::set_permissions(&file, usual.clone()).map_err(LlamaError::io(&file))?;
    }
    Ok(())
}

/// Fills a new folder under another name and renames it when it is complete.
fn whole(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), LlamaError>,
) -> Result<(), LlamaError> {
    // Without a slash at the end, which would put the new folder inside.
    let folder = folder.components().as_path();
    let taken = folder.exists();
    if taken && (!folder.is_dir() || !files(folder)?.is_empty()) {
        return Err(LlamaError::OutputInUse {
            path: folder.to_owned(),
        });
    }
    let mut partial = folder.as_os_str().to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = PathBuf::from(partial);
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(LlamaError::io(parent))?;
    }
    // It must be new: what a dead process left in it would become part of the model.
    fs::create_dir(&partial).map_err(LlamaError::io(&partial))?;
    let result = fill(&partial).and_then(|()| {
        for file in files(&partial)? {
            sync(&file)?;
        }
        if taken {
            fs::remove_dir(folder).map_err(LlamaError::io(folder))?;
        }
        fs::rename(&partial, folder).map_err(LlamaError::io(folder))
    });
    if result.is_err() {
        // The first failure is the one to tell; what is left behind is only litter.
        let _ = fs::remove_dir_all(&partial);
    }
    result
}

/// Waits until the disk has a file; a folder is no file everywhere.
fn sync(path: &Path) -> Result<(), LlamaError> {
    if path.is_dir() {
        return Ok(());
    }
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(LlamaError::io(path))
}

/// What a folder holds.
fn files(folder: &Path) -> Result<Vec<PathBuf>, LlamaError> {
    fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect())
        .map_err(LlamaError::io(folder))
}

/// Writes JSON as transformers does: indented, with a last newline.
fn write_json(path: &Path, value: &impl Serialize) -> Result<(), LlamaError> {
    let text = serde_json::to_string_pretty(value).map_err(LlamaError::json(path))?;
    fs::write(path, text + "\n").map_err(LlamaError::io(path))
}
