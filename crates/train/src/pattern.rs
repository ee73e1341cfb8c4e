//! Regular expressions over module paths.
//!
//! As PEFT's `target_modules` where it is a string: the expression must match the whole path
//! (`re.fullmatch` in `tuners/tuners_utils.py`), so that `.*\.bias` names every bias and `bias` none
//! but a parameter that has just this path.

use fancy_regex::Regex;

use crate::error::{Result, TrainError};

/// How many paths an error shows.
const EXAMPLES: usize = 5;

/// An expression that must match a whole module path.
#[derive(Clone, Debug)]
pub(crate) struct PathPattern {
    setting: &'static str,
    pattern: String,
    regex: Regex,
}

impl PathPattern {
    /// Compiles `pattern`; errors say that it came from `setting`.
    pub(crate) fn new(setting: &'static str, pattern: &str) -> Result<Self> {
        let regex = Regex::new(&format!(r"\A(?:{pattern})\z"));
        Ok(Self {
            setting,
            pattern: pattern.to_owned(),
            regex: regex.map_err(|source| TrainError::Pattern {
                setting,
                pattern: pattern.to_owned(),
                source: Box::new(source),
            })?,
        })
    }

    /// Whether it matches the whole path.
    ///
    /// # Errors
    /// [`TrainError::Pattern`] where the engine gives up (too much backtracking).
    pub(crate) fn matches(&self, path: &str) -> Result<bool> {
        let matches = self.regex.is_match(path);
        matches.map_err(|source| TrainError::Pattern {
            setting: self.setting,
            pattern: self.pattern.clone(),
            source: Box::new(source),
        })
    }

    /// The error for an expression that matches nothing of `paths`.
    pub(crate) fn unmatched<'a>(&self, paths: impl Iterator<Item = &'a str>) -> TrainError {
        TrainError::UnmatchedPattern {
            setting: self.setting,
            pattern: self.pattern.clone(),
            examples: paths.take(EXAMPLES).map(|p| format!("`{p}`")).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_path_must_match() {
        let matches = |pattern: &str, path: &str| {
            let pattern = PathPattern::new("x", pattern).unwrap();
            pattern.matches(path).unwrap()
        };
        assert!(matches(r".*\.bias", "model.up.bias"));
        assert!(!matches("bias", "model.up.bias"));
        assert!(!matches("model", "model.up.bias"));
        // The anchors hold for every alternative.
        assert!(!matches("model|bias", "model.up.bias"));
        // A line break at the end is part of the path.
        assert!(!matches(r".*\.bias", "up.bias\n"));
        assert!(matches(r"(?!.*lora).*weight", "up.weight"));
        assert!(!matches(r"(?!.*lora).*weight", "lora.weight"));
    }

    #[test]
    fn a_bad_expression_is_named() {
        let error = PathPattern::new("groups", "(").unwrap_err().to_string();
        assert!(
            error.starts_with("`groups` holds \"(\", which is not a usable regular expression"),
            "{error}"
        );
    }

    #[test]
    fn an_expression_that_backtracks_without_end_is_an_error() {
        // The lookahead keeps it off the engine that takes linear time.
        let pattern = PathPattern::new("groups", "(?i)(a|b|ab)*(?=c)").unwrap();
        let path = "ab".repeat(40);
        let error = pattern.matches(&path).unwrap_err().to_string();
        assert!(error.contains("groups"), "{error}");
    }
}
