//! Rows with other tables in their contexts.

use anneal_data::{
    Augment, AugmentConfig, Augmenter, DataError, DistractorTables, Originals, Row, RowRng,
    ShuffledTables,
};

use crate::ExampleError;
use crate::settings::DataSettings;

/// Adds tables of other rows to each context and shuffles its tables, as the settings say.
///
/// Tables are drawn from rows to learn from alone. What is made of a row depends on the seed and the row.
///
/// # Errors
/// None in practice: the hooks refuse no row.
pub(in crate::finetune) fn augment(
    settings: &DataSettings,
    rows: Vec<Row>,
    seed: u64,
) -> Result<Vec<Row>, ExampleError> {
    let (tables, shuffle) = (settings.distractor_tables, settings.shuffle_tables);
    if tables == 0 && !shuffle {
        return Ok(rows);
    }
    let distractors = (tables > 0).then(|| DistractorTables::new(&rows, tables));
    let hook = move |row: &Row, rng: &mut RowRng| {
        let mut made: Option<Row> = None;
        if let Some(distractors) = &distractors {
            made = distractors.augment(row, rng)?.pop();
        }
        if shuffle {
            let shuffled = ShuffledTables.augment(made.as_ref().unwrap_or(row), rng)?;
            made = shuffled.into_iter().next().or(made);
        }
        Ok::<_, DataError>(Vec::from_iter(made))
    };
    let config = AugmentConfig {
        name: "tables".to_owned(),
        seed,
        originals: match settings.keep_originals {
            true => Originals::Keep,
            false => Originals::Replace,
        },
    };
    let (rows, _) = Augmenter::new(config, hook).rows(rows, 0)?;
    Ok(rows)
}
