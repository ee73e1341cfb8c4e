//! Shingles: the overlapping pieces of a text by whose shared part two texts are alike.

use std::collections::BTreeSet;

/// What a text is cut into. A text with fewer characters (or words) than the width is one shingle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shingles {
    /// Every run of so many characters. One changed word of a question of ten costs about a seventh of
    /// them, while a triple of words would lose three of eight.
    Characters(usize),
    /// Every run of so many words.
    Words(usize),
}

impl Shingles {
    /// The width, in characters or words.
    pub(crate) fn width(self) -> usize {
        match self {
            Self::Characters(width) | Self::Words(width) => width,
        }
    }

    /// The shingles of `text`, in their order and as often as they stand there.
    pub(crate) fn each<'a>(self, text: &'a str, mut take: impl FnMut(&'a str)) {
        // Where units begin and end; words are apart by white space.
        let (starts, ends): (Vec<usize>, Vec<usize>) = match self {
            Self::Characters(_) => text
                .char_indices()
                .map(|(at, c)| (at, at + c.len_utf8()))
                .unzip(),
            Self::Words(_) => text
                .split_whitespace()
                .map(|word| {
                    let start = word.as_ptr() as usize - text.as_ptr() as usize;
                    (start, start + word.len())
                })
                .unzip(),
        };
        let width = self.width().min(starts.len());
        if width == 0 {
            return;
        }
        for (&start, &end) in starts.iter().zip(&ends[width - 1..]) {
            take(&text[start..end]);
        }
    }

    /// The set of shingles of `text`.
    pub(crate) fn set(self, text: &str) -> BTreeSet<&str> {
        let mut set = BTreeSet::new();
        self.each(text, |shingle| {
            set.insert(shingle);
        });
        set
    }

    /// How alike two texts are: Jaccard's index of their sets of shingles.
    ///
    /// `|A ∩ B| / |A ∪ B|`, from 0 to 1; 1 for two texts without shingles.
    ///
    /// ```
    /// use anneal_data::Shingles;
    /// // ab bc cd | ab bc ce: two of four.
    /// assert_eq!(Shingles::Characters(2).jaccard("abcd", "abce"), 0.5);
    /// assert_eq!(Shingles::Words(1).jaccard("how many pets", "how many dogs"), 0.5);
    /// ```
    pub fn jaccard(self, left: &str, right: &str) -> f64 {
        let (left, right) = (self.set(left), self.set(right));
        let shared = left.intersection(&right).count();
        ratio(shared, left.len() + right.len() - shared)
    }
}

/// `shared / all`; two empty sets are equal.
pub(crate) fn ratio(shared: usize, all: usize) -> f64 {
    if all == 0 {
        1.0
    } else {
        shared as f64 / all as f64
    }
}

/// A 64-bit hash of a shingle: FNV-1a, then MurmurHash3's finaliser, which FNV's high bits need.
///
/// Written out, because candidates (and so what is missed) must not change with a library.
pub(crate) fn hash(shingle: &str) -> u64 {
    let fnv = shingle
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
    mix(fnv)
}

/// MurmurHash3's `fmix64`: every bit of the input reaches every bit of the output.
pub(crate) fn mix(mut value: u64) -> u64 {
    value ^= value >> 33;
    value = value.wrapping_mul(0xff51_afd7_ed55_8ccd);
    value ^= value >> 33;
    value = value.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    value ^ (value >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(shingles: Shingles, text: &str) -> Vec<&str> {
        let mut list = Vec::new();
        shingles.each(text, |shingle| list.push(shingle));
        list
    }

    #[test]
    fn shingles_overlap_and_short_texts_are_one() {
        assert_eq!(list(Shingles::Characters(3), "aébc"), ["aéb", "ébc"]);
        assert_eq!(list(Shingles::Characters(3), "aé"), ["aé"]);
        assert_eq!(list(Shingles::Characters(3), ""), [""; 0]);
        assert_eq!(list(Shingles::Words(2), " a  b c "), ["a  b", "b c"]);
        assert_eq!(list(Shingles::Words(2), "a"), ["a"]);
        assert_eq!(list(Shingles::Words(2), "  "), [""; 0]);
    }

    #[test]
    fn jaccard_counts_sets_not_repetitions() {
        let shingles = Shingles::Characters(1);
        assert_eq!(shingles.jaccard("aab", "abbb"), 1.0);
        assert_eq!(shingles.jaccard("abc", "bcd"), 0.5);
        assert_eq!(shingles.jaccard("", ""), 1.0);
        assert_eq!(shingles.jaccard("", "a"), 0.0);
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // FNV-1a of "a" is 0xaf63dc4c8601ec8c (Fowler, Noll, Vo's list); fmix64(0) is 0.
        assert_eq!(hash("a"), mix(0xaf63_dc4c_8601_ec8c));
        assert_eq!(mix(0), 0);
    }
}
