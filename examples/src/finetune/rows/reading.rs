//! Reading files of rows, whatever their form.

use std::collections::HashMap;
use std::path::Path;

use anneal_data::{FileFingerprint, Place, Row, Rows, Sample, SetApart, Source};
use anneal_sql::{Databases, schema_text};
use serde::Serialize;

use crate::ExampleError;
use crate::settings::DataSettings;

/// What files hold.
pub(super) struct Read {
    /// Rows that can be learned from, each about SQL with its schema.
    pub(super) rows: Vec<Row>,
    /// How many rows a gold query returns, where the file says so.
    pub(super) counts: HashMap<Place, u64>,
    /// Rows that cannot, and why.
    pub(super) set_apart: Vec<SetApart>,
    /// All rows.
    pub(super) read: usize,
    /// The files.
    pub(super) files: Vec<FileRows>,
}

/// A file that was read.
#[derive(Debug, Clone, Serialize)]
pub struct FileRows {
    /// Its name, size and hash.
    #[serde(flatten)]
    pub file: FileFingerprint,
    /// Its rows, those that were left out included.
    pub rows: usize,
}

/// Reads files and patterns. A row about SQL without a context gets the schema of its database.
pub(super) fn read(
    settings: &DataSettings,
    files: &[String],
    mut databases: Option<&mut Databases>,
) -> Result<Read, ExampleError> {
    let source = Source::parse(files)?;
    let mut rows = Rows::new(source.records())
        .with_format(settings.format)
        .with_columns(settings.columns.clone())
        .with_on_bad_row(settings.on_bad_row);
    let mut kept = Vec::new();
    for row in &mut rows {
        let mut row = row?;
        if matches!(row.sample, Sample::Preference(_)) {
            return Err(ExampleError::NotLearned { place: row.place });
        }
        add_schema(&mut row, databases.as_deref_mut())?;
        kept.push(row);
    }
    let set_apart = rows.take_set_apart();
    let places = kept.iter().map(|row| &row.place);
    let places = places.chain(set_apart.iter().map(|row| &row.place));
    Ok(Read {
        files: count_by_file(&source, places)?,
        rows: kept,
        counts: counts(&source)?,
        set_apart,
        read: rows.records_read(),
    })
}

fn count_by_file<'a>(
    source: &Source,
    places: impl Iterator<Item = &'a Place>,
) -> Result<Vec<FileRows>, ExampleError> {
    let mut by_file: HashMap<&Path, usize> = HashMap::new();
    for place in places {
        *by_file.entry(&place.file).or_default() += 1;
    }
    let prints = source.fingerprints()?.into_iter();
    let with_rows = prints.map(|file| FileRows {
        rows: by_file.get(file.path.as_path()).copied().unwrap_or(0),
        file,
    });
    Ok(with_rows.collect())
}

fn add_schema(row: &mut Row, databases: Option<&mut Databases>) -> Result<(), ExampleError> {
    let Sample::Sql(sample) = &mut row.sample else {
        return Ok(());
    };
    if sample.context.is_some() {
        return Ok(());
    }
    let (Some(databases), Some(db_id)) = (databases, &sample.db_id) else {
        return Err(ExampleError::NoContext {
            path: row.place.file.to_path_buf(),
            question: sample.question.clone(),
        });
    };
    sample.context = Some(schema_text(databases.open(db_id)?.main())?);
    Ok(())
}

/// `n_rows` of every record that has it, by its place. Rows do not carry it, so files that have it are
/// read a second time.
fn counts(source: &Source) -> Result<HashMap<Place, u64>, ExampleError> {
    let mut counts = HashMap::new();
    for file in source.files() {
        let records = Source::of_files(vec![file.clone()])?.records();
        for (index, record) in records.enumerate() {
            // Read once already: what is wrong with a record is said or set apart.
            let Ok(record) = record else { continue };
            if index == 0 && !record.has("n_rows") {
                break;
            }
            if let Some(count) = record.optional_count("n_rows")? {
                counts.insert(record.place, count);
            }
        }
    }
    Ok(counts)
}
