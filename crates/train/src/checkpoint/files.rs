//! Folders that appear whole or not at all.
//!
//! A folder is written as `.writing-step-N`, its files and itself are synced, and it is renamed
//! to `step-N`. Where `step-N` exists it is first moved to `step-N.replaced`, which [`latest`] falls
//! back on, so that there is no moment without a whole checkpoint.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::{Result, TrainError};

const WRITING: &str = ".writing-";
const REPLACED: &str = ".replaced";
const BEST: &str = "best";

/// The newest whole checkpoint in `root`; none where there is no such folder or it has none.
///
/// # Errors
/// [`TrainError::Io`] where `root` exists and cannot be read.
pub fn latest(root: &Path) -> Result<Option<PathBuf>> {
    Ok(list(root)?.pop().map(|(_, _, path)| path))
}

/// The folder of the best checkpoint in `root`, if one was kept.
///
/// # Errors
/// [`TrainError::Io`] where `root` exists and cannot be read.
pub fn best(root: &Path) -> Result<Option<PathBuf>> {
    for name in [BEST.to_owned(), format!("{BEST}{REPLACED}")] {
        let folder = root.join(name);
        let exists = folder
            .try_exists()
            .map_err(TrainError::io("read", &folder))?;
        if exists {
            return Ok(Some(folder));
        }
    }
    Ok(None)
}

/// Writes the files into the checkpoint folder of `step`, then removes all but the newest `keep`.
pub(crate) fn write(
    root: &Path,
    step: u64,
    files: &[(&str, Vec<u8>)],
    keep: usize,
) -> Result<PathBuf> {
    let target = write_as(root, &format!("step-{step:08}"), files)?;
    prune(root, keep)?;
    Ok(target)
}

/// Writes the files into the folder `name`, which appears whole or not at all.
pub(crate) fn write_as(root: &Path, name: &str, files: &[(&str, Vec<u8>)]) -> Result<PathBuf> {
    appear(root, name, |writing| {
        files
            .iter()
            .try_for_each(|(file, bytes)| write_file(&writing.join(file), bytes))
    })
}

/// Makes `best` the checkpoint in `folder`, with one more file that says what it is best in.
///
/// The files are linked where the file system can, so that the best checkpoint takes no space of
/// its own while the other is kept: no checkpoint's file is ever written again.
pub(crate) fn link_best(root: &Path, folder: &Path, about: (&str, Vec<u8>)) -> Result<PathBuf> {
    appear(root, BEST, |writing| {
        for entry in fs::read_dir(folder).map_err(TrainError::io("read", folder))? {
            let from = entry.map_err(TrainError::io("read", folder))?;
            let to = writing.join(from.file_name());
            if from.file_name() == about.0 || fs::hard_link(from.path(), &to).is_ok() {
                continue;
            }
            let bytes = fs::read(from.path()).map_err(TrainError::io("read", &from.path()))?;
            write_file(&to, &bytes)?;
        }
        write_file(&writing.join(about.0), &about.1)
    })
}

/// Lets `fill` write a folder under another name, syncs it and gives it its own.
///
/// What could not be filled is removed, which gives a full disk its space back.
fn appear(root: &Path, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    fs::create_dir_all(root).map_err(TrainError::io("create", root))?;
    let (writing, target) = (root.join(format!("{WRITING}{name}")), root.join(name));
    remove(&writing)?;
    fs::create_dir(&writing).map_err(TrainError::io("create", &writing))?;
    if let Err(error) = fill(&writing).and_then(|()| sync(&writing)) {
        // The first error is the one to tell; the next checkpoint removes the folder otherwise.
        let _ = remove(&writing);
        return Err(error);
    }
    let replaced = root.join(format!("{name}{REPLACED}"));
    if target.exists() {
        discard(root, &replaced)?;
        fs::rename(&target, &replaced).map_err(TrainError::io("rename", &target))?;
    }
    fs::rename(&writing, &target).map_err(TrainError::io("rename", &writing))?;
    sync(root)?;
    discard(root, &replaced)?;
    Ok(target)
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = File::create(path).map_err(TrainError::io("write", path))?;
    file.write_all(bytes)
        .map_err(TrainError::io("write", path))?;
    file.sync_all().map_err(TrainError::io("sync", path))
}

/// Removes the oldest checkpoints, and what killed processes left half written.
fn prune(root: &Path, keep: usize) -> Result<()> {
    let checkpoints = list(root)?;
    let excess = checkpoints.len().saturating_sub(keep.max(1));
    for (_, _, path) in &checkpoints[..excess] {
        discard(root, path)?;
    }
    for entry in fs::read_dir(root).map_err(TrainError::io("read", root))? {
        let entry = entry.map_err(TrainError::io("read", root))?;
        if entry.file_name().to_string_lossy().starts_with(WRITING) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

/// The checkpoints as (step, whether it is in its own place, folder), oldest first.
fn list(root: &Path) -> Result<Vec<(u64, bool, PathBuf)>> {
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(TrainError::io("read", root)(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(TrainError::io("read", root))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(name) = name.strip_prefix("step-") else {
            continue;
        };
        let (number, in_place) = match name.strip_suffix(REPLACED) {
            Some(number) => (number, false),
            None => (name, true),
        };
        if let Ok(step) = number.parse()
            && entry.path().is_dir()
        {
            found.push((step, in_place, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

/// Takes a folder's name away before its files, so that a kill leaves no checkpoint without some.
fn discard(root: &Path, folder: &Path) -> Result<()> {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let nameless = root.join(format!("{WRITING}removed-{name}"));
    remove(&nameless)?;
    match fs::rename(folder, &nameless) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        renamed => renamed.map_err(TrainError::io("rename", folder))?,
    }
    remove(&nameless)
}

fn remove(directory: &Path) -> Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(TrainError::io("remove", directory)(error))
        }
        _ => Ok(()),
    }
}

/// Makes the names in a folder durable. Windows cannot sync a folder, and does not need to.
fn sync(directory: &Path) -> Result<()> {
    if cfg!(unix) {
        let folder = File::open(directory).map_err(TrainError::io("open", directory))?;
        folder
            .sync_all()
            .map_err(TrainError::io("sync", directory))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept_and_half_written_ones_ignored_and_removed() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path().join("run");
        assert_eq!(latest(&root).unwrap(), None);
        for step in [5, 10, 100] {
            write(&root, step, &[("a", b"x".to_vec())], 2).unwrap();
        }
        fs::create_dir(root.join(".writing-step-00000200")).unwrap();
        assert_eq!(latest(&root).unwrap(), Some(root.join("step-00000100")));
        write(&root, 20, &[("a", b"y".to_vec())], 2).unwrap();
        let mut names: Vec<_> = fs::read_dir(&root)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["step-00000020", "step-00000100"]);
    }

    #[test]
    fn the_best_is_linked_replaced_and_not_counted() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(best(root).unwrap(), None);
        for step in 1..=3u8 {
            let folder = write(root, u64::from(step), &[("a", vec![step; 9])], 1).unwrap();
            if step < 3 {
                let about = ("best.json", format!("step {step}").into_bytes());
                link_best(root, &folder, about).unwrap();
            }
        }
        assert_eq!(latest(root).unwrap(), Some(root.join("step-00000003")));
        let folder = best(root).unwrap().unwrap();
        assert_eq!(folder, root.join("best"));
        assert_eq!(fs::read(folder.join("a")).unwrap(), [2; 9]);
        assert_eq!(fs::read(folder.join("best.json")).unwrap(), b"step 2");
        assert_eq!(fs::read_dir(root).unwrap().count(), 2);
        // Killed between the two renames.
        fs::rename(&folder, root.join("best.replaced")).unwrap();
        let folder = best(root).unwrap().unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), [2; 9]);
    }

    #[test]
    fn what_cannot_be_written_whole_is_not_left_behind() {
        let root = tempfile::tempdir().unwrap();
        write(root.path(), 1, &[("a", b"x".to_vec())], 2).unwrap();
        // A file in a folder that is not there.
        let files = [("a", b"y".to_vec()), ("none/b", b"z".to_vec())];
        let message = write(root.path(), 2, &files, 2).unwrap_err().to_string();
        assert!(message.starts_with("cannot write `") && message.contains("none/b`"));
        let names: Vec<_> = fs::read_dir(root.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["step-00000001"]);
    }

    #[test]
    fn a_checkpoint_of_the_same_step_is_replaced_without_a_gap() {
        let root = tempfile::tempdir().unwrap();
        write(
            root.path(),
            3,
            &[("a", b"old".to_vec()), ("b", b"1".to_vec())],
            5,
        )
        .unwrap();
        let folder = write(root.path(), 3, &[("a", b"new".to_vec())], 5).unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"new");
        assert!(!folder.join("b").exists());
        // Killed between the two renames: the moved one still counts.
        fs::rename(&folder, root.path().join("step-00000003.replaced")).unwrap();
        let found = latest(root.path()).unwrap().unwrap();
        assert_eq!(fs::read(found.join("a")).unwrap(), b"new");
    }

    #[test]
    fn a_root_that_is_a_file_is_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("taken");
        fs::write(&file, "").unwrap();
        let message = write(&file, 1, &[], 1).unwrap_err().to_string();
        assert!(message.contains("cannot create") && message.contains("taken"));
    }
}
