//! Short digests: 128 bits of SHA-256, so that whole data sets are compared without keeping their texts.
//!
//! SHA-256 is the same on every machine and in every version, and any other tool can recompute it; the
//! standard library's hasher promises neither. With 2¹²⁸ values, two of a thousand million different
//! texts share one with a probability of about 10⁻²¹.

use sha2::{Digest as _, Sha256};

/// 128 bits that stand for a text.
pub(crate) type Digest = u128;

/// The digest of `parts`, in this order; where one part ends is part of what is digested.
pub(crate) fn digest(parts: &[&str]) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    let hash = hasher.finalize();
    let mut head = [0; 16];
    head.copy_from_slice(&hash[..16]);
    u128::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_what_python_computes() {
        // hashlib.sha256(struct.pack("<Q", 2) + b"ab" + struct.pack("<Q", 0)).hexdigest()[:32]
        assert_eq!(digest(&["ab", ""]), 0xe38fddf799dfc9884ea023573aeb3548);
        // The border between parts counts.
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["ab"]), digest(&["ab", ""]));
    }
}
