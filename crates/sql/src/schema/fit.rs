//! A schema within a token budget.

use std::collections::VecDeque;

use super::keep::Selected;
use super::{NameError, Schema, SchemaStyle, Selection};

/// Something that was left out to make a schema fit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeftOut {
    /// The ranges of a table's columns.
    Ranges {
        /// The table.
        table: String,
    },
    /// Sample values, everywhere: each column shows at most so many.
    Samples {
        /// How many are left.
        kept: usize,
    },
    /// Comments and descriptions of a table's columns.
    ColumnTexts {
        /// The table.
        table: String,
    },
    /// The comment and the description of a table.
    TableText {
        /// The table.
        table: String,
    },
    /// The description of the database.
    Description,
    /// A table's foreign keys.
    ForeignKeys {
        /// The table.
        table: String,
    },
    /// A table.
    Table {
        /// The table.
        table: String,
    },
    /// A column.
    Column {
        /// Its table.
        table: String,
        /// The column.
        column: String,
    },
}

/// A schema that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// What is left.
    pub schema: Schema,
    /// Its text.
    pub text: String,
    /// The text's length, by the counter that was given.
    pub count: usize,
    /// What was left out, in order.
    pub left_out: Vec<LeftOut>,
}

/// Why a schema cannot be made to fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FitError {
    /// A needed table or column is not there.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Even what is needed is too long.
    #[error("the smallest schema takes {smallest} tokens, the limit is {limit}")]
    TooSmall {
        /// The limit.
        limit: usize,
        /// The length of the text with nothing but the needed tables and columns, or one table if none is needed.
        smallest: usize,
    },
}

impl Schema {
    /// The schema's text with at most `limit` tokens, as `count` counts them.
    ///
    /// As little as possible is left out, in this order: ranges, table by table from the last one; sample values, from the
    /// largest number to none, everywhere at once; comments and descriptions of columns, table by table from the last one;
    /// those of tables from the last one, then the database's description; foreign keys, from the last table;
    /// whole tables that are not `needed`, first those farthest from the needed ones over foreign keys (the last
    /// first); columns that are neither needed nor in a key of their table, from the last one; then the other columns that are not needed.
    /// If nothing is needed, the first table stays; a needed table stays with at least one column.
    ///
    /// What the style does not show is not touched. `count` is called once for each doubling of the number of things to leave out
    /// (binary search), because a tokenizer is slow: at most 2 + log₂(steps) times. That each step makes the
    /// text no longer is taken for granted; that the result fits is not, it is counted.
    ///
    /// # Errors
    /// A needed name that is not there; a limit below the smallest form.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{LeftOut, Schema, SchemaForm, Selection};
    /// let schema = Schema::parse("CREATE TABLE film (id INT, -- its number\n title TEXT); CREATE TABLE pet (name TEXT)")?;
    /// let words = |text: &str| text.split_whitespace().count();
    /// let fitted = schema.fit(&SchemaForm::Commented.style(), 9, &[Selection::columns("film", ["id"])], words).unwrap();
    /// assert_eq!(fitted.text, "CREATE TABLE film (\n  id INTEGER,\n  title TEXT\n);");
    /// assert_eq!(
    ///     fitted.left_out,
    ///     [LeftOut::ColumnTexts { table: "film".into() }, LeftOut::Table { table: "pet".into() }]
    /// );
    /// # Ok::<(), anneal_sql::SchemaError>(())
    /// ```
    pub fn fit(
        &self,
        style: &SchemaStyle,
        limit: usize,
        needed: &[Selection],
        count: impl Fn(&str) -> usize,
    ) -> Result<Fitted, FitError> {
        let mut selected = self.selected(needed)?;
        if needed.is_empty()
            && let Some(first) = selected.first_mut()
        {
            first.table = true;
        }
        let steps = self.steps(style, &selected);
        let attempt = |done: usize| {
            let schema = self.without(&steps[..done]);
            let text = schema.render(style);
            let count = count(&text);
            (schema, text, count)
        };
        let fitted = |(schema, text, count), done: usize| Fitted {
            schema,
            text,
            count,
            left_out: steps[..done].to_vec(),
        };
        let whole = attempt(0);
        if whole.2 <= limit {
            return Ok(fitted(whole, 0));
        }
        let (mut too_few, mut enough) = (0, steps.len());
        let mut best = attempt(enough);
        if best.2 > limit {
            let smallest = best.2;
            return Err(FitError::TooSmall { limit, smallest });
        }
        while enough - too_few > 1 {
            let middle = too_few + (enough - too_few) / 2;
            let tried = attempt(middle);
            if tried.2 <= limit {
                (enough, best) = (middle, tried);
            } else {
                too_few = middle;
            }
        }
        Ok(fitted(best, enough))
    }

    /// Everything that may be left out, in order.
    fn steps(&self, style: &SchemaStyle, needed: &[Selected]) -> Vec<LeftOut> {
        let mut steps = Vec::new();
        let from_last = || self.tables.iter().rev();
        let columns = || self.tables.iter().flat_map(|table| &table.columns);
        if style.ranges {
            steps.extend(
                from_last()
                    .filter(|table| table.columns.iter().any(|column| column.range.is_some()))
                    .map(|table| LeftOut::Ranges {
                        table: table.name.clone(),
                    }),
            );
        }
        let most = columns()
            .map(|column| column.samples.len())
            .max()
            .unwrap_or(0);
        steps.extend(
            (0..most.min(style.samples))
                .rev()
                .map(|kept| LeftOut::Samples { kept }),
        );
        let shown = |comment: &Option<String>, description: &Option<String>| {
            style.comments && comment.is_some() || style.descriptions && description.is_some()
        };
        steps.extend(
            from_last()
                .filter(|table| {
                    table
                        .columns
                        .iter()
                        .any(|column| shown(&column.comment, &column.description))
                })
                .map(|table| LeftOut::ColumnTexts {
                    table: table.name.clone(),
                }),
        );
        steps.extend(
            from_last()
                .filter(|table| shown(&table.comment, &table.description))
                .map(|table| LeftOut::TableText {
                    table: table.name.clone(),
                }),
        );
        steps.extend((shown(&None, &self.description)).then_some(LeftOut::Description));
        if style.foreign_keys {
            steps.extend(
                from_last()
                    .filter(|table| !table.foreign_keys.is_empty())
                    .map(|table| LeftOut::ForeignKeys {
                        table: table.name.clone(),
                    }),
            );
        }
        let distances = self.distances(needed);
        let mut spare: Vec<usize> = (0..self.tables.len())
            .filter(|&at| !needed[at].table)
            .collect();
        spare.sort_by_key(|&at| std::cmp::Reverse((distances[at], at)));
        steps.extend(spare.iter().map(|&at| LeftOut::Table {
            table: self.tables[at].name.clone(),
        }));
        let (mut plain, mut keys) = (Vec::new(), Vec::new());
        for (at, table) in self
            .tables
            .iter()
            .enumerate()
            .rev()
            .filter(|&(at, _)| needed[at].table)
        {
            // Where no column is needed the first one stays: a table without columns is no SQL.
            let first = needed[at].columns.is_empty().then_some(0);
            for (place, column) in table.columns.iter().enumerate().rev() {
                if needed[at].columns.contains(&place) || first == Some(place) {
                    continue;
                }
                let mut in_keys = table
                    .foreign_keys
                    .iter()
                    .map(|key| &key.columns)
                    .chain([&table.primary_key]);
                let step = LeftOut::Column {
                    table: table.name.clone(),
                    column: column.name.clone(),
                };
                match in_keys.any(|key| key.contains(&column.name)) {
                    true => keys.push(step),
                    false => plain.push(step),
                }
            }
        }
        steps.extend(plain.into_iter().chain(keys));
        steps
    }

    /// Foreign keys between each table and the nearest needed one.
    fn distances(&self, needed: &[Selected]) -> Vec<usize> {
        let places: std::collections::HashMap<String, usize> = self
            .tables
            .iter()
            .enumerate()
            .map(|(at, table)| (table.name.to_ascii_lowercase(), at))
            .collect();
        let mut neighbours = vec![Vec::new(); self.tables.len()];
        for (at, table) in self.tables.iter().enumerate() {
            for key in &table.foreign_keys {
                if let Some(&there) = places.get(&key.table.to_ascii_lowercase()) {
                    neighbours[at].push(there);
                    neighbours[there].push(at);
                }
            }
        }
        let mut distances = vec![usize::MAX; self.tables.len()];
        let mut queue: VecDeque<usize> = (0..needed.len()).filter(|&at| needed[at].table).collect();
        for &at in &queue {
            distances[at] = 0;
        }
        while let Some(at) = queue.pop_front() {
            for &next in &neighbours[at] {
                if distances[next] == usize::MAX {
                    distances[next] = distances[at] + 1;
                    queue.push_back(next);
                }
            }
        }
        distances
    }

    fn without(&self, steps: &[LeftOut]) -> Self {
        let mut schema = self.clone();
        let mut gone = vec![(false, std::collections::HashSet::new()); self.tables.len()];
        let places: std::collections::HashMap<&str, usize> = self
            .tables
            .iter()
            .enumerate()
            .map(|(at, table)| (table.name.as_str(), at))
            .collect();
        for step in steps {
            match step {
                LeftOut::Ranges { table } => {
                    let columns = &mut schema.tables[places[table.as_str()]].columns;
                    columns.iter_mut().for_each(|column| column.range = None);
                }
                LeftOut::Samples { kept } => {
                    let columns = schema
                        .tables
                        .iter_mut()
                        .flat_map(|table| &mut table.columns);
                    columns.for_each(|column| column.samples.truncate(*kept));
                }
                LeftOut::ColumnTexts { table } => {
                    for column in &mut schema.tables[places[table.as_str()]].columns {
                        (column.comment, column.description) = (None, None);
                    }
                }
                LeftOut::TableText { table } => {
                    let table = &mut schema.tables[places[table.as_str()]];
                    (table.comment, table.description) = (None, None);
                }
                LeftOut::Description => schema.description = None,
                LeftOut::ForeignKeys { table } => {
                    schema.tables[places[table.as_str()]].foreign_keys.clear()
                }
                LeftOut::Table { table } => gone[places[table.as_str()]].0 = true,
                LeftOut::Column { table, column } => {
                    let at = places[table.as_str()];
                    gone[at].1.extend(self.tables[at].place(column));
                }
            }
        }
        schema.filtered(|table, column| match column {
            None => !gone[table].0,
            Some(column) => !gone[table].1.contains(&column),
        })
    }
}
