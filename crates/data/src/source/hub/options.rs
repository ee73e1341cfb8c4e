//! How the Hub is reached, from the variables that its users know.
//!
//! The same variables in the same order as `anneal-llama`'s options of this name, which this crate cannot
//! use without that crate's model code. Compared against huggingface_hub's `constants.py` and
//! `utils/_auth.py`.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::source::SourceError;

/// Where the Hub is and what is kept of it.
#[derive(Clone, PartialEq, Eq)]
pub struct HubOptions {
    /// The server, without a slash at the end.
    pub endpoint: String,
    /// The folder that holds `datasets--OWNER--NAME`.
    pub cache: PathBuf,
    /// Sent to the endpoint with every request.
    pub token: Option<String>,
    /// Never ask the network.
    pub offline: bool,
    /// How often a failed download goes on without one new byte.
    pub retries: usize,
}

/// The token is not shown.
impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .field("offline", &self.offline)
            .field("retries", &self.retries)
            .finish()
    }
}

impl HubOptions {
    /// huggingface.co without a token, and a cache of one's own.
    ///
    /// ```
    /// let options = anneal_data::HubOptions::new("cache");
    /// assert_eq!(options.endpoint, "https://huggingface.co");
    /// assert!(options.token.is_none() && !options.offline);
    /// ```
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: "https://huggingface.co".into(),
            cache: cache.into(),
            token: None,
            offline: false,
            retries: 4,
        }
    }

    /// What the environment says: `HF_HUB_CACHE`, `HF_HOME` and `XDG_CACHE_HOME`; `HF_TOKEN`,
    /// `HF_TOKEN_PATH` and `HF_HUB_DISABLE_IMPLICIT_TOKEN`; `HF_ENDPOINT`; `HF_HUB_OFFLINE` and
    /// `TRANSFORMERS_OFFLINE`.
    ///
    /// # Errors
    /// [`SourceError::HubCache`] where nothing says where the cache is; [`DataError::Read`] if the
    /// token's file cannot be read.
    pub fn from_env() -> Result<Self, DataError> {
        Self::from_variables(|name| std::env::var(name).ok(), std::env::home_dir())
    }

    /// [`HubOptions::from_env`] for any set of variables and home folder.
    ///
    /// # Errors
    /// As [`HubOptions::from_env`].
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
        home: Option<PathBuf>,
    ) -> Result<Self, DataError> {
        let set = |names: &[&str]| {
            let value = |name: &&str| variable(name).filter(|value| !value.is_empty());
            names.iter().find_map(value)
        };
        let path = |names: &[&str]| Some(expand(&set(names)?, home.as_deref()));
        let own = path(&["HF_HOME"]).or_else(|| {
            let caches = path(&["XDG_CACHE_HOME"]).or_else(|| Some(home.as_ref()?.join(".cache")));
            Some(caches?.join("huggingface"))
        });
        let cache = path(&["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"])
            .or_else(|| Some(own.as_ref()?.join("hub")))
            .ok_or(SourceError::HubCache)?;
        let on = |name: &str| {
            let value = set(&[name])?.to_uppercase();
            Some(["1", "ON", "YES", "TRUE"].contains(&value.as_str()))
        };
        let mut options = Self::new(cache);
        if let Some(endpoint) = set(&["HF_ENDPOINT"]) {
            options.endpoint = endpoint.trim_end_matches('/').to_owned();
        }
        options.offline = on("HF_HUB_OFFLINE")
            .or_else(|| on("TRANSFORMERS_OFFLINE"))
            .unwrap_or(false);
        if on("HF_HUB_DISABLE_IMPLICIT_TOKEN") != Some(true) {
            let file = path(&["HF_TOKEN_PATH"]).or_else(|| Some(own?.join("token")));
            options.token = match set(&["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
                Some(token) => Some(token.trim().to_owned()),
                None => file.map_or(Ok(None), |file| read_token(&file))?,
            };
        }
        Ok(options)
    }
}

/// `~` stands for the home folder.
fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(path),
    }
}

/// The token that a login left, if there was one.
fn read_token(file: &Path) -> Result<Option<String>, DataError> {
    if !file.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(file).map_err(|source| DataError::Read {
        path: file.to_owned(),
        source,
    })?;
    let token = text.trim();
    Ok((!token.is_empty()).then(|| token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], home: &Path) -> HubOptions {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        HubOptions::from_variables(get, Some(home.to_owned())).unwrap()
    }

    #[test]
    fn variables_are_read_as_their_users_know_them() {
        let home = Path::new("h");
        let plain = read(&[("HF_HOME", "")], home);
        assert_eq!(plain, HubOptions::new("h/.cache/huggingface/hub"));
        let set = read(
            &[
                ("HF_HUB_CACHE", "~/c"),
                ("HF_ENDPOINT", "http://mirror:1/"),
                ("HF_TOKEN", " hf_secret "),
                ("HF_HUB_OFFLINE", "true"),
            ],
            home,
        );
        assert_eq!(set.cache, Path::new("h/c"));
        assert_eq!(set.endpoint, "http://mirror:1");
        assert_eq!(set.token.as_deref(), Some("hf_secret"));
        assert!(set.offline && !format!("{set:?}").contains("hf_secret"));
        assert_eq!(
            read(&[("XDG_CACHE_HOME", "x")], home).cache,
            Path::new("x/huggingface/hub")
        );
        let none = HubOptions::from_variables(|_| None, None).unwrap_err();
        assert_eq!(
            none.to_string(),
            "there is no home folder to cache data sets of the Hub in; set HF_HOME or HF_HUB_CACHE"
        );
    }

    #[test]
    fn a_login_leaves_a_token_unless_it_is_disabled() {
        let home = tempfile::tempdir().unwrap();
        std::fs::write(home.path().join("token"), "hf_login\n").unwrap();
        let own = ("HF_HOME", "~/.");
        assert_eq!(read(&[own], home.path()).token.as_deref(), Some("hf_login"));
        let disabled = ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
        assert_eq!(read(&[own, disabled], home.path()).token, None);
    }
}
