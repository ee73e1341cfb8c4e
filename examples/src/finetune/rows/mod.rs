//! From files to rows to learn from and rows to measure on.

mod augmenting;
mod prepared;
mod questions;
mod reading;
mod row_text;
mod splitting;

use anneal_data::{Row, Sample, SetApart};
use anneal_sql::Databases;

pub(super) use augmenting::augment;
pub(super) use prepared::{Prepared, prepare, validation_batches};
pub(super) use questions::{HeldOut, choose, write_questions};
pub(super) use row_text::RowText;

use crate::ExampleError;
use crate::prepare::{Checks, cleaner};
use crate::settings::{DataSettings, Settings};
pub use reading::FileRows;
use reading::{Read, read};

/// The rows of a run.
pub(super) struct RunRows {
    /// Rows to learn from, in the order of the files.
    pub(super) train: Vec<Row>,
    /// Rows that training never sees.
    pub(super) held_out: HeldOut,
    /// Rows in the files to learn from.
    pub(super) read: usize,
    /// Rows that are on neither side, and why.
    pub(super) left_out: Vec<SetApart>,
    /// How the sides were told apart, for people.
    pub(super) split_by: &'static str,
    /// The files, held-out ones included.
    pub(super) files: Vec<FileRows>,
}

/// Reads, cleans, splits and augments, as the settings say.
///
/// # Errors
/// A file or row that is no good; a row without a schema.
pub(super) fn read_rows(
    settings: &Settings,
    mut databases: Option<&mut Databases>,
) -> Result<RunRows, ExampleError> {
    let data = &settings.data;
    let Read {
        rows,
        mut counts,
        set_apart: mut left_out,
        read: number,
        mut files,
    } = read(data, &data.data, databases.as_deref_mut())?;
    let rows = clean(data, rows, &mut left_out)?;
    let mut sides = if data.validation.is_empty() {
        splitting::split(data, rows)?
    } else {
        let own = read(data, &data.validation, databases)?;
        counts.extend(own.counts);
        left_out.extend(own.set_apart);
        files.extend(own.files);
        splitting::against(rows, own.rows)?
    };
    left_out.append(&mut sides.left_out);
    if let Some(most) = data.max_rows {
        splitting::draw(&mut sides.train, most, settings.seed);
    }
    Ok(RunRows {
        train: augment(data, sides.train, settings.seed)?,
        held_out: HeldOut::new(sides.held_out, counts),
        read: number,
        left_out,
        split_by: sides.by,
        files,
    })
}

/// Leaves out what `prepare` would leave out with the same flags.
fn clean(
    data: &DataSettings,
    rows: Vec<Row>,
    left_out: &mut Vec<SetApart>,
) -> Result<Vec<Row>, ExampleError> {
    let checks = Checks {
        purge: data.purge.clone(),
        check_sql: data.check_sql,
        dedupe: data.dedupe,
    };
    if checks == Checks::default() {
        return Ok(rows);
    }
    let again = rows.clone();
    let cleaned = cleaner(&checks, || again.into_iter().map(Ok))?.clean(rows);
    left_out.extend(cleaned.set_apart);
    Ok(cleaned.rows)
}

/// The database of a row that names one.
fn database(row: &Row) -> Option<&str> {
    match &row.sample {
        Sample::Sql(sample) => sample.db_id.as_deref(),
        _ => None,
    }
}

/// The schema of a row that brings one.
fn context(row: &Row) -> Option<&str> {
    match &row.sample {
        Sample::Sql(sample) => sample.context.as_deref(),
        _ => None,
    }
}
