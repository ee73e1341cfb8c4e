//! What a validation found, and its line in `validation.jsonl`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a validation hook found.
///
/// # Example
/// ```
/// use anneal_train::Validation;
///
/// let validation = Validation::default()
///     .with_loss(0.75)
///     .with_score("execution_accuracy", 0.4)
///     .with_part("literal", 1.5, 210);
/// assert_eq!(validation.parts["literal"].loss, 1.5);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validation {
    /// The mean loss per token; lower is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
    /// A score of the caller's choice, such as execution accuracy; higher is better.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// The score's name in TensorBoard, `score` where none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score_name: Option<String>,
    /// Losses of parts of the tokens.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, PartLoss>,
}

/// The mean loss of a part of the tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct PartLoss {
    /// The mean loss per token of the part; `null` in JSON where it is not finite.
    #[serde(deserialize_with = "crate::lines::null_is_nan")]
    pub loss: f64,
    /// The tokens of the part.
    pub tokens: u64,
}

impl Validation {
    /// Adds the mean loss per token.
    pub fn with_loss(mut self, loss: f64) -> Self {
        self.loss = Some(loss);
        self
    }

    /// Adds the score.
    pub fn with_score(mut self, name: impl Into<String>, score: f64) -> Self {
        self.score = Some(score);
        self.score_name = Some(name.into());
        self
    }

    /// Adds the mean loss of a part's tokens.
    pub fn with_part(mut self, name: impl Into<String>, loss: f64, tokens: u64) -> Self {
        self.parts.insert(name.into(), PartLoss { loss, tokens });
        self
    }
}

/// One line of `validation.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ValidationRecord {
    /// Steps done before it.
    pub step: u64,
    /// Passes over the data, with a fraction.
    pub epoch: f64,
    /// What was found.
    #[serde(flatten)]
    pub validation: Validation,
    /// Whether it was the best so far by what the run judges by.
    pub best: bool,
    /// Seconds that the validation took; the budget does not count them.
    pub seconds: f64,
}
