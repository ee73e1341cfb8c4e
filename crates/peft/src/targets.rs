//! Which linear layers a configuration names: PEFT's `target_modules` rules.
//!
//! Compared against `check_target_module_exists` in PEFT 0.21
//! (`tuners/tuners_utils.py`): an entry of a list matches a path that equals it
//! or ends with `.entry`; a string is a regular expression that must match the
//! whole path; `"all-linear"` is every linear layer but the output embedding.

use std::fmt;

use fancy_regex::Regex;
use serde::{Deserialize, Serialize};

use crate::PeftError;

/// The string that stands for every linear layer but the output embedding.
const ALL_LINEAR: &str = "all-linear";
/// Hugging Face's name of the output embedding.
const OUTPUT_EMBEDDING: &str = "lm_head";

/// Names of modules: a list of suffixes, a regular expression or `"all-linear"`.
///
/// In JSON and TOML it is a string or a list, as in PEFT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum TargetModules {
    /// A regular expression for the whole path, or `"all-linear"`.
    Pattern(String),
    /// Paths, or ends of paths at a dot: `q_proj`, `self_attn.q_proj`.
    Names(Vec<String>),
}

impl TargetModules {
    /// Every linear layer except one whose name is `lm_head`.
    pub fn all_linear() -> Self {
        Self::Pattern(ALL_LINEAR.into())
    }

    /// A list of paths or of their last segments.
    pub fn names<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        Self::Names(names.into_iter().map(Into::into).collect())
    }

    /// Whether this is `"all-linear"`, in any case, as PEFT reads it.
    pub fn is_all_linear(&self) -> bool {
        matches!(self, Self::Pattern(p) if p.eq_ignore_ascii_case(ALL_LINEAR))
    }

    /// Prepares the rule for matching; `field` names it in an error.
    pub(crate) fn compile(&self, field: &'static str) -> Result<Matcher<'_>, PeftError> {
        Ok(match self {
            // Elsewhere it is an expression like any other, as in PEFT.
            _ if field == "target_modules" && self.is_all_linear() => Matcher::AllLinear,
            Self::Names(names) => Matcher::Names(names),
            Self::Pattern(pattern) => Matcher::Pattern {
                regex: compile(field, pattern, &format!(r"\A(?:{pattern})\z"))?,
                pattern,
                field,
            },
        })
    }
}

impl fmt::Display for TargetModules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pattern(pattern) => write!(f, "{pattern:?}"),
            Self::Names(names) => write!(f, "{names:?}"),
        }
    }
}

/// Compiles `anchored`, naming the user's own `pattern` where it fails.
pub(crate) fn compile(
    field: &'static str,
    pattern: &str,
    anchored: &str,
) -> Result<Regex, PeftError> {
    Regex::new(anchored).map_err(|source| PeftError::Pattern {
        field,
        pattern: pattern.into(),
        source: Box::new(source),
    })
}

/// A [`TargetModules`] ready to be asked about paths.
pub(crate) enum Matcher<'a> {
    /// Every path but the output embedding's.
    AllLinear,
    /// Suffixes.
    Names(&'a [String]),
    /// An expression that must match the whole path.
    Pattern {
        /// The anchored expression.
        regex: Regex,
        /// The expression as it was written.
        pattern: &'a str,
        /// The setting it came from.
        field: &'static str,
    },
}

impl Matcher<'_> {
    /// Whether the rule is a list that holds the whole path.
    pub(crate) fn spells_out(&self, path: &str) -> bool {
        matches!(self, Self::Names(names) if names.iter().any(|name| name == path))
    }

    /// Whether the rule names this path.
    pub(crate) fn matches(&self, path: &str) -> Result<bool, PeftError> {
        match self {
            Self::AllLinear => Ok(last_segment(path) != OUTPUT_EMBEDDING),
            Self::Names(names) => Ok(names.iter().any(|name| ends_at_dot(path, name))),
            Self::Pattern {
                regex,
                pattern,
                field,
            } => regex.is_match(path).map_err(|source| PeftError::Pattern {
                field,
                pattern: (*pattern).into(),
                source: Box::new(source),
            }),
        }
    }
}

/// Whether `path` is `name` or ends with `.name`.
pub(crate) fn ends_at_dot(path: &str, name: &str) -> bool {
    path.strip_suffix(name)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// The part of a path after its last dot.
pub(crate) fn last_segment(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

/// The distinct last segments of `paths`, those most like `targets` first.
pub(crate) fn nearest(targets: &TargetModules, paths: &[String]) -> Vec<String> {
    let wanted: Vec<&str> = match targets {
        TargetModules::Pattern(pattern) => vec![pattern],
        TargetModules::Names(names) => names.iter().map(|n| last_segment(n)).collect(),
    };
    let mut segments: Vec<&str> = paths.iter().map(|p| last_segment(p)).collect();
    segments.sort_unstable();
    segments.dedup();
    segments.sort_by_key(|s| wanted.iter().map(|w| edit_distance(s, w)).min());
    segments.into_iter().take(8).map(String::from).collect()
}

/// Levenshtein's distance: the fewest insertions, deletions and replacements
/// of one character that turn `a` into `b`.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &cb) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(targets: &TargetModules, path: &str) -> bool {
        targets
            .compile("target_modules")
            .unwrap()
            .matches(path)
            .unwrap()
    }

    #[test]
    fn names_match_at_a_dot_only() {
        let targets = TargetModules::names(["q_proj", "mlp.up"]);
        assert!(matches(&targets, "q_proj"));
        assert!(matches(&targets, "layers.0.q_proj"));
        assert!(!matches(&targets, "layers.0.xq_proj"));
        assert!(!matches(&targets, "layers.0.q_proj.inner"));
        assert!(matches(&targets, "layers.1.mlp.up"));
        assert!(!matches(&targets, "layers.1.other.up"));
    }

    #[test]
    fn expressions_match_the_whole_path() {
        let targets = TargetModules::Pattern(r"q_proj|.*\.1\..*(?<!k)_proj".into());
        assert!(matches(&targets, "q_proj"));
        assert!(!matches(&targets, "layers.0.q_proj"));
        assert!(matches(&targets, "layers.1.v_proj"));
        assert!(!matches(&targets, "layers.1.k_proj"));
        assert!(!matches(&targets, "layers.1.v_proj_extra"));
    }

    #[test]
    fn all_linear_leaves_the_output_embedding_out() {
        let targets = TargetModules::Pattern("All-Linear".into());
        assert!(matches(&targets, "model.layers.0.mlp.up_proj"));
        assert!(!matches(&targets, "lm_head"));
    }

    #[test]
    fn a_broken_expression_names_the_setting() {
        let targets = TargetModules::Pattern("(q_proj".into());
        let message = match targets.compile("exclude_modules") {
            Err(error) => error.to_string(),
            Ok(_) => panic!("an unclosed group compiled"),
        };
        assert!(
            message.starts_with(r#"exclude_modules holds "(q_proj""#),
            "{message}"
        );
    }

    #[test]
    fn the_nearest_name_comes_first() {
        let paths = ["a.up_proj", "a.q_proj", "b.q_proj", "a.down"].map(String::from);
        let nearest = nearest(&TargetModules::names(["q_porj"]), &paths);
        assert_eq!(nearest, ["q_proj", "up_proj", "down"]);
    }

    #[test]
    fn edit_distance_counts_single_changes() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("abc", "abc"), 0);
    }
}
