//! What may speak against a row: duplicates, a benchmark's questions, SQL that does not run.

use std::collections::HashMap;
use std::path::PathBuf;

use anneal_data::{
    Cleaner, DataError, DuplicateConfig, Duplicates, Fault, NearConfig, Place, PurgeList, Row,
    Source,
};

use crate::{ExampleError, SqlCheck};

/// Which checks are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Checks {
    /// A file whose questions and databases are left out.
    pub(crate) purge: Option<PathBuf>,
    /// Whether SQL is tried.
    pub(crate) check_sql: bool,
    /// Whether repeated rows are left out.
    pub(crate) dedupe: bool,
}

/// The checks that are asked for; `rows` gives all rows once more, for duplicates.
///
/// # Errors
/// A purge list that cannot be read, and what ends a source.
pub(crate) fn cleaner<R>(flags: &Checks, rows: impl FnOnce() -> R) -> Result<Cleaner, ExampleError>
where
    R: IntoIterator<Item = Result<Row, DataError>>,
{
    let mut cleaner = Cleaner::default();
    if let Some(path) = &flags.purge {
        cleaner = cleaner
            .with("purge", purge_list(&path.to_string_lossy())?)
            .map_err(DataError::from)?;
    }
    if flags.check_sql {
        cleaner = cleaner
            .with("sql", SqlCheck::default())
            .map_err(DataError::from)?;
    }
    if flags.dedupe {
        let faults = duplicates(rows())?;
        let check = move |row: &Row| match faults.get(&row.place) {
            Some(fault) => Err(fault.clone()),
            None => Ok(()),
        };
        cleaner = cleaner.with("duplicates", check).map_err(DataError::from)?;
    }
    Ok(cleaner)
}

/// Every question and database of a file is left out, and questions that are nearly one of them.
fn purge_list(file: &str) -> Result<PurgeList, ExampleError> {
    let mut list = PurgeList::new(Some(NearConfig::default())).map_err(DataError::from)?;
    for record in Source::parse(&[file])?.records() {
        list.add_record(&record?, true)?;
    }
    Ok(list)
}

/// The rows that say what an earlier one says, by their places.
fn duplicates(
    rows: impl IntoIterator<Item = Result<Row, DataError>>,
) -> Result<HashMap<Place, Fault>, ExampleError> {
    let config = DuplicateConfig::default();
    let mut duplicates = Duplicates::new(config).map_err(DataError::from)?;
    let mut places = Vec::new();
    for row in rows {
        let row = row?;
        duplicates.see(&row);
        places.push(row.place);
    }
    let faults = places.into_iter().zip(duplicates.faults());
    Ok(faults
        .filter_map(|(place, fault)| Some((place, fault?)))
        .collect())
}
