//! A schema as Spider's script sees it: lower-case names, and columns that foreign keys make the same.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::Schema;

/// A name of the schema: `*`, a table or a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id(u32);

/// The names of a [`Schema`], made ready for many queries.
///
/// Tables and columns are known by their lower-case names. Columns that foreign keys connect count as the same one,
/// the first of them in the schema: the map that the script reads from `tables.json` (`build_foreign_key_map`), with
/// the keys in the order of the schema. As there, groups are not merged: of the keys a–b, c–d, b–c, the last one joins the
/// group of a and b, and c then stands for a while d still stands for itself and c.
#[derive(Debug, Clone, Default)]
pub struct SpiderSchema {
    /// `*`, `table` and `table.column`, with a number for each.
    ids: HashMap<String, Id>,
    texts: Vec<String>,
    /// The columns of each table.
    tables: BTreeMap<String, HashSet<String>>,
    /// The column that stands for each one which a foreign key connects.
    same: HashMap<Id, Id>,
}

impl SpiderSchema {
    /// Reads the names and foreign keys of `schema`.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let mut names = Self::default();
        names.intern("*".to_owned());
        let mut columns = Vec::new();
        for table in &schema.tables {
            let table_name = table.name.to_lowercase();
            names.intern(table_name.clone());
            let known = names.tables.entry(table_name.clone()).or_default();
            known.extend(
                table
                    .columns
                    .iter()
                    .map(|column| column.name.to_lowercase()),
            );
            for column in &table.columns {
                let column = column.name.to_lowercase();
                columns.push(names.intern(format!("{table_name}.{column}")));
            }
        }
        names.same = same_columns(&columns, &foreign_keys(schema));
        names
    }

    fn intern(&mut self, text: String) -> Id {
        // A schema has far fewer than 2³² names; were there more, the last number would stand for the rest.
        let next = Id(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        *self.ids.entry(text).or_insert_with_key(|text| {
            self.texts.push(text.clone());
            next
        })
    }

    /// `*`, or the table or `table.column` with this lower-case name.
    pub(super) fn id(&self, name: &str) -> Option<Id> {
        self.ids.get(name).copied()
    }

    /// The tables' lower-case names.
    pub(super) fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }

    /// Whether the table has the column; `None` where there is no such table.
    pub(super) fn has(&self, table: &str, column: &str) -> Option<bool> {
        Some(self.tables.get(table)?.contains(column))
    }

    /// The column that stands for `column` in a query over `tables`.
    pub(super) fn representative(&self, column: Id, tables: &HashSet<&str>) -> Id {
        match self.same.get(&column) {
            Some(&same)
                if self
                    .table_of(column)
                    .is_some_and(|table| tables.contains(table)) =>
            {
                same
            }
            _ => column,
        }
    }

    /// The name itself.
    pub(super) fn text(&self, id: Id) -> &str {
        self.texts.get(id.0 as usize).map_or("", String::as_str)
    }

    /// What stands before the first period.
    fn table_of(&self, column: Id) -> Option<&str> {
        self.text(column).split_once('.').map(|(table, _)| table)
    }

    /// What stands after the first period, up to a second one: by this, groups are compared.
    pub(super) fn column_text(&self, id: Id) -> &str {
        let text = self.text(id);
        text.split('.').nth(1).unwrap_or(text)
    }
}

/// Each foreign key as two places in the list of all columns.
fn foreign_keys(schema: &Schema) -> Vec<(usize, usize)> {
    let mut starts = HashMap::new();
    let mut places = HashMap::new();
    let mut next = 0;
    for (number, table) in schema.tables.iter().enumerate() {
        let table_name = table.name.to_lowercase();
        for (at, column) in table.columns.iter().enumerate() {
            places
                .entry((table_name.clone(), column.name.to_lowercase()))
                .or_insert(next + at);
        }
        starts.insert(table_name, number);
        next += table.columns.len();
    }
    let mut keys = Vec::new();
    for table in &schema.tables {
        for key in &table.foreign_keys {
            let target = key.table.to_lowercase();
            let references = match starts
                .get(&target)
                .and_then(|&number| schema.tables.get(number))
            {
                Some(table) if key.references.is_empty() => &table.primary_key,
                _ => &key.references,
            };
            for (from, to) in key.columns.iter().zip(references) {
                let from = places.get(&(table.name.to_lowercase(), from.to_lowercase()));
                let to = places.get(&(target.clone(), to.to_lowercase()));
                keys.extend(from.zip(to).map(|(&from, &to)| (from, to)));
            }
        }
    }
    keys
}

/// For each column in a key, the first column of its group.
fn same_columns(columns: &[Id], keys: &[(usize, usize)]) -> HashMap<Id, Id> {
    let mut groups: Vec<HashSet<usize>> = Vec::new();
    for &(from, to) in keys {
        let known = groups
            .iter_mut()
            .find(|group| group.contains(&from) || group.contains(&to));
        match known {
            Some(group) => group.extend([from, to]),
            None => groups.push(HashSet::from([from, to])),
        }
    }
    let mut same = HashMap::new();
    for group in groups {
        let first = group.iter().min().and_then(|&first| columns.get(first));
        for (column, first) in group
            .iter()
            .filter_map(|&at| columns.get(at))
            .zip(first.into_iter().cycle())
        {
            same.insert(*column, *first);
        }
    }
    same
}
