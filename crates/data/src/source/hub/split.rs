//! Which files of a repository are a split's.
//!
//! A file's name tells its split, in one of the ways that the Hub knows: `FOLDER/train-00000-of-00004.parquet`,
//! `FOLDER/train.parquet`, or a folder of the split's name, `FOLDER/train/0000.parquet`.

use std::collections::BTreeSet;

use super::HubDataset;
use crate::source::SourceError;

/// What a file's name tells.
struct Named<'a> {
    /// The folder around the split, without a slash at its end.
    config: &'a str,
    split: &'a str,
    /// Of how many files the split consists, where the name says so.
    shards: Option<usize>,
}

impl<'a> Named<'a> {
    fn of(file: &'a str) -> Option<Self> {
        let path = file.strip_suffix(".parquet")?;
        let (folder, stem) = path.rsplit_once('/').unwrap_or(("", path));
        if let Some((split, shards)) = numbered(stem) {
            return Some(Self {
                config: folder,
                split,
                shards: Some(shards),
            });
        }
        let is_number = !stem.is_empty() && stem.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number {
            return Some(Self {
                config: folder,
                split: stem,
                shards: None,
            });
        }
        let (config, split) = folder.rsplit_once('/').unwrap_or(("", folder));
        (!split.is_empty()).then_some(Self {
            config,
            split,
            shards: None,
        })
    }
}

/// `train-00000-of-00004` to the split and the number of files; a hash may follow.
fn numbered(stem: &str) -> Option<(&str, usize)> {
    let (before, after) = stem.split_once("-of-")?;
    let (split, index) = before.rsplit_once('-')?;
    index.parse::<usize>().ok()?;
    let shards = after.split('-').next()?.parse().ok()?;
    Some((split, shards))
}

pub(super) fn is_parquet(file: &str) -> bool {
    file.ends_with(".parquet")
}

/// The files of the split that `id` names, sorted.
pub(super) fn choose(id: &HubDataset, files: &[String]) -> Result<Vec<String>, SourceError> {
    let named: Vec<_> = files
        .iter()
        .filter_map(|file| Some((file, Named::of(file)?)))
        .collect();
    let chosen: Vec<_> = named
        .iter()
        .filter(|(_, named)| {
            let config = id.config.as_deref();
            named.split == id.split && config.is_none_or(|config| config == named.config)
        })
        .collect();
    let configs: BTreeSet<_> = chosen.iter().map(|(_, named)| named.config).collect();
    if configs.len() != 1 {
        let all: BTreeSet<String> = named
            .iter()
            .map(|(_, named)| match named.config {
                "" => named.split.to_owned(),
                config => format!("{config}/{}", named.split),
            })
            .collect();
        return Err(SourceError::HubSplit {
            id: id.to_string(),
            what: match configs.len() {
                0 => "there is no such split",
                _ => "several folders have it; name one",
            },
            found: all.into_iter().collect(),
        });
    }
    let mut files: Vec<String> = chosen.iter().map(|(file, _)| (*file).clone()).collect();
    files.sort_unstable();
    Ok(files)
}

/// Whether a split's files say that they are all there is of it.
pub(super) fn is_complete(files: &[String]) -> bool {
    files.iter().all(|file| {
        let shards = Named::of(file).and_then(|named| named.shards);
        shards.is_none_or(|shards| shards == files.len())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(id: &str, files: &[&str]) -> Result<Vec<String>, String> {
        let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
        choose(&HubDataset::parse(id).unwrap(), &files).map_err(|error| error.to_string())
    }

    #[test]
    fn each_way_to_name_a_split_is_known() {
        for files in [
            [
                "data/train-00000-of-00002.parquet",
                "data/train-00001-of-00002.parquet",
                "data/test-00000-of-00001.parquet",
            ],
            [
                "default/train/0000.parquet",
                "default/train/0001.parquet",
                "default/partial-train/0000.parquet",
            ],
            ["train/0.parquet", "train/1.parquet", "test.parquet"],
            [
                "a/train-00000-of-00002-1f2e.parquet",
                "a/train-00001-of-00002-3d4c.parquet",
                "README.md",
            ],
        ] {
            assert_eq!(chosen("o/n", &files).unwrap(), files[..2], "{files:?}");
        }
        assert_eq!(
            chosen("o/n:dev", &["dev.parquet", "train.parquet"]).unwrap(),
            ["dev.parquet"]
        );
    }

    #[test]
    fn splits_that_there_are_are_listed() {
        let files = ["a/train/0.parquet", "b/train/0.parquet", "b/test/0.parquet"];
        assert_eq!(
            chosen("o/n:dev", &files).unwrap_err(),
            "o/n:dev: there is no such split; the repository has [\"a/train\", \"b/test\", \"b/train\"]"
        );
        assert_eq!(
            chosen("o/n", &files).unwrap_err(),
            "o/n:train: several folders have it; name one; the repository has [\"a/train\", \"b/test\", \"b/train\"]"
        );
        assert_eq!(
            chosen("o/n:b/train", &files).unwrap(),
            ["b/train/0.parquet"]
        );
        assert_eq!(chosen("o/n:test", &files).unwrap(), ["b/test/0.parquet"]);
    }

    #[test]
    fn a_split_is_complete_where_its_names_do_not_object() {
        let complete = |files: &[&str]| {
            is_complete(
                &files
                    .iter()
                    .map(|&file| file.to_owned())
                    .collect::<Vec<_>>(),
            )
        };
        assert!(complete(&["train-00000-of-00001.parquet"]) && complete(&["train/7.parquet"]));
        assert!(!complete(&["train-00000-of-00002.parquet"]));
    }
}
