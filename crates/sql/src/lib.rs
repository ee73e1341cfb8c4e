//! Safe execution of SQL, and the comparison of results.
//!
//! SQL that a model wrote is hostile input. This crate runs it on a SQLite file
//! that cannot change ([`Database`]), within a [`Budget`], and says whether it
//! answers the question as the reference (gold) query does ([`judge`]): by the
//! rules of Spider's test-suite evaluation, with typed values.
//!
//! | what | where |
//! |---|---|
//! | open a file, run one query | [`Database`], [`Budget`], [`Rows`], [`Value`] |
//! | an empty database from CREATE TABLE text, kinds of failure | [`Database::from_context`], [`Complaint`] |
//! | compare two results | [`compare`], [`orders`] |
//! | judge a prediction, count | [`judge`], [`Judgement`], [`Totals`], [`ReportLine`] |
//! | a folder of databases, each with its test suite | [`Databases`], [`Suite`] |
//! | schema text for a prompt | [`schema_text`] |
//! | a model's answer to SQL | [`clean_sql`], [`without_distinct`] |
//!
//! # Example
//!
//! ```
//! use anneal_sql::{Budget, Database, Judgement, judge};
//!
//! let folder = tempfile::tempdir()?;
//! let path = folder.path().join("film.sqlite");
//! rusqlite::Connection::open(&path)?.execute_batch(
//!     "CREATE TABLE film (id INTEGER, title TEXT);
//!      INSERT INTO film VALUES (1, 'Vertigo'), (2, 'Gilda');",
//! )?;
//!
//! let database = Database::open(&path)?;
//! let gold = "SELECT title, id FROM film";
//! let budget = Budget::default();
//! assert_eq!(judge(&database, gold, "SELECT id, title FROM film", &budget), Judgement::Correct);
//! assert_eq!(judge(&database, gold, "SELECT id FROM film", &budget), Judgement::Wrong);
//! assert!(matches!(
//!     judge(&database, gold, "DROP TABLE film", &budget),
//!     Judgement::PredictionFailed(anneal_sql::QueryError::Forbidden { .. })
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod compare;
mod complaint;
mod context;
mod database;
mod error;
mod file;
mod gate;
mod judge;
mod lexer;
mod report;
mod rows;
mod schema;
mod suite;
mod text;

pub use budget::Budget;
pub use compare::compare;
pub use complaint::Complaint;
pub use context::ContextError;
pub use database::Database;
pub use error::{QueryError, SqlError};
pub use gate::{MAX_HEAP_BYTES, MAX_SQL_BYTES, MAX_VALUE_BYTES};
pub use judge::{Judgement, judge};
pub use report::{ReportLine, Totals};
pub use rows::{Rows, Value};
pub use schema::schema_text;
pub use suite::{Databases, Suite};
pub use text::{clean_sql, orders, without_distinct};
