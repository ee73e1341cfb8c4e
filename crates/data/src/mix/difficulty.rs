//! Difficulties as scores: words of Spider, or numbers.

use super::MixError;

/// Spider's words for how hard a question is, easiest first.
const WORDS: [&str; 4] = ["easy", "medium", "hard", "extra"];

/// The scores of difficulties for a [`Curriculum`](crate::Curriculum), such as
/// [`SqlSample::difficulty`](crate::SqlSample::difficulty): Spider's words (easy 0, medium 1, hard 2, extra 3,
/// in any case; "extra hard" is extra) or numbers, as they are.
///
/// # Errors
/// A difficulty that is missing, that is neither, or numbers and words in one data set: each names
/// the example, counted from 0.
pub fn difficulty_scores<'a>(
    difficulties: impl IntoIterator<Item = Option<&'a str>>,
) -> Result<Vec<f64>, MixError> {
    let mut scores = Vec::new();
    let mut words = None;
    for (example, difficulty) in difficulties.into_iter().enumerate() {
        let found = difficulty.ok_or(MixError::NoDifficulty { example })?;
        let (score, is_word) = score(found).ok_or_else(|| MixError::Difficulty {
            example,
            found: found.to_owned(),
        })?;
        if *words.get_or_insert(is_word) != is_word {
            return Err(MixError::MixedDifficulty {
                example,
                found: found.to_owned(),
                others: if is_word { "numbers" } else { "words" },
            });
        }
        scores.push(score);
    }
    Ok(scores)
}

/// The score, and whether a word gave it.
fn score(difficulty: &str) -> Option<(f64, bool)> {
    let word = difficulty.trim().to_lowercase();
    let word = if word == "extra hard" { "extra" } else { &word };
    if let Some(score) = WORDS.iter().position(|&known| known == word) {
        return Some((score as f64, true));
    }
    let number: f64 = word.parse().ok()?;
    number.is_finite().then_some((number, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_numbers() {
        let words = ["Extra Hard", "easy", " hard", "medium", "extra"].map(Some);
        assert_eq!(difficulty_scores(words).unwrap(), [3.0, 0.0, 2.0, 1.0, 3.0]);
        let numbers = ["2.5", "-1"].map(Some);
        assert_eq!(difficulty_scores(numbers).unwrap(), [2.5, -1.0]);
        assert_eq!(difficulty_scores([]).unwrap(), [0.0; 0]);
    }

    #[test]
    fn what_has_no_score_is_named() {
        let message = |given: &[Option<&str>]| {
            let error = difficulty_scores(given.iter().copied()).unwrap_err();
            error.to_string()
        };
        assert_eq!(
            message(&[Some("easy"), None]),
            "example 1 has no difficulty; a curriculum by difficulty needs one for each"
        );
        assert_eq!(
            message(&[Some("simple")]),
            "example 0: difficulty `simple`; expected easy, medium, hard, extra or a number"
        );
        assert_eq!(
            message(&[Some("nan")]),
            "example 0: difficulty `nan`; expected easy, medium, hard, extra or a number"
        );
        assert_eq!(
            message(&[Some("easy"), Some("3")]),
            "example 1: difficulty `3` among words; use words or numbers, not both"
        );
    }
}
