//! Encoding with the places of special tokens, between which text is tokenised independently.

use std::ops::Range;

use tokenizers::{Model, OffsetReferential, OffsetType, PreTokenizer};

use super::{Tokenizer, refused};
use crate::LlamaError;

/// A special token in a text: its bytes, with white space that it swallows, and its place among the ids.
pub type SpecialPlace = (Range<usize>, usize);

impl Tokenizer {
    /// The ids of [`encode`](Self::encode) without added surroundings, and where in the text special
    /// tokens stand.
    ///
    /// What comes before such a token is tokenised as if the text ended there, and from the token on as
    /// if the text began there; so whoever asks for the ids of a prefix (a prompt in a training text)
    /// need not tokenise all of it again. Tokens that are looked for in normalised text are left out,
    /// because a normaliser may join them to their neighbours.
    ///
    /// # Errors
    /// [`LlamaError::Encoding`] if the tokenizer refuses the text.
    pub fn encode_with_places(
        &self,
        text: &str,
    ) -> Result<(Vec<u32>, Vec<SpecialPlace>), LlamaError> {
        // The steps of `encode`, which keeps no offsets.
        let added = self.inner.get_added_vocabulary();
        let mut pieces = added.extract_and_normalize(self.inner.get_normalizer(), text);
        // Only what is cut out before any cutting into words is an added token.
        let found = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        let tokens = added.get_added_tokens_decoder();
        let as_written = |id: u32| tokens.get(&id).is_some_and(|token| !token.normalized);
        let found: Vec<(Range<usize>, u32)> = found
            .into_iter()
            .filter_map(|(_, (start, end), tokens)| {
                let id = tokens.as_ref()?.first()?.id;
                as_written(id).then_some((start..end, id))
            })
            .collect();
        if let Some(pre_tokenizer) = self.inner.get_pre_tokenizer() {
            pre_tokenizer.pre_tokenize(&mut pieces).map_err(refused)?;
        }
        let model = self.inner.get_model();
        pieces
            .tokenize(|piece| model.tokenize(piece.get()))
            .map_err(refused)?;
        let splits = pieces.get_splits(OffsetReferential::Original, OffsetType::Byte);
        let (mut ids, mut places) = (Vec::new(), Vec::with_capacity(found.len()));
        let mut found = found.into_iter().peekable();
        for (_, (start, end), tokens) in splits {
            let tokens = tokens.as_deref().unwrap_or_default();
            let here = |(bytes, id): &(Range<usize>, u32)| {
                *bytes == (start..end) && tokens.first().is_some_and(|token| token.id == *id)
            };
            if let Some((bytes, _)) = found.next_if(here) {
                places.push((bytes, ids.len()));
            }
            ids.extend(tokens.iter().map(|token| token.id));
        }
        Ok((ids, places))
    }
}
