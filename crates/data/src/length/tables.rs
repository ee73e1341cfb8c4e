//! Where the tables of a schema end, found in its text alone.
//!
//! A schema is text that a person or a program wrote in any dialect. What is needed is the places where
//! a `CREATE TABLE` begins, and for that it is enough to know what is quoted, commented or between
//! parentheses; no grammar is. Where a quote is never closed the rest counts as quoted, so that a table is
//! rather kept whole than cut.

use crate::split::tables::created_tables;

/// The ends, in bytes, of the first table, of the first two, and so on; the last is that of the text.
///
/// What stands before the first `CREATE TABLE` belongs to the first table; what stands between two
/// (comments, sample rows, `INSERT`, indexes) belongs to the one before, without the white space that
/// parts them. Semicolons between statements may be missing. A text without a table has one end.
///
/// Quotes are SQL's own (`'…'`, `"…"`, `` `…` ``, `[…]`), doubled to stand in themselves; a backslash is
/// a character like others.
///
/// # Example
/// ```
/// use anneal_data::table_ends;
///
/// let schema = "CREATE TABLE a (x INT); CREATE TABLE b (y TEXT DEFAULT '; CREATE TABLE c')";
/// let ends = table_ends(schema);
/// assert_eq!(ends, ["CREATE TABLE a (x INT);".len(), schema.len()]);
/// ```
pub fn table_ends(schema: &str) -> Vec<usize> {
    let tables = created_tables(schema).into_iter();
    let starts = tables.filter(|table| !table.enclosed);
    let mut ends: Vec<usize> = starts
        .skip(1)
        .map(|table| schema[..table.at].trim_end().len())
        .collect();
    ends.push(schema.len());
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts of a schema, one per table, each with the white space before it.
    fn parts(schema: &str) -> Vec<&str> {
        let mut from = 0;
        table_ends(schema)
            .into_iter()
            .map(|end| &schema[std::mem::replace(&mut from, end)..end])
            .collect()
    }

    #[test]
    fn statements_end_with_or_without_a_semicolon() {
        let with = "CREATE TABLE a (x INT);\nCREATE TABLE b (y INT);\n";
        assert_eq!(
            parts(with),
            ["CREATE TABLE a (x INT);", "\nCREATE TABLE b (y INT);\n"]
        );
        let without = "CREATE TABLE a (x INT)\n\ncreate  table b (y INT)";
        assert_eq!(
            parts(without),
            ["CREATE TABLE a (x INT)", "\n\ncreate  table b (y INT)"]
        );
        assert_eq!(parts("CREATE TABLE a(x)CREATE TABLE b(y)").len(), 2);
        assert_eq!(parts("CREATE TABLE a(x);CREATE TABLE b(y);").len(), 2);
    }

    #[test]
    fn quoted_commented_and_enclosed_text_begins_no_table() {
        for schema in [
            "CREATE TABLE a (x TEXT DEFAULT '; CREATE TABLE b (y)')",
            "CREATE TABLE a (x TEXT DEFAULT 'it''s; CREATE TABLE b (y)')",
            "CREATE TABLE \"a; CREATE TABLE b \"\" CREATE TABLE c\" (x)",
            "CREATE TABLE `a; CREATE TABLE b` (x)",
            "CREATE TABLE [a'; CREATE TABLE b] (x)",
            "CREATE TABLE a (x) -- don't; CREATE TABLE b (y)",
            "CREATE TABLE a (x) /* it's; * / CREATE TABLE b (y) **/",
            "CREATE TABLE a (create table, x INT)",
            "CREATE TABLE a (x CHECK (x IN ('(', ')')), CREATE TABLE)",
            "CREATE TABLE a (x TEXT DEFAULT 'never closed); CREATE TABLE b (y)",
            "CREATE TABLE a (x) /* never closed CREATE TABLE b (y)",
            "CREATE TABLE recreate table (x)",
            "CREATE TABLE a (x) CREATED TABLE; CREATE TABLES b",
            "CREATE TABLE a (x); CREATE INDEX table_i ON a (x); CREATE VIEW v AS SELECT 1",
            "CREATE TABLE a (x); CREATE - TABLE b; CREATE 'x' TABLE c; CREATE; TABLE d",
        ] {
            assert_eq!(parts(schema), [schema]);
        }
    }

    #[test]
    fn tables_after_such_text_are_found() {
        for first in [
            "CREATE TABLE a (x TEXT DEFAULT 'it''s; ')",
            "CREATE TABLE a (x) -- don't (",
            "CREATE TABLE a (x) /* don't ( */",
            "CREATE TABLE a (x TEXT /* ( */);",
            "CREATE TABLE [a' (] (x)",
            "CREATE TABLE a ((x);",
            "CREATE TABLE a (x)) ;",
            "CREATE TABLE grüße (größe TEXT DEFAULT '🦀;')",
        ] {
            let schema = format!("{first}\nCREATE TABLE b (y)");
            assert_eq!(parts(&schema), [first, "\nCREATE TABLE b (y)"]);
        }
    }

    #[test]
    fn words_and_comments_may_stand_between_create_and_table() {
        let schema = "CREATE TABLE a (x) CREATE TEMP TABLE b (x); Create Or Replace Table c (x) CREATE /* new */ VIRTUAL -- one\n TABLE d USING fts5(x)";
        let found: Vec<&str> = parts(schema);
        assert_eq!(
            found,
            [
                "CREATE TABLE a (x)",
                " CREATE TEMP TABLE b (x);",
                " Create Or Replace Table c (x)",
                " CREATE /* new */ VIRTUAL -- one\n TABLE d USING fts5(x)"
            ]
        );
    }

    #[test]
    fn what_is_no_table_belongs_to_the_table_before() {
        let schema = "-- pets\nPRAGMA x;\nCREATE TABLE a (x);\nINSERT INTO a VALUES ('b;');\n/* 3 rows:\nx\n1 */\n\nCREATE TABLE b (y)\n-- the end\n";
        assert_eq!(
            parts(schema),
            [
                "-- pets\nPRAGMA x;\nCREATE TABLE a (x);\nINSERT INTO a VALUES ('b;');\n/* 3 rows:\nx\n1 */",
                "\n\nCREATE TABLE b (y)\n-- the end\n"
            ]
        );
    }

    #[test]
    fn a_text_without_tables_is_one_part() {
        for schema in ["", "pet: name, age", "CREATE", "CREATE TABLE", "('"] {
            assert_eq!(table_ends(schema), [schema.len()]);
        }
    }
}
