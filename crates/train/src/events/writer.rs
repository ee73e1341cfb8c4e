//! A session's event file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::{message, record};
use crate::error::{Result, TrainError};

const PREFIX: &str = "events.out.tfevents.";

/// Writes scalars to a TensorBoard event file, each record flushed when written.
///
/// A session of a run writes a file of its own; readers take those of a folder in the order of
/// their names, which hold the time and a number. A file begins with a restart mark for the step
/// that it goes on with, and TensorBoard lets go of what earlier files have from there on.
///
/// # Example
/// ```
/// use anneal_train::EventWriter;
///
/// let folder = tempfile::tempdir().unwrap();
/// let mut events = EventWriter::create(folder.path(), None).unwrap();
/// events.scalars(1, &[("train/loss".into(), 2.5), ("train/lr".into(), 1e-4)]).unwrap();
/// let bytes = std::fs::read(events.path()).unwrap();
/// assert!(bytes.windows(10).any(|part| part == b"train/loss"));
/// ```
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// A new file in `folder`, for a run that begins or goes on after so many steps.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn create(folder: &Path, resumed_after: Option<u64>) -> Result<Self> {
        Self::create_at(folder, resumed_after, now())
    }

    fn create_at(folder: &Path, resumed_after: Option<u64>, now: Duration) -> Result<Self> {
        fs::create_dir_all(folder).map_err(TrainError::io("create", folder))?;
        let path = folder.join(next_name(folder, now)?);
        let file = File::options()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(TrainError::io("create", &path))?;
        let mut writer = Self { path, file };
        let mut records = Vec::new();
        let now = now.as_secs_f64();
        record::append(&mut records, &message::file_version(now));
        // A run that begins in a folder with files of one that came to nothing lets go of them all.
        let first = resumed_after.map_or(0, |steps| steps + 1);
        record::append(&mut records, &message::session_start(now, first));
        writer.append(&records)?;
        Ok(writer)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes tags and their values at a step, with the time of the call.
    ///
    /// Values become f32, which is what TensorBoard's scalars are.
    ///
    /// # Errors
    /// [`TrainError::Io`].
    pub fn scalars(&mut self, step: u64, values: &[(String, f64)]) -> Result<()> {
        let mut bytes = Vec::new();
        let event = message::scalars(now().as_secs_f64(), step, values);
        record::append(&mut bytes, &event);
        self.append(&bytes)
    }

    /// One call, so that a killed process leaves at most one partial record, the file's last.
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all(bytes)
            .and_then(|()| self.file.flush())
            .map_err(TrainError::io("write", &self.path))
    }
}

/// Time since 1970.
fn now() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// A name that sorts behind those in the folder, even where two sessions begin within a second or
/// the clock was set back.
fn next_name(folder: &Path, now: Duration) -> Result<String> {
    let (mut seconds, mut count) = (now.as_secs(), 0);
    for entry in fs::read_dir(folder).map_err(TrainError::io("read", folder))? {
        let entry = entry.map_err(TrainError::io("read", folder))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(rest) = name.strip_prefix(PREFIX) else {
            continue;
        };
        let mut numbers = rest.split('.').map(|part| part.parse::<u64>().ok());
        seconds = seconds.max(numbers.next().flatten().unwrap_or(0));
        count = count.max(numbers.next().flatten().map_or(0, |number| number + 1));
    }
    Ok(format!("{PREFIX}{seconds:010}.{count:06}.anneal"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_session() {
        let folder = tempfile::tempdir().unwrap();
        let begin = |seconds| {
            let now = Duration::from_secs(seconds);
            let writer = EventWriter::create_at(folder.path(), None, now).unwrap();
            writer
                .path
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned()
        };
        let names = [begin(1000), begin(1000), begin(900), begin(2000)];
        assert_eq!(
            names,
            [
                "events.out.tfevents.0000001000.000000.anneal",
                "events.out.tfevents.0000001000.000001.anneal",
                "events.out.tfevents.0000001000.000002.anneal",
                "events.out.tfevents.0000002000.000003.anneal",
            ]
        );
    }
}
