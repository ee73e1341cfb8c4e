//! The names of a table's columns, which become a record's fields.

use std::collections::HashMap;
use std::path::Path;

use super::SourceError;

/// Refuses a column without a name, and two of one name: one would hide the other in a record.
pub(super) fn check_names(file: &Path, columns: &[String]) -> Result<(), SourceError> {
    let mut seen = HashMap::new();
    for (index, name) in columns.iter().enumerate() {
        let column = index + 1;
        if name.is_empty() {
            return Err(SourceError::UnnamedColumn {
                path: file.to_path_buf(),
                column,
                columns: columns.len(),
            });
        }
        if let Some(first) = seen.insert(name, column) {
            return Err(SourceError::DuplicateColumn {
                path: file.to_path_buf(),
                name: name.clone(),
                first,
                second: column,
            });
        }
    }
    Ok(())
}
