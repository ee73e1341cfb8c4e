//! From question files to examples, and the questions to measure on.

use std::path::Path;

use anneal_data::{Batches, EncodeReport, Encoder, Question, Split, SqlPrompt, read_questions};
use anneal_sql::{Databases, schema_text};
use rand::SeedableRng;
use rand::seq::SliceRandom;

use crate::settings::Settings;
use crate::{Conversation, ExampleError, write_whole};

/// The rows of a run.
pub(super) struct Questions {
    /// Split by database.
    pub(super) split: Split,
    /// Rows in the files.
    pub(super) read: usize,
    /// Rows that no gold can be run for.
    pub(super) unusable: usize,
}

/// The usable rows of every file, split by database. A row without a context
/// gets the schema of its database.
pub(super) fn read_rows(
    settings: &Settings,
    mut databases: Option<&mut Databases>,
) -> Result<Questions, ExampleError> {
    let mut rows = Vec::new();
    for file in &settings.data {
        let mut questions = read_questions(file)?;
        for question in questions.iter_mut().filter(|q| q.context.is_none()) {
            let Some(databases) = databases.as_deref_mut() else {
                return Err(ExampleError::NoContext {
                    path: file.clone(),
                    question: question.question.clone(),
                });
            };
            question.context = Some(schema_text(databases.open(&question.db_id)?.main())?);
        }
        rows.append(&mut questions);
    }
    let read = rows.len();
    rows.retain(Question::is_usable);
    let unusable = read - rows.len();
    let split = match settings.hold_out_every {
        0 => Split {
            train: rows,
            held_out: Vec::new(),
            held_out_databases: Vec::new(),
        },
        every => Split::by_database(rows, every)?,
    };
    Ok(Questions {
        split,
        read,
        unusable,
    })
}

/// Tokens and masks of the rows, in batches, and the account of them.
pub(super) fn encode(
    settings: &Settings,
    conversation: &Conversation,
    prompt: &SqlPrompt,
    rows: &[Question],
) -> Result<(Batches, EncodeReport), ExampleError> {
    let encoder =
        Encoder::new(conversation.template().clone(), settings.max_length)?.with_trim_tail(true);
    let tokenize = |text: &str| conversation.tokenizer().encode(text, false);
    let encoded = encoder.encode_questions(&tokenize, prompt, rows)?;
    if encoded.examples.is_empty() {
        let report = &encoded.report;
        let reason = if rows.is_empty() {
            "all are held out or unusable".to_owned()
        } else {
            format!(
                "all have more than {} tokens, up to {}",
                report.max_length, report.longest
            )
        };
        return Err(ExampleError::NoRows {
            path: settings.data[0].clone(),
            purpose: "learn from",
            reason,
        });
    }
    let batches = Batches::new(encoded.examples, settings.batches.clone())?;
    Ok((batches, encoded.report))
}

/// Held-out questions whose gold is not known to return nothing, drawn by seed:
/// an empty result is matched by too many wrong queries.
pub(super) fn choose(held_out: &[Question], count: usize, seed: u64) -> Vec<Question> {
    let mut chosen: Vec<Question> = held_out
        .iter()
        .filter(|question| question.n_rows != Some(0))
        .cloned()
        .collect();
    chosen.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
    chosen.truncate(count);
    chosen
}

/// Writes a question file.
pub(super) fn write_questions(path: &Path, questions: &[Question]) -> Result<(), ExampleError> {
    let mut text = String::new();
    for question in questions {
        text.push_str(&serde_json::to_string(question).map_err(ExampleError::json(path))?);
        text.push('\n');
    }
    write_whole(path, text)
}
