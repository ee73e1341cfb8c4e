//! Settings of single layers: PEFT's `rank_pattern` and `alpha_pattern`.
//!
//! Compared against `get_pattern_key` in PEFT 0.21 (`utils/other.py`): the
//! first key, in the order they were written, for which
//! `(.*\.)?(KEY)$` matches from the start of the path.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};

use crate::{PeftError, targets::compile};

/// Values by an expression for the end of a path; the first that matches wins.
///
/// ```
/// use anneal_peft::{LoraConfig, Pattern};
///
/// let config = LoraConfig::default().with_rank_pattern(Pattern::new([
///     ("0.self_attn.q_proj", 2),
///     ("[qk]_proj", 4),
/// ]));
/// assert_eq!(config.rank("layers.0.self_attn.q_proj")?, 2);
/// assert_eq!(config.rank("layers.1.self_attn.q_proj")?, 4);
/// assert_eq!(config.rank("layers.1.self_attn.v_proj")?, 8);
/// # Ok::<(), anneal_peft::PeftError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Pattern<T>(Vec<(String, T)>);

impl<T> Default for Pattern<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy> Pattern<T> {
    /// These values, asked in this order.
    pub fn new<S: Into<String>>(entries: impl IntoIterator<Item = (S, T)>) -> Self {
        Self(entries.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// Whether every layer uses the general setting.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The value for this path; `field` names the setting in an error.
    pub(crate) fn get(&self, field: &'static str, path: &str) -> Result<Option<T>, PeftError> {
        for (key, value) in &self.0 {
            if let Some(found) = plain(key, path) {
                if found {
                    return Ok(Some(*value));
                }
                continue;
            }
            let regex = compile(field, key, &format!(r"\A(?:.*\.)?(?:{key})\z"))?;
            let found = regex.is_match(path).map_err(|source| PeftError::Pattern {
                field,
                pattern: key.clone(),
                source: Box::new(source),
            })?;
            if found {
                return Ok(Some(*value));
            }
        }
        Ok(None)
    }
}

/// Whether a path ends with a key that holds no sign of an expression but the
/// dot, which stands for any one character; `None` for other keys.
///
/// Most keys are plain names, and hundreds of them may be asked for hundreds of
/// paths: too often to compile each time.
fn plain(key: &str, path: &str) -> Option<bool> {
    let (key, path) = (key.as_bytes(), path.as_bytes());
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
    if !key.iter().all(is_name) || !path.is_ascii() {
        return None;
    }
    let Some(start) = path.len().checked_sub(key.len()) else {
        return Some(false);
    };
    let at_dot = start == 0 || path[start - 1] == b'.';
    let tail = key.iter().zip(&path[start..]);
    Some(at_dot && tail.into_iter().all(|(k, p)| *k == b'.' || k == p))
}

impl<T: Serialize> Serialize for Pattern<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Pattern<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

/// Reads a map without losing the order of its keys.
struct InOrder<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
    type Value = Pattern<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from expressions to numbers")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Pattern(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_keys_mean_what_they_mean_as_expressions() {
        let paths = [
            "a.b_c.q", "a.bxc.q", "xa.b_c.q", "q", "a.b_c.qq", "aab_c.q", "",
        ];
        for key in [
            "q", "b_c.q", "b.c.q", "a.b_c.q", "c.q", ".q", "a-b", "aa.b_c.q",
        ] {
            let anchored = format!(r"\A(?:.*\.)?(?:{key})\z");
            let regex = compile("rank_pattern", key, &anchored).unwrap();
            for path in paths {
                let expected = regex.is_match(path).unwrap();
                assert_eq!(plain(key, path), Some(expected), "{key} {path}");
            }
        }
        assert_eq!(plain("[qk]", "q"), None);
    }

    #[test]
    fn the_first_key_in_order_wins() {
        let json = r#"{"z_proj": 3, "layers.1.z_proj": 5, "a": 7}"#;
        let pattern: Pattern<usize> = serde_json::from_str(json).unwrap();
        assert_eq!(
            pattern.get("rank_pattern", "layers.1.z_proj").unwrap(),
            Some(3)
        );
        assert_eq!(pattern.get("rank_pattern", "layers.1.a").unwrap(), Some(7));
        assert_eq!(pattern.get("rank_pattern", "layers.1.ba").unwrap(), None);
        assert_eq!(
            serde_json::to_string(&pattern).unwrap(),
            r#"{"z_proj":3,"layers.1.z_proj":5,"a":7}"#
        );
    }
}
