//! Questions and their SQL for any database with contents.

mod aggregate;
mod condition;
mod english;
mod join;
mod lexicon;
mod links;
mod nested;
mod pen;
mod shape;
mod single;
mod world;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

pub use lexicon::Lexicon;
pub use shape::Shape;

use crate::generate::random::Random;
use crate::{Budget, Database, Schema, Value};
use pen::{Draft, Pen};
use world::World;

/// A question with the query that answers it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Composed {
    /// The question, in English.
    pub question: String,
    /// Its query.
    pub sql: String,
    /// What the query is made of.
    pub shape: Shape,
}

/// What [`compose`] is to write.
#[derive(Debug, Clone, PartialEq)]
pub struct ComposeOptions {
    /// How many questions; there may be fewer on a small database.
    pub questions: usize,
    /// What the choices begin with.
    pub seed: u64,
    /// How often each shape is drawn, relative to the others; a shape that is not there is never drawn. [`Shape::weight`] where
    /// this is empty.
    pub weights: BTreeMap<Shape, u32>,
    /// Words in place of the schema's names.
    pub lexicon: Lexicon,
    /// How many questions may have one query, in other words each. A question is never asked twice.
    pub phrasings: usize,
    /// What one query may cost, those that look at the contents included.
    pub budget: Budget,
}

impl Default for ComposeOptions {
    /// A hundred questions, seed 0, Spider-like weights, no lexicon, two phrasings, 10 million operations and no clock.
    fn default() -> Self {
        Self {
            questions: 100,
            seed: 0,
            weights: BTreeMap::new(),
            lexicon: Lexicon::new(),
            phrasings: 2,
            budget: Budget {
                operations: 10_000_000,
                wall: None,
                ..Budget::default()
            },
        }
    }
}

/// Why there are no questions.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComposeError {
    /// No table of the schema is in the database with rows in it.
    #[error(
        "none of the {tables} tables of the schema has rows in the database: found nothing to ask about"
    )]
    NoRows {
        /// How many tables the schema has.
        tables: usize,
    },
    /// Weights that never draw a shape.
    #[error("the weights of all shapes are 0, expected at least one above")]
    NoShape,
}

/// Composes questions about the contents of `database`, whose schema is `schema`.
///
/// Every query has run within the budget and gave at least one row with a value that is neither NULL nor a lone zero. The
/// constants of a query are values of the contents, and the question says each of them, as it is or in the [`Lexicon`]'s
/// words; only the 1 of `LIMIT 1` is not said. A question is meant to have one answer: "the singer with the highest age"
/// is asked only where one singer has it, an order only where rows with equal keys look the same, a foreign key is
/// followed only if all of its values have exactly one row. Texts are not summed, keys and flags are not compared.
///
/// The same schema, contents and options give the same questions. Fewer than asked for come where a database
/// is too small: after 60 shapes in a row without a new question, ten tries each, it ends.
///
/// Names become words: `Song_release_year` is a song release year, `singer_name` of the table `singer` is its name. What is
/// not English in a schema stays so; a [`Lexicon`] helps.
///
/// # Errors
/// If no table has rows, or no shape a weight.
///
/// # Example
/// ```
/// use anneal_sql::{Budget, ComposeOptions, Database, Schema, Shape, compose};
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("film.sqlite");
/// rusqlite::Connection::open(&path)?.execute_batch(
///     "CREATE TABLE film (id INTEGER PRIMARY KEY, title TEXT, year INT);
///      INSERT INTO film VALUES (1, 'Vertigo', 1958), (2, 'Gilda', 1946), (3, 'Laura', 1944);",
/// )?;
/// let database = Database::open(&path)?;
/// let options = ComposeOptions { questions: 5, weights: [(Shape::Count, 1)].into(), ..ComposeOptions::default() };
/// let composed = compose(&Schema::read(&database)?, &database, &options)?;
/// // Two phrasings of the one count that there is.
/// assert_eq!(composed.len(), 2);
/// assert!(composed.iter().all(|one| one.sql == "SELECT COUNT(*) FROM film"));
/// assert!(composed[0].question.contains("films"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn compose(
    schema: &Schema,
    database: &Database,
    options: &ComposeOptions,
) -> Result<Vec<Composed>, ComposeError> {
    let weights: Vec<(Shape, u32)> = match options.weights.is_empty() {
        true => Shape::ALL
            .iter()
            .map(|&shape| (shape, shape.weight()))
            .collect(),
        false => options
            .weights
            .iter()
            .map(|(&shape, &weight)| (shape, weight))
            .collect(),
    };
    if weights.iter().all(|(_, weight)| *weight == 0) {
        return Err(ComposeError::NoShape);
    }
    let world = World::read(schema, database, &options.lexicon, &options.budget);
    if world.tables.iter().all(|table| table.rows == 0) {
        return Err(ComposeError::NoRows {
            tables: schema.tables.len(),
        });
    }
    // Databases of one seed must not draw the same shapes in a row.
    let names = schema.tables.iter().map(|table| table.name.as_bytes());
    let purpose: Vec<&[u8]> = std::iter::once(&b"compose"[..]).chain(names).collect();
    let mut pen = Pen {
        world: &world,
        random: Random::new(options.seed, &purpose),
    };
    let mut composed = Vec::new();
    let mut asked: HashSet<String> = HashSet::new();
    let mut written: HashMap<String, usize> = HashMap::new();
    let mut failed = 0;
    while composed.len() < options.questions && failed < MAX_FAILURES {
        failed += 1;
        let shape = drawn(&mut pen.random, &weights);
        // Several tries for one shape, or those with much to check would be rare.
        for _ in 0..TRIES {
            let Some(draft) = write(&mut pen, shape) else {
                continue;
            };
            let question = capitalised(&draft.question);
            let times = written.get(&draft.sql).copied().unwrap_or(0);
            if times < options.phrasings
                && !asked.contains(&question)
                && holds(database, &draft, &options.budget)
            {
                failed = 0;
                asked.insert(question.clone());
                *written.entry(draft.sql.clone()).or_default() += 1;
                let sql = draft.sql;
                composed.push(Composed {
                    question,
                    sql,
                    shape,
                });
                break;
            }
        }
    }
    Ok(composed)
}

/// Shapes in a row without a new question, after which there is nothing left to ask.
const MAX_FAILURES: usize = 60;

/// Tries to draw what a shape needs.
const TRIES: usize = 10;

fn drawn(random: &mut Random, weights: &[(Shape, u32)]) -> Shape {
    let total: usize = weights.iter().map(|(_, weight)| *weight as usize).sum();
    let mut at = random.below(total);
    for (shape, weight) in weights {
        match at.checked_sub(*weight as usize) {
            Some(rest) => at = rest,
            None => return *shape,
        }
    }
    Shape::Count
}

fn write(pen: &mut Pen<'_>, shape: Shape) -> Option<Draft> {
    single::compose(pen, shape)
        .or_else(|| aggregate::compose(pen, shape))
        .or_else(|| join::compose(pen, shape))
        .or_else(|| nested::compose(pen, shape))
}

/// Whether the query runs, has an answer, and means one thing.
fn holds(database: &Database, draft: &Draft, budget: &Budget) -> bool {
    let Ok(rows) = database.query(&draft.sql, budget) else {
        return false;
    };
    let lone_zero = rows.len() == 1 && rows.width() == 1 && rows.rows()[0][0] == Value::Integer(0);
    let empty = rows
        .rows()
        .iter()
        .flatten()
        .all(|value| *value == Value::Null);
    if empty || lone_zero {
        return false;
    }
    let differ = |sql: &String| {
        database
            .query(sql, budget)
            .is_ok_and(|other| other.rows() != rows.rows())
    };
    draft.differ.iter().all(differ)
        && draft.same.iter().all(|sql| {
            database
                .query(sql, budget)
                .is_ok_and(|other| other.rows() == rows.rows())
        })
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => String::new(),
    }
}
