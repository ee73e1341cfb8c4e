//! Showing a person what an example teaches.

use crate::Example;

/// The text of `example` with every trained span between `⟦` and `⟧`.
///
/// The text is that of all ids at once; a border stands where the text of the ids before it ends. So a
/// decoder that treats the first token apart (SentencePiece's drops a space) does so once, and a
/// character whose bytes lie on both sides of a border is shown whole, after the border.
///
/// # Errors
/// The decoder's own.
///
/// # Example
/// ```
/// use anneal_data::{Example, mark};
///
/// let example = Example::new(vec![72, 105, 52, 50], vec![false, false, true, true])?;
/// let decode = |ids: &[u32]| Ok::<_, std::fmt::Error>(ids.iter().map(|&id| id as u8 as char).collect());
/// assert_eq!(mark(&example, decode).unwrap(), "Hi⟦42⟧");
/// # Ok::<(), anneal_data::DataError>(())
/// ```
pub fn mark<E>(
    example: &Example,
    mut decode: impl FnMut(&[u32]) -> Result<String, E>,
) -> Result<String, E> {
    let whole = decode(&example.input_ids)?;
    let mut out = String::with_capacity(whole.len() + 16);
    let (mut ids, mut shown) = (0, 0);
    for run in example.trained.chunk_by(|a, b| a == b) {
        ids += run.len();
        let end = match ids == example.len() {
            true => whole.len(),
            false => shared(&decode(&example.input_ids[..ids])?, &whole).max(shown),
        };
        let text = &whole[shown..end];
        shown = end;
        if run[0] {
            out.push('⟦');
            out.push_str(text);
            out.push('⟧');
        } else {
            out.push_str(text);
        }
    }
    Ok(out)
}

/// Bytes of the characters with which both texts begin.
fn shared(a: &str, b: &str) -> usize {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b);
    same.map(|(character, _)| character.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;

    fn bytes(ids: &[u32]) -> Result<String, Infallible> {
        let bytes: Vec<u8> = ids.iter().map(|&id| id as u8).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// `mask` has an `x` for every byte that is trained.
    fn example(text: &str, mask: &str) -> Example {
        let input_ids = text.bytes().map(u32::from).collect();
        Example::new(input_ids, mask.bytes().map(|byte| byte == b'x').collect()).unwrap()
    }

    #[test]
    fn a_character_on_both_sides_of_a_border_is_shown_once() {
        // The crab's four bytes are 1 to 4.
        let crab = |mask| mark(&example("a🦀b", mask), bytes).unwrap();
        assert_eq!(crab(".xxxxx"), "a⟦🦀b⟧");
        assert_eq!(crab("...xxx"), "a⟦🦀b⟧");
        assert_eq!(crab(".xx..."), "a⟦⟧🦀b");
        assert_eq!(crab("..xxx."), "a⟦🦀⟧b");
        assert_eq!(mark(&example("abcd", ".x.x"), bytes).unwrap(), "a⟦b⟧c⟦d⟧");
    }

    #[test]
    fn a_decoder_that_drops_the_first_space_drops_no_other() {
        let strip = |ids: &[u32]| bytes(ids).map(|text| text.trim_start().to_owned());
        assert_eq!(mark(&example(" q a", "..xx"), strip).unwrap(), "q⟦ a⟧");
    }
}
