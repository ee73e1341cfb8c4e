//! Showing a person what an example teaches.

use crate::Example;

/// The text of `example` with every trained span between `⟦` and `⟧`.
///
/// Each run of tokens is decoded by itself, so a character whose bytes lie on both sides of a border
/// shows as the decoder shows broken bytes.
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
    let mut out = String::new();
    let mut start = 0;
    for run in example.trained.chunk_by(|a, b| a == b) {
        let text = decode(&example.input_ids[start..start + run.len()])?;
        start += run.len();
        if run[0] {
            out.push('⟦');
            out.push_str(&text);
            out.push('⟧');
        } else {
            out.push_str(&text);
        }
    }
    Ok(out)
}
