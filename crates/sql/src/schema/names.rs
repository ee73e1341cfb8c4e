//! Finding tables and columns by name, as SQL does: without regard to the case of ASCII letters.

use std::collections::HashMap;

use super::{NameError, Schema, Table};

impl Schema {
    /// The table `name`, in any case.
    ///
    /// ```
    /// let schema = anneal_sql::Schema::parse("CREATE TABLE Film (Title TEXT)")?;
    /// assert_eq!(schema.table("FILM").map(|table| table.columns.len()), Some(1));
    /// assert!(schema.table("films").is_none());
    /// # Ok::<(), anneal_sql::SchemaError>(())
    /// ```
    #[must_use]
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables
            .iter()
            .find(|table| table.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn table_place(&self, name: &str) -> Result<usize, NameError> {
        let place = self
            .tables
            .iter()
            .position(|table| table.name.eq_ignore_ascii_case(name));
        place.ok_or_else(|| NameError::Table {
            name: name.to_owned(),
            nearest: nearest(name, self.tables.iter().map(|table| table.name.as_str())),
        })
    }
}

impl Table {
    /// The index of the column `name`, in any case.
    pub(crate) fn place(&self, name: &str) -> Option<usize> {
        self.columns
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    }

    pub(crate) fn column_place(&self, name: &str) -> Result<usize, NameError> {
        self.place(name).ok_or_else(|| NameError::Column {
            table: self.name.clone(),
            name: name.to_owned(),
            nearest: nearest(name, self.columns.iter().map(|column| column.name.as_str())),
        })
    }

    /// Writes names in keys as the columns write them, and leaves out repeated unique sets and the primary key's.
    pub(crate) fn tidy(&mut self) {
        let written: HashMap<String, &str> = self
            .columns
            .iter()
            .map(|column| (column.name.to_ascii_lowercase(), column.name.as_str()))
            .collect();
        let keys = std::iter::once(&mut self.primary_key)
            .chain(&mut self.unique)
            .chain(self.foreign_keys.iter_mut().map(|key| &mut key.columns));
        for name in keys.flatten() {
            if let Some(&found) = written.get(&name.to_ascii_lowercase()) {
                found.clone_into(name);
            }
        }
        let mut seen = std::collections::HashSet::from([self.primary_key.clone()]);
        self.unique.retain(|set| seen.insert(set.clone()));
    }
}

/// Up to three of `names` within a distance of half of `name`'s letters, nearest first.
///
/// The distance is Levenshtein's over the first 64 characters, in small letters.
fn nearest<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let letters = |name: &str| -> Vec<char> { name.to_lowercase().chars().take(64).collect() };
    let wanted = letters(name);
    let mut found: Vec<(usize, &str)> = names
        .map(|name| (distance(&wanted, &letters(name)), name))
        .filter(|&(distance, _)| distance <= wanted.len().div_ceil(2))
        .collect();
    found.sort();
    found
        .into_iter()
        .take(3)
        .map(|(_, name)| name.to_owned())
        .collect()
}

fn distance(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_levenshteins() {
        let chars = |text: &str| -> Vec<char> { text.chars().collect() };
        for (a, b, expected) in [
            ("kitten", "sitting", 3),
            ("", "abc", 3),
            ("flaw", "lawn", 2),
            ("é", "e", 1),
        ] {
            assert_eq!(distance(&chars(a), &chars(b)), expected, "{a} {b}");
        }
    }

    #[test]
    fn near_names_come_by_distance() {
        let names = ["films", "film_actor", "filn", "market", "FILM"];
        assert_eq!(
            nearest("film", names.into_iter()),
            ["FILM", "films", "filn"]
        );
        assert_eq!(nearest("zzz", names.into_iter()), Vec::<String>::new());
    }
}
