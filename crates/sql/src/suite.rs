//! A folder of databases, and each database's test suite.
//!
//! The layout is Spider's: `DIR/<db_id>/<db_id>.sqlite`; every other `.sqlite`
//! beside it belongs to that database's test suite.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::judge::against;
use crate::{Budget, Database, Judgement, SqlError, orders};

/// Open files that are kept; each may hold two megabytes of page cache.
const OPEN_FILES: usize = 64;

/// The databases of one id: the database itself and those of its test suite.
#[derive(Debug)]
pub struct Suite {
    databases: Vec<Database>,
}

impl Suite {
    /// A suite of databases, the main one first.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn new(databases: Vec<Database>) -> Self {
        assert!(!databases.is_empty(), "a suite has at least one database");
        Self { databases }
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
        let mut results = Vec::with_capacity(self.databases.len());
        for database in &self.databases {
            match database.query(gold, budget) {
                Ok(rows) => results.push(rows),
                Err(error) => return Judgement::GoldFailed(error),
            }
        }
        let order_matters = orders(gold);
        self.databases
            .iter()
            .zip(&results)
            .map(|(database, rows)| against(database, rows, order_matters, predicted, budget))
            .find(|judgement| *judgement != Judgement::Correct)
            .unwrap_or(Judgement::Correct)
    }
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
/// assert_eq!(suite.judge(gold, luck, &Budget::default()), Judgement::Wrong);
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
