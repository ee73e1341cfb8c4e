//! Parts of a schema: given tables and columns, and tables of other schemas beside them.

use std::collections::HashSet;

use rand::Rng;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::{NameError, Schema, Table};

/// A table, whole or with some of its columns.
///
/// ```
/// use anneal_sql::Selection;
/// assert_eq!(Selection::table("film").columns, None);
/// assert_eq!(Selection::columns("film", ["id"]).columns, Some(vec!["id".to_owned()]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Selection {
    /// The table's name, in any case.
    pub table: String,
    /// Its columns' names, in any case; all of them for `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<Vec<String>>,
}

impl Selection {
    /// A whole table.
    pub fn table(table: impl Into<String>) -> Self {
        Self {
            table: table.into(),
            columns: None,
        }
    }

    /// Some columns of a table.
    pub fn columns<C: Into<String>>(
        table: impl Into<String>,
        columns: impl IntoIterator<Item = C>,
    ) -> Self {
        Self {
            table: table.into(),
            columns: Some(columns.into_iter().map(Into::into).collect()),
        }
    }
}

/// Which columns of a table are selected: none, some, or all.
#[derive(Debug, Clone, Default)]
pub(super) struct Selected {
    pub(super) table: bool,
    pub(super) columns: HashSet<usize>,
}

impl Schema {
    /// The schema with only the given tables and columns, in its own order.
    ///
    /// A table that is given twice has the columns of both. A primary key, unique set or
    /// foreign key goes as a whole when one of its columns goes, and a foreign key when what it points to goes.
    ///
    /// # Errors
    /// A name that is not there, with the nearest names that are; a table of which no column is selected.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Schema, SchemaForm, Selection};
    /// let schema = Schema::parse("CREATE TABLE film (id INT, title TEXT, market INT REFERENCES market); CREATE TABLE market (id INT PRIMARY KEY)")?;
    /// let kept = schema.keep(&[Selection::columns("FILM", ["market", "id"])]).unwrap();
    /// assert_eq!(kept.render(&SchemaForm::Compact.style()), "film(id, market)");
    /// assert_eq!(
    ///     schema.keep(&[Selection::columns("film", ["titel"])]).unwrap_err().to_string(),
    ///     "table \"film\" has no column \"titel\"; the nearest: title"
    /// );
    /// # Ok::<(), anneal_sql::SchemaError>(())
    /// ```
    pub fn keep(&self, selections: &[Selection]) -> Result<Self, NameError> {
        let selected = self.selected(selections)?;
        for (table, selected) in self.tables.iter().zip(&selected) {
            if selected.table && selected.columns.is_empty() && !table.columns.is_empty() {
                let table = table.name.clone();
                return Err(NameError::NoColumns { table });
            }
        }
        Ok(self.filtered(|table, column| match column {
            None => selected[table].table,
            Some(column) => selected[table].columns.contains(&column),
        }))
    }

    pub(super) fn selected(&self, selections: &[Selection]) -> Result<Vec<Selected>, NameError> {
        let mut selected = vec![Selected::default(); self.tables.len()];
        for selection in selections {
            let place = self.table_place(&selection.table)?;
            selected[place].table = true;
            let table = &self.tables[place];
            match &selection.columns {
                None => selected[place].columns.extend(0..table.columns.len()),
                Some(names) => {
                    for name in names {
                        selected[place].columns.insert(table.column_place(name)?);
                    }
                }
            }
        }
        Ok(selected)
    }

    /// The tables and columns for which `keeps(table, column)` holds; a table is asked about without a column first.
    pub(super) fn filtered(&self, keeps: impl Fn(usize, Option<usize>) -> bool) -> Self {
        let mut kept = Self {
            tables: Vec::new(),
            ..self.clone()
        };
        for (place, table) in self
            .tables
            .iter()
            .enumerate()
            .filter(|&(place, _)| keeps(place, None))
        {
            let columns = table.columns.iter().enumerate();
            kept.tables.push(Table {
                columns: columns
                    .filter(|&(column, _)| keeps(place, Some(column)))
                    .map(|(_, column)| column.clone())
                    .collect(),
                ..table.clone()
            });
        }
        kept.drop_broken_keys(self);
        kept
    }

    /// Leaves out keys whose columns, here or there, are in `before` and no longer here.
    fn drop_broken_keys(&mut self, before: &Self) {
        let left: Vec<(String, HashSet<String>)> = self
            .tables
            .iter()
            .map(|table| {
                let columns = table
                    .columns
                    .iter()
                    .map(|column| column.name.to_ascii_lowercase());
                (table.name.to_ascii_lowercase(), columns.collect())
            })
            .collect();
        let stays = |table: &str, columns: &[String]| {
            let table = table.to_ascii_lowercase();
            left.iter()
                .find(|(name, _)| *name == table)
                .is_some_and(|(_, left)| {
                    columns
                        .iter()
                        .all(|column| left.contains(&column.to_ascii_lowercase()))
                })
        };
        for table in &mut self.tables {
            let name = table.name.clone();
            if !stays(&name, &table.primary_key) {
                table.primary_key.clear();
            }
            table.unique.retain(|set| stays(&name, set));
            table.foreign_keys.retain(|key| {
                // One that pointed nowhere from the beginning is as it was.
                let target =
                    before.table(&key.table).is_none() || stays(&key.table, before.references(key));
                target && stays(&name, &key.columns)
            });
        }
    }

    /// The schema with `count` tables of other schemas, or all of them where there are fewer.
    ///
    /// Only tables whose names neither this schema nor a table taken before has are taken, drawn evenly
    /// among all; foreign keys to tables that do not come along are left out. They are put at random places between the
    /// tables, which keep their order. The same `seed` gives the same schema.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::Schema;
    /// let schema = Schema::parse("CREATE TABLE film (id INT)")?;
    /// let others = [Schema::parse("CREATE TABLE FILM (x INT); CREATE TABLE pet (x INT)")?];
    /// let more = schema.with_distractors(&others, 2, 7);
    /// assert_eq!(more.tables.len(), 2);
    /// assert!(more.table("pet").is_some());
    /// # Ok::<(), anneal_sql::SchemaError>(())
    /// ```
    #[must_use]
    pub fn with_distractors(&self, others: &[Self], count: usize, seed: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut candidates: Vec<(usize, usize)> = others
            .iter()
            .enumerate()
            .flat_map(|(schema, other)| (0..other.tables.len()).map(move |table| (schema, table)))
            .collect();
        candidates.shuffle(&mut rng);
        let mut names: HashSet<String> = self
            .tables
            .iter()
            .map(|table| table.name.to_ascii_lowercase())
            .collect();
        candidates.retain(|&(schema, table)| {
            names.len() < self.tables.len() + count
                && names.insert(others[schema].tables[table].name.to_ascii_lowercase())
        });
        let mut result = self.clone();
        for &(schema, table) in &candidates {
            let mut table = others[schema].tables[table].clone();
            table.foreign_keys.retain(|key| {
                candidates.iter().any(|&(other, place)| {
                    other == schema
                        && others[other].tables[place]
                            .name
                            .eq_ignore_ascii_case(&key.table)
                })
            });
            result
                .tables
                .insert(rng.random_range(0..=result.tables.len()), table);
        }
        result
    }
}
