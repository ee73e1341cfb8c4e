//! Counts over many judgements, and one line of a report.

use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use crate::Judgement;

/// How many predictions ended in each [`Judgement`].
///
/// Examples whose gold query failed are counted apart and are in no denominator:
/// they say something about the data, nothing about the model.
///
/// ```
/// use anneal_sql::{Judgement, QueryError, Totals};
/// let mut totals = Totals::default();
/// for judgement in [
///     Judgement::Correct,
///     Judgement::Correct,
///     Judgement::Wrong,
///     Judgement::PredictionFailed(QueryError::Empty),
///     Judgement::GoldFailed(QueryError::Empty),
/// ] {
///     totals.record(&judgement);
/// }
/// assert_eq!(totals.judged(), 4);
/// assert_eq!(totals.execution_accuracy(), Some(0.5));
/// assert_eq!(totals.runs(), Some(0.75));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Totals {
    /// Predictions with the gold's result.
    pub correct: usize,
    /// Predictions that run, with another result.
    pub wrong: usize,
    /// Predictions that do not run within the budget.
    pub prediction_failed: usize,
    /// Examples whose gold query does not run within the budget.
    pub gold_failed: usize,
}

impl Totals {
    /// Counts one judgement.
    pub fn record(&mut self, judgement: &Judgement) {
        *match judgement {
            Judgement::Correct => &mut self.correct,
            Judgement::Wrong => &mut self.wrong,
            Judgement::PredictionFailed(_) => &mut self.prediction_failed,
            Judgement::GoldFailed(_) => &mut self.gold_failed,
        } += 1;
    }

    /// Examples with a verdict on the prediction: all but those whose gold failed.
    #[must_use]
    pub fn judged(&self) -> usize {
        self.correct + self.wrong + self.prediction_failed
    }

    /// `correct / judged`, or `None` if nothing was judged.
    #[must_use]
    pub fn execution_accuracy(&self) -> Option<f64> {
        self.share(self.correct)
    }

    /// `(correct + wrong) / judged`: the share of predictions that run, or `None` if nothing was judged.
    #[must_use]
    pub fn runs(&self) -> Option<f64> {
        self.share(self.correct + self.wrong)
    }

    fn share(&self, count: usize) -> Option<f64> {
        (self.judged() > 0).then(|| count as f64 / self.judged() as f64)
    }
}

/// The counts, and `judged`, `execution_accuracy` and `runs` with them (`null` where nothing was judged).
impl Serialize for Totals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Totals", 7)?;
        fields.serialize_field("correct", &self.correct)?;
        fields.serialize_field("wrong", &self.wrong)?;
        fields.serialize_field("prediction_failed", &self.prediction_failed)?;
        fields.serialize_field("gold_failed", &self.gold_failed)?;
        fields.serialize_field("judged", &self.judged())?;
        fields.serialize_field("execution_accuracy", &self.execution_accuracy())?;
        fields.serialize_field("runs", &self.runs())?;
        fields.end()
    }
}

/// One example of a report.
///
/// In JSON: `{"index", "db_id", "question", "gold", "predicted", "match", "verdict"[, "error"]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportLine {
    /// Its place in the question file, from 0.
    pub index: usize,
    /// The database.
    pub db_id: String,
    /// The question.
    pub question: String,
    /// The gold SQL.
    pub gold: String,
    /// The SQL that was judged.
    pub predicted: String,
    /// Whether the prediction is correct.
    #[serde(rename = "match")]
    pub is_match: bool,
    /// The verdict, with the error where a query failed.
    #[serde(flatten)]
    pub judgement: Judgement,
}

impl ReportLine {
    /// A line; `match` follows from the judgement.
    #[must_use]
    pub fn new(
        index: usize,
        [db_id, question, gold, predicted]: [&str; 4],
        judgement: Judgement,
    ) -> Self {
        Self {
            index,
            db_id: db_id.into(),
            question: question.into(),
            gold: gold.into(),
            predicted: predicted.into(),
            is_match: judgement == Judgement::Correct,
            judgement,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::QueryError;

    #[test]
    fn totals_are_exact_and_come_back() {
        let totals = Totals {
            correct: 3,
            wrong: 4,
            prediction_failed: 1,
            gold_failed: 5,
        };
        let json = serde_json::to_string(&totals).unwrap();
        assert_eq!(
            json,
            r#"{"correct":3,"wrong":4,"prediction_failed":1,"gold_failed":5,"judged":8,"execution_accuracy":0.375,"runs":0.875}"#
        );
        assert_eq!(serde_json::from_str::<Totals>(&json).unwrap(), totals);
    }

    #[test]
    fn nothing_judged_has_no_rate() {
        let totals = Totals {
            gold_failed: 2,
            ..Totals::default()
        };
        assert_eq!((totals.execution_accuracy(), totals.runs()), (None, None));
    }

    #[test]
    fn a_line_carries_its_verdict_flat() {
        let failed = Judgement::PredictionFailed(QueryError::OverRows { limit: 9 });
        let line = ReportLine::new(2, ["film", "How many?", "SELECT 1", "SELECT 2"], failed);
        let json = serde_json::to_string(&line).unwrap();
        assert_eq!(
            json,
            r#"{"index":2,"db_id":"film","question":"How many?","gold":"SELECT 1","predicted":"SELECT 2","match":false,"verdict":"prediction_failed","error":{"kind":"over_rows","limit":9}}"#
        );
        assert_eq!(serde_json::from_str::<ReportLine>(&json).unwrap(), line);
        let line = ReportLine::new(0, ["a", "b", "c", "d"], Judgement::Correct);
        let json = serde_json::to_string(&line).unwrap();
        assert!(
            json.ends_with(r#""match":true,"verdict":"correct"}"#),
            "{json}"
        );
    }
}
