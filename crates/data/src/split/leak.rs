//! The leak check: what two sides of a split have in common.
//!
//! The side that is held out is indexed, the side that is trained on goes by once: time and memory are
//! linear in the rows, but for texts that are so alike that they are compared one by one.

use std::collections::HashMap;

use rayon::prelude::*;

use super::digest::{Digest, digest};
use super::near::{NearConfig, NearIndex};
use super::normal::{Literals, normal_question, normal_sql};
use super::row_text;
use super::tables::table_names;
use super::{Leak, LeakExample, LeakReport, SplitError};
use crate::Row;

/// Rows whose signatures are held at one time.
const CHUNK: usize = 4096;

/// What counts as a leak.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LeakConfig {
    /// Near duplicates of questions and queries.
    pub near: NearConfig,
    /// Whether two queries that differ in literals alone are one.
    pub sql_literals: Literals,
    /// Pairs that are shown of each kind.
    pub examples: usize,
}

impl Default for LeakConfig {
    /// [`NearConfig::default`], literals kept, five pairs of each kind.
    fn default() -> Self {
        Self {
            near: NearConfig::default(),
            sql_literals: Literals::Kept,
            examples: 5,
        }
    }
}

/// Compares the rows that are trained on with those that are held out.
///
/// Questions, queries, contexts and tables are compared in their normal forms; every pair that is
/// reported is true by exact comparison. Near duplicates are looked for by MinHash and may be missed
/// with the probability that the report states. The result depends on the rows alone, not on threads.
///
/// Conversations take part with their first user turn as the question; a schema within a prompt is not
/// looked into.
///
/// # Errors
/// [`SplitError::Near`] for useless settings.
///
/// # Example
/// ```
/// use std::path::Path;
/// use anneal_data::{At, LeakConfig, Place, Row, Sample, SqlSample, find_leaks};
/// let row = |line, question: &str, sql: &str| Row {
///     place: Place { file: Path::new("rows.jsonl").into(), at: At::Line(line) },
///     sample: Sample::Sql(SqlSample { question: question.into(), sql: sql.into(), ..SqlSample::default() }),
/// };
/// let train = [row(1, "How many pets?", "SELECT COUNT(*) FROM pet")];
/// let held_out = [row(2, "how many PETS", "SELECT COUNT(id) FROM pet"), row(3, "Oldest dog?", "select 1")];
/// let report = find_leaks(&train, &held_out, &LeakConfig::default())?;
/// assert_eq!(report.questions.held_out_rows, 1);
/// assert_eq!(report.questions.examples[0].held_out.to_string(), "`rows.jsonl` line 2");
/// assert_eq!(report.sql.held_out_rows, 0);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
pub fn find_leaks(
    train: &[Row],
    held_out: &[Row],
    config: &LeakConfig,
) -> Result<LeakReport, SplitError> {
    let sides = Sides {
        train,
        held_out,
        examples: config.examples,
    };
    let question = |row: &Row| Some(normal_question(&row_text::question(row)));
    let sql = |row: &Row| Some(normal_sql(row_text::sql(row)?, config.sql_literals));
    let context = |row: &Row| Some(normal_sql(row_text::context(row)?, Literals::Kept));
    let question_text = |row: &Row| row_text::question(row).into_owned();
    let sql_text = |row: &Row| row_text::sql(row).unwrap_or_default().to_owned();
    let context_text = |row: &Row| row_text::context(row).unwrap_or_default().to_owned();
    let (questions, near_questions) = sides.texts(question, question_text, Some(config.near))?;
    let (queries, near_sql) = sides.texts(sql, sql_text, Some(config.near))?;
    let (contexts, _) = sides.texts(context, context_text, None)?;
    Ok(LeakReport {
        train_rows: train.len(),
        held_out_rows: held_out.len(),
        questions,
        near_questions,
        sql: queries,
        near_sql,
        contexts,
        tables: sides.tables(),
        miss_probability: config.near.miss_probability(config.near.threshold),
    })
}

/// Both sides, and how many pairs are shown.
struct Sides<'a> {
    train: &'a [Row],
    held_out: &'a [Row],
    examples: usize,
}

/// The row of the other side that a text held out meets best.
#[derive(Clone, Copy)]
struct Met {
    train: usize,
    similarity: f64,
}

impl Sides<'_> {
    /// Texts that are equal, and texts that are near duplicates, by `normal`'s form.
    fn texts(
        &self,
        normal: impl Fn(&Row) -> Option<String> + Sync,
        shown: impl Fn(&Row) -> String,
        near: Option<NearConfig>,
    ) -> Result<(Leak, Leak), SplitError> {
        // The distinct texts held out, in the order of their first rows.
        let mut index = near.map(NearIndex::new).transpose()?;
        let mut numbers: HashMap<Digest, usize> = HashMap::new();
        let mut number_of_row = Vec::with_capacity(self.held_out.len());
        for chunk in self.held_out.chunks(CHUNK) {
            let sketched: Vec<_> = chunk
                .par_iter()
                .map(|row| {
                    let text = normal(row)?;
                    let sketch = index.as_ref().map(|index| index.sketch(&text, 0));
                    Some((digest(&[&text]), sketch))
                })
                .collect();
            for entry in sketched {
                let number = entry.map(|(digest, sketch)| {
                    let next = numbers.len();
                    let number = *numbers.entry(digest).or_insert(next);
                    if number == next
                        && let (Some(index), Some(sketch)) = (&mut index, sketch)
                    {
                        index.insert(sketch);
                    }
                    number
                });
                number_of_row.push(number);
            }
        }
        let mut exact: Vec<Option<Met>> = vec![None; numbers.len()];
        let mut alike: Vec<Option<Met>> = vec![None; numbers.len()];
        let (mut exact_train, mut near_train) = (0, 0);
        for (chunk, rows) in self.train.chunks(CHUNK).enumerate() {
            let found: Vec<_> = rows
                .par_iter()
                .map(|row| {
                    let text = normal(row)?;
                    let same = numbers.get(&digest(&[&text])).copied();
                    let near = index
                        .as_ref()
                        .map(|index| index.matches(&index.sketch(&text, 0)));
                    Some((same, near.unwrap_or_default()))
                })
                .collect();
            for (offset, entry) in found.into_iter().enumerate() {
                let Some((same, near)) = entry else { continue };
                let train = chunk * CHUNK + offset;
                if let Some(number) = same {
                    exact_train += 1;
                    exact[number].get_or_insert(Met {
                        train,
                        similarity: 1.0,
                    });
                }
                let others = near.into_iter().filter(|found| Some(found.entry) != same);
                let mut any = false;
                for found in others {
                    any = true;
                    let similarity = found.jaccard;
                    let best = &mut alike[found.entry];
                    if best.is_none_or(|best| similarity > best.similarity) {
                        *best = Some(Met { train, similarity });
                    }
                }
                near_train += usize::from(any && same.is_none());
            }
        }
        // What is the same is not counted as near again.
        for (alike, exact) in alike.iter_mut().zip(&exact) {
            if exact.is_some() {
                *alike = None;
            }
        }
        let leak = |met: &[Option<Met>], train_rows| {
            let met_by = number_of_row
                .iter()
                .map(|number| number.and_then(|number| met[number]));
            self.leak(met_by, train_rows, &shown)
        };
        Ok((leak(&exact, exact_train), leak(&alike, near_train)))
    }

    /// Tables by name.
    fn tables(&self) -> Leak {
        let tables = |row: &Row| row_text::context(row).map(table_names).unwrap_or_default();
        let held_out: Vec<_> = self.held_out.par_iter().map(tables).collect();
        let mut first: HashMap<&str, Option<usize>> = HashMap::new();
        for name in held_out.iter().flatten() {
            first.insert(name, None);
        }
        let mut train_rows = 0;
        for (chunk, rows) in self.train.chunks(CHUNK).enumerate() {
            let names: Vec<_> = rows.par_iter().map(tables).collect();
            for (offset, names) in names.iter().enumerate() {
                let mut any = false;
                for name in names {
                    if let Some(first) = first.get_mut(name.as_str()) {
                        any = true;
                        first.get_or_insert(chunk * CHUNK + offset);
                    }
                }
                train_rows += usize::from(any);
            }
        }
        let mut leak = Leak {
            train_rows,
            ..Leak::default()
        };
        for (row, names) in self.held_out.iter().zip(&held_out) {
            let shared = names
                .iter()
                .find_map(|name| Some((name, (*first.get(name.as_str())?)?)));
            let Some((name, train)) = shared else {
                continue;
            };
            leak.held_out_rows += 1;
            if leak.examples.len() < self.examples {
                leak.examples.push(LeakExample {
                    train: self.train[train].place.clone(),
                    held_out: row.place.clone(),
                    train_text: name.clone(),
                    held_out_text: name.clone(),
                    similarity: 1.0,
                });
            }
        }
        leak
    }

    /// Counts the rows held out that meet one, and shows the first ones.
    fn leak(
        &self,
        met: impl Iterator<Item = Option<Met>>,
        train_rows: usize,
        shown: impl Fn(&Row) -> String,
    ) -> Leak {
        let mut leak = Leak {
            train_rows,
            ..Leak::default()
        };
        for (row, met) in self.held_out.iter().zip(met) {
            let Some(met) = met else { continue };
            leak.held_out_rows += 1;
            if leak.examples.len() < self.examples {
                let train = &self.train[met.train];
                leak.examples.push(LeakExample {
                    train: train.place.clone(),
                    held_out: row.place.clone(),
                    train_text: shown(train),
                    held_out_text: shown(row),
                    similarity: met.similarity,
                });
            }
        }
        leak
    }
}
