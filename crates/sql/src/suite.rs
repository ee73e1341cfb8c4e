//! A folder of databases, and each database's test suite.
//!
//! The layout is Spider's: `DIR/<db_id>/<db_id>.sqlite`; every other `.sqlite`
//! beside it belongs to that database's test suite.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::judge::against;
use crate::lexer::single_statement;
use crate::{
    Budget, Database, Judgement, QueryError, Rows, Schema, SpiderSchema, SqlError, orders, repaired,
};

/// Open files that are kept; each may hold two megabytes of page cache.
const OPEN_FILES: usize = 64;

/// The databases of one id: the database itself and those of its test suite.
#[derive(Debug)]
pub struct Suite {
    databases: Vec<Database>,
    generated: bool,
    /// Read when they are first asked for; `None` if they cannot be.
    names: OnceCell<Option<Names>>,
}

/// The names of a suite's tables and columns.
#[derive(Debug)]
pub(crate) struct Names {
    pub(crate) schema: Schema,
    /// As Spider's script sees them.
    pub(crate) spider: SpiderSchema,
}

impl Names {
    fn new(schema: Schema) -> Self {
        // The script's map of foreign keys is made in SQLite's order, the last declared key first.
        let mut reversed = schema.clone();
        for table in &mut reversed.tables {
            table.foreign_keys.reverse();
        }
        Self {
            spider: SpiderSchema::new(&reversed),
            schema,
        }
    }
}

impl Suite {
    /// A suite of databases, the main one first.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn new(databases: Vec<Database>) -> Self {
        assert!(!databases.is_empty(), "a suite has at least one database");
        Self {
            databases,
            generated: false,
            names: OnceCell::new(),
        }
    }

    /// The suite of databases that were generated from `schema`: all alike, none the main one.
    pub(crate) fn generated_from(self, schema: Schema) -> Self {
        Self {
            generated: true,
            names: OnceCell::from(Some(Names::new(schema))),
            ..self
        }
    }

    pub(crate) fn is_generated(&self) -> bool {
        self.generated
    }

    /// Which database the one at `at` is, in words, where its path does not say.
    pub(crate) fn label(&self, at: usize) -> Option<String> {
        let of = self.databases.len();
        self.generated
            .then(|| format!("generated database {} of {of}", at + 1))
    }

    /// The names of its tables and columns, read once.
    pub(crate) fn names(&self) -> Option<&Names> {
        let read = || Schema::read(self.main()).ok().map(Names::new);
        self.names.get_or_init(read).as_ref()
    }

    /// The database itself, without the others of its suite.
    #[must_use]
    pub fn main(&self) -> &Database {
        &self.databases[0]
    }

    /// All databases, the main one first, the others by name.
    #[must_use]
    pub fn databases(&self) -> &[Database] {
        &self.databases
    }

    /// Judges on every database: correct only if the results agree on each.
    ///
    /// The gold query runs on all databases first, so that whether an example
    /// counts never depends on the prediction; the first database where the
    /// prediction is not correct gives the verdict. See [`judge`](crate::judge).
    #[must_use]
    pub fn judge(&self, gold: &str, predicted: &str, budget: &Budget) -> Judgement {
        match self.gold(gold, budget) {
            Ok(gold) => self.judge_against(&gold, predicted, budget),
            Err((_, error)) => Judgement::GoldFailed(error),
        }
    }

    /// Runs the gold query on every database, once for many predictions.
    ///
    /// # Errors
    /// Its failure, with the place of the database among [`Suite::databases`].
    pub fn gold(&self, gold: &str, budget: &Budget) -> Result<Gold, (usize, QueryError)> {
        let sql = repaired(gold);
        let run = |(at, database): (usize, &Database)| {
            database.query(&sql, budget).map_err(|error| (at, error))
        };
        let results: Result<_, _> = self.databases.iter().enumerate().map(run).collect();
        Ok(Gold {
            results: results?,
            // Not empty: it ran.
            statement: single_statement(&sql).unwrap_or_default().to_owned(),
            orders: orders(gold),
        })
    }

    /// Judges a prediction against the gold's results on the same suite.
    ///
    /// A prediction that is the gold's own statement is correct and not run again.
    ///
    /// # Panics
    /// If `gold` is of a suite with another number of databases.
    #[must_use]
    pub fn judge_against(&self, gold: &Gold, predicted: &str, budget: &Budget) -> Judgement {
        self.verdict(gold, predicted, budget).judgement
    }

    /// [`Suite::judge_against`], with the results that it saw.
    pub(crate) fn verdict<'g>(
        &self,
        gold: &'g Gold,
        predicted: &str,
        budget: &Budget,
    ) -> Verdict<'g> {
        assert_eq!(
            gold.results.len(),
            self.databases.len(),
            "a result of the gold for each database"
        );
        let predicted = repaired(predicted);
        // The gold's own text has the gold's own results.
        if single_statement(&predicted).is_ok_and(|statement| statement == gold.statement) {
            return Verdict {
                judgement: Judgement::Correct,
                at: 0,
                main: gold.results.first().map(Cow::Borrowed),
                there: None,
            };
        }
        let mut main = None;
        for (at, database) in self.databases.iter().enumerate() {
            let expected = &gold.results[at];
            let (judgement, rows) = against(database, expected, gold.orders, &predicted, budget);
            let there = match at {
                0 => {
                    main = rows.map(Cow::Owned);
                    None
                }
                _ => rows,
            };
            if judgement != Judgement::Correct {
                return Verdict {
                    judgement,
                    at,
                    main,
                    there,
                };
            }
        }
        Verdict {
            judgement: Judgement::Correct,
            at: 0,
            main,
            there: None,
        }
    }
}

/// The gold's results on each database of a suite; see [`Suite::gold`].
#[derive(Debug)]
pub struct Gold {
    pub(crate) results: Vec<Rows>,
    statement: String,
    orders: bool,
}

impl Gold {
    /// Its result on each database, in the suite's order.
    #[must_use]
    pub fn results(&self) -> &[Rows] {
        &self.results
    }

    /// Whether the order of rows counts.
    #[must_use]
    pub fn order_matters(&self) -> bool {
        self.orders
    }
}

/// A judgement with the results that it saw.
pub(crate) struct Verdict<'g> {
    pub(crate) judgement: Judgement,
    /// The first database that differs; 0 if none does.
    pub(crate) at: usize,
    /// The prediction's result on the main database, where it runs.
    pub(crate) main: Option<Cow<'g, Rows>>,
    /// Its result on database `at`, if that is another.
    pub(crate) there: Option<Rows>,
}

/// A folder of databases; opens them by id and keeps them open.
///
/// ```
/// use anneal_sql::{Budget, Databases, Judgement};
///
/// let folder = tempfile::tempdir()?;
/// std::fs::create_dir(folder.path().join("film"))?;
/// for (file, title) in [("film", "Gilda"), ("other", "Vertigo")] {
///     let path = folder.path().join(format!("film/{file}.sqlite"));
///     rusqlite::Connection::open(path)?
///         .execute_batch(&format!("CREATE TABLE film (title); INSERT INTO film VALUES ('{title}')"))?;
/// }
/// let mut databases = Databases::new(folder.path());
/// let suite = databases.open("film")?;
/// let (gold, luck) = ("SELECT title FROM film", "SELECT 'Gilda'");
/// assert_eq!(anneal_sql::judge(suite.main(), gold, luck, &Budget::default()), Judgement::Correct);
/// assert!(matches!(suite.judge(gold, luck, &Budget::default()), Judgement::Wrong(_)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Databases {
    folder: PathBuf,
    open: HashMap<String, Suite>,
}

impl Databases {
    /// The databases under `folder`; nothing is opened yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            open: HashMap::new(),
        }
    }

    /// The database `db_id` and its suite. They stay open for the next call; when
    /// more than 64 files are open, all others are closed first.
    ///
    /// # Errors
    /// An id that is not a plain folder name (ids come from question files, and
    /// must not lead out of the folder), a database that is missing, or any file of its
    /// suite that cannot be used.
    pub fn open(&mut self, db_id: &str) -> Result<&Suite, SqlError> {
        if !self.open.contains_key(db_id) {
            let suite = self.read(db_id)?;
            let files = |suite: &Suite| suite.databases.len();
            if self.open.values().map(files).sum::<usize>() + files(&suite) > OPEN_FILES {
                self.open.clear();
            }
            self.open.insert(db_id.to_owned(), suite);
        }
        Ok(&self.open[db_id])
    }

    fn read(&self, db_id: &str) -> Result<Suite, SqlError> {
        let plain = !db_id.is_empty()
            && !matches!(db_id, "." | "..")
            && !db_id.contains(|c: char| matches!(c, '/' | '\\' | ':') || c.is_control());
        if !plain {
            return Err(SqlError::DatabaseId {
                db_id: db_id.into(),
            });
        }
        let folder = self.folder.join(db_id);
        let main = folder.join(format!("{db_id}.sqlite"));
        let mut databases = vec![Database::open(&main)?];
        for path in sqlite_files(&folder)? {
            if path != main {
                databases.push(Database::open(&path)?);
            }
        }
        Ok(Suite::new(databases))
    }
}

/// The `.sqlite` files of a folder, by name.
fn sqlite_files(folder: &Path) -> Result<Vec<PathBuf>, SqlError> {
    let io = |source| SqlError::Io {
        path: folder.to_owned(),
        source,
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "sqlite")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
