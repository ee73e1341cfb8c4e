//! From an error to the reason by which rows are counted.

use crate::{At, DataError, Fault, Place, Reason, SetApart};

/// The record of a row that an error stopped; `place` is where it stands, if the caller knows.
pub(super) fn set_apart(place: Option<Place>, step: &str, error: &DataError) -> SetApart {
    SetApart {
        place: place.or_else(|| place_of(error)).unwrap_or_else(nowhere),
        question: String::new(),
        step: step.to_owned(),
        fault: Fault::new(reason(error), error.to_string()),
    }
}

/// The kind of an error, in the words of a table of counts.
fn reason(error: &DataError) -> Reason {
    Reason::new(match error {
        DataError::At { source, .. }
        | DataError::Row { source, .. }
        | DataError::Example { source, .. }
        | DataError::PreferenceAnswer { source, .. } => return reason(source),
        DataError::Utf8 { .. } => "invalid UTF-8",
        DataError::Json { .. } | DataError::NotAnObject { .. } => "malformed row",
        DataError::Source(_) => "malformed row",
        DataError::MissingField { .. } => "missing field",
        DataError::FieldType { .. } => "field of another type",
        DataError::Format(_) => "invalid content",
        DataError::NoContext => "no context",
        DataError::NothingTrained { .. } => "nothing trained",
        DataError::BoundaryToken { .. } => "token across a border",
        DataError::Tokenize { .. } => "tokenizer refuses it",
        _ => "template refuses it",
    })
}

/// Where a row stands that never became a record.
fn place_of(error: &DataError) -> Option<Place> {
    match error {
        DataError::Utf8 { path, line, .. } | DataError::Json { path, line, .. } => Some(Place {
            file: path.as_path().into(),
            at: At::Line(*line),
        }),
        DataError::NotAnObject { place, .. }
        | DataError::MissingField { place, .. }
        | DataError::FieldType { place, .. }
        | DataError::At { place, .. } => Some(place.clone()),
        DataError::Source(source) => source.place(),
        _ => None,
    }
}

fn nowhere() -> Place {
    Place {
        file: std::path::Path::new("").into(),
        at: At::Row(0),
    }
}
