//! Ids of the Hub, and telling them from paths.

use std::fmt;
use std::path::{Path, PathBuf};

/// A model on the Hub: `ORG/NAME[@REVISION][:FILE.gguf]`.
///
/// The revision is a branch, a tag or a commit, `main` unless given. With a
/// file, that GGUF file alone is the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubId {
    /// `ORG/NAME`
    pub repository: String,
    /// Branch, tag or commit.
    pub revision: String,
    /// A GGUF file of the repository, with its folder if it has one.
    pub file: Option<String>,
}

impl HubId {
    /// Reads an id; nothing where the text is not one.
    ///
    /// ```
    /// use anneal_llama::hub::HubId;
    ///
    /// let id = HubId::parse("org/name@refs/pr/1:q4/model.gguf").unwrap();
    /// assert_eq!((id.repository.as_str(), id.revision.as_str()), ("org/name", "refs/pr/1"));
    /// assert_eq!(id.file.as_deref(), Some("q4/model.gguf"));
    /// assert_eq!(HubId::parse("org/name").unwrap().revision, "main");
    /// assert!(HubId::parse("name").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let (rest, file) = match text.split_once(':') {
            Some((rest, file)) => (rest, Some(file)),
            None => (text, None),
        };
        let (repository, revision) = rest.split_once('@').unwrap_or((rest, "main"));
        let (organisation, name) = repository.split_once('/')?;
        let valid = is_plain(organisation)
            && is_plain(name)
            && revision.split('/').all(is_plain)
            && file.is_none_or(|file| file.ends_with(".gguf") && file.split('/').all(is_plain));
        valid.then(|| Self {
            repository: repository.to_owned(),
            revision: revision.to_owned(),
            file: file.map(str::to_owned),
        })
    }
}

impl fmt::Display for HubId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.revision)?;
        match &self.file {
            Some(file) => write!(f, ":{file}"),
            None => Ok(()),
        }
    }
}

/// Whether a name can stand in a URL and in the cache as it is: it has no
/// separator, leads to no other folder and needs no escaping.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    !name.is_empty() && !name.starts_with('.') && name.chars().all(plain)
}

/// Where a model is to be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelSource {
    /// A file or folder of this machine.
    Local(PathBuf),
    /// A repository of the Hub.
    Hub(HubId),
}

impl ModelSource {
    /// Tells a path from an id.
    ///
    /// What exists is a path, always. So is whatever looks like one: it is no
    /// [`HubId`], it ends in `.gguf` without the id's colon, or its first part
    /// is a folder here (a slip in `models/llama` asks no server). `hf://` in
    /// front makes the rest an id where it can be one.
    ///
    /// ```
    /// use anneal_llama::hub::ModelSource;
    ///
    /// assert!(matches!(ModelSource::parse("org/name"), ModelSource::Hub(_)));
    /// assert!(matches!(ModelSource::parse("./org/name"), ModelSource::Local(_)));
    /// assert!(matches!(ModelSource::parse("org/name.gguf"), ModelSource::Local(_)));
    /// ```
    pub fn parse(text: &str) -> Self {
        Self::parse_in(text, Path::new(""))
    }

    /// As if the current folder were another.
    fn parse_in(text: &str, current: &Path) -> Self {
        let local = || Self::Local(PathBuf::from(text));
        if current.join(text).exists() {
            return local();
        }
        if let Some(rest) = text.strip_prefix("hf://") {
            return HubId::parse(rest).map_or_else(local, Self::Hub);
        }
        let Some(id) = HubId::parse(text) else {
            return local();
        };
        let organisation = id.repository.split('/').next().unwrap_or_default();
        if id.repository.ends_with(".gguf") || current.join(organisation).is_dir() {
            return local();
        }
        Self::Hub(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_lead_elsewhere_is_no_id() {
        for text in [
            "",
            "name",
            "/a/b",
            "../a",
            "a/..",
            "a/.b",
            "a/b/c",
            "a/b@",
            "a/b@../x",
            "a/b@x//y",
            "a/b:",
            "a/b:x.bin",
            "a/b:../x.gguf",
            "a/b:/x.gguf",
            "a b/c",
            "a/b?x",
            "a/b#x",
            "a/b%2F",
        ] {
            assert_eq!(HubId::parse(text), None, "{text:?}");
        }
        let text = "a/b@v1.0:c.gguf";
        assert_eq!(HubId::parse(text).unwrap().to_string(), text);
    }

    #[test]
    fn an_existing_path_and_its_neighbours_are_paths() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("models/tiny")).unwrap();
        let local = |text: &str| match ModelSource::parse_in(text, folder.path()) {
            ModelSource::Local(path) => path == Path::new(text),
            ModelSource::Hub(_) => false,
        };
        assert!(local("models/tiny") && local("models/tinny"));
        assert!(local("model.gguf") && local("org/model.gguf") && local("hf://name"));
        assert!(!local("org/model") && !local("hf://models/tinny") && !local("org/x:m.gguf"));
    }
}
