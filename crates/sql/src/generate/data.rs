//! The rows of one database before SQLite has them: keys and NOT NULL are kept here.

use std::collections::HashMap;

use super::pools::{Pools, key_like};
use super::random::Random;
use crate::{Schema, Value};

/// One row.
pub(super) type Row = Vec<Value>;

/// Rounds of repair before rows that still break a foreign key go.
const REPAIRS: usize = 4;

/// Tables with rows.
pub(super) struct Data {
    pub(super) tables: Vec<Vec<Row>>,
    /// For each table the sets of columns whose values must not repeat.
    unique: Vec<Vec<Vec<usize>>>,
    not_null: Vec<Vec<bool>>,
    foreign: Vec<Foreign>,
}

#[derive(Debug, Clone)]
struct Foreign {
    table: usize,
    columns: Vec<usize>,
    target: usize,
    references: Vec<usize>,
}

impl Data {
    /// Empty tables. With `guess` the first column of a table without keys is one, if its name looks like it.
    pub(super) fn new(schema: &Schema, guess: bool) -> Self {
        let mut unique = Vec::new();
        let mut not_null = Vec::new();
        let mut foreign = Vec::new();
        let firsts: Vec<String> = schema
            .tables
            .iter()
            .map(|table| {
                table
                    .columns
                    .first()
                    .map(|column| column.name.to_lowercase())
                    .unwrap_or_default()
            })
            .collect();
        let mut begin: HashMap<&str, usize> = HashMap::new();
        for first in &firsts {
            *begin.entry(first).or_default() += 1;
        }
        // The first of its name, as SQLite sees names.
        let mut numbers: HashMap<String, usize> = HashMap::new();
        for (table, one) in schema.tables.iter().enumerate() {
            numbers
                .entry(one.name.to_ascii_lowercase())
                .or_insert(table);
        }
        for (table, one) in schema.tables.iter().enumerate() {
            let places = |names: &[String]| -> Vec<usize> {
                let place = |name: &String| {
                    one.columns
                        .iter()
                        .position(|column| column.name.eq_ignore_ascii_case(name))
                };
                names.iter().filter_map(place).collect()
            };
            let mut sets = vec![places(&one.primary_key)];
            sets.extend(one.unique.iter().map(|names| places(names)));
            let mut nulls: Vec<bool> = one.columns.iter().map(|column| column.not_null).collect();
            for &column in &sets[0] {
                nulls[column] = true;
            }
            sets.retain(|set| !set.is_empty());
            // Two tables that begin with the same key name: one of them only refers to it.
            let first = &firsts[table];
            let alone = first == "id" || begin[first.as_str()] == 1;
            if guess && sets.is_empty() && one.columns.len() > 1 && alone && key_like(first) {
                sets.push(vec![0]);
                nulls[0] = true;
            }
            unique.push(sets);
            not_null.push(nulls);
            for key in &one.foreign_keys {
                let Some(&target) = numbers.get(&key.table.to_ascii_lowercase()) else {
                    continue;
                };
                let there = &schema.tables[target];
                let names = match key.references.is_empty() {
                    true => &there.primary_key,
                    false => &key.references,
                };
                let references: Vec<usize> = names
                    .iter()
                    .filter_map(|name| {
                        there
                            .columns
                            .iter()
                            .position(|column| column.name.eq_ignore_ascii_case(name))
                    })
                    .collect();
                let columns = places(&key.columns);
                if !columns.is_empty() && columns.len() == references.len() {
                    foreign.push(Foreign {
                        table,
                        columns,
                        target,
                        references,
                    });
                }
            }
        }
        Self {
            tables: vec![Vec::new(); schema.tables.len()],
            unique,
            not_null,
            foreign,
        }
    }

    /// Whether the values of this column never repeat, by itself.
    pub(super) fn is_key(&self, table: usize, column: usize) -> bool {
        self.unique[table].iter().any(|set| set == &[column])
    }

    /// Makes a column a key of its own, for this database.
    pub(super) fn make_key(&mut self, table: usize, column: usize) {
        if !self.is_key(table, column) {
            self.unique[table].push(vec![column]);
        }
    }

    pub(super) fn nullable(&self, table: usize, column: usize) -> bool {
        !self.not_null[table][column]
    }

    /// Whether the column is part of a foreign key.
    fn free_of_keys(&self, table: usize, column: usize) -> bool {
        !self
            .foreign
            .iter()
            .any(|key| key.table == table && key.columns.contains(&column))
    }

    fn repeats(&self, table: usize, row: &Row) -> Option<&[usize]> {
        let same = |set: &&Vec<usize>| {
            let equal = |other: &Row| {
                set.iter()
                    .all(|&column| other[column] == row[column] && other[column] != Value::Null)
            };
            self.tables[table].iter().any(equal)
        };
        self.unique[table].iter().find(same).map(Vec::as_slice)
    }

    /// Adds a row as it stands; false if a key or NOT NULL forbids it.
    pub(super) fn push(&mut self, table: usize, row: Row) -> bool {
        let empty = row
            .iter()
            .zip(&self.not_null[table])
            .any(|(value, &not_null)| not_null && *value == Value::Null);
        if empty || self.repeats(table, &row).is_some() {
            return false;
        }
        self.tables[table].push(row);
        true
    }

    /// Adds a row; where a key repeats, it gets a new value.
    pub(super) fn push_fresh(&mut self, pools: &mut Pools, table: usize, mut row: Row) -> bool {
        for _ in 0..4 {
            let Some(column) = self.repeats(table, &row).and_then(|set| {
                // Rather a column that points nowhere.
                let free = set.iter().find(|&&column| self.free_of_keys(table, column));
                free.or(set.first()).copied()
            }) else {
                break;
            };
            row[column] = pools.fresh(table, column);
        }
        self.push(table, row)
    }

    /// Keeps the declared foreign keys: a row that points nowhere gets an existing target, a new
    /// target, or NULL; in the end it goes. `fixed` says which columns the gold looks at.
    pub(super) fn repair(
        &mut self,
        random: &mut Random,
        fixed: &[Vec<bool>],
        mut row_for: impl FnMut(&mut Random, usize) -> Row,
    ) {
        for round in 0..=REPAIRS {
            let mut broken = false;
            for key in self.foreign.clone() {
                let mut at = 0;
                while at < self.tables[key.table].len() {
                    if self.points(&key, &self.tables[key.table][at]) {
                        at += 1;
                        continue;
                    }
                    broken = true;
                    if round == REPAIRS || !self.mend(random, &key, at, fixed, &mut row_for) {
                        self.tables[key.table].remove(at);
                    } else {
                        at += 1;
                    }
                }
            }
            if !broken {
                return;
            }
        }
        // What went may have been a target itself.
        loop {
            let before: usize = self.tables.iter().map(Vec::len).sum();
            for key in self.foreign.clone() {
                let rows = std::mem::take(&mut self.tables[key.table]);
                let (kept, _): (Vec<Row>, Vec<Row>) = match key.table == key.target {
                    true => {
                        let points = |row: &Row| {
                            let target = |other: &Row| {
                                key.columns
                                    .iter()
                                    .zip(&key.references)
                                    .all(|(&here, &there)| row[here] == other[there])
                            };
                            key.columns.iter().any(|&column| row[column] == Value::Null)
                                || rows.iter().any(target)
                        };
                        let keep: Vec<bool> = rows.iter().map(points).collect();
                        let pairs = rows.into_iter().zip(keep);
                        (
                            pairs.filter(|pair| pair.1).map(|pair| pair.0).collect(),
                            Vec::new(),
                        )
                    }
                    false => rows.into_iter().partition(|row| self.points(&key, row)),
                };
                self.tables[key.table] = kept;
            }
            if self.tables.iter().map(Vec::len).sum::<usize>() == before {
                return;
            }
        }
    }

    fn points(&self, key: &Foreign, row: &Row) -> bool {
        let target = |other: &Row| {
            key.columns
                .iter()
                .zip(&key.references)
                .all(|(&here, &there)| row[here] == other[there])
        };
        key.columns.iter().any(|&column| row[column] == Value::Null)
            || self.tables[key.target].iter().any(target)
    }

    fn mend(
        &mut self,
        random: &mut Random,
        key: &Foreign,
        at: usize,
        fixed: &[Vec<bool>],
        row_for: &mut impl FnMut(&mut Random, usize) -> Row,
    ) -> bool {
        let used = key.columns.iter().any(|&column| fixed[key.table][column]);
        let targets = self.tables[key.target].len();
        let nullable = key
            .columns
            .iter()
            .find(|&&column| self.nullable(key.table, column))
            .copied();
        let mut row = self.tables[key.table][at].clone();
        match nullable {
            Some(column) if random.percent(if used { 30 } else { 10 }) => row[column] = Value::Null,
            _ if (used && random.percent(70)) || targets == 0 => {
                let mut target = row_for(random, key.target);
                for (&here, &there) in key.columns.iter().zip(&key.references) {
                    target[there] = row[here].clone();
                }
                if targets >= 200 || !self.push(key.target, target) {
                    return false;
                }
                return true;
            }
            _ => {
                let target = &self.tables[key.target][random.below(targets)];
                for (&here, &there) in key.columns.iter().zip(&key.references) {
                    row[here] = target[there].clone();
                }
            }
        }
        // The change may break a key of this table.
        let old = self.tables[key.table].remove(at);
        if self.repeats(key.table, &row).is_some() {
            self.tables[key.table].insert(at, old);
            return false;
        }
        self.tables[key.table].insert(at, row);
        true
    }
}
