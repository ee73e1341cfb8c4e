//! The check that a context builds and that an answer runs on it: cleaning's hook, filled by SQLite.

use anneal_data::{Check, Fault, Reason, Row, Sample};
use anneal_sql::{Budget, Complaint, Database};

/// The context is no CREATE TABLE text that SQLite takes.
pub const CONTEXT: Reason = Reason::new("context does not build");
/// The answer does not parse.
pub const SYNTAX: Reason = Reason::new("syntax error");
/// The answer names a table that the context does not create.
pub const UNKNOWN_TABLE: Reason = Reason::new("unknown table");
/// The answer names a column that no table of it has.
pub const UNKNOWN_COLUMN: Reason = Reason::new("unknown column");
/// The answer names a column that several of its tables have.
pub const AMBIGUOUS_COLUMN: Reason = Reason::new("ambiguous column");
/// The answer calls a function that SQLite lacks.
pub const UNKNOWN_FUNCTION: Reason = Reason::new("unknown function");
/// The answer has an aggregate where none may stand.
pub const AGGREGATE: Reason = Reason::new("misplaced aggregate");
/// The answer is no reading query.
pub const FORBIDDEN: Reason = Reason::new("not a query that reads");
/// The answer takes more than the budget even without a row to read.
pub const OVER_BUDGET: Reason = Reason::new("over the budget");
/// SQLite refuses the answer for another reason.
pub const REFUSED: Reason = Reason::new("refused by SQLite");

/// Builds each row's context as an empty database in memory and runs its answer there.
///
/// A row without a context, and one that is not text-to-SQL, passes: there is nothing to run on. That
/// an answer runs on empty tables does not make it right, and a name in double quotes that no column
/// has passes as a text, as SQLite has it.
///
/// ```
/// use anneal_data::{At, Check, Place, Row, Sample, SqlSample};
/// use anneal_examples::SqlCheck;
/// let row = |sql: &str| Row {
///     place: Place { file: std::path::Path::new("rows.jsonl").into(), at: At::Line(1) },
///     sample: Sample::Sql(SqlSample {
///         context: Some("CREATE TABLE pet (name TEXT)".into()),
///         sql: sql.into(),
///         ..SqlSample::default()
///     }),
/// };
/// let check = SqlCheck::default();
/// assert!(check.check(&row("SELECT name FROM pet")).is_ok());
/// let fault = check.check(&row("SELECT age FROM pet")).unwrap_err();
/// assert_eq!((fault.reason.as_str(), fault.detail.as_str()), ("unknown column", "no such column: age"));
/// ```
#[derive(Debug, Clone, Copy)]
pub struct SqlCheck {
    /// What building and running may cost, each.
    pub budget: Budget,
}

impl Default for SqlCheck {
    /// A million operations, a thousand rows, no stopwatch: a verdict on data must come out the same
    /// on a slow machine.
    fn default() -> Self {
        Self {
            budget: Budget {
                operations: 1_000_000,
                rows: 1000,
                wall: None,
                ..Budget::default()
            },
        }
    }
}

impl Check for SqlCheck {
    fn check(&self, row: &Row) -> Result<(), Fault> {
        let Sample::Sql(sample) = &row.sample else {
            return Ok(());
        };
        let Some(context) = &sample.context else {
            return Ok(());
        };
        let database = Database::from_context(context, &self.budget)
            .map_err(|error| Fault::new(CONTEXT, error.to_string()))?;
        match database.query(&sample.sql, &self.budget) {
            Ok(_) => Ok(()),
            Err(error) => Err(Fault::new(reason(error.complaint()), error.to_string())),
        }
    }
}

fn reason(complaint: Complaint) -> Reason {
    match complaint {
        Complaint::Syntax => SYNTAX,
        Complaint::UnknownTable => UNKNOWN_TABLE,
        Complaint::UnknownColumn => UNKNOWN_COLUMN,
        Complaint::AmbiguousColumn => AMBIGUOUS_COLUMN,
        Complaint::UnknownFunction => UNKNOWN_FUNCTION,
        Complaint::Aggregate => AGGREGATE,
        Complaint::Forbidden => FORBIDDEN,
        Complaint::OverBudget => OVER_BUDGET,
        _ => REFUSED,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use anneal_data::{At, Message, Place};

    use super::*;

    fn row(sample: Sample) -> Row {
        let file = Path::new("rows.jsonl").into();
        let at = At::Line(1);
        Row {
            place: Place { file, at },
            sample,
        }
    }

    fn sql(context: Option<&str>, sql: &str) -> Row {
        row(Sample::Sql(anneal_data::SqlSample {
            context: context.map(str::to_owned),
            sql: sql.into(),
            ..Default::default()
        }))
    }

    #[test]
    fn every_fault_has_its_reason_and_sqlites_words() {
        let tables = Some("CREATE TABLE a (x INT, y TEXT); CREATE TABLE b (x INT)");
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        for (context, answer, reason, detail) in [
            (
                Some(""),
                "SELECT 1",
                CONTEXT,
                "the context: the query is empty",
            ),
            (
                Some("CREATE TABLE a (x); DROP TABLE a"),
                "SELECT 1",
                CONTEXT,
                "statement 2 of the context: the query is not allowed to use changes of the schema",
            ),
            (
                tables,
                "SELECT FROM a",
                SYNTAX,
                "near \"FROM\": syntax error",
            ),
            (tables, "SELECT x FROM c", UNKNOWN_TABLE, "no such table: c"),
            (
                tables,
                "SELECT z FROM a",
                UNKNOWN_COLUMN,
                "no such column: z",
            ),
            (
                tables,
                "SELECT x FROM a, b",
                AMBIGUOUS_COLUMN,
                "ambiguous column name: x",
            ),
            (
                tables,
                "SELECT year(y) FROM a",
                UNKNOWN_FUNCTION,
                "no such function: year",
            ),
            (
                tables,
                "SELECT x FROM a WHERE max(x) > 1",
                AGGREGATE,
                "misuse of aggregate function max()",
            ),
            (
                tables,
                "DELETE FROM a",
                FORBIDDEN,
                "the query is not allowed to use DELETE from a",
            ),
            (
                tables,
                endless,
                OVER_BUDGET,
                "the query took more than 1000000 operations",
            ),
            (
                tables,
                "SELECT ?",
                REFUSED,
                "the query has 1 parameters without a value",
            ),
        ] {
            let fault = SqlCheck::default()
                .check(&sql(context, answer))
                .unwrap_err();
            assert_eq!(fault, Fault::new(reason, detail), "{answer}");
        }
    }

    #[test]
    fn what_cannot_be_run_or_runs_passes() {
        for row in [
            sql(None, "no query at all"),
            sql(
                Some("CREATE TABLE a (x)"),
                "SELECT x FROM a WHERE x = \"text\";",
            ),
            row(Sample::Conversation(vec![Message::user("Hi")])),
        ] {
            assert_eq!(SqlCheck::default().check(&row), Ok(()));
        }
    }
}
