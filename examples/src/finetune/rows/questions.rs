//! Held-out rows as questions.

use std::collections::HashMap;
use std::path::Path;

use anneal_data::{Place, Question, Row, Sample};
use rand::SeedableRng;
use rand::seq::SliceRandom;

use crate::{ExampleError, write_whole};

/// The rows that training never sees.
pub(in crate::finetune) struct HeldOut {
    /// All of them, conversations included.
    pub(in crate::finetune) rows: Vec<Row>,
    /// Those about SQL.
    pub(in crate::finetune) questions: Vec<Question>,
}

impl HeldOut {
    /// `counts` says how many rows a gold query returns, where that is known.
    pub(super) fn new(rows: Vec<Row>, counts: HashMap<Place, u64>) -> Self {
        let question = |row: &Row| match &row.sample {
            Sample::Sql(sample) => Some(Question {
                n_rows: counts.get(&row.place).copied(),
                ..Question::from(sample)
            }),
            _ => None,
        };
        let questions = rows.iter().filter_map(question).collect();
        Self { rows, questions }
    }
}

/// Held-out questions whose gold is not known to return nothing, drawn by seed:
/// an empty result is matched by too many wrong queries. With a folder of databases, those that name one.
pub(in crate::finetune) fn choose(
    held_out: &[Question],
    count: usize,
    seed: u64,
    in_folder: bool,
) -> Vec<Question> {
    let mut chosen: Vec<Question> = held_out
        .iter()
        .filter(|question| question.n_rows != Some(0))
        .filter(|question| !in_folder || !question.db_id.is_empty())
        .cloned()
        .collect();
    chosen.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
    chosen.truncate(count);
    chosen
}

/// Writes a question file.
pub(in crate::finetune) fn write_questions(
    path: &Path,
    questions: &[Question],
) -> Result<(), ExampleError> {
    let mut text = String::new();
    for question in questions {
        text.push_str(&serde_json::to_string(question).map_err(ExampleError::json(path))?);
        text.push('\n');
    }
    write_whole(path, text)
}
