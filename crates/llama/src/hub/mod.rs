//! Models by their Hugging Face Hub id: feature `hub`.
//!
//! [`ModelSource::parse`] tells a path from an id, [`fetch`] brings the files
//! of an id into Hugging Face's own cache and returns the path that
//! [`load`](crate::load) takes. Only what a model needs is fetched:
//! `config.json`, the safetensors weights (the index first, then the shards
//! that it names), tokenizer, chat template and generation settings; or the
//! one GGUF file that the id names.
//!
//! The cache's layout is that of Python's huggingface_hub, so both share it:
//! what one fetched the other finds. A model that is in the cache is used as
//! it is, without a question to the network; to follow a branch that moved,
//! remove it from the cache or name the new revision.
//!
//! ```no_run
//! use anneal_llama::hub::{HubOptions, ModelSource, fetch};
//!
//! # let device = anneal_testkit::device();
//! let path = match ModelSource::parse("HuggingFaceTB/SmolLM2-135M-Instruct@main") {
//!     ModelSource::Local(path) => path,
//!     ModelSource::Hub(id) => fetch(&id, &HubOptions::from_env()?, &mut |_| {})?,
//! };
//! let loaded = anneal_llama::load(&path, &device)?;
//! # Ok::<(), anneal_llama::LlamaError>(())
//! ```

mod download;
mod id;
mod options;
mod snapshot;

use std::path::{Path, PathBuf};

pub use download::Download;
pub use id::{HubId, ModelSource};
pub use options::HubOptions;

use crate::LlamaError;
use crate::weights::shard_files;
use id::is_plain;
use snapshot::{Snapshot, Stop};

/// Files that a model may lack.
const OPTIONAL: [&str; 5] = [
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
    "chat_template.json",
];
const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";
const TOKENIZER: &str = "tokenizer.json";
const SENTENCEPIECE: &str = "tokenizer.model";
/// How often a branch may move while its files are fetched.
const MOST_MOVES: usize = 3;

/// Brings a model into the cache, if it is not there, and returns its path: a
/// folder for [`load`](crate::load), or the GGUF file that the id names.
///
/// An interrupted download goes on where it ended; a file gets its name in the
/// cache only when it is complete. All files are of one commit: where the
/// branch moves meanwhile, the newer commit's are fetched. `progress` hears of
/// every file and every block of bytes.
///
/// # Errors
/// [`LlamaError::HubStatus`] if the Hub refuses, with what to do about it;
/// [`LlamaError::HubFile`] if the repository lacks what a model needs;
/// [`LlamaError::HubOffline`] if it is not in the cache and
/// [`HubOptions::offline`] is set; [`LlamaError::HubDownload`] if the network
/// fails after all retries.
pub fn fetch(
    id: &HubId,
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download<'_>),
) -> Result<PathBuf, LlamaError> {
    of_one_commit(id, options, progress, |snapshot| match &id.file {
        Some(file) => snapshot.required(file, "the id names it"),
        None => folder(snapshot, id),
    })
}

/// As [`fetch`], without the weights: the path that
/// [`PretrainedTokenizer::open`](crate::PretrainedTokenizer::open) takes.
///
/// A GGUF file that the id names is fetched whole, since its text side is part
/// of it.
///
/// # Errors
/// As [`fetch`]; a repository needs a tokenizer, and no `config.json`.
pub fn fetch_tokenizer(
    id: &HubId,
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download<'_>),
) -> Result<PathBuf, LlamaError> {
    of_one_commit(id, options, progress, |snapshot| match &id.file {
        Some(file) => snapshot.required(file, "the id names it"),
        None => tokenizer_folder(snapshot),
    })
}

/// Asks for files until all that `find` needs are of one commit.
fn of_one_commit(
    id: &HubId,
    options: &HubOptions,
    progress: &mut dyn FnMut(&Download<'_>),
    find: impl Fn(&mut Snapshot) -> Result<PathBuf, Stop>,
) -> Result<PathBuf, LlamaError> {
    let mut snapshot = Snapshot::open(id, options, progress)?;
    for _ in 0..=MOST_MOVES {
        match find(&mut snapshot) {
            Ok(path) => return Ok(path),
            Err(Stop::Moved) => {}
            Err(Stop::Failed(failure)) => return Err(*failure),
        }
    }
    Err(LlamaError::HubFile {
        id: id.to_string(),
        file: id.file.clone().unwrap_or_else(|| "config.json".into()),
        what: "belongs to another commit each time it is asked for".into(),
    })
}

/// All files of a Hugging Face folder, and its path.
fn folder(snapshot: &mut Snapshot, id: &HubId) -> Result<PathBuf, Stop> {
    let config = snapshot.required(
        "config.json",
        "a model folder has it; a GGUF file is named in the id, ORG/NAME:FILE.gguf",
    )?;
    let folder = config.with_file_name("");
    if snapshot.optional(INDEX)?.is_some() {
        for name in shard_names(&folder)? {
            snapshot.required(&name, "the index names it")?;
        }
    } else if snapshot.optional(SINGLE)?.is_none() {
        return Err(Stop::from(LlamaError::HubFile {
            id: id.to_string(),
            file: SINGLE.into(),
            what: format!(
                "is missing, and so is {INDEX}; weights are read from safetensors alone, or from a GGUF file that the id names, ORG/NAME:FILE.gguf"
            ),
        }));
    }
    for file in OPTIONAL {
        snapshot.optional(file)?;
    }
    if snapshot.optional(TOKENIZER)?.is_none() {
        snapshot.optional(SENTENCEPIECE)?;
    }
    Ok(folder)
}

/// The files about text, and their folder's path.
fn tokenizer_folder(snapshot: &mut Snapshot) -> Result<PathBuf, Stop> {
    let tokenizer = match snapshot.optional(TOKENIZER)? {
        Some(path) => path,
        None => snapshot.required(
            SENTENCEPIECE,
            "nor is there tokenizer.json; a GGUF file is named in the id, ORG/NAME:FILE.gguf",
        )?,
    };
    snapshot.optional("config.json")?;
    for file in OPTIONAL {
        snapshot.optional(file)?;
    }
    Ok(tokenizer.with_file_name(""))
}

/// The shards that a folder's index names.
fn shard_names(folder: &Path) -> Result<Vec<String>, LlamaError> {
    let index = folder.join(INDEX);
    let names = shard_files(&index)?;
    if let Some(name) = names.iter().find(|name| !is_plain(name)) {
        return Err(LlamaError::Config {
            path: index,
            field: "weight_map".into(),
            found: format!("{name:?}"),
            expected: "file names of letters, digits, '.', '_', '-' and '+'".into(),
        });
    }
    Ok(names.into_iter().collect())
}
