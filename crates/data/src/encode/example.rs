//! An example: token ids and which of them are learned.

use crate::DataError;

/// The label of a token that is not learned, at file boundaries (PyTorch's and transformers' -100).
pub const IGNORE_LABEL: i64 = -100;

/// The token ids of one conversation, each with whether it is learned.
///
/// `trained[t]` says that the *model should predict* `input_ids[t]`, from the tokens before it. The
/// hidden state that predicts it is therefore the one at `t - 1`: see [`targets`](Self::targets).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    /// The ids, special tokens included.
    pub input_ids: Vec<u32>,
    /// Whether each id is a target; as long as `input_ids`.
    pub trained: Vec<bool>,
}

/// Where an example is predicted, and what: entry `i` of both belongs together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Targets {
    /// Positions of the hidden states that predict, ascending.
    pub positions: Vec<usize>,
    /// The token ids that they should predict.
    pub ids: Vec<u32>,
}

impl Example {
    /// An example, checked.
    ///
    /// # Errors
    /// [`DataError::MaskLength`] if the lengths differ; [`DataError::NothingTrained`] if there is no
    /// target, which is also so where the first token alone is marked: nothing comes before it.
    pub fn new(input_ids: Vec<u32>, trained: Vec<bool>) -> Result<Self, DataError> {
        let example = Self { input_ids, trained };
        example.check()?;
        Ok(example)
    }

    /// The checks of [`new`](Self::new), for examples that were put together by hand.
    pub(crate) fn check(&self) -> Result<(), DataError> {
        if self.input_ids.len() != self.trained.len() {
            return Err(DataError::MaskLength {
                ids: self.input_ids.len(),
                mask: self.trained.len(),
            });
        }
        if self.target_count() == 0 {
            let tail = &self.input_ids[self.input_ids.len().saturating_sub(8)..];
            return Err(DataError::NothingTrained {
                tokens: self.input_ids.len(),
                tail: format!("{tail:?}"),
            });
        }
        Ok(())
    }

    /// Tokens.
    pub fn len(&self) -> usize {
        self.input_ids.len()
    }

    /// Whether there is no token at all.
    pub fn is_empty(&self) -> bool {
        self.input_ids.is_empty()
    }

    /// Targets: the marked tokens but the first of the sequence, which nothing predicts.
    pub fn target_count(&self) -> usize {
        self.trained
            .iter()
            .skip(1)
            .filter(|&&trained| trained)
            .count()
    }

    /// The labels as files and other programs write them: the id where learned, -100 elsewhere.
    ///
    /// Not shifted: `labels[t]` stands at the token itself, as in transformers, whose models shift
    /// inside.
    pub fn labels(&self) -> Vec<i64> {
        self.input_ids
            .iter()
            .zip(&self.trained)
            .map(|(&id, &trained)| if trained { i64::from(id) } else { IGNORE_LABEL })
            .collect()
    }

    /// The targets, shifted: the hidden state at position `t - 1` predicts the marked token `t`.
    ///
    /// A head that runs on these positions alone gives the logits of the loss and of nothing else.
    ///
    /// # Example
    /// ```
    /// use anneal_data::Example;
    ///
    /// let example = Example::new(vec![5, 6, 7, 2], vec![false, false, true, true])?;
    /// let targets = example.targets();
    /// assert_eq!((targets.positions, targets.ids), (vec![1, 2], vec![7, 2]));
    /// assert_eq!(example.labels(), [-100, -100, 7, 2]);
    /// # Ok::<(), anneal_data::DataError>(())
    /// ```
    pub fn targets(&self) -> Targets {
        let marked = (1..self.len()).filter(|&t| self.trained[t]);
        let (positions, ids) = marked.map(|t| (t - 1, self.input_ids[t])).unzip();
        Targets { positions, ids }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_marked_token_is_predicted_from_the_one_before() {
        let example = Example::new(
            vec![9, 4, 4, 8, 3, 2],
            vec![true, false, true, true, false, true],
        )
        .unwrap();
        let targets = example.targets();
        // The marked token at 0 has nothing before it.
        assert_eq!(targets.positions, [1, 2, 4]);
        assert_eq!(targets.ids, [4, 8, 2]);
        assert_eq!(example.target_count(), 3);
        assert_eq!(example.labels(), [9, -100, 4, 8, -100, 2]);
    }

    #[test]
    fn an_example_that_teaches_nothing_is_shown() {
        let text = Example::new(vec![5, 6, 7], vec![true, false, false])
            .unwrap_err()
            .to_string();
        assert_eq!(
            text,
            "no token is trained: 3 tokens, the text ends `…[5, 6, 7]`"
        );
        let text = Example::new(vec![5, 6], vec![true])
            .unwrap_err()
            .to_string();
        assert_eq!(text, "2 token ids but 1 mask entries");
        assert!(Example::new(vec![], vec![]).is_err());
    }
}
