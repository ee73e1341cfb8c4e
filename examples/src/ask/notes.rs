//! What was left out of a schema, in words.

use anneal_sql::LeftOut;

/// One phrase for each kind of thing: `the tables a, b; 3 columns; values`. Nothing for nothing.
pub(super) fn left_out(steps: &[LeftOut]) -> Option<String> {
    let (mut tables, mut columns, mut keys) = (Vec::new(), Vec::new(), false);
    let (mut values, mut comments) = (false, false);
    for step in steps {
        match step {
            LeftOut::Table { table } => tables.push(table.clone()),
            LeftOut::Column { table, column } => columns.push(format!("{table}.{column}")),
            LeftOut::ForeignKeys { .. } => keys = true,
            LeftOut::Ranges { .. } | LeftOut::Samples { .. } => values = true,
            _ => comments = true,
        }
    }
    let list = |what: &str, names: Vec<String>| {
        let first = names.iter().take(10).map(String::as_str);
        let first = first.collect::<Vec<_>>().join(", ");
        let more = names.len().saturating_sub(10);
        match (names.len(), more) {
            (0, _) => None,
            (1, _) => Some(format!("the {what} {first}")),
            (_, 0) => Some(format!("the {what}s {first}")),
            _ => Some(format!("the {what}s {first} and {more} more")),
        }
    };
    let parts = [
        list("table", tables),
        list("column", columns),
        keys.then(|| "foreign keys".to_owned()),
        values.then(|| "values".to_owned()),
        comments.then(|| "comments".to_owned()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_counted_by_kind() {
        let table = |name: &str| LeftOut::Table { table: name.into() };
        assert_eq!(left_out(&[]), None);
        let steps = [
            LeftOut::Samples { kept: 2 },
            table("pet"),
            LeftOut::Column {
                table: "film".into(),
                column: "year".into(),
            },
            LeftOut::Column {
                table: "film".into(),
                column: "gross".into(),
            },
        ];
        assert_eq!(
            left_out(&steps).unwrap(),
            "the table pet; the columns film.year, film.gross; values"
        );
        let many: Vec<LeftOut> = (0..12).map(|n| table(&n.to_string())).collect();
        assert_eq!(
            left_out(&many).unwrap(),
            "the tables 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
        );
    }
}
