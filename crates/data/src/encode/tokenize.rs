//! Tokenising the two parts of an example so that the border between them is a border of tokens.

use crate::{DataError, Example, TrainingText};

/// Anything that turns text into token ids.
///
/// Special tokens that stand in the text (`<|im_end|>`) become their ids; none is added, since the
/// template has written them all. Closures of the same shape implement it.
pub trait Tokenize {
    /// What can go wrong.
    type Error: Into<Box<dyn std::error::Error + Send + Sync>>;

    /// The ids of `text`.
    ///
    /// # Errors
    /// Whatever the tokenizer meets.
    fn encode(&self, text: &str) -> Result<Vec<u32>, Self::Error>;
}

impl<F, E> Tokenize for F
where
    F: Fn(&str) -> Result<Vec<u32>, E>,
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Error = E;

    fn encode(&self, text: &str) -> Result<Vec<u32>, E> {
        self(text)
    }
}

/// Tokenises a rendered conversation; every token of its answer, end token included, is trained.
///
/// The ids are those of the whole text at once, which is what transformers' `apply_chat_template`
/// gives, and must begin with the ids of the prompt alone, which is what the model is given when it
/// generates. Where the two disagree, a token reaches across the border (an answer that begins
/// with a new line after a prompt that ends with one), and the model would learn a context that it
/// never meets: that is an error, not a guess.
///
/// An end token is a target even where the same id is used for padding.
///
/// # Errors
/// [`DataError::Tokenize`], [`DataError::BoundaryToken`], [`DataError::NothingTrained`].
///
/// # Example
/// ```
/// use anneal_data::{TrainingText, encode_example};
///
/// let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
/// let text = TrainingText { prompt: "2+2=".into(), answer: "4;".into() };
/// let example = encode_example(&bytes, &text)?;
/// assert_eq!(example.labels(), [-100, -100, -100, -100, 52, 59]);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
pub fn encode_example<T: Tokenize + ?Sized>(
    tokenizer: &T,
    text: &TrainingText,
) -> Result<Example, DataError> {
    let encode = |text: &str| {
        tokenizer.encode(text).map_err(|error| DataError::Tokenize {
            source: error.into(),
        })
    };
    let whole = format!("{}{}", text.prompt, text.answer);
    let prompt_ids = encode(&text.prompt)?;
    let input_ids = encode(&whole)?;
    let same = prompt_ids
        .iter()
        .zip(&input_ids)
        .take_while(|(a, b)| a == b);
    let same = same.count();
    if same < prompt_ids.len() {
        let place = same..prompt_ids.len().max(same + 1).min(input_ids.len());
        return Err(DataError::BoundaryToken {
            prompt_tail: prompt_ids[same..].to_vec(),
            full_tail: input_ids[place].to_vec(),
        });
    }
    let trained: Vec<bool> = (0..input_ids.len())
        .map(|t| t >= prompt_ids.len())
        .collect();
    let example = Example { input_ids, trained };
    if example.target_count() == 0 {
        let skip = whole.chars().count().saturating_sub(60);
        return Err(DataError::NothingTrained {
            tokens: example.len(),
            tail: whole.chars().skip(skip).collect(),
        });
    }
    Ok(example)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn text(prompt: &str, answer: &str) -> TrainingText {
        TrainingText {
            prompt: prompt.into(),
            answer: answer.into(),
        }
    }

    /// Bytes as ids, but two new lines in a row are one token, 256.
    fn merging(text: &str) -> Result<Vec<u32>, Infallible> {
        let merged = text.replace("\n\n", "\u{0100}");
        Ok(merged
            .chars()
            .map(|character| match character {
                '\u{0100}' => 256,
                other => u32::from(other),
            })
            .collect())
    }

    #[test]
    fn a_token_across_the_border_is_an_error_that_shows_it() {
        let error = encode_example(&merging, &text("a\n", "\nb")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a token spans the end of the prompt: the prompt's ids end [10], the whole text's ids at that place are [256]"
        );
        // The same token wholly within either part is none.
        let example = encode_example(&merging, &text("a\n\n", "b\n\n")).unwrap();
        assert_eq!(example.input_ids, [97, 256, 98, 256]);
        assert_eq!(example.trained, [false, false, true, true]);
    }

    #[test]
    fn an_empty_answer_is_an_error_that_shows_the_text() {
        let error = encode_example(&merging, &text("the prompt", "")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no token is trained: 10 tokens, the text ends `…the prompt`"
        );
    }

    #[test]
    fn the_tokenizer_s_error_is_kept() {
        let broken = |_: &str| Err::<Vec<u32>, _>("no vocabulary".to_owned());
        let error = encode_example(&broken, &text("a", "b")).unwrap_err();
        assert_eq!(error.to_string(), "tokenizer: no vocabulary");
    }
}
