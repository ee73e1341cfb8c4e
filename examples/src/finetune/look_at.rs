//! Held-out rows for the blind test, and others to look at while training.

use std::collections::HashSet;

use anneal_data::{MicroBatch, Question, Row, Sample};

use super::classes::Class;
use super::rows::{HeldOut, RowText, choose, validation_batches};
use crate::ExampleError;
use crate::settings::{CourseSettings, Settings};

/// Held-out rows to look at while training.
pub(super) struct LookAt {
    /// Rows for the loss.
    pub(super) batches: Vec<MicroBatch>,
    /// The classes of each of their targets.
    pub(super) classes: Vec<Vec<Class>>,
    /// Questions for the accuracy.
    pub(super) questions: Vec<Question>,
}

/// The questions of the blind test, and what is looked at before it.
///
/// What decides when a run ends or which checkpoint is the best should not be what the run is judged by:
/// both are drawn from the questions that the blind test does not ask, as long as there are any.
///
/// # Errors
/// A setting that needs held-out rows where there are none.
pub(super) fn draw(
    settings: &Settings,
    text: &mut RowText<'_>,
    held_out: &HeldOut,
) -> Result<(Vec<Question>, LookAt), ExampleError> {
    let course = &settings.course;
    let in_folder = settings.data.databases.is_some();
    let all = choose(&held_out.questions, usize::MAX, settings.seed, in_folder);
    let (blind, others) = all.split_at(course.eval_questions.min(all.len()));
    let while_training: &[Question] = match course.evaluate_every {
        None => &[],
        Some(_) if others.is_empty() => first(blind, course.evaluate_questions),
        Some(_) => first(others, course.evaluate_questions),
    };
    let (batches, classes) = match course.validate_every {
        Some(_) => validation_batches(settings, text, &not_asked(&held_out.rows, blind))?,
        None => (Vec::new(), Vec::new()),
    };
    let look_at = LookAt {
        batches,
        classes,
        questions: while_training.to_vec(),
    };
    check(course, &look_at)?;
    Ok((blind.to_vec(), look_at))
}

fn first(questions: &[Question], count: usize) -> &[Question] {
    &questions[..count.min(questions.len())]
}

/// The rows that the blind test does not ask; all of them where it asks them all.
fn not_asked(rows: &[Row], blind: &[Question]) -> Vec<Row> {
    let key = |question: &Question| {
        let Question {
            db_id,
            question,
            sql,
            ..
        } = question.clone();
        (db_id, question, sql)
    };
    let asked: HashSet<_> = blind.iter().map(key).collect();
    let is_asked = |row: &&Row| match &row.sample {
        Sample::Sql(sample) => {
            let db_id = sample.db_id.clone().unwrap_or_default();
            asked.contains(&(db_id, sample.question.clone(), sample.sql.clone()))
        }
        _ => false,
    };
    let others: Vec<Row> = rows.iter().filter(|row| !is_asked(row)).cloned().collect();
    match others.is_empty() {
        true => rows.to_vec(),
        false => others,
    }
}

/// Refuses settings that need rows which are not there.
fn check(course: &CourseSettings, look_at: &LookAt) -> Result<(), ExampleError> {
    let (no_rows, no_questions) = (look_at.batches.is_empty(), look_at.questions.is_empty());
    let needs = [
        ("patience", course.patience.is_some() && no_rows),
        ("load-best-at-end", course.load_best_at_end && no_rows),
        (
            "evaluate-every",
            course.evaluate_every.is_some() && no_questions,
        ),
    ];
    match needs.into_iter().find(|(_, lacking)| *lacking) {
        Some((purpose, _)) => Err(ExampleError::NothingHeldOut { purpose }),
        None => Ok(()),
    }
}
