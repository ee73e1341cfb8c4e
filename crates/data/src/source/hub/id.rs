//! Ids of data sets, and telling them from paths.

use std::fmt;
use std::path::Path;

use crate::source::{Compression, FileFormat};

/// A data set on the Hub: `OWNER/NAME[@REVISION][:[CONFIG/]SPLIT]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubDataset {
    /// `OWNER/NAME`
    pub repository: String,
    /// Branch, tag or commit; unless given `main`, or else the Hub's own Parquet files of it.
    pub revision: Option<String>,
    /// The folder of the split's files, where several folders have a split of the name.
    pub config: Option<String>,
    /// The split, `train` unless given.
    pub split: String,
}

impl HubDataset {
    /// Reads an id, which may begin with `hf://`; nothing where the text is not one.
    ///
    /// ```
    /// use anneal_data::HubDataset;
    ///
    /// let id = HubDataset::parse("hf://owner/name@v1:plain/test").unwrap();
    /// assert_eq!((id.revision.as_deref(), id.config.as_deref()), (Some("v1"), Some("plain")));
    /// assert_eq!(id.split, "test");
    /// assert_eq!(HubDataset::parse("owner/name").unwrap().split, "train");
    /// assert!(HubDataset::parse("data/rows.jsonl/x").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix("hf://").unwrap_or(text);
        let (rest, split) = match text.split_once(':') {
            Some((rest, split)) => (rest, split),
            None => (text, "train"),
        };
        let (repository, revision) = match rest.split_once('@') {
            Some((repository, revision)) => (repository, Some(revision)),
            None => (rest, None),
        };
        let (config, split) = match split.rsplit_once('/') {
            Some((config, split)) => (Some(config), split),
            None => (None, split),
        };
        let (owner, name) = repository.split_once('/')?;
        let folders = |path: Option<&str>| path.is_none_or(|path| path.split('/').all(is_plain));
        let valid = is_plain(owner)
            && is_plain(name)
            && is_plain(split)
            && folders(revision)
            && folders(config);
        valid.then(|| Self {
            repository: repository.to_owned(),
            revision: revision.map(str::to_owned),
            config: config.map(str::to_owned),
            split: split.to_owned(),
        })
    }

    /// The id that `text` is, where it looks like no path: its first part is no folder here and its name
    /// has no ending of a file. `hf://` in front insists.
    pub(crate) fn told_from_path(text: &str) -> Option<Self> {
        let id = Self::parse(text)?;
        let owner = id.repository.split('/').next().unwrap_or_default();
        let compressed = Compression::from_name(Path::new(&id.repository)).is_some();
        let like_path = Path::new(owner).is_dir()
            || compressed
            || id.repository.ends_with(".json")
            || FileFormat::from_name(&id.repository).is_some();
        (text.starts_with("hf://") || !like_path).then_some(id)
    }
}

impl fmt::Display for HubDataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(revision) = &self.revision {
            write!(f, "@{revision}")?;
        }
        match &self.config {
            Some(config) => write!(f, ":{config}/{}", self.split),
            None => write!(f, ":{}", self.split),
        }
    }
}

/// Whether a name can stand in a URL and in the cache as it is: it has no separator, leads to no other
/// folder and needs no escaping.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+=".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lead_elsewhere_is_no_id() {
        for text in [
            "", "name", "/a/b", "../a", "a/..", "a/b/c", "a/b@", "a/b:", "a/b:../x", "a/b:x/",
            "a/b@../x", "a b/c", "a/b?x", "a/b%2F", "hf://a",
        ] {
            assert_eq!(HubDataset::parse(text), None, "{text:?}");
        }
        for text in ["a/b:train", "a/b@refs/pr/1:c/d/test"] {
            assert_eq!(HubDataset::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_looks_like_a_path_is_one_unless_the_text_insists() {
        let told = |text: &str| HubDataset::told_from_path(text).is_some();
        assert!(told("owner/name") && told("hf://src/rows") && told("hf://owner/rows.json"));
        // Tests run in the crate's folder, which has a folder `src`.
        assert!(!told("src/rows") && !told("owner/rows.json") && !told("owner/rows.jsonl.gz"));
    }
}
