//! Which format a row has, by the names of its fields.

use super::columns::{Columns, find};
use super::fields::column;
use super::{Format, FormatError};
use crate::Record;

/// The formats in the order in which they are preferred where a row has the fields of several.
///
/// A row with two answers is a preference row even if it brings `messages` (as UltraFeedback's
/// does); turns say more than the texts that were made from them; `db_id` and `sql` say more than
/// a `context` with an `answer`.
const ORDER: [Format; 7] = [
    Format::Preference,
    Format::Messages,
    Format::ShareGpt,
    Format::Spider,
    Format::SqlCreateContext,
    Format::Alpaca,
    Format::PromptCompletion,
];

impl Format {
    /// The format of `record`, by its fields.
    ///
    /// Names decide. Where the names fit several formats, values do: a field counts if it holds what
    /// the format reads from it (a text, a list of turns). Where that leaves several, the first
    /// of this order is taken: preference, messages, sharegpt, spider, sql-create-context, alpaca,
    /// prompt-completion. Fields that a format does not know are ignored.
    ///
    /// # Errors
    /// [`FormatError::Undetected`], with the fields there are and what each format needs.
    pub fn detect(record: &Record) -> Result<Self, FormatError> {
        detect(record, &Columns::default())
    }

    fn has_names(self, record: &Record, columns: &Columns) -> bool {
        let mut needs = self.needs().iter();
        needs.all(|&field| matches!(column(record, columns, field), Ok(Some(_))))
    }

    fn has_values(self, record: &Record, columns: &Columns) -> bool {
        self.needs().iter().all(|&field| {
            let column = column(record, columns, field).ok().flatten();
            let value = column.and_then(|column| find(record, column));
            value.is_some_and(|value| field.kind.accepts(value))
        })
    }
}

/// The format of `record` under a mapping; only a format that knows all mapped names can be it.
pub(super) fn detect(record: &Record, columns: &Columns) -> Result<Format, FormatError> {
    let knows = |format: &Format| {
        columns
            .names()
            .all(|name| format.names().any(|own| own == name))
    };
    let known: Vec<Format> = ORDER.into_iter().filter(knows).collect();
    if known.is_empty() {
        return Err(FormatError::NoSuchNames {
            names: columns.names().map(str::to_owned).collect(),
            known: names_of_all(),
        });
    }
    check_mapped(record, columns)?;
    let named: Vec<Format> = known
        .into_iter()
        .filter(|format| format.has_names(record, columns))
        .collect();
    let valued = named
        .iter()
        .find(|format| format.has_values(record, columns));
    valued
        .or(named.first())
        .copied()
        .ok_or_else(|| FormatError::Undetected {
            place: record.place.clone(),
            found: record.fields.keys().cloned().collect(),
            needs: needs_of_all(),
        })
}

/// That every mapped column stands in the record.
pub(super) fn check_mapped(record: &Record, columns: &Columns) -> Result<(), FormatError> {
    let lost = columns
        .pairs()
        .find(|(_, column)| find(record, column).is_none());
    match lost {
        Some((name, column)) => Err(FormatError::MappedColumn {
            place: record.place.clone(),
            name: name.to_owned(),
            column: column.to_owned(),
            found: record.fields.keys().cloned().collect(),
        }),
        None => Ok(()),
    }
}

fn needs_of_all() -> String {
    Format::ALL
        .map(|format| {
            let needs: Vec<&str> = format.needs().iter().map(|field| field.expected).collect();
            format!("{format} needs {}", needs.join(", "))
        })
        .join("; ")
}

fn names_of_all() -> String {
    Format::ALL
        .map(|format| {
            let names: Vec<&str> = format.names().collect();
            format!("{format} has {}", names.join(", "))
        })
        .join("; ")
}
