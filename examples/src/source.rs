//! `--model`: a path, or an id of the Hugging Face Hub that is fetched first.

use std::path::{Path, PathBuf};

use anneal_llama::LlamaError;
use anneal_llama::hub::{Download, HubId, HubOptions, ModelSource, fetch, fetch_tokenizer};
use anneal_train::{Progress, ProgressReport};

use crate::ExampleError;

/// The path of a model, downloaded if it is an id that is not in the cache.
///
/// # Errors
/// What [`fetch`] and [`HubOptions::from_env`] refuse.
pub fn resolve_model(model: &Path, report: ProgressReport) -> Result<PathBuf, ExampleError> {
    resolve(model, report, fetch)
}

/// The path of a model's text side; of an id only the small files are downloaded.
///
/// # Errors
/// What [`fetch_tokenizer`] and [`HubOptions::from_env`] refuse.
pub fn resolve_tokenizer(model: &Path, report: ProgressReport) -> Result<PathBuf, ExampleError> {
    resolve(model, report, fetch_tokenizer)
}

type Watch<'a> = &'a mut dyn FnMut(&Download<'_>);

fn resolve(
    model: &Path,
    report: ProgressReport,
    fetch: fn(&HubId, &HubOptions, Watch<'_>) -> Result<PathBuf, LlamaError>,
) -> Result<PathBuf, ExampleError> {
    // An id is text; a path that is none can only be a path.
    let Some(text) = model.to_str() else {
        return Ok(model.to_owned());
    };
    let id = match ModelSource::parse(text) {
        ModelSource::Local(path) => return Ok(path),
        ModelSource::Hub(id) => id,
    };
    let options = HubOptions::from_env()?;
    // A display of its own for every file; none if all are in the cache.
    let mut current: Option<(String, Progress)> = None;
    let path = fetch(&id, &options, &mut |download: &Download<'_>| {
        let part = download.done as f64 / download.size.max(1) as f64;
        let megabytes = |bytes: u64| bytes as f64 / 1e6;
        let (done, size) = (megabytes(download.done), megabytes(download.size));
        let message = format!("{}: {done:.1} of {size:.1} MB", download.file);
        match &mut current {
            Some((file, progress)) if file == download.file => progress.update(part, &message),
            _ => {
                let mut progress = Progress::new(report);
                progress.update(part, &message);
                current = Some((download.file.to_owned(), progress));
            }
        }
    })?;
    Ok(path)
}
