//! Questions about a database that was made.

use anneal_data::Question;
use anneal_sql::Value;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::made::Made;
use crate::ExampleError;

// STUB until anneal_sql::compose is there.
/// Up to `count` questions with their SQL.
///
/// # Errors
/// What the composer refuses.
pub fn ask(made: &Made, count: usize, seed: u64) -> Result<Vec<Question>, ExampleError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let context = made.context();
    let mut questions = Vec::new();
    for _ in 0..count {
        let Some(table) = made.tables.choose(&mut random) else { break };
        let [_, many] = &table.nouns[0];
        let column = &table.columns[random.random_range(1..table.columns.len())];
        let phrase = &column.phrases[random.random_range(0..column.phrases.len())];
        let at = table.columns.iter().position(|c| c.name == column.name).unwrap_or(0);
        let row = &table.rows[random.random_range(0..table.rows.len())];
        let literal = match &row[at] {
            Value::Text(text) => format!("'{text}'"),
            Value::Integer(number) => number.to_string(),
            Value::Real(number) => format!("{number}"),
            _ => "0".into(),
        };
        let bare = literal.trim_matches('\'');
        let (question, sql) = match random.random_range(0..4) {
            0 => (format!("How many {many} are there?"), format!("SELECT COUNT(*) FROM {}", table.name)),
            1 => (format!("What is the {phrase} of all {many}?"), format!("SELECT {} FROM {}", column.name, table.name)),
            2 => (
                format!("How many {many} have the {phrase} {bare}?"),
                format!("SELECT COUNT(*) FROM {} WHERE {} = {literal}", table.name, column.name),
            ),
            _ => (
                format!("List the {phrase} of {many} in descending order of their {phrase}."),
                format!("SELECT {0} FROM {1} ORDER BY {0} DESC", column.name, table.name),
            ),
        };
        questions.push(Question {
            db_id: made.name.clone(),
            question,
            sql,
            context: Some(context.clone()),
            exec_ok: None,
            missing_data: None,
            n_rows: None,
        });
    }
    Ok(questions)
}
