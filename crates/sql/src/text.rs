//! SQL as text: out of a model's answer, its outermost order, and without DISTINCT.

use crate::lexer::{Token, tokens};

/// The SQL in what a model wrote.
///
/// In this order: if there is a Markdown fence (three backticks), only the inside
/// of the first one is kept, to the end of the text if the fence is never closed,
/// and without its language word (`sql`, `sqlite`, `SQL`); then white space and
/// semicolons are cut from both ends. Nothing else is touched: prose around bare
/// SQL stays, and fails when it runs.
///
/// ```
/// use anneal_sql::clean_sql;
/// assert_eq!(clean_sql("Here it is:\n```sql\nSELECT 1;\n```\nEnjoy"), "SELECT 1");
/// assert_eq!(clean_sql("  SELECT 1 ;\n"), "SELECT 1");
/// assert_eq!(clean_sql("```SELECT 1"), "SELECT 1");
/// ```
#[must_use]
pub fn clean_sql(text: &str) -> &str {
    const FENCE: &str = "```";
    let inside = match text.split_once(FENCE) {
        None => text,
        Some((_, after)) => {
            let inside = after.split_once(FENCE).map_or(after, |(inside, _)| inside);
            let word = inside.len()
                - inside
                    .trim_start_matches(|c: char| c.is_alphanumeric())
                    .len();
            match inside[..word].to_ascii_lowercase().as_str() {
                "sql" | "sqlite" | "sqlite3" => &inside[word..],
                _ => inside,
            }
        }
    };
    inside.trim_matches(|c: char| c.is_whitespace() || c == ';')
}

/// Whether the outermost query of `sql` has an ORDER BY, so that the order of its rows means something.
///
/// Only an `ORDER BY` outside all parentheses counts: SQLite's grammar puts
/// those of subqueries, common table expressions, windows and aggregates inside
/// parentheses. Spider's script instead looks for the letters `order by` anywhere
/// in the query (`exec_eval.py`), and so demands an order also where only a
/// subquery has one, or a string literal holds the words; it misses `ORDER`
/// and `BY` that stand on two lines or with a comment between them.
///
/// ```
/// use anneal_sql::orders;
/// assert!(orders("SELECT a FROM t ORDER  BY a LIMIT 3"));
/// assert!(!orders("SELECT a FROM t WHERE a = (SELECT b FROM t ORDER BY b LIMIT 1)"));
/// assert!(!orders("SELECT 'in order by age' FROM t"));
/// ```
#[must_use]
pub fn orders(sql: &str) -> bool {
    let mut depth = 0_usize;
    let mut after_order = false;
    for token in tokens(sql).filter(Token::is_code) {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            _ if depth == 0 && after_order && token.is_word("by") => return true,
            _ => {}
        }
        after_order = token.is_word("order");
    }
    false
}

/// `sql` without the keyword DISTINCT, for the judgement that ignores it.
///
/// Spider's script does so to the reference and to the prediction unless it is
/// told `--keep_distinct`. Everything else stays as it is; `IS DISTINCT FROM`,
/// which is a comparison, stays too.
///
/// ```
/// let sql = anneal_sql::without_distinct("SELECT COUNT(DISTINCT a), 'distinct' FROM t");
/// assert_eq!(sql, "SELECT COUNT( a), 'distinct' FROM t");
/// ```
#[must_use]
pub fn without_distinct(sql: &str) -> String {
    let mut kept = String::with_capacity(sql.len());
    let rest = tokens(sql);
    let mut code = tokens(sql).filter(Token::is_code).skip(1);
    for token in rest {
        let next = if token.is_code() { code.next() } else { None };
        let comparison = next.is_some_and(|next| next.is_word("from"));
        if !token.is_word("distinct") || comparison {
            kept.push_str(token.text);
        }
    }
    kept
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
    fn only_the_outermost_order_counts() {
        assert!(orders("SELECT a FROM t order /* x */ by 1"));
        assert!(orders("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1"));
        assert!(orders("WITH q AS (SELECT 1) SELECT * FROM q ORDER\nBY 1"));
        assert!(!orders("SELECT row_number() OVER (ORDER BY a) FROM t"));
        assert!(!orders("SELECT * FROM (SELECT a FROM t ORDER BY a)"));
        assert!(!orders("SELECT \"order\" by FROM t -- order by a"));
    }

    #[test]
    fn distinct_goes_where_it_is_the_keyword() {
        assert_eq!(without_distinct("select distinct a"), "select  a");
        assert_eq!(
            without_distinct("SELECT \"distinct\", distinct_x"),
            "SELECT \"distinct\", distinct_x"
        );
        assert_eq!(
            without_distinct("SELECT a IS NOT DISTINCT /* b */ FROM b"),
            "SELECT a IS NOT DISTINCT /* b */ FROM b"
        );
    }
}
