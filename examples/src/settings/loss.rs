//! What a wrong token costs.

use serde::Serialize;

use super::check::{not_negative, share};
use super::given::given;
use crate::ExampleError;

given! {
    /// Settings of the loss.
    GivenLoss {
        /// The part of each target that is spread over the whole vocabulary [default: 0]
        label_smoothing: f64,
        /// The weight of SQL keywords in the loss; 0 does not learn them [default: 1]
        weight_keyword: f64,
        /// The weight of tables' and columns' names [default: 1]
        weight_identifier: f64,
        /// The weight of numbers and texts [default: 1]
        weight_literal: f64,
        /// The weight of operators and punctuation [default: 1]
        weight_operator: f64,
        /// The weight of the token that ends an answer [default: 1]
        weight_end: f64,
    }
}

/// Settings of the loss, every value decided.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LossSettings {
    /// The part of a target that is spread over the vocabulary.
    pub label_smoothing: f64,
    /// What a token of each class counts.
    pub weights: ClassWeights,
}

/// What a token of each class counts in the loss.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ClassWeights {
    /// SQL's keywords.
    pub keyword: f64,
    /// Names.
    pub identifier: f64,
    /// Numbers and texts.
    pub literal: f64,
    /// Operators and punctuation.
    pub operator: f64,
    /// The end of the answer.
    pub end: f64,
}

impl Default for ClassWeights {
    fn default() -> Self {
        Self {
            keyword: 1.0,
            identifier: 1.0,
            literal: 1.0,
            operator: 1.0,
            end: 1.0,
        }
    }
}

impl ClassWeights {
    /// Whether every token counts the same.
    pub fn are_all_one(&self) -> bool {
        *self == Self::default()
    }
}

impl GivenLoss {
    pub(super) fn resolve(self) -> Result<LossSettings, ExampleError> {
        let weight = |setting, given: Option<f64>| not_negative(setting, given.unwrap_or(1.0));
        let weights = ClassWeights {
            keyword: weight("weight-keyword", self.weight_keyword)?,
            identifier: weight("weight-identifier", self.weight_identifier)?,
            literal: weight("weight-literal", self.weight_literal)?,
            operator: weight("weight-operator", self.weight_operator)?,
            end: weight("weight-end", self.weight_end)?,
        };
        let ClassWeights {
            keyword,
            identifier,
            literal,
            operator,
            end,
        } = weights;
        if keyword + identifier + literal + operator + end == 0.0 {
            return Err(super::check::refuse(
                "weight-keyword",
                "0",
                "a weight above 0 for at least one class",
            ));
        }
        Ok(LossSettings {
            label_smoothing: share("label-smoothing", self.label_smoothing.unwrap_or(0.0))?,
            weights,
        })
    }
}
