//! The file of `--config`: TOML with a key for every flag.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use crate::ExampleError;

/// A file's keys in one table.
///
/// A table's keys are read as keys of the file that begin with its name: `[lora]` with `r = 8` is
/// `lora_r = 8`.
pub(super) struct Keys<'a> {
    path: &'a Path,
    text: &'a str,
    span: std::ops::Range<usize>,
    table: DeTable<'a>,
}

impl<'a> Keys<'a> {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`ExampleError::Toml`] for what is no TOML, and for a key that is there twice, with and without
    /// its table.
    pub(super) fn parse(path: &'a Path, text: &'a str) -> Result<Self, ExampleError> {
        let whole = DeTable::parse(text).map_err(ExampleError::toml(path, text))?;
        let span = whole.span();
        let mut keys = Self {
            path,
            text,
            span,
            table: DeTable::new(),
        };
        for (key, value) in whole.into_inner() {
            if !value.get_ref().is_table() {
                keys.insert(key, value)?;
                continue;
            }
            if let DeValue::Table(inner) = value.into_inner() {
                for (name, value) in inner {
                    let joined = format!("{}_{}", key.get_ref(), name.get_ref());
                    keys.insert(Spanned::new(name.span(), joined.into()), value)?;
                }
            }
        }
        Ok(keys)
    }

    fn insert(
        &mut self,
        key: Spanned<std::borrow::Cow<'a, str>>,
        value: Spanned<DeValue<'a>>,
    ) -> Result<(), ExampleError> {
        let (name, at) = (key.get_ref().to_string(), key.span().start);
        let earlier = self.table.keys().find(|known| **known.get_ref() == *name);
        if let Some(earlier) = earlier {
            // Keys come in the order of their names; the second is the one further down.
            let at = at.max(earlier.span().start);
            return Err(self.wrong(at, format!("`{name}` is given twice")));
        }
        self.table.insert(key, value);
        Ok(())
    }

    /// Refuses a key that is none of `known`.
    ///
    /// # Errors
    /// [`ExampleError::Toml`] with the key's line and the known key that is most like it.
    pub(super) fn refuse_unknown(&self, known: &[&str]) -> Result<(), ExampleError> {
        // By line: a table keeps its keys in another order.
        let unknown = self
            .table
            .keys()
            .filter(|key| !known.contains(&&**key.get_ref()));
        let Some(first) = unknown.min_by_key(|key| key.span().start) else {
            return Ok(());
        };
        let name = first.get_ref();
        let like = known.iter().min_by_key(|known| distance(known, name));
        let like = like.map_or(String::new(), |like| format!("; is it `{like}`?"));
        let what = format!("unknown key `{name}`{like} (--help lists them all)");
        Err(self.wrong(first.span().start, what))
    }

    /// The keys that `T` knows; others are ignored.
    ///
    /// # Errors
    /// [`ExampleError::Toml`] for a value of another type.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, ExampleError> {
        let table = Spanned::new(self.span.clone(), self.table.clone());
        T::deserialize(Deserializer::from(table)).map_err(ExampleError::toml(self.path, self.text))
    }

    fn wrong(&self, at: usize, what: String) -> ExampleError {
        ExampleError::Toml {
            path: self.path.to_owned(),
            line: self.text[..at].matches('\n').count() + 1,
            what,
        }
    }
}

/// Levenshtein's distance in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, &y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(default)]
    struct Few {
        lora_r: Option<usize>,
        seed: Option<u64>,
    }

    fn parse(text: &str) -> Result<Few, String> {
        let keys = Keys::parse(Path::new("run.toml"), text).map_err(|e| e.to_string())?;
        let known = ["lora_r", "seed", "learning_rate"];
        keys.refuse_unknown(&known).map_err(|e| e.to_string())?;
        keys.read().map_err(|e| e.to_string())
    }

    #[test]
    fn a_table_s_keys_are_keys_that_begin_with_its_name() {
        let found = parse("seed = 3\n\n[lora]\nr = 8\n").unwrap();
        assert_eq!((found.lora_r, found.seed), (Some(8), Some(3)));
        let found = parse("lora = { r = 4 }\n").unwrap();
        assert_eq!((found.lora_r, found.seed), (Some(4), None));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let error = |text: &str| parse(text).unwrap_err();
        assert_eq!(
            error("seed = 1\nleraning_rate = 1\n"),
            "run.toml: line 2: unknown key `leraning_rate`; is it `learning_rate`? (--help lists them all)"
        );
        assert_eq!(
            error("lora_r = 1\n[lora]\nr = 2\n"),
            "run.toml: line 3: `lora_r` is given twice"
        );
        assert!(error("\nseed = \"one\"\n").starts_with("run.toml: line 2: "));
        assert!(error("\n[lora]\n\nr = -1\n").starts_with("run.toml: line 4: "));
        assert!(error("seed 1").starts_with("run.toml: line 1: "));
    }

    #[test]
    fn distances_by_hand() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
