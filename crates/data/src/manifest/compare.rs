//! What differs between two documents, in words.
//!
//! Documents are compared as JSON, so that no field can be left out of the comparison. Entries of a
//! list are matched by what they are called, and those left over by their order.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

use super::ManifestError;

/// One difference between two documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What differs, such as "source `train.jsonl`, sha256".
    pub subject: String,
    /// What it was, if it was there.
    pub before: Option<Value>,
    /// What it is, if it is there.
    pub now: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = &self.subject;
        match (&self.before, &self.now) {
            (Some(before), Some(now)) => write!(f, "{subject}: {before} before, {now} now"),
            // A whole entry is named and not spelled out.
            (Some(Value::Object(_)), None) => write!(f, "{subject}: there before, missing now"),
            (Some(before), None) => write!(f, "{subject}: {before} before, missing now"),
            (None, Some(Value::Object(_))) => write!(f, "{subject}: new"),
            (None, Some(now)) => write!(f, "{subject}: new, {now}"),
            (None, None) => write!(f, "{subject}: never there"),
        }
    }
}

/// The differences of two documents of one type.
pub(super) fn documents<T: Serialize>(
    what: &'static str,
    before: &T,
    now: &T,
) -> Result<Vec<Difference>, ManifestError> {
    let value = |document: &T| {
        serde_json::to_value(document).map_err(|source| ManifestError::Serialize { what, source })
    };
    let mut found = Vec::new();
    values(&mut found, &[], &value(before)?, &value(now)?);
    Ok(found)
}

/// The differences of two values that stand at one place.
fn values(found: &mut Vec<Difference>, place: &[String], before: &Value, now: &Value) {
    match (before, now) {
        (Value::Object(before), Value::Object(now)) => objects(found, place, before, now),
        (Value::Array(before), Value::Array(now)) if listed(before) && listed(now) => {
            lists(found, place, before, now);
        }
        _ if before == now => {}
        _ => found.push(difference(place, Some(before), Some(now))),
    }
}

fn objects(
    found: &mut Vec<Difference>,
    place: &[String],
    before: &Map<String, Value>,
    now: &Map<String, Value>,
) {
    for (key, value) in before {
        let place = below(place, key);
        match now.get(key) {
            Some(now) => values(found, &place, value, now),
            None => found.push(difference(&place, Some(value), None)),
        }
    }
    for (key, value) in now.iter().filter(|(key, _)| !before.contains_key(*key)) {
        found.push(difference(&below(place, key), None, Some(value)));
    }
}

/// Whether the entries of a list are objects, which have names of their own.
fn listed(items: &[Value]) -> bool {
    items.iter().all(Value::is_object)
}

fn lists(found: &mut Vec<Difference>, place: &[String], before: &[Value], now: &[Value]) {
    let (old, new) = (names(before), names(now));
    let mut pairs: Vec<(usize, usize)> = Vec::new();
    for (i, name) in old.iter().enumerate() {
        if let Some(j) = new.iter().position(|other| other == name) {
            pairs.push((i, j));
        }
    }
    if pairs.windows(2).any(|pair| pair[0].1 > pair[1].1) {
        let text = |names: &[String]| Value::from(names.join(", "));
        found.push(Difference {
            subject: format!("order of the {}", subject(place)),
            before: Some(text(&old)),
            now: Some(text(&new)),
        });
    }
    let left = |names: &[String], taken: fn(&(usize, usize)) -> usize| -> Vec<usize> {
        let free = |index: &usize| !pairs.iter().any(|pair| taken(pair) == *index);
        (0..names.len()).filter(free).collect()
    };
    let (old_left, new_left) = (left(&old, |pair| pair.0), left(&new, |pair| pair.1));
    pairs.extend(old_left.iter().copied().zip(new_left.iter().copied()));
    pairs.sort_unstable();
    for &(i, j) in &pairs {
        values(found, &below(place, &old[i]), &before[i], &now[j]);
    }
    for &i in old_left.iter().skip(new_left.len()) {
        found.push(difference(&below(place, &old[i]), Some(&before[i]), None));
    }
    for &j in new_left.iter().skip(old_left.len()) {
        found.push(difference(&below(place, &new[j]), None, Some(&now[j])));
    }
}

/// What the entries of a list are called: by path or name, and a number if that stands before already.
fn names(items: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        let name = ["path", "name"].iter().find_map(|key| item[key].as_str());
        let name = name.map_or_else(|| (index + 1).to_string(), str::to_owned);
        let mut unique = name.clone();
        let mut times = 1;
        while names.contains(&unique) {
            times += 1;
            unique = format!("{name} ({times})");
        }
        names.push(unique);
    }
    names
}

fn below(place: &[String], key: &str) -> Vec<String> {
    let mut place = place.to_vec();
    place.push(key.to_owned());
    place
}

fn difference(place: &[String], before: Option<&Value>, now: Option<&Value>) -> Difference {
    Difference {
        subject: subject(place),
        before: before.cloned(),
        now: now.cloned(),
    }
}

/// A place in words: "source `train.jsonl`, sha256".
fn subject(place: &[String]) -> String {
    let mut parts = Vec::new();
    let mut keys = place.iter();
    while let Some(key) = keys.next() {
        // The keys of these are names that somebody gave.
        let one = match key.as_str() {
            "sources" => "source",
            "steps" => "step",
            "seeds" => "seed",
            "reasons" => "reason",
            "parts" => "part",
            "orders" => "order",
            _ => {
                parts.push(key.replace('_', " "));
                continue;
            }
        };
        parts.push(match keys.next() {
            Some(name) => format!("{one} `{name}`"),
            None => key.clone(),
        });
    }
    parts.join(", ")
}
