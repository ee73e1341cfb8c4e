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
//! | judge a prediction | [`judge`], [`Judgement`] |
//! | why it is wrong | [`Failure`], [`Difference`], [`difference`] |
//! | a folder of databases, each with its test suite | [`Databases`], [`Suite`], [`Gold`] |
//! | many predictions, over threads | [`Evaluator`], [`Case`], [`Example`] |
//! | other measures of two results | [`same_rows`] and [`soft_f1`] (BIRD), [`r_ves`], [`subset_match`] (sql-eval) |
//! | the same text, up to form, or by Spider's components and levels | [`exact_match`], [`normalised_match`], [`spider_match`] |
//! | databases for a row without data | [`generate`] |
//! | wrong variants of a query | [`mutants`] |
//! | rates with intervals, a report, its page, two compared | [`Rate`], [`Report`], [`Report::to_html`], [`Comparison`] |
//! | questions with their SQL for a database | [`compose`](fn@compose) |
//! | schema text for a prompt | [`schema_text`] |
//! | a schema from a file, SQL text or Spider's `tables.json` | [`Schema::read`], [`Schema::parse`], [`Schema::from_context`], [`spider_schemas`] |
//! | what is known about it | [`Schema::sample`], [`Descriptions`] |
//! | a schema as text, in part, within a token budget | [`Schema::render`], [`Schema::used_by`], [`Schema::keep`], [`Schema::with_distractors`], [`Schema::fit`] |
//! | what each token of a query is | [`sql_spans`] |
//! | a query with the tables' own names for aliases | [`without_aliases`] |
//! | a model's answer to SQL | [`clean_sql`], [`repaired`], [`without_distinct`] |
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
//! let Judgement::Wrong(difference) = judge(&database, gold, "SELECT id FROM film", &budget) else { panic!() };
//! assert_eq!(difference.to_string(), "1 column, expected 2");
//! assert!(matches!(
//!     judge(&database, gold, "DROP TABLE film", &budget),
//!     Judgement::PredictionFailed(anneal_sql::QueryError::Forbidden { .. })
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Where there is a schema and no data, databases are made for the gold:
//!
//! ```
//! use anneal_sql::{
//!     Case, EvaluateOptions, Evaluator, Failure, GenerateOptions, Meta, Origin, Report, Source,
//! };
//!
//! let case = |predicted: &str| Case {
//!     question: "Which films are from after 1950?".into(),
//!     context: Some("CREATE TABLE film (title TEXT, year INTEGER)".into()),
//!     gold: "SELECT title FROM film WHERE year > 1950".into(),
//!     predicted: Some(predicted.into()),
//!     ..Case::default()
//! };
//! let cases = [
//!     case("SELECT title FROM film WHERE NOT year <= 1950"),
//!     case("SELECT title FROM film WHERE year >= 1950"),
//!     case("SELECT name FROM film"),
//! ];
//! let (options, made) = (EvaluateOptions::default(), GenerateOptions::default());
//! let examples = Evaluator::new(Source::Generated(made), options.clone()).evaluate(&cases)?;
//! assert_eq!(examples[1].failure, Some(Failure::WrongRows));
//! assert_eq!(examples[2].error.as_deref(), Some("no such column: name"));
//!
//! let origin = Origin::Generated { each: made.databases, seed: made.seed };
//! let report = Report::new(Meta::new("three tries", origin, false, &options.budget), examples);
//! let right = &report.totals().matches;
//! let [low, high] = right.interval.ok_or("nothing was judged")?;
//! assert_eq!(format!("{} of {}, {low:.3} to {high:.3}", right.count, right.of), "1 of 3, 0.061 to 0.792");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod budget;
mod compare;
mod complaint;
mod compose;
mod context;
mod database;
mod difference;
mod error;
mod evaluate;
mod extract;
mod failure;
mod file;
mod functions;
mod gate;
mod generate;
mod heap;
mod judge;
mod lexer;
mod matching;
mod math;
mod metrics;
mod mutate;
mod report;
mod rows;
mod schema;
mod spans;
mod suite;
mod text;

pub use budget::Budget;
pub use compare::compare;
pub use complaint::Complaint;
pub use compose::{ComposeError, ComposeOptions, Composed, Lexicon, Shape, compose};
pub use context::ContextError;
pub use database::Database;
pub use difference::{Difference, difference};
pub use error::{QueryError, SqlError};
pub use evaluate::{
    Case, EvaluateError, EvaluateOptions, Evaluator, Example, GoldPolicy, Preview, Shown, Source,
};
pub use extract::clean_sql;
pub use failure::Failure;
pub use gate::{MAX_HEAP_BYTES, MAX_SQL_BYTES, MAX_VALUE_BYTES};
pub use generate::{GenerateError, GenerateOptions, Generated, generate};
pub use judge::{Judgement, judge};
pub use matching::{
    ComponentScore, ComponentScores, ComponentTotal, Hardness, LevelTotal, MAX_SPIDER_DEPTH,
    SPIDER_COMPONENTS, SpiderError, SpiderMatch, SpiderQuery, SpiderSchema, SpiderTotals,
    component_match, exact_match, normal_form, normalised_match, spider_match, without_aliases,
};
pub use metrics::{
    AlternativesError, asks_for_order, gold_alternatives, r_ves, r_ves_reward, same_rows, soft_f1,
    subset_match, time_ratio,
};
pub use mutate::{Edit, MAX_MUTANTS, MAX_MUTATED_BYTES, Mutant, MutateError, mutants};
pub use report::{
    Change, Comparison, ComparisonError, Limits, Mean, Meta, Origin, Paired, Rate, Report,
    ReportError, Scores, Side, mcnemar, paired_interval, wilson,
};
pub use rows::{Rows, Value};
pub use schema::{
    Affinity, Column, DescriptionError, Descriptions, FitError, Fitted, ForeignKey, LeftOut,
    LongText, MAX_SCHEMA_TEXT_BYTES, NameError, Samples, Schema, SchemaError, SchemaForm,
    SchemaStyle, Selection, Table, TypeStyle, UsedByError, schema_text, spider_schemas,
};
pub use spans::{Span, TokenClass, sql_spans};
pub use suite::{Databases, Gold, Suite};
pub use text::{orders, repaired, without_distinct};
