//! How the Hub is reached, from the variables that its users know.
//!
//! Compared against huggingface_hub's `constants.py` and
//! `utils/_auth.py`. hf-hub 0.5 reads `HF_HOME` and `HF_ENDPOINT` alone, so
//! the others are read here.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::LlamaError;

/// Where the Hub is and what is kept of it.
#[derive(Clone, PartialEq, Eq)]
pub struct HubOptions {
    /// The server, without a slash at the end.
    pub endpoint: String,
    /// The folder that holds `models--ORG--NAME`.
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
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
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
    /// use anneal_llama::hub::HubOptions;
    ///
    /// let options = HubOptions::new("models");
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

    /// What the environment says:
    ///
    /// - cache: `HF_HUB_CACHE`, else `HF_HOME/hub`; `HF_HOME` is
    ///   `XDG_CACHE_HOME/huggingface` or `~/.cache/huggingface` unless set
    /// - token: `HF_TOKEN`, else the file `HF_TOKEN_PATH`, else `HF_HOME/token`
    ///   (where `hf auth login` puts it); none of them where
    ///   `HF_HUB_DISABLE_IMPLICIT_TOKEN` is set
    /// - endpoint: `HF_ENDPOINT`
    /// - offline: `HF_HUB_OFFLINE`, else `TRANSFORMERS_OFFLINE`
    ///
    /// # Errors
    /// [`LlamaError::HubCache`] where no variable and no home folder says
    /// where the cache is; [`LlamaError::Io`] if the token's file can't be read.
    pub fn from_env() -> Result<Self, LlamaError> {
        Self::from_variables(|name| std::env::var(name).ok(), std::env::home_dir())
    }

    /// [`HubOptions::from_env`] for any set of variables and home folder.
    ///
    /// # Errors
    /// As [`HubOptions::from_env`].
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
        home: Option<PathBuf>,
    ) -> Result<Self, LlamaError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let path = |name: &str| set(name).map(|value| expand(&value, home.as_deref()));
        let own = path("HF_HOME").or_else(|| {
            let caches = path("XDG_CACHE_HOME").or_else(|| Some(home.as_ref()?.join(".cache")));
            Some(caches?.join("huggingface"))
        });
        let cache = path("HF_HUB_CACHE")
            .or_else(|| path("HUGGINGFACE_HUB_CACHE"))
            .or_else(|| Some(own.as_ref()?.join("hub")))
            .ok_or(LlamaError::HubCache)?;
        let mut options = Self::new(cache);
        if let Some(endpoint) = set("HF_ENDPOINT") {
            options.endpoint = endpoint.trim_end_matches('/').to_owned();
        }
        let on = |name: &str| {
            let value = set(name)?.to_uppercase();
            Some(["1", "ON", "YES", "TRUE"].contains(&value.as_str()))
        };
        options.offline = on("HF_HUB_OFFLINE")
            .or_else(|| on("TRANSFORMERS_OFFLINE"))
            .unwrap_or(false);
        if on("HF_HUB_DISABLE_IMPLICIT_TOKEN") != Some(true) {
            let file = path("HF_TOKEN_PATH").or_else(|| Some(own?.join("token")));
            options.token = match set("HF_TOKEN").or_else(|| set("HUGGING_FACE_HUB_TOKEN")) {
                Some(token) => Some(token.trim().to_owned()),
                None => file.map_or(Ok(None), |file| read_token(&file))?,
            };
        }
        Ok(options)
    }
}

/// `~` stands for the home folder.
fn expand(path: &str, home: Option<&Path>) -> PathBuf {
    match (path.strip_prefix('~'), home) {
        (Some(""), Some(home)) => home.to_owned(),
        (Some(rest), Some(home)) if rest.starts_with('/') => home.join(&rest[1..]),
        _ => PathBuf::from(path),
    }
}

/// The token that a login left, if there was one.
fn read_token(file: &Path) -> Result<Option<String>, LlamaError> {
    if !file.exists() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(file).map_err(LlamaError::io(file))?;
    let token = text.trim();
    Ok((!token.is_empty()).then(|| token.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)], home: Option<&Path>) -> Result<HubOptions, LlamaError> {
        let get = |name: &str| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        HubOptions::from_variables(get, home.map(Path::to_owned))
    }

    #[test]
    fn the_cache_is_where_its_users_look_for_it() {
        let home = Some(Path::new("h"));
        let cache = |variables: &[(&str, &str)]| read(variables, home).unwrap().cache;
        assert_eq!(cache(&[]), Path::new("h/.cache/huggingface/hub"));
        let xdg = ("XDG_CACHE_HOME", "x");
        assert_eq!(cache(&[xdg]), Path::new("x/huggingface/hub"));
        assert_eq!(cache(&[xdg, ("HF_HOME", "f")]), Path::new("f/hub"));
        let explicit = ("HF_HUB_CACHE", "~/c");
        assert_eq!(cache(&[explicit, ("HF_HOME", "f")]), Path::new("h/c"));
        // An empty variable is one that is not set.
        assert_eq!(
            cache(&[("HF_HOME", "")]),
            Path::new("h/.cache/huggingface/hub")
        );
        assert!(matches!(read(&[], None), Err(LlamaError::HubCache)));
    }

    #[test]
    fn endpoint_and_offline() {
        let read = |variables: &[(&str, &str)]| read(variables, Some(Path::new("h"))).unwrap();
        let plain = read(&[]);
        assert_eq!(plain.endpoint, "https://huggingface.co");
        assert!(!plain.offline);
        let mirror = read(&[
            ("HF_ENDPOINT", "http://mirror:1/"),
            ("HF_HUB_OFFLINE", "true"),
        ]);
        assert_eq!(mirror.endpoint, "http://mirror:1");
        assert!(mirror.offline);
        assert!(!read(&[("HF_HUB_OFFLINE", "0")]).offline);
        assert!(read(&[("TRANSFORMERS_OFFLINE", "1")]).offline);
    }

    #[test]
    fn a_token_comes_from_the_nearest_place_and_is_not_shown() {
        let home = tempfile::tempdir().unwrap();
        let own = home.path().join("own");
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("token"), "hf_login\n").unwrap();
        std::fs::write(home.path().join("other"), "hf_other").unwrap();
        let (own, other) = (own.display().to_string(), "~/other");
        let token = |more: &[(&str, &str)]| {
            let variables = [&[("HF_HOME", own.as_str())], more].concat();
            read(&variables, Some(home.path())).unwrap().token
        };
        assert_eq!(token(&[]).as_deref(), Some("hf_login"));
        let path = ("HF_TOKEN_PATH", other);
        assert_eq!(token(&[path]).as_deref(), Some("hf_other"));
        assert_eq!(
            token(&[path, ("HF_TOKEN", " hf_env ")]).as_deref(),
            Some("hf_env")
        );
        let disabled = ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
        assert_eq!(token(&[disabled, ("HF_TOKEN", "hf_env")]), None);

        let mut options = HubOptions::new("c");
        options.token = Some("hf_secret".into());
        assert!(!format!("{options:?}").contains("hf_secret"));
    }
}
