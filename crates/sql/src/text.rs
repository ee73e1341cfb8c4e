//! SQL as text: its order, repaired as Spider's script does, and without DISTINCT.

use std::borrow::Cow;

use crate::lexer::{Kind, Token, tokens};

/// Whether the order of a gold query's rows counts: whether `sql` has an ORDER BY, at any depth.
///
/// This is the rule of Spider's script, which looks for the letters `order by` in the gold
/// (`order_matters` in `exec_eval.py`). It asks for an order also where only a subquery or a window
/// has one; that is kept, so that verdicts stay comparable: 31 of the 6,726 golds of Spider's training
/// set are of that kind. Here the two keywords count, whatever stands between them, and not
/// the letters: the script misses an `ORDER` and a `BY` on two lines, and takes a string that holds the
/// words for an order.
///
/// ```
/// use anneal_sql::orders;
/// assert!(orders("SELECT a FROM t ORDER  BY a LIMIT 3"));
/// assert!(orders("SELECT a FROM t WHERE a = (SELECT b FROM t ORDER BY b LIMIT 1)"));
/// assert!(!orders("SELECT 'in order by age' FROM t"));
/// ```
#[must_use]
pub fn orders(sql: &str) -> bool {
    let mut after_order = false;
    for token in tokens(sql).filter(Token::is_code) {
        if after_order && token.is_word("by") {
            return true;
        }
        after_order = token.is_word("order");
    }
    false
}

/// `sql` as Spider's script runs it: two repairs that it makes to every gold and prediction.
///
/// - `> =`, `< =` and `! =` with one blank become `>=`, `<=` and `!=`: models that learned from split
///   tokens write them so (`postprocess` in `exec_eval.py`).
/// - `YEAR(CURDATE())`, a function of MySQL, becomes `2020` (`replace_cur_year`).
///
/// Strings, quoted names and comments stay as they are, where the script changes them too. The
/// script also swallows the white space after `YEAR(CURDATE())`, so that `YEAR(CURDATE()) AND` fails in it.
///
/// ```
/// use anneal_sql::repaired;
/// assert_eq!(repaired("SELECT a FROM t WHERE a > = 3"), "SELECT a FROM t WHERE a >= 3");
/// assert_eq!(repaired("SELECT year( curdate()) - a FROM t"), "SELECT 2020 - a FROM t");
/// assert_eq!(repaired("SELECT '> ='"), "SELECT '> ='");
/// ```
#[must_use]
pub fn repaired(sql: &str) -> Cow<'_, str> {
    const CALL: [&str; 5] = ["(", "curdate", "(", ")", ")"];
    // Most queries have neither: one look at the bytes is all they cost.
    let bytes = sql.as_bytes();
    let apart = bytes
        .windows(3)
        .any(|three| matches!(three, [b'>' | b'<' | b'!', b' ', b'=']));
    let year = bytes
        .windows(7)
        .any(|word| word.eq_ignore_ascii_case(b"curdate"));
    if !apart && !year {
        return Cow::Borrowed(sql);
    }
    let all: Vec<Token<'_>> = tokens(sql).collect();
    let mut text = String::with_capacity(sql.len());
    let mut at = 0;
    while let Some(token) = all.get(at) {
        if let [first, blank, equals, ..] = &all[at..]
            && matches!(first.text, ">" | "<" | "!")
            && blank.text == " "
            && equals.text == "="
        {
            text.push_str(first.text);
            text.push('=');
            at += 3;
            continue;
        }
        if token.is_word("year") {
            let mut rest = (at + 1..all.len()).filter(|&next| all[next].kind != Kind::Space);
            let matched = CALL.iter().map_while(|expected| {
                rest.next()
                    .filter(|&next| all[next].text.eq_ignore_ascii_case(expected))
            });
            let ends: Vec<usize> = matched.collect();
            if let [.., last] = ends[..]
                && ends.len() == CALL.len()
            {
                text.push_str("2020");
                at = last + 1;
                continue;
            }
        }
        text.push_str(token.text);
        at += 1;
    }
    Cow::Owned(text)
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
    fn an_order_counts_at_any_depth_as_keywords() {
        assert!(orders("SELECT a FROM t order /* x */ by 1"));
        assert!(orders("SELECT a FROM t UNION SELECT b FROM u ORDER BY 1"));
        assert!(orders("WITH q AS (SELECT 1) SELECT * FROM q ORDER\nBY 1"));
        assert!(orders("SELECT row_number() OVER (ORDER BY a) FROM t"));
        assert!(orders("SELECT * FROM (SELECT a FROM t ORDER BY a)"));
        assert!(!orders("SELECT \"order\" by FROM t -- order by a"));
        assert!(!orders("SELECT a FROM \"order by\" WHERE border = by"));
    }

    #[test]
    fn operators_are_joined_over_one_blank_outside_quotes() {
        for (sql, expected) in [
            (
                "a > = 1 AND b < = 2 AND c ! = 3",
                "a >= 1 AND b <= 2 AND c != 3",
            ),
            ("a >  = 1", "a >  = 1"),
            ("a >\t= 1", "a >\t= 1"),
            ("a < > 1", "a < > 1"),
            ("a > = '> =' -- ! =", "a >= '> =' -- ! ="),
            ("\"! =\" > =b", "\"! =\" >=b"),
            ("> = > =", ">= >="),
            ("a >", "a >"),
            ("> ", "> "),
        ] {
            assert_eq!(repaired(sql), expected);
        }
    }

    #[test]
    fn the_current_year_is_2020() {
        for (sql, expected) in [
            ("x = YEAR(CURDATE()) AND y", "x = 2020 AND y"),
            ("Year ( CurDate\n( ) )", "2020"),
            ("YEAR(CURDATE())-YEAR(CURDATE())", "2020-2020"),
            ("'YEAR(CURDATE())'", "'YEAR(CURDATE())'"),
            ("YEAR(CURDATE()", "YEAR(CURDATE()"),
            ("YEAR(CURDATE(), 1)", "YEAR(CURDATE(), 1)"),
            ("my_YEAR(CURDATE())", "my_YEAR(CURDATE())"),
            ("YEAR(date)", "YEAR(date)"),
        ] {
            assert_eq!(repaired(sql), expected);
        }
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
