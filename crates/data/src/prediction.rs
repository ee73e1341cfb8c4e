//! Predictions: the SQL that some system proposes for a file of questions.

use std::collections::HashMap;
use std::path::Path;

use crate::json_lines;
use crate::{At, DataError};

const EXPECTED: &str = "`sql`, and `index` where rows are not in the questions' order";

/// Reads the predictions for `questions` questions: one entry per question, `None` where there is none.
///
/// Either every line is `{"sql": ..}`, as many as there are questions and in their order, or every
/// line is `{"index": i, "sql": ..}` with the question's index from 0, in any order and with gaps.
/// A `sql` of null is a question without a prediction.
///
/// # Errors
/// As [`read_questions`](crate::read_questions); and lines with and without `index` in one file, an
/// index that stands twice or names no question, too few or too many lines without `index`.
///
/// # Example
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("predictions.jsonl");
/// std::fs::write(&path, r#"{"index": 1, "sql": "SELECT 1"}"#)?;
/// let predictions = anneal_data::read_predictions(&path, 2)?;
/// assert_eq!(predictions, [None, Some("SELECT 1".to_owned())]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn read_predictions(
    path: impl AsRef<Path>,
    questions: usize,
) -> Result<Vec<Option<String>>, DataError> {
    let path = path.as_ref();
    let records = json_lines::read(path, EXPECTED)?;
    let indexed = records[0].has("index");
    let mut predictions = vec![None; questions];
    let mut lines = HashMap::new();
    for (order, record) in records.iter().enumerate() {
        let At::Line(line) = record.place.at else {
            continue;
        };
        if record.has("index") != indexed {
            return Err(DataError::MixedPredictions {
                path: path.to_owned(),
                line,
                first_indexed: indexed,
            });
        }
        if !record.has("sql") {
            return Err(record.missing("`sql`"));
        }
        let sql = record.optional_text("sql")?;
        if !indexed {
            if let Some(slot) = predictions.get_mut(order) {
                *slot = sql;
            }
            continue;
        }
        let given = record
            .optional_count("index")?
            .ok_or_else(|| record.missing("`index`"))?;
        let index = usize::try_from(given)
            .ok()
            .filter(|&index| index < questions)
            .ok_or_else(|| DataError::IndexRange {
                path: path.to_owned(),
                line,
                index: given,
                questions,
            })?;
        if let Some(first_line) = lines.insert(index, line) {
            return Err(DataError::DuplicateIndex {
                path: path.to_owned(),
                line,
                index,
                first_line,
            });
        }
        predictions[index] = sql;
    }
    if !indexed && records.len() != questions {
        let at = records.get(questions).or(records.last());
        let line = at.map_or(1, |record| match record.place.at {
            At::Line(line) => line,
            At::Row(row) => row + 1,
        });
        return Err(DataError::PredictionCount {
            path: path.to_owned(),
            line,
            found: records.len(),
            expected: questions,
        });
    }
    Ok(predictions)
}
