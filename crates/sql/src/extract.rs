//! The SQL in what a model wrote.

use crate::lexer::{Kind, Token, tokens};

/// What opens and closes a block of code in Markdown.
const FENCE: &str = "```";

/// Words that begin a query.
const QUERIES: [&str; 3] = ["select", "with", "values"];

/// Words that begin any other statement. `create` is not among them: a model that repeats its prompt repeats the schema.
const OTHERS: [&str; 19] = [
    "insert",
    "update",
    "delete",
    "drop",
    "alter",
    "replace",
    "pragma",
    "attach",
    "detach",
    "explain",
    "vacuum",
    "reindex",
    "analyze",
    "begin",
    "commit",
    "rollback",
    "savepoint",
    "release",
    "create",
];

/// Words behind which a query goes on, or which continue it.
const INSIDE: [&str; 40] = [
    "select",
    "distinct",
    "all",
    "from",
    "where",
    "group",
    "having",
    "order",
    "by",
    "limit",
    "offset",
    "union",
    "intersect",
    "except",
    "join",
    "left",
    "right",
    "full",
    "inner",
    "outer",
    "cross",
    "natural",
    "on",
    "using",
    "and",
    "or",
    "not",
    "in",
    "like",
    "between",
    "is",
    "as",
    "with",
    "values",
    "case",
    "when",
    "then",
    "else",
    "end",
    "window",
];

/// The SQL in what a model wrote.
///
/// If there is a Markdown fence (three backticks), it is the inside of the first one, to the end of the text if the
/// fence is never closed, and without its language word (`sql`, `sqlite`, `SQL`).
///
/// Without a fence, talk around one query is cut:
///
/// - Before it: from the first `SELECT` (or `WITH name AS`) that begins a line, or follows a colon or a backtick. Not where another
///   statement comes first, other than a repeated CREATE TABLE: such an answer stays whole, and fails as it should.
/// - Behind it: what follows a semicolon and does not begin as a statement, and what follows an empty line and does not
///   go on as a query. A second statement stays, and fails.
///
/// White space and semicolons are cut from both ends. Talk that cannot be told from SQL stays, and fails when it
/// runs. The text that is left is always a part of the answer: nothing is repaired.
///
/// ```
/// use anneal_sql::clean_sql;
/// assert_eq!(clean_sql("Here it is:\n```sql\nSELECT 1;\n```\nEnjoy"), "SELECT 1");
/// assert_eq!(clean_sql("  SELECT 1 ;\n"), "SELECT 1");
/// assert_eq!(clean_sql("```SELECT 1"), "SELECT 1");
/// assert_eq!(clean_sql("The answer is: SELECT a FROM t;\n\nThis query returns a."), "SELECT a FROM t");
/// assert_eq!(clean_sql("SELECT 1; DROP TABLE t"), "SELECT 1; DROP TABLE t");
/// ```
#[must_use]
pub fn clean_sql(text: &str) -> &str {
    let text = match text.split_once(FENCE) {
        Some((_, after)) => fenced(after),
        None => query(trimmed(text)),
    };
    trimmed(text)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || c == ';')
}

/// What stands behind an opening fence, up to the closing one, without the language.
fn fenced(after: &str) -> &str {
    let inside = after.split_once(FENCE).map_or(after, |(inside, _)| inside);
    let rest = inside.trim_start_matches(|c: char| c.is_alphanumeric());
    let word = &inside[..inside.len() - rest.len()];
    match word.to_ascii_lowercase().as_str() {
        "sql" | "sqlite" | "sqlite3" => rest,
        _ => inside,
    }
}

/// The query in `text` without the talk around it; all of `text` where there is none.
fn query(text: &str) -> &str {
    let Some(begin) = beginning(text) else {
        return text;
    };
    let sql = &text[begin..];
    if text[..begin].ends_with('`') {
        return sql.split('`').next().unwrap_or(sql);
    }
    &sql[..ending(sql)]
}

/// Where the query begins.
fn beginning(text: &str) -> Option<usize> {
    let first = tokens(text).find(Token::is_code)?;
    if first.text == "(" || is_one_of(&first, &QUERIES) {
        // From the start, as a comment in front is part of it.
        return Some(0);
    }
    if is_one_of(&first, &OTHERS) && !first.is_word("create") {
        return None;
    }
    let mut line_begins = 0;
    for line in text.split_inclusive('\n') {
        let inside = line.trim_start();
        let at = line_begins + line.len() - inside.len();
        let word = tokens(inside).next()?;
        if is_one_of(&word, &OTHERS) && !word.is_word("create") {
            return None;
        }
        if begins_query(&text[at..]) {
            return Some(at);
        }
        let marks = line.match_indices([':', '`']);
        for (mark, _) in marks {
            let after = &line[mark + 1..];
            let blank = after.len() - after.trim_start_matches(' ').len();
            let at = line_begins + mark + 1 + blank;
            if begins_query(&text[at..]) {
                return Some(at);
            }
        }
        line_begins += line.len();
    }
    None
}

/// `SELECT` and something, or `WITH` a name `AS`: talk begins with such words too.
fn begins_query(text: &str) -> bool {
    let mut code = tokens(text).filter(Token::is_code);
    match code.next() {
        Some(word) if word.is_word("select") => code.next().is_some(),
        Some(word) if word.is_word("with") => code
            .take(3)
            .skip(1)
            .any(|token| token.is_word("as") || token.text == "("),
        _ => false,
    }
}

/// Where the talk behind a query begins, or the end of the text.
fn ending(sql: &str) -> usize {
    let mut before: Option<Token<'_>> = None;
    for token in tokens(sql) {
        let next = || tokens(&sql[token.end()..]).find(Token::is_code);
        if token.text == ";" {
            let statement =
                |next: &Token<'_>| is_one_of(next, &QUERIES) || is_one_of(next, &OTHERS);
            match next() {
                Some(next) if statement(&next) => return sql.len(),
                _ => return token.start,
            }
        }
        let empty_line = token.kind == Kind::Space && token.text.matches('\n').count() > 1;
        if empty_line
            && let Some(next) = next()
            && next.kind == Kind::Word
            && !is_one_of(&next, &INSIDE)
            && before.is_some_and(|before| ends_something(&before))
        {
            return token.start;
        }
        if token.is_code() {
            before = Some(token);
        }
    }
    sql.len()
}

/// Whether a query may end with this token.
fn ends_something(token: &Token<'_>) -> bool {
    match token.kind {
        Kind::Word => token.is_word("end") || !is_one_of(token, &INSIDE),
        Kind::Symbol => token.text == ")" || token.text == "*",
        _ => true,
    }
}

fn is_one_of(token: &Token<'_>, words: &[&str]) -> bool {
    words.iter().any(|word| token.is_word(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fences_and_semicolons_go() {
        assert_eq!(
            clean_sql("```\nSELECT 2\n``` ```sql\nSELECT 3```"),
            "SELECT 2"
        );
        assert_eq!(clean_sql("```SQLite SELECT 2;;```"), "SELECT 2");
        assert_eq!(clean_sql("```sqlx"), "sqlx");
        assert_eq!(clean_sql("SELECT `a` FROM t"), "SELECT `a` FROM t");
        assert_eq!(clean_sql(" ;\n"), "");
    }

    #[test]
    fn talk_around_a_query_goes() {
        for (answer, sql) in [
            (
                "SELECT a FROM t;\n\nThis query returns a.",
                "SELECT a FROM t",
            ),
            ("SELECT a FROM t;\nIt's Linda's; done", "SELECT a FROM t"),
            (
                "SELECT a FROM t WHERE b = ';' ; Explanation",
                "SELECT a FROM t WHERE b = ';'",
            ),
            (
                "SELECT a\nFROM t\n\nThis returns \"a\".",
                "SELECT a\nFROM t",
            ),
            ("Sure, it's this:\n\nselect a\nfrom t", "select a\nfrom t"),
            ("The query: SELECT a FROM t", "SELECT a FROM t"),
            ("Use `SELECT a FROM t` for that.", "SELECT a FROM t"),
            (
                "Here:\nWITH q AS (SELECT 1)\nSELECT * FROM q",
                "WITH q AS (SELECT 1)\nSELECT * FROM q",
            ),
            // What SmolLM2-135M-Instruct answers: the schema and the question again, and then the query.
            (
                "CREATE TABLE instructor (dept_name TEXT, salary REAL)\n-- Find the name.\nSELECT dept_name FROM instructor",
                "SELECT dept_name FROM instructor",
            ),
        ] {
            assert_eq!(clean_sql(answer), sql, "{answer}");
        }
    }

    #[test]
    fn sql_stays_as_it_is_however_it_is_laid_out() {
        for sql in [
            "-- why\nSELECT a FROM t",
            "SELECT a,\n\nb FROM t\n\nWHERE c\n\nORDER BY a",
            "SELECT\n\na FROM\n\nt GROUP BY\n\na",
            "(SELECT 1)\n\nUNION\n\nSELECT 2",
            "SELECT count(*)\n\nFROM t",
            "SELECT a FROM t -- first; then\n WHERE b",
            "VALUES (1)",
        ] {
            assert_eq!(clean_sql(sql), sql);
        }
    }

    #[test]
    fn other_statements_stay_and_so_fail() {
        for answer in [
            "SELECT 1; DROP TABLE t",
            "SELECT 1; SELECT 2",
            "DROP TABLE t;\nSELECT 1",
            "Do this:\nDELETE FROM t;\nSELECT 1",
            "INSERT INTO t\nSELECT 1",
            "CREATE TABLE a (x INTEGER);\nINSERT INTO a VALUES (1);\nSELECT * FROM a",
            "CREATE TABLE a (x INTEGER)",
            "The singer's name is Joe.",
            "With this schema, the answer is 3.",
        ] {
            assert_eq!(clean_sql(answer), answer);
        }
    }
}
