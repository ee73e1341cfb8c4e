//! Tokenising a rendered conversation so that the borders of its spans are borders of tokens.

use super::border::Tokens;
use crate::{DataError, Example, Tokenize, TrainingText};

/// Tokenises a rendered conversation; every token of its spans, end tokens included, is trained.
///
/// The ids are those of the whole text at once, which is what transformers' `apply_chat_template`
/// gives. The ids of the text before a span, which is what the model is given when it generates, must be
/// how they begin, and so must the ids of the text up to the span's end. Where the two disagree, a token
/// reaches across the border (an answer that begins with a new line after a prompt that ends with
/// one), and the model would learn a context that it never meets: that is an error, not a guess.
///
/// An end token is a target even where the same id is used for padding.
///
/// # Errors
/// [`DataError::Tokenize`], [`DataError::BoundaryToken`], [`DataError::NothingTrained`].
///
/// # Panics
/// If a span that was put together by hand does not lie within the text.
///
/// # Example
/// ```
/// use anneal_data::{Span, TrainingText, encode_example};
///
/// let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
/// let text = TrainingText { text: "2+2=4;\n".into(), spans: vec![Span { turn: 1, bytes: 4..6 }] };
/// let example = encode_example(&bytes, &text)?;
/// assert_eq!(example.labels(), [-100, -100, -100, -100, 52, 59, -100]);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
pub fn encode_example<T: Tokenize + ?Sized>(
    tokenizer: &T,
    text: &TrainingText,
) -> Result<Example, DataError> {
    let tokens = Tokens::new(tokenizer, &text.text)?;
    let mut trained = vec![false; tokens.ids.len()];
    for span in &text.spans {
        let start = tokens.before(span.bytes.start, span.turn, "prompt")?;
        let end = tokens.before(span.bytes.end, span.turn, "answer")?;
        // A tokenizer that writes nothing for a span leaves that turn without a target.
        let span = trained.get_mut(start..end).filter(|span| !span.is_empty());
        span.ok_or_else(|| nothing_trained(&tokens.ids, &text.text))?
            .fill(true);
    }
    let example = Example {
        input_ids: tokens.ids,
        trained,
    };
    if example.target_count() == 0 {
        return Err(nothing_trained(&example.input_ids, &text.text));
    }
    Ok(example)
}

fn nothing_trained(ids: &[u32], text: &str) -> DataError {
    let skip = text.chars().count().saturating_sub(60);
    DataError::NothingTrained {
        tokens: ids.len(),
        tail: text.chars().skip(skip).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Span;
    use std::convert::Infallible;

    fn text(parts: [&str; 3]) -> TrainingText {
        let start = parts[0].len();
        let bytes = start..start + parts[1].len();
        let text = parts.concat();
        let spans = vec![Span { turn: 3, bytes }];
        TrainingText { text, spans }
    }

    /// Characters as ids, but two new lines in a row are one token, 256.
    fn merging(text: &str) -> Result<Vec<u32>, Infallible> {
        let merged = text.replace("\n\n", "\u{0100}");
        Ok(merged.chars().map(u32::from).collect())
    }

    #[test]
    fn a_token_across_a_border_is_an_error_that_shows_it() {
        let error = encode_example(&merging, &text(["a\n", "\nb", ""])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "message 3: a token spans the end of the prompt, whose ids end [10]: the whole text's ids at that place are [256]"
        );
        let error = encode_example(&merging, &text(["a", "b\n", "\n"])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "message 3: a token spans the end of the answer, whose ids end [10]: the whole text's ids at that place are [256]"
        );
        // The same token wholly within either part is none.
        let example = encode_example(&merging, &text(["a\n\n", "b\n\n", "\n\n"])).unwrap();
        assert_eq!(example.input_ids, [97, 256, 98, 256, 256]);
        assert_eq!(example.trained, [false, false, true, true, false]);
    }

    #[test]
    fn a_text_whose_answer_has_no_tokens_is_shown() {
        let error = encode_example(&merging, &text(["the prompt", "", "."])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no token is trained: 11 tokens, the text ends `…the prompt.`"
        );
    }

    #[test]
    fn the_tokenizer_s_error_is_kept() {
        let broken = |_: &str| Err::<Vec<u32>, _>("no vocabulary".to_owned());
        let error = encode_example(&broken, &text(["a", "b", ""])).unwrap_err();
        assert_eq!(error.to_string(), "tokenizer: no vocabulary");
    }
}
