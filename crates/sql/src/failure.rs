//! Why a prediction is wrong, by class.

use serde::{Deserialize, Serialize};

use crate::lexer::{Token, tokens};
use crate::{Complaint, QueryError};

/// The class of a failure. In JSON: its name in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Failure {
    /// No SQL at all: no prediction, nothing but white space, or prose.
    NotSql,
    /// It begins as SQL does and does not parse.
    DoesNotParse,
    /// More than one statement.
    SeveralStatements,
    /// SQL that is not allowed to run: it writes, attaches, or reaches outside.
    Forbidden,
    /// A table that the database does not have.
    UnknownTable,
    /// A column that its tables do not have.
    UnknownColumn,
    /// A column that several of its tables have.
    AmbiguousColumn,
    /// A function that is not there, a wrong number of arguments, an aggregate out of place, a type that does not fit.
    TypeOrFunction,
    /// It does not end within the budget.
    BudgetExceeded,
    /// It runs; its result has another number of columns, or as many rows and some of the gold's columns, not all.
    WrongColumns,
    /// It runs; its rows are others.
    WrongRows,
    /// It runs; its rows are right, their order is not.
    WrongOrder,
    /// It runs and gives no row, and the gold gives some.
    Empty,
}

/// Words that a statement begins with, SQLite's and those of other systems.
const STATEMENTS: [&str; 36] = [
    "select",
    "with",
    "values",
    "insert",
    "update",
    "delete",
    "replace",
    "create",
    "drop",
    "alter",
    "pragma",
    "attach",
    "detach",
    "begin",
    "commit",
    "end",
    "rollback",
    "savepoint",
    "release",
    "analyze",
    "reindex",
    "vacuum",
    "explain",
    "show",
    "describe",
    "desc",
    "set",
    "use",
    "call",
    "exec",
    "execute",
    "merge",
    "truncate",
    "grant",
    "revoke",
    "declare",
];

impl QueryError {
    /// The class of this error of the query `sql`.
    ///
    /// - [`Failure::NotSql`]: nothing to run; or text that SQLite cannot parse, or that looks like several statements, and that does
    ///   not begin, after opening parentheses, with a word that begins statements in SQLite or another system.
    /// - [`Failure::DoesNotParse`]: the other texts that cannot be parsed, and parameters (`?`) left open.
    /// - [`Failure::TypeOrFunction`]: whatever SQLite refuses otherwise, when it compiles the query or while it runs.
    ///
    /// ```
    /// use anneal_sql::{Failure, QueryError};
    /// let error = QueryError::Sqlite { message: "no such column: T3.age".into() };
    /// assert_eq!(error.failure("SELECT T3.age FROM pet AS T1"), Failure::UnknownColumn);
    /// ```
    #[must_use]
    pub fn failure(&self, sql: &str) -> Failure {
        match (self, self.complaint()) {
            (Self::Empty, _) => Failure::NotSql,
            (Self::SeveralStatements, _) if begins_as_sql(sql) => Failure::SeveralStatements,
            (Self::Parameters { .. }, _) => Failure::DoesNotParse,
            (Self::SeveralStatements, _) | (_, Complaint::Syntax) => {
                if begins_as_sql(sql) {
                    Failure::DoesNotParse
                } else {
                    Failure::NotSql
                }
            }
            (_, Complaint::UnknownTable) => Failure::UnknownTable,
            (_, Complaint::UnknownColumn) => Failure::UnknownColumn,
            (_, Complaint::AmbiguousColumn) => Failure::AmbiguousColumn,
            (_, Complaint::Forbidden) => Failure::Forbidden,
            (_, Complaint::OverBudget) => Failure::BudgetExceeded,
            (Self::Sqlite { message }, _) => of_message(message),
            _ => Failure::TypeOrFunction,
        }
    }
}

/// What is left of SQLite's messages.
fn of_message(message: &str) -> Failure {
    let begins = |starts: &[&str]| starts.iter().any(|start| message.starts_with(start));
    let grammar = [
        "no tables specified",
        "unknown join type",
        "a JOIN clause is required before",
        "a NATURAL join may not have",
        "duplicate WITH table name",
    ];
    if message.contains(" clause should come after ") || begins(&grammar) {
        Failure::DoesNotParse
    } else if begins(&["cannot join using column"])
        || message.ends_with("ORDER BY term does not match any column in the result set")
    {
        Failure::UnknownColumn
    } else if begins(&[
        "Expression tree is too large",
        "parser stack overflow",
        "too many ",
        "LIKE or GLOB pattern too complex",
        "at most ",
    ]) {
        Failure::BudgetExceeded
    } else {
        Failure::TypeOrFunction
    }
}

fn begins_as_sql(sql: &str) -> bool {
    tokens(sql)
        .filter(Token::is_code)
        .find(|token| !matches!(token.text, "(" | ";"))
        .is_some_and(|first| STATEMENTS.iter().any(|word| first.is_word(word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Budget, Database};

    #[test]
    fn every_class_is_told_from_what_sqlite_says() {
        let budget = Budget {
            operations: 100_000,
            ..Budget::default()
        };
        let context = "CREATE TABLE pet (id INTEGER, name TEXT); CREATE TABLE home (id INTEGER)";
        let database = Database::from_context(context, &budget).unwrap();
        let deep = format!("SELECT {}1", "1+".repeat(600));
        let long = format!("SELECT '{}'", "x".repeat(70_000));
        let endless =
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n";
        for (sql, failure) in [
            ("", Failure::NotSql),
            (" -- nothing\n;", Failure::NotSql),
            ("The answer is 3", Failure::NotSql),
            ("Sure; here it is: SELECT 1", Failure::NotSql),
            ("42", Failure::NotSql),
            ("'SELECT 1'", Failure::NotSql),
            ("SELEC name FROM pet", Failure::NotSql),
            ("SELECT", Failure::DoesNotParse),
            ("select name frm pet where", Failure::DoesNotParse),
            ("(SELECT name FROM pet", Failure::DoesNotParse),
            ("SHOW TABLES", Failure::DoesNotParse),
            ("SELECT name FROM pet WHERE id = ?", Failure::DoesNotParse),
            ("SELECT *", Failure::DoesNotParse),
            (
                "SELECT id FROM pet ORDER BY id UNION SELECT id FROM home",
                Failure::DoesNotParse,
            ),
            (
                "SELECT id FROM pet INNER OUTER JOIN home",
                Failure::DoesNotParse,
            ),
            (
                "SELECT * FROM pet NATURAL JOIN home USING (id)",
                Failure::DoesNotParse,
            ),
            ("SELECT id FROM pet ON id = 1", Failure::DoesNotParse),
            (
                "WITH a AS (SELECT 1), a AS (SELECT 2) SELECT * FROM a",
                Failure::DoesNotParse,
            ),
            (
                "SELECT id FROM pet UNION SELECT id FROM home ORDER BY age",
                Failure::UnknownColumn,
            ),
            ("```sql\nSELECT name FROM pet\n```", Failure::NotSql),
            ("SELECT 1; SELECT 2", Failure::SeveralStatements),
            ("; SELECT 1; SELECT 2", Failure::SeveralStatements),
            ("DELETE FROM pet", Failure::Forbidden),
            ("PRAGMA table_info(pet)", Failure::Forbidden),
            ("EXPLAIN SELECT 1", Failure::Forbidden),
            ("SELECT name FROM cat", Failure::UnknownTable),
            ("SELECT age FROM pet", Failure::UnknownColumn),
            ("SELECT T2.name FROM pet AS T1", Failure::UnknownColumn),
            (
                "SELECT * FROM pet JOIN home USING (name)",
                Failure::UnknownColumn,
            ),
            ("SELECT id FROM pet, home", Failure::AmbiguousColumn),
            ("SELECT year(name) FROM pet", Failure::TypeOrFunction),
            ("SELECT length(name, id) FROM pet", Failure::TypeOrFunction),
            (
                "SELECT name FROM pet WHERE count(*) > 1",
                Failure::TypeOrFunction,
            ),
            (
                "SELECT id, name FROM pet UNION SELECT id FROM home",
                Failure::TypeOrFunction,
            ),
            (
                "SELECT id FROM pet WHERE id IN (SELECT 1, 2)",
                Failure::TypeOrFunction,
            ),
            ("SELECT id FROM pet LIMIT 'many'", Failure::TypeOrFunction),
            (
                "SELECT abs(-9223372036854775807 - 1)",
                Failure::TypeOrFunction,
            ),
            (deep.as_str(), Failure::BudgetExceeded),
            (long.as_str(), Failure::BudgetExceeded),
            (endless, Failure::BudgetExceeded),
        ] {
            let error = database.query(sql, &budget).expect_err(sql);
            assert_eq!(error.failure(sql), failure, "{sql:.80}: {error}");
        }
    }

    #[test]
    fn a_class_is_its_name_in_snake_case() {
        let json = serde_json::to_string(&[Failure::NotSql, Failure::TypeOrFunction]).unwrap();
        assert_eq!(json, r#"["not_sql","type_or_function"]"#);
    }
}
