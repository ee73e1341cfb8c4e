//! Adapting some of the layers of a stack: PEFT's `layers_to_transform`.
//!
//! Compared against `check_target_module_exists` in PEFT 0.21: the index is
//! the number after the first `.name.` of the path, or after `.pattern.` for
//! one of `layers_pattern`; a path without an index is left alone. A path
//! that `target_modules` spells out whole is adapted whatever its index.

use fancy_regex::Regex;
use serde::{Deserialize, Deserializer};

use crate::{PeftError, targets::compile};

/// Which layers of a stack a configuration adapts.
pub(crate) struct LayerFilter<'a> {
    /// The indices that are adapted.
    indices: &'a [usize],
    /// Expressions whose first group is the index, with what was written.
    expressions: Vec<(Regex, &'a str)>,
}

impl<'a> LayerFilter<'a> {
    /// The filter of a configuration, if it has one.
    pub(crate) fn new(
        indices: &'a [usize],
        patterns: &'a [String],
    ) -> Result<Option<Self>, PeftError> {
        if indices.is_empty() {
            return Ok(None);
        }
        let mut expressions = Vec::new();
        for pattern in patterns {
            let anchored = format!(r"\A(?:|.*?\.){pattern}\.(?P<idx>\d+)\.");
            let regex = compile("layers_pattern", pattern, &anchored)?;
            expressions.push((regex, pattern.as_str()));
        }
        if patterns.is_empty() {
            let first = r"\A.*?\.[^.]*\.(?P<idx>\d+)\.";
            expressions.push((compile("layers_pattern", first, first)?, first));
        }
        Ok(Some(Self {
            indices,
            expressions,
        }))
    }

    /// Whether the path lies in one of the layers.
    pub(crate) fn admits(&self, path: &str) -> Result<bool, PeftError> {
        for (regex, pattern) in &self.expressions {
            let captures = regex.captures(path).map_err(|source| PeftError::Pattern {
                field: "layers_pattern",
                pattern: (*pattern).into(),
                source: Box::new(source),
            })?;
            if let Some(index) = captures.and_then(|found| found.name("idx")) {
                let index: Option<usize> = index.as_str().parse().ok();
                return Ok(index.is_some_and(|index| self.indices.contains(&index)));
            }
        }
        Ok(false)
    }
}

/// Reads one value or a list of them, as PEFT's fields may hold.
pub(crate) fn one_or_many<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<OneOrMany<T>>::deserialize(deserializer)?.map(Vec::from))
}

/// One value or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    /// A value by itself.
    One(T),
    /// A list.
    Many(Vec<T>),
}

impl<T> From<OneOrMany<T>> for Vec<T> {
    fn from(values: OneOrMany<T>) -> Self {
        match values {
            OneOrMany::One(value) => vec![value],
            OneOrMany::Many(values) => values,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(indices: &[usize], patterns: &[String], path: &str) -> bool {
        let filter = LayerFilter::new(indices, patterns).unwrap().unwrap();
        filter.admits(path).unwrap()
    }

    #[test]
    fn the_first_number_after_a_name_is_the_layer() {
        let admits = |path| admits(&[0, 11], &[], path);
        assert!(admits("model.layers.0.q"));
        assert!(admits("model.layers.11.experts.3.q"));
        assert!(!admits("model.layers.1.q"));
        assert!(!admits("model.layers.1.experts.0.q"));
        // PEFT wants something before the stack's own name.
        assert!(!admits("layers.0.q"));
        assert!(!admits("model.head.q"));
    }

    #[test]
    fn a_pattern_names_the_stack() {
        let patterns = ["h", "experts"].map(String::from);
        let admits = |path| admits(&[3], &patterns, path);
        assert!(admits("model.layers.1.experts.3.q"));
        assert!(admits("model.h.3.q"));
        // With a pattern the stack may stand first, and the first one counts.
        assert!(admits("h.3.q"));
        assert!(!admits("model.h.1.h.3.q"));
        assert!(!admits("model.layers.3.q"));
    }

    #[test]
    fn the_first_stack_of_a_pattern_counts_wherever_it_stands() {
        // A group of the expression's own is not the index.
        let patterns = ["(h|block)".to_string()];
        let admits = |path| admits(&[3], &patterns, path);
        assert!(admits("h.3.q"));
        assert!(admits("model.h.3.block.0.q"));
        assert!(!admits("model.h.0.block.3.q"));
        assert!(!admits("model.xh.3.q"));
    }

    #[test]
    fn no_indices_are_no_filter() {
        assert!(LayerFilter::new(&[], &[]).unwrap().is_none());
    }
}
