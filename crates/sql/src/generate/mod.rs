//! Test databases for a gold query that comes without data.
//!
//! Random rows tell little: most golds find nothing in them. The rows made here are aimed at the gold
//! (the idea of test suites is Zhong et al. 2020, "Semantic Evaluation for Text-to-SQL with Distilled
//! Test Suites"; the witness and its near misses are those of mutation testing of queries, Chandra et
//! al. 2015, "Data generation for testing and grading SQL queries"): its literals and their
//! neighbours, rows that satisfy all of its conditions, rows that miss one, partners and orphans of
//! its joins, groups just below and above HAVING, repeated rows, NULLs.

mod analyse;
mod build;
mod conditions;
mod data;
mod expressions;
mod plant;
mod pools;
pub(crate) mod random;
mod scope;
mod shape;
mod style;
mod value;
mod words;

use std::time::Duration;

use crate::{
    Budget, ContextError, Database, QueryError, Rows, Schema, SqlError, Suite, Value, compare,
    orders,
};
use data::Data;
use pools::Pools;
use random::Random;
use shape::Shape;
use style::{Care, Style};

/// How [`generate`] makes databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GenerateOptions {
    /// How many: 11 to judge, 5 where speed counts more (a training loop).
    pub databases: usize,
    /// The seed: the same schema, gold and options give the same bytes on every machine.
    pub seed: u64,
    /// What the gold may cost on one database. The default has no wall time, so that the databases never
    /// depend on the machine's load; operations bound it.
    pub budget: Budget,
}

impl Default for GenerateOptions {
    fn default() -> Self {
        Self {
            databases: 11,
            seed: 0,
            budget: Budget {
                operations: 5_000_000,
                wall: None::<Duration>,
                ..Budget::default()
            },
        }
    }
}

/// Why no databases can be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// A suite of no databases.
    #[error("0 databases are asked for, expected at least 1")]
    NoDatabases,
    /// A schema without tables.
    #[error("the schema has no table")]
    NoTables,
    /// SQLite refuses the tables.
    #[error("the tables of the schema: {source}")]
    Schema {
        /// SQLite's verdict.
        source: ContextError,
    },
    /// The gold does not run, not even on empty tables.
    #[error("the gold query: {source}")]
    Gold {
        /// Why.
        source: QueryError,
    },
    /// SQLite takes no rows.
    #[error("a generated database: {source}")]
    Rows {
        /// SQLite's reason.
        source: SqlError,
    },
}

/// Databases for one gold, and how they came out.
#[derive(Debug)]
pub struct Generated {
    /// The databases.
    pub suite: Suite,
    /// Databases that were thrown away: the gold gave another result when the same rows were inserted in
    /// reverse, or did not run on them.
    pub rejected: usize,
    /// Databases that were kept although the gold depends on the order of insertion there: nothing
    /// helped, the query itself leaves its result open. A prediction can be right and differ.
    pub unstable: usize,
    /// Databases on which the gold finds nothing: no row, or one of NULLs and zeros.
    pub idle: usize,
}

/// Makes test databases from a schema and a gold query.
///
/// Every table has rows, those of the gold more. Declared keys, foreign keys and NOT NULL are kept, so
/// that queries that are equal under them stay equal; a foreign key may be NULL where it is nullable.
/// Where a schema declares no keys, rows may repeat, any column may hold a NULL and a reference may point
/// nowhere: `SELECT id` and `SELECT DISTINCT id`, `count(*)` and `count(city)`, a table and its join with the table that
/// it refers to are then told apart, also where the real data would never show the difference.
/// A schema of very many tables (some 8,000) is over the default [`Budget`] of building one: [`GenerateError::Schema`].
/// A database counts only if the gold gives the same result (by [`compare`], in order if [`orders`] says so)
/// after the same rows were inserted in reverse; otherwise another is made, with fewer ties each time.
///
/// # Errors
/// See [`GenerateError`].
///
/// # Example
/// ```
/// use anneal_sql::{Budget, Column, GenerateOptions, Judgement, Schema, Table, generate};
///
/// let column = |name: &str, kind: &str| Column {
///     name: name.into(),
///     declared_type: kind.into(),
///     ..Column::default()
/// };
/// let film = Table {
///     name: "film".into(),
///     columns: vec![column("title", "TEXT"), column("year", "INTEGER")],
///     ..Table::default()
/// };
/// let schema = Schema { tables: vec![film], ..Schema::default() };
/// let gold = "SELECT title FROM film WHERE year > 1950";
/// let made = generate(&schema, gold, &GenerateOptions::default())?;
/// assert_eq!(made.suite.databases().len(), 11);
///
/// let judge = |sql: &str| made.suite.judge(gold, sql, &Budget::default());
/// assert_eq!(judge("SELECT title FROM film WHERE NOT year <= 1950"), Judgement::Correct);
/// assert!(matches!(judge("SELECT title FROM film WHERE year >= 1950"), Judgement::Wrong(_)));
/// assert!(matches!(judge("SELECT DISTINCT title FROM film WHERE year > 1950"), Judgement::Wrong(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn generate(
    schema: &Schema,
    gold: &str,
    options: &GenerateOptions,
) -> Result<Generated, GenerateError> {
    if options.databases == 0 {
        return Err(GenerateError::NoDatabases);
    }
    if schema.tables.is_empty() {
        return Err(GenerateError::NoTables);
    }
    let tables = build::tables(schema);
    let scratch = build::empty(&tables).map_err(|source| GenerateError::Schema { source })?;
    scratch
        .query(gold, &options.budget)
        .map_err(|source| GenerateError::Gold { source })?;
    let shape = analyse::analyse(schema, gold).unwrap_or_else(|| words::read(schema, gold));
    let mut maker = Maker {
        schema,
        gold,
        options,
        ordered: orders(gold),
        pools: Pools::new(schema, &shape),
        shape,
        tables,
        scratch,
        care: Care::None,
        seen: Vec::new(),
        rejected: 0,
        unstable: 0,
        idle: 0,
    };
    let databases: Result<Vec<Database>, GenerateError> = (0..options.databases)
        .map(|index| maker.make(index))
        .collect();
    Ok(Generated {
        suite: Suite::new(databases?),
        rejected: maker.rejected,
        unstable: maker.unstable,
        idle: maker.idle,
    })
}

/// Makes the databases of one suite, one by one.
struct Maker<'a> {
    schema: &'a Schema,
    gold: &'a str,
    options: &'a GenerateOptions,
    ordered: bool,
    shape: Shape,
    pools: Pools,
    tables: Vec<String>,
    /// For the reversed insertion.
    scratch: Database,
    /// How careful to begin: what the last database needed, and one less.
    care: Care,
    /// The gold's results so far.
    seen: Vec<Rows>,
    rejected: usize,
    unstable: usize,
    idle: usize,
}

/// The order of attempts for one database.
const ATTEMPTS: [Care; 10] = [
    Care::None,
    Care::None,
    Care::None,
    Care::Order,
    Care::Order,
    Care::Groups,
    Care::Groups,
    Care::Witness,
    Care::Witness,
    Care::One,
];

/// How an attempt came out, better ones greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The gold's result depends on the order of insertion.
    Unstable,
    /// It finds nothing.
    Idle,
    /// It finds what it found in another database.
    Seen,
    /// It finds something new.
    New,
}

impl Maker<'_> {
    fn make(&mut self, index: usize) -> Result<Database, GenerateError> {
        let database =
            build::empty(&self.tables).map_err(|source| GenerateError::Schema { source })?;
        let mut best: Option<(Outcome, Data, Rows)> = None;
        let mut stable = 0;
        for (attempt, &care) in ATTEMPTS.iter().enumerate() {
            if care < self.care {
                continue;
            }
            // A stable database is good enough after three of them.
            if stable >= 3 {
                break;
            }
            let (mut data, result) = self.attempt(&database, index, attempt, care)?;
            let Some((outcome, rows)) = result else {
                self.rejected += 1;
                continue;
            };
            if outcome == Outcome::Unstable {
                self.rejected += 1;
            } else {
                stable += 1;
            }
            if outcome == Outcome::New {
                self.care = before(care);
                self.seen.push(rows);
                return Ok(database);
            }
            if best.as_ref().is_none_or(|best| outcome > best.0) {
                best = Some((
                    outcome,
                    std::mem::replace(&mut data, Data::new(self.schema, false)),
                    rows,
                ));
            }
        }
        let Some((outcome, mut data, rows)) = best else {
            // The gold fails on every row that was tried; empty tables are the ones it runs on.
            let mut nothing = vec![Vec::new(); self.schema.tables.len()];
            self.insert(&database, &mut nothing, false)?;
            self.idle += 1;
            return Ok(database);
        };
        match outcome {
            Outcome::Unstable => {
                self.unstable += 1;
                // Not again for every database.
                self.care = Care::One;
            }
            Outcome::Idle => self.idle += 1,
            Outcome::Seen | Outcome::New => {}
        }
        self.insert(&database, &mut data.tables, false)?;
        self.seen.push(rows);
        Ok(database)
    }

    /// Fills `database`; gives the gold's result, or `None` where it fails.
    fn attempt(
        &mut self,
        database: &Database,
        index: usize,
        attempt: usize,
        care: Care,
    ) -> Result<(Data, Option<(Outcome, Rows)>), GenerateError> {
        let place = [(index as u64).to_le_bytes(), (attempt as u64).to_le_bytes()].concat();
        let mut random = Random::new(self.options.seed, &[self.gold.as_bytes(), &place]);
        let style = Style::new(&mut random, index, self.options.databases, care);
        let mut data = style.fill(self.schema, &self.shape, &mut self.pools, &mut random);
        self.insert(database, &mut data.tables, false)?;
        let Ok(rows) = database.query(self.gold, &self.options.budget) else {
            return Ok((data, None));
        };
        self.insert(&self.scratch, &mut data.tables.clone(), true)?;
        let outcome = match self.scratch.query(self.gold, &self.options.budget) {
            Ok(reversed) if compare(&rows, &reversed, self.ordered) => {
                if is_idle(&rows) {
                    Outcome::Idle
                } else if self.seen.contains(&rows) {
                    Outcome::Seen
                } else {
                    Outcome::New
                }
            }
            Ok(_) => Outcome::Unstable,
            Err(_) => return Ok((data, None)),
        };
        Ok((data, Some((outcome, rows))))
    }

    fn insert(
        &self,
        database: &Database,
        rows: &mut [Vec<data::Row>],
        reversed: bool,
    ) -> Result<(), GenerateError> {
        build::insert(database, self.schema, rows, reversed)
            .map_err(|source| GenerateError::Rows { source })
    }
}

fn before(care: Care) -> Care {
    match care {
        Care::None | Care::Order => Care::None,
        Care::Groups => Care::Order,
        Care::Witness | Care::One => Care::Groups,
    }
}

/// No row, or one that holds nothing but NULLs and zeros.
fn is_idle(rows: &Rows) -> bool {
    let nothing = |value: &Value| matches!(value, Value::Null) || *value == Value::Integer(0);
    rows.is_empty() || (rows.len() == 1 && rows.rows()[0].iter().all(nothing))
}
