//! Near duplicates: all texts of an index that share most of their shingles with another text.
//!
//! Signatures are cut into bands; two texts that agree in a whole band are candidates (LSH; Leskovec,
//! Rajaraman, Ullman, "Mining of Massive Datasets", 3.4). Each candidate is then compared on the
//! shingles themselves, so that nothing is found that is not there; what can happen is a miss, and its
//! probability is known ([`NearConfig::miss_probability`]).

use std::collections::HashMap;

use super::SplitError;
use super::digest::Digest;
use super::min_hash::MinHash;
use super::shingle::{self, Shingles, mix, ratio};

/// When two texts count as near duplicates, and how hard they are looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NearConfig {
    /// What texts are cut into; runs of 5 characters.
    pub shingles: Shingles,
    /// Jaccard's index of the shingles from which two texts are near duplicates; 0.8.
    pub threshold: f64,
    /// Bands of the signature; 28. More bands miss less and cost more memory.
    pub bands: usize,
    /// Places of the signature in a band; 7. More places give fewer candidates and miss more.
    pub rows: usize,
}

impl Default for NearConfig {
    fn default() -> Self {
        Self {
            shingles: Shingles::Characters(5),
            threshold: 0.8,
            bands: 28,
            rows: 7,
        }
    }
}

impl NearConfig {
    /// How probably two texts of Jaccard's index `jaccard` are overlooked: `(1 − Jʳ)ᵇ`.
    ///
    /// ```
    /// let near = anneal_data::NearConfig::default();
    /// // At the threshold, the worst case; and for texts that are more alike.
    /// assert!((near.miss_probability(0.8) - 0.0014).abs() < 0.0001);
    /// assert!(near.miss_probability(0.9) < 1e-7);
    /// ```
    pub fn miss_probability(&self, jaccard: f64) -> f64 {
        (1.0 - jaccard.powf(self.rows as f64)).powf(self.bands as f64)
    }

    /// Refuses settings under which nothing, or everything, would be found.
    ///
    /// # Errors
    /// [`SplitError::Near`].
    pub fn validate(&self) -> Result<(), SplitError> {
        let error = |setting, found: String, expected| SplitError::Near {
            setting,
            found,
            expected,
        };
        if !(self.threshold > 0.0 && self.threshold <= 1.0) {
            let found = self.threshold.to_string();
            return Err(error("threshold", found, "a number above 0 and at most 1"));
        }
        for (setting, found) in [
            ("shingles", self.shingles.width()),
            ("bands", self.bands),
            ("rows", self.rows),
        ] {
            if found == 0 {
                return Err(error(setting, found.to_string(), "at least 1"));
            }
        }
        Ok(())
    }
}

/// A text of the index that is a near duplicate of the one looked for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NearMatch {
    /// Its number, in the order of insertion.
    pub(crate) entry: usize,
    /// Jaccard's index of the two.
    pub(crate) jaccard: f64,
}

/// A text made ready to be looked for or inserted.
#[derive(Debug)]
pub(crate) struct Sketch {
    text: Box<str>,
    scope: Digest,
    /// The hashed shingles, sorted, each once.
    shingles: Box<[u64]>,
    /// One key for each band.
    keys: Vec<u64>,
}

/// Texts that can be asked for near duplicates; its memory is linear in their length.
#[derive(Debug)]
pub(crate) struct NearIndex {
    config: NearConfig,
    min_hash: MinHash,
    entries: Vec<Sketch>,
    /// The last entry of each bucket; a bucket's key knows its band.
    last: HashMap<u64, u32>,
    /// For each entry and band, the entry before it in its bucket, or [`NONE`]: lists of their own
    /// would take twice the memory, as most hold one entry.
    before: Vec<u32>,
}

/// No entry.
const NONE: u32 = u32::MAX;

impl NearIndex {
    /// An empty index.
    pub(crate) fn new(config: NearConfig) -> Result<Self, SplitError> {
        config.validate()?;
        Ok(Self {
            config,
            min_hash: MinHash::new(config.bands.saturating_mul(config.rows)),
            entries: Vec::new(),
            last: HashMap::new(),
            before: Vec::new(),
        })
    }

    /// `text` with its signature. Only texts of one scope can be near duplicates of each other.
    pub(crate) fn sketch(&self, text: &str, scope: Digest) -> Sketch {
        let mut shingles = Vec::new();
        self.config
            .shingles
            .each(text, |piece| shingles.push(shingle::hash(piece)));
        shingles.sort_unstable();
        shingles.dedup();
        let signature = self.min_hash.signature(&shingles);
        let scope_key = mix(scope as u64 ^ (scope >> 64) as u64);
        let keys = signature
            .chunks(self.config.rows)
            .enumerate()
            .map(|(band, places)| {
                let start = mix(scope_key ^ (band as u64 + 1));
                places.iter().fold(start, |key, &place| {
                    mix(key.rotate_left(5) ^ u64::from(place))
                })
            });
        Sketch {
            text: text.into(),
            scope,
            keys: keys.collect(),
            shingles: shingles.into(),
        }
    }

    /// Adds a text; its number is the count of texts before it, at most 2³² − 1.
    pub(crate) fn insert(&mut self, mut sketch: Sketch) {
        let entry = self.entries.len() as u32;
        for key in std::mem::take(&mut sketch.keys) {
            self.before
                .push(self.last.insert(key, entry).unwrap_or(NONE));
        }
        self.entries.push(sketch);
    }

    /// Every near duplicate of `sketch` that the bands find, in the order of insertion.
    pub(crate) fn matches(&self, sketch: &Sketch) -> Vec<NearMatch> {
        let mut candidates = Vec::new();
        for (band, key) in sketch.keys.iter().enumerate() {
            let mut entry = self.last.get(key).copied().unwrap_or(NONE);
            while entry != NONE {
                candidates.push(entry);
                entry = self.before[entry as usize * self.config.bands + band];
            }
        }
        candidates.sort_unstable();
        candidates.dedup();
        let compare = |entry: u32| {
            let entry = entry as usize;
            let jaccard = self.compare(sketch, &self.entries[entry])?;
            Some(NearMatch { entry, jaccard })
        };
        candidates.into_iter().filter_map(compare).collect()
    }

    /// Jaccard's index of two texts, if it reaches the threshold.
    fn compare(&self, left: &Sketch, right: &Sketch) -> Option<f64> {
        let threshold = self.config.threshold;
        let (few, many) = (
            left.shingles.len().min(right.shingles.len()),
            left.shingles.len().max(right.shingles.len()),
        );
        if left.scope != right.scope || ratio(few, many) < threshold {
            return None;
        }
        let shared = shared(&left.shingles, &right.shingles);
        if ratio(shared, few + many - shared) < threshold {
            return None;
        }
        // Hashes may collide; the verdict is on the texts.
        let jaccard = self.config.shingles.jaccard(&left.text, &right.text);
        (jaccard >= threshold).then_some(jaccard)
    }
}

/// How many numbers stand in both sorted lists.
fn shared(left: &[u64], right: &[u64]) -> usize {
    let (mut l, mut r, mut shared) = (0, 0, 0);
    while let (Some(a), Some(b)) = (left.get(l), right.get(r)) {
        shared += usize::from(a == b);
        l += usize::from(a <= b);
        r += usize::from(b <= a);
    }
    shared
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[&str], config: NearConfig) -> NearIndex {
        let mut index = NearIndex::new(config).unwrap();
        for text in texts {
            let sketch = index.sketch(text, 0);
            index.insert(sketch);
        }
        index
    }

    #[test]
    fn near_texts_are_found_with_their_index_and_far_ones_are_not() {
        let config = NearConfig {
            shingles: Shingles::Characters(1),
            ..NearConfig::default()
        };
        let index = index(&["abcdefghi", "abcdefghij", "abcxyz"], config);
        let found = |text| index.matches(&index.sketch(text, 0));
        let near = |entry, jaccard| NearMatch { entry, jaccard };
        assert_eq!(found("abcdefghij"), [near(0, 0.9), near(1, 1.0)]);
        assert_eq!(found("zyxcba"), [near(2, 1.0)]);
        assert_eq!(found("klmno"), []);
    }

    #[test]
    fn another_scope_and_an_empty_text_are_kept_apart() {
        let mut index = index(&["abcdefghij", ""], NearConfig::default());
        assert_eq!(index.matches(&index.sketch("abcdefghij", 1)), []);
        let other = index.sketch("abcdefghij", 1);
        index.insert(other);
        let found = index.matches(&index.sketch("abcdefghij", 1));
        assert_eq!(
            found.iter().map(|found| found.entry).collect::<Vec<_>>(),
            [2]
        );
        let found = index.matches(&index.sketch("", 0));
        assert_eq!(
            found,
            [NearMatch {
                entry: 1,
                jaccard: 1.0
            }]
        );
    }

    #[test]
    fn useless_settings_are_refused() {
        let good = NearConfig::default();
        for (config, message) in [
            (
                NearConfig {
                    threshold: 0.0,
                    ..good
                },
                "near duplicates: `threshold` is 0, expected a number above 0 and at most 1",
            ),
            (
                NearConfig {
                    threshold: f64::NAN,
                    ..good
                },
                "near duplicates: `threshold` is NaN, expected a number above 0 and at most 1",
            ),
            (
                NearConfig {
                    shingles: Shingles::Words(0),
                    ..good
                },
                "near duplicates: `shingles` is 0, expected at least 1",
            ),
            (
                NearConfig { bands: 0, ..good },
                "near duplicates: `bands` is 0, expected at least 1",
            ),
            (
                NearConfig { rows: 0, ..good },
                "near duplicates: `rows` is 0, expected at least 1",
            ),
        ] {
            assert_eq!(NearIndex::new(config).unwrap_err().to_string(), message);
        }
    }
}
