//! Settings of an evaluation, and what stops it.

use std::path::PathBuf;

use crate::{Budget, GenerateError, GenerateOptions, QueryError, SchemaError, SqlError};

/// Where the databases are from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// A folder, `DIR/<db_id>/<db_id>.sqlite` and the suite beside it; see [`Databases`](crate::Databases).
    Folder(PathBuf),
    /// Made for each gold from the row's context ([`generate`](crate::generate)), where there is no data.
    Generated(GenerateOptions),
}

/// What to do about a gold that does not run, or a context that databases cannot be made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GoldPolicy {
    /// It is an error that knows the case ([`EvaluateError::case`]).
    #[default]
    Fail,
    /// The case stays, with [`Example::gold_error`](crate::Example::gold_error) or
    /// [`Judgement::GoldFailed`](crate::Judgement::GoldFailed), and counts nowhere.
    LeaveOut,
}

/// Settings of an evaluation.
///
/// ```
/// let options = anneal_sql::EvaluateOptions { ignore_distinct: true, ..Default::default() };
/// assert_eq!(options.threads, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluateOptions {
    /// Of each query.
    pub budget: Budget,
    /// Whether DISTINCT is taken out of both queries for the verdict, as Spider's script does unless it is given
    /// `--keep_distinct`. The other measures see the queries as they stand.
    pub ignore_distinct: bool,
    /// Threads, 0 for as many as the machine has. Results do not depend on it.
    pub threads: usize,
    /// How many rows of each result to show beside the queries ([`Example::shown`](crate::Example::shown));
    /// `None` shows nothing, not even the schema.
    pub shown_rows: Option<usize>,
    /// How often to time each query for R-VES, `None` for not at all. BIRD's script takes 100.
    pub time_queries: Option<usize>,
    /// What to do about a gold that does not run.
    pub gold: GoldPolicy,
}

impl Default for EvaluateOptions {
    /// The default budget, DISTINCT kept, all threads, nothing shown or timed, a gold that fails is an error.
    fn default() -> Self {
        Self {
            budget: Budget::default(),
            ignore_distinct: false,
            threads: 0,
            shown_rows: None,
            time_queries: None,
            gold: GoldPolicy::Fail,
        }
    }
}

/// What stops an evaluation. Where several cases are concerned, it is about the first.
///
/// [`EvaluateError::case`] gives the place; the words of the error leave it out, for callers that know the
/// line of the case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluateError {
    /// Its database cannot be used.
    #[error("{source}")]
    Database {
        /// Its place among the cases, from 0.
        case: usize,
        /// What is wrong with the database.
        source: SqlError,
    },
    /// It has no context to make databases from.
    #[error("there is no context to make databases from, expected CREATE TABLE text")]
    NoContext {
        /// Its place among the cases, from 0.
        case: usize,
    },
    /// Its context is no schema.
    #[error("the context: {source}")]
    Context {
        /// Its place among the cases, from 0.
        case: usize,
        /// What is wrong with the text.
        source: Box<SchemaError>,
    },
    /// No databases can be made for it.
    #[error("no database can be made: {source}")]
    Generate {
        /// Its place among the cases, from 0.
        case: usize,
        /// Why.
        source: GenerateError,
    },
    /// Its gold does not run.
    #[error("the gold query does not run on {}: {source}", database.display())]
    Gold {
        /// Its place among the cases, from 0.
        case: usize,
        /// The database of the suite; `generated database 2 of 11` where it was made.
        database: PathBuf,
        /// The verdict on the gold.
        source: QueryError,
    },
}

impl EvaluateError {
    /// The place of the case among those that were given, from 0.
    #[must_use]
    pub fn case(&self) -> usize {
        match self {
            Self::Database { case, .. }
            | Self::NoContext { case }
            | Self::Context { case, .. }
            | Self::Generate { case, .. }
            | Self::Gold { case, .. } => *case,
        }
    }

    /// What a case is left out for by [`GoldPolicy::LeaveOut`]; `None` for what stops every evaluation.
    pub(super) fn left_out(&self) -> Option<QueryError> {
        match self {
            Self::Gold { source, .. } => Some(source.clone()),
            Self::Generate {
                source: GenerateError::Gold { source },
                ..
            } => Some(source.clone()),
            // A setting, and nothing about the case.
            Self::Generate {
                source: GenerateError::NoDatabases,
                ..
            }
            | Self::Database { .. }
            | Self::NoContext { .. } => None,
            Self::Context { .. } | Self::Generate { .. } => Some(QueryError::Sqlite {
                message: self.to_string(),
            }),
        }
    }
}
