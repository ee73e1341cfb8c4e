//! Borders in a text as borders of tokens.

use super::tokenize::{Cut, Tokenize};
use crate::DataError;

/// A tokenised text in which borders are looked up.
pub(super) struct Tokens<'a, T: ?Sized> {
    tokenizer: &'a T,
    text: &'a str,
    cuts: Vec<Cut>,
    /// The ids of the whole text.
    pub(super) ids: Vec<u32>,
}

impl<'a, T: Tokenize + ?Sized> Tokens<'a, T> {
    /// Tokenises `text`, once.
    pub(super) fn new(tokenizer: &'a T, text: &'a str) -> Result<Self, DataError> {
        let (ids, cuts) = tokenizer.encode_with_cuts(text).map_err(failed)?;
        Ok(Self {
            tokenizer,
            text,
            cuts,
            ids,
        })
    }

    /// How many ids stand before byte `border`: those of `text[..border]`, which must be how the ids
    /// begin. `part` and `turn` say in an error what ends there.
    pub(super) fn before(
        &self,
        border: usize,
        turn: usize,
        part: &'static str,
    ) -> Result<usize, DataError> {
        if border == self.text.len() {
            return Ok(self.ids.len());
        }
        let cuts = self.cuts.partition_point(|cut| cut.bytes.end <= border);
        let (start, known) = match self.cuts[..cuts].last() {
            Some(cut) if cut.bytes.end == border => return Ok(cut.token + 1),
            Some(cut) => (cut.bytes.start, cut.token),
            None => (0, 0),
        };
        let head = self.tokenizer.encode(&self.text[start..border]);
        let head = head.map_err(failed)?;
        let whole = &self.ids[known..];
        let same = head.iter().zip(whole).take_while(|(a, b)| a == b).count();
        if same == head.len() {
            return Ok(known + same);
        }
        let shown = same..head.len().max(same + 1).min(whole.len());
        Err(DataError::BoundaryToken {
            turn,
            part,
            head_tail: head[same..].to_vec(),
            full_tail: whole[shown].to_vec(),
        })
    }
}

fn failed<E: Into<Box<dyn std::error::Error + Send + Sync>>>(error: E) -> DataError {
    DataError::Tokenize {
        source: error.into(),
    }
}
