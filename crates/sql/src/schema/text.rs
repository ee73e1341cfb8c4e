//! A database's schema as the text that stands in a prompt.

use super::{Schema, SchemaForm};
use crate::{Database, SqlError};

/// The tables of `database` as compact `CREATE TABLE` text, the form of the
/// `context` field in Spider and sql-create-context rows:
/// `CREATE TABLE film (Film_ID INTEGER, Title TEXT); CREATE TABLE market (…)`.
///
/// Tables and columns stand in the file's order, without keys and constraints.
/// Types are brought to four by the declared type: `INTEGER` (INT, BIGINT …),
/// `REAL` (REAL, FLOAT, DOUBLE, DECIMAL, NUMERIC), `BLOB`, and `TEXT` for the
/// rest (VARCHAR, DATE, BOOLEAN …); a column declared without a type has none.
/// Names that SQLite would not read back bare are put in double quotes.
/// SQLite's own tables, views and the shadow tables of virtual tables are left out.
/// It is [`Schema::read`], rendered as [`SchemaForm::CreateTable`].
///
/// # Errors
/// If SQLite cannot read the schema.
///
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("film.sqlite");
/// rusqlite::Connection::open(&path)?.execute_batch(
///     "CREATE TABLE film (id INT PRIMARY KEY, \"Home Town\" VARCHAR(20) NOT NULL, gross DECIMAL(9,2))",
/// )?;
/// let text = anneal_sql::schema_text(&anneal_sql::Database::open(&path)?)?;
/// assert_eq!(text, r#"CREATE TABLE film (id INTEGER, "Home Town" TEXT, gross REAL)"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn schema_text(database: &Database) -> Result<String, SqlError> {
    Ok(Schema::read(database)?.render(&SchemaForm::CreateTable.style()))
}

/// One of four types for a declared one; empty for none.
///
/// SQLite's affinity rules (<https://www.sqlite.org/datatype3.html>, 3.1), with its
/// NUMERIC class split as Spider's annotators did: numbers are REAL, dates and
/// booleans TEXT.
pub(super) fn simple_type(declared: &str) -> &'static str {
    let declared = declared.to_ascii_uppercase();
    let has = |parts: &[&str]| parts.iter().any(|part| declared.contains(part));
    if declared.trim().is_empty() {
        ""
    } else if has(&["INT"]) {
        "INTEGER"
    } else if has(&["CHAR", "CLOB", "TEXT"]) {
        "TEXT"
    } else if has(&["BLOB"]) {
        "BLOB"
    } else if has(&["REAL", "FLOA", "DOUB", "DEC", "NUM"]) {
        "REAL"
    } else {
        "TEXT"
    }
}

/// The keywords that SQLite does not read as a name without quotes.
const RESERVED: &str = " ADD ALL ALTER AND AS AUTOINCREMENT BETWEEN CASE CHECK COLLATE COMMIT CONSTRAINT CREATE \
DEFAULT DEFERRABLE DELETE DISTINCT DROP ELSE ESCAPE EXCEPT EXISTS FOREIGN FROM GROUP HAVING IN INDEX INSERT INTERSECT INTO \
IS ISNULL JOIN LIMIT NOT NOTHING NOTNULL NULL ON OR ORDER PRIMARY REFERENCES RETURNING SELECT SET TABLE THEN TO \
TRANSACTION UNION UNIQUE UPDATE USING VALUES WHEN WHERE ";

/// Whether SQLite takes the word, in capitals, as a keyword wherever it stands.
pub(crate) fn is_reserved(word: &str) -> bool {
    RESERVED.contains(&format!(" {word} "))
}

/// The name as SQL: bare where that is read back, in double quotes otherwise.
/// A NUL character, which no SQL text can hold, becomes U+FFFD.
pub(crate) fn quote(name: &str) -> String {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    let bare = name.starts_with(letter)
        && name.chars().all(|c| letter(c) || c.is_ascii_digit())
        && !is_reserved(&name.to_ascii_uppercase());
    if bare {
        name.to_owned()
    } else {
        format!(
            "\"{}\"",
            name.replace('"', "\"\"").replace('\0', "\u{fffd}")
        )
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    /// All keywords of <https://www.sqlite.org/lang_keywords.html>.
    const KEYWORDS: &str = "ABORT ACTION ADD AFTER ALL ALTER ALWAYS ANALYZE AND AS ASC ATTACH AUTOINCREMENT BEFORE BEGIN \
BETWEEN BY CASCADE CASE CAST CHECK COLLATE COLUMN COMMIT CONFLICT CONSTRAINT CREATE CROSS CURRENT CURRENT_DATE CURRENT_TIME \
CURRENT_TIMESTAMP DATABASE DEFAULT DEFERRABLE DEFERRED DELETE DESC DETACH DISTINCT DO DROP EACH ELSE END ESCAPE EXCEPT EXCLUDE \
EXCLUSIVE EXISTS EXPLAIN FAIL FILTER FIRST FOLLOWING FOR FOREIGN FROM FULL GENERATED GLOB GROUP GROUPS HAVING IF IGNORE IMMEDIATE \
IN INDEX INDEXED INITIALLY INNER INSERT INSTEAD INTERSECT INTO IS ISNULL JOIN KEY LAST LEFT LIKE LIMIT MATCH MATERIALIZED NATURAL \
NO NOT NOTHING NOTNULL NULL NULLS OF OFFSET ON OR ORDER OTHERS OUTER OVER PARTITION PLAN PRAGMA PRECEDING PRIMARY QUERY RAISE RANGE \
RECURSIVE REFERENCES REGEXP REINDEX RELEASE RENAME REPLACE RESTRICT RETURNING RIGHT ROLLBACK ROW ROWS SAVEPOINT SELECT SET TABLE \
TEMP TEMPORARY THEN TIES TO TRANSACTION TRIGGER UNBOUNDED UNION UNIQUE UPDATE USING VACUUM VALUES VIEW VIRTUAL WHEN WHERE WINDOW \
WITH WITHOUT";

    #[test]
    fn exactly_the_keywords_that_sqlite_refuses_are_quoted() {
        let connection = Connection::open_in_memory().unwrap();
        for keyword in KEYWORDS.split_whitespace() {
            let works = connection
                .execute_batch(&format!(
                    "DROP TABLE IF EXISTS t; CREATE TABLE t ({keyword} TEXT)"
                ))
                .is_ok();
            assert_eq!(quote(keyword) == keyword, works, "{keyword}");
        }
    }

    #[test]
    fn odd_names_are_quoted() {
        assert_eq!(quote("Year"), "Year");
        assert_eq!(quote("from"), "\"from\"");
        assert_eq!(quote("%_Change"), "\"%_Change\"");
        assert_eq!(quote("2nd"), "\"2nd\"");
        assert_eq!(quote("a\"b"), "\"a\"\"b\"");
        assert_eq!(quote(""), "\"\"");
    }

    #[test]
    fn declared_types_become_four() {
        for (declared, simple) in [
            ("bigint(20)", "INTEGER"),
            ("VARCHAR(30)", "TEXT"),
            ("decimal(19,4)", "REAL"),
            ("NUMERIC", "REAL"),
            ("double precision", "REAL"),
            ("DATETIME", "TEXT"),
            ("bool", "TEXT"),
            ("BLOB", "BLOB"),
            ("", ""),
        ] {
            assert_eq!(simple_type(declared), simple, "{declared}");
        }
    }
}
