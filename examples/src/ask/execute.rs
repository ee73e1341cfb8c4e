//! What a model wrote, run as what it is: SQL that nobody vouches for.

use anneal_sql::{Budget, Database, QueryError, Rows, Value, clean_sql};

/// The beginning of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// The columns' names, as the query gives them.
    pub columns: Vec<String>,
    /// The first rows.
    pub rows: Vec<Vec<Value>>,
    /// What follows them.
    pub more: More,
}

/// The rows that are not shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum More {
    /// That many, perhaps none.
    Rows(usize),
    /// More than is counted: the whole result is over a limit.
    Uncounted,
}

/// Takes the SQL out of a model's `answer` and runs it; the result holds at most `rows` rows.
///
/// The query can only read, and ends within the default [`Budget`]. A result that is too large for
/// that is no failure here, as its beginning is all that is wanted.
///
/// # Errors
/// Why there is no result. A failure is one of the query, never of the database.
///
/// # Example
/// ```
/// use anneal_examples::ask::{More, execute};
/// use anneal_sql::{Budget, Database, QueryError, Value};
///
/// let pets = Database::from_context("CREATE TABLE pet (name TEXT)", &Budget::default())?;
/// let (sql, result) = execute(&pets, "```sql\nSELECT COUNT(*) AS pets FROM pet;\n```", 20);
/// let shown = result?;
/// assert_eq!((sql, shown.columns), ("SELECT COUNT(*) AS pets FROM pet", vec!["pets".to_owned()]));
/// assert_eq!((shown.rows, shown.more), (vec![vec![Value::Integer(0)]], More::Rows(0)));
///
/// let (_, refused) = execute(&pets, "DROP TABLE pet", 20);
/// assert!(matches!(refused, Err(QueryError::Forbidden { .. })));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn execute<'a>(
    database: &Database,
    answer: &'a str,
    rows: usize,
) -> (&'a str, Result<Shown, QueryError>) {
    let sql = clean_sql(answer);
    let budget = Budget::default();
    let shown = match database.query(sql, &budget) {
        Ok(found) => Ok(beginning(&found, rows)),
        Err(over @ (QueryError::OverRows { .. } | QueryError::OverBytes { .. })) => {
            // On a line of its own, as the query may end in a comment.
            let first = format!("SELECT * FROM (\n{sql}\n) LIMIT {rows}");
            let first = database.query(&first, &budget).map_err(|_| over);
            first.map(|found| Shown {
                more: More::Uncounted,
                ..beginning(&found, rows)
            })
        }
        Err(error) => Err(error),
    };
    (sql, shown)
}

fn beginning(found: &Rows, rows: usize) -> Shown {
    Shown {
        columns: found.columns().to_vec(),
        rows: found.rows().iter().take(rows).cloned().collect(),
        more: More::Rows(found.len().saturating_sub(rows)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers() -> (tempfile::TempDir, Database) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers.sqlite");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch(
                "CREATE TABLE n (i INTEGER);
                 WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 500)
                 INSERT INTO n SELECT i FROM c",
            )
            .unwrap();
        let database = Database::open(path).unwrap();
        (folder, database)
    }

    #[test]
    fn the_first_rows_are_kept_and_the_others_counted() {
        let (_folder, database) = numbers();
        let shown = |sql, rows| execute(&database, sql, rows).1.unwrap();
        let few = shown("SELECT i AS \"Number\", -i FROM n ORDER BY i DESC;", 2);
        assert_eq!(few.columns, ["Number", "-i"]);
        let row = |i: i64| vec![Value::Integer(i), Value::Integer(-i)];
        assert_eq!(
            (few.rows, few.more),
            (vec![row(500), row(499)], More::Rows(498))
        );
        assert_eq!(shown("SELECT i FROM n", 500).more, More::Rows(0));
        assert_eq!(shown("SELECT i FROM n WHERE i < 0", 20).more, More::Rows(0));
        let none = shown("SELECT i FROM n", 0);
        assert_eq!((none.rows.len(), none.more), (0, More::Rows(500)));
    }

    #[test]
    fn of_a_result_that_is_too_large_the_beginning_is_shown() {
        let (_folder, database) = numbers();
        // 250,000 rows, of which the budget allows 100,000.
        let sql = "SELECT a.i AS x, b.i FROM n a, n b ORDER BY 1 DESC, 2 -- all";
        let shown = execute(&database, sql, 3).1.unwrap();
        assert_eq!(shown.columns[0], "x");
        let row = |b: i64| vec![Value::Integer(500), Value::Integer(b)];
        assert_eq!(
            (shown.rows, shown.more),
            (vec![row(1), row(2), row(3)], More::Uncounted)
        );
        // Too much in few rows stays too much, in the words of the query's own limit.
        let sql = "SELECT zeroblob(200000) FROM n";
        let shown = execute(&database, sql, 3).1.unwrap();
        assert_eq!((shown.rows.len(), shown.more), (3, More::Uncounted));
        let error = execute(&database, sql, 400).1.unwrap_err();
        assert!(matches!(error, QueryError::OverBytes { .. }), "{error}");
    }

    #[test]
    fn what_does_more_than_read_or_never_ends_is_a_typed_failure_and_changes_nothing() {
        let (folder, database) = numbers();
        let file = folder.path().join("numbers.sqlite");
        let before = std::fs::read(&file).unwrap();
        let endless = "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c) SELECT i FROM c WHERE i < 0";
        let other = folder.path().join("other.sqlite");
        let attach = format!("ATTACH '{}' AS o", other.display());
        for (sql, expected) in [
            ("DROP TABLE n", "not allowed"),
            ("DELETE FROM n", "not allowed"),
            ("INSERT INTO n VALUES (1) RETURNING i", "not allowed"),
            ("PRAGMA writable_schema = 1", "not allowed"),
            (&attach, "not allowed"),
            ("SELECT load_extension('x')", "not allowed"),
            ("SELECT 1; DROP TABLE n", "several statements"),
            ("SELECT 1) ; DROP TABLE n; SELECT (1", "several statements"),
            (endless, "operations"),
            ("SELECT i FROM m", "no such table: m"),
            ("SELECT ? FROM n", "parameters"),
            ("I cannot say.", "syntax error"),
            ("```sql\n```", "empty"),
        ] {
            let (_, result) = execute(&database, sql, 20);
            let message = result.unwrap_err().to_string();
            assert!(message.contains(expected), "{sql}: {message}");
        }
        assert_eq!(std::fs::read(&file).unwrap(), before);
        let entries = std::fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(entries, 1, "a file was made");
    }
}
