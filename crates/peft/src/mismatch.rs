//! Every difference between an adapter file and what a module expects.
//!
//! Loading collects all of them before it fails: a wrong prefix gives hundreds
//! of missing and unexpected tensors at once, and the two lists side by side
//! show the cause.

use std::fmt;

/// How many names of one kind a message spells out.
const SHOWN: usize = 4;

/// What is wrong with an adapter file, by tensor name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// Tensors that the module needs and the file lacks.
    pub missing: Vec<String>,
    /// Tensors that the file holds and nothing asks for.
    pub unexpected: Vec<String>,
    /// Tensors whose name comes down to one that was already read.
    pub duplicate: Vec<String>,
    /// Tensors of another shape, with both shapes.
    pub misshaped: Vec<String>,
    /// Tensors of a type other than F32, F16 or BF16, with the type.
    pub mistyped: Vec<String>,
    /// Tensors that hold NaN or infinite values.
    pub non_finite: Vec<String>,
    /// Copies of the base model's weights that are not this base model's.
    pub other_base: Vec<String>,
    /// Tensors of a tied head that differ from the embedding's.
    pub untied: Vec<String>,
}

impl Mismatch {
    /// The kinds of difference with their names, in the order they are told.
    fn kinds(&self) -> [(&'static str, &[String]); 8] {
        [
            ("missing", &self.missing),
            ("unexpected", &self.unexpected),
            ("given twice", &self.duplicate),
            ("of wrong shape", &self.misshaped),
            ("of wrong type", &self.mistyped),
            ("with NaN or infinite values", &self.non_finite),
            ("of another base model", &self.other_base),
            (
                "of a tied head that differ from the embedding's",
                &self.untied,
            ),
        ]
    }

    /// Whether the file fits.
    pub fn is_empty(&self) -> bool {
        self.kinds().iter().all(|(_, names)| names.is_empty())
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (kind, names) in self.kinds() {
            if names.is_empty() {
                continue;
            }
            let shown = names[..names.len().min(SHOWN)].join(", ");
            write!(f, "{separator}{} {kind} ({shown}", names.len())?;
            if names.len() > SHOWN {
                write!(f, ", and {} more", names.len() - SHOWN)?;
            }
            f.write_str(")")?;
            separator = "; ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_lists_each_kind_and_shortens_long_lists() {
        let mismatch = Mismatch {
            missing: (0..6).map(|i| format!("m{i}")).collect(),
            misshaped: vec!["s is [1, 2], expected [2, 1]".into()],
            ..Mismatch::default()
        };
        assert_eq!(
            mismatch.to_string(),
            "6 missing (m0, m1, m2, m3, and 2 more); 1 of wrong shape (s is [1, 2], expected [2, 1])"
        );
        assert!(!mismatch.is_empty());
        assert!(Mismatch::default().is_empty());
    }
}
