//! Spans of any text, and those of valid SQL beside sqlparser's tokens.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use anneal_sql::{TokenClass, sql_spans};
use proptest::prelude::*;
use sqlparser::dialect::SQLiteDialect;
use sqlparser::tokenizer::{Token, Tokenizer};

/// Each token with the first letter of its class.
fn written(sql: &str) -> String {
    let spans = sql_spans(sql).into_iter();
    let each = spans.map(|span| format!("{}:{}", &span.class.name()[..1], &sql[span.range]));
    each.collect::<Vec<_>>().join(" ")
}

#[test]
fn tokens_are_classed_by_what_they_mean() {
    for (sql, expected) in [
        (
            "SELECT T1.name, count( * ) FROM \"my film\" AS T1",
            "k:SELECT i:T1 o:. i:name o:, k:count o:( o:* o:) k:FROM i:\"my film\" k:AS i:T1",
        ),
        ("[a]=`b`", "i:[a] o:= i:`b`"),
        ("x<>'it''s'", "i:x o:<> l:'it''s'"),
        ("a!=-1.5e-3", "i:a o:!= o:- l:1.5e-3"),
        (".5+5.+0x1F+1_000", "l:.5 o:+ l:5. o:+ l:0x1F o:+ l:1_000"),
        ("1e5 1e+ 12ab", "l:1e5 l:1e o:+ l:12ab"),
        ("x'00ff' X'0 xy", "l:x'00ff' l:X'0 xy"),
        ("? ?12 :na @b $c : $", "l:? l:?12 l::na l:@b l:$c o:: o:$"),
        ("a->>'b'||c<<1", "i:a o:->> l:'b' o:|| i:c o:<< l:1"),
        ("a /* b ' */ -- c\n, /* d", "i:a o:,"),
        (
            "count, sum.year, year(d), my_max(1)",
            "i:count o:, i:sum o:. i:year o:, k:year o:( i:d o:) o:, i:my_max o:( l:1 o:)",
        ),
        ("IS NOT NULL = true", "k:IS k:NOT k:NULL o:= l:true"),
        (
            "ORDER BY t.desc DESC NULLS LAST",
            "k:ORDER k:BY i:t o:. i:desc k:DESC k:NULLS k:LAST",
        ),
        (
            "SELECT last, key AS end FROM left",
            "k:SELECT i:last o:, i:key k:AS i:end k:FROM k:left",
        ),
        (
            "sum(a) OVER (PARTITION BY b ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
            "k:sum o:( i:a o:) k:OVER o:( k:PARTITION k:BY i:b k:ROWS k:BETWEEN k:UNBOUNDED k:PRECEDING k:AND k:CURRENT k:ROW o:)",
        ),
        ("naïve Ünïcode \u{feff}\u{a0}", "i:naïve i:Ünïcode i:\u{a0}"),
        ("'open", "l:'open"),
        ("", ""),
    ] {
        assert_eq!(written(sql), expected, "{sql}");
    }
}

/// Spans lie in order on character boundaries; between them is nothing but space and comments.
fn check(sql: &str) {
    let mut end = 0;
    let mut between = String::new();
    for span in sql_spans(sql) {
        assert!(span.range.start >= end && span.range.end > span.range.start);
        assert!(sql.is_char_boundary(span.range.start) && sql.is_char_boundary(span.range.end));
        between.push_str(&sql[end..span.range.start]);
        between.push('\n');
        end = span.range.end;
    }
    between.push_str(&sql[end..]);
    // What is left has no token: an independent reading.
    let mut rest = between.trim_start_matches([' ', '\t', '\n', '\x0c', '\r', '\u{feff}']);
    while !rest.is_empty() {
        let after = if let Some(comment) = rest.strip_prefix("--") {
            comment.split_once('\n').map_or("", |(_, after)| after)
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, after)| after)
        } else {
            panic!("{rest:?} is in no span of {sql:?}");
        };
        rest = after.trim_start_matches([' ', '\t', '\n', '\x0c', '\r', '\u{feff}']);
    }
}

const GOLDS: [&str; 6] = [
    "SELECT DISTINCT T1.Fname, count(*) FROM student AS T1 JOIN has_pet AS T2 ON T1.id = T2.sid WHERE T1.age >= 20.5 GROUP BY T1.Fname HAVING count(*) > 1 ORDER BY count(*) DESC LIMIT 3",
    "SELECT name FROM t WHERE a LIKE '%x''y%' AND b NOT IN (1, 2, 3) OR c IS NULL",
    "SELECT a FROM t WHERE b = (SELECT max(b) FROM t) EXCEPT SELECT a FROM u -- done",
    "SELECT [odd name], `other`, \"third\"\"one\" FROM main.t /* x */ UNION ALL VALUES (x'00', -1e5, .5)",
    "WITH r AS (SELECT 1) SELECT CAST(a AS TEXT) || 'b', CASE WHEN a <> 1 THEN 2 ELSE NULL END FROM r",
    "SELECT avg(x) FILTER (WHERE y BETWEEN 1 AND 2) OVER (PARTITION BY z) FROM t CROSS JOIN u USING (id)",
];

/// On valid SQL, sqlparser cuts at the same places and agrees about what is a value.
#[test]
fn valid_queries_are_cut_as_sqlparser_cuts_them() {
    for sql in GOLDS {
        check(sql);
        let tokens = Tokenizer::new(&SQLiteDialect {}, sql).tokenize().unwrap();
        let twin: Vec<(String, bool)> = tokens
            .iter()
            .filter(|token| !matches!(token, Token::Whitespace(_)))
            .map(|token| {
                let value = matches!(
                    token,
                    Token::Number(..) | Token::SingleQuotedString(_) | Token::HexStringLiteral(_)
                );
                let text = match token {
                    Token::SingleQuotedString(text) => format!("'{text}'"),
                    token => token.to_string(),
                };
                (
                    text.to_lowercase().replace("''", "'").replace("\"\"", "\""),
                    value,
                )
            })
            .collect();
        let ours: Vec<(String, bool)> = sql_spans(sql)
            .into_iter()
            .map(|span| {
                let value = span.class == TokenClass::Literal;
                (
                    sql[span.range]
                        .to_lowercase()
                        .replace("''", "'")
                        .replace("\"\"", "\""),
                    value,
                )
            })
            .collect();
        assert_eq!(ours, twin, "{sql}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_text_is_covered_once(sql in "\\PC*") {
        check(&sql);
    }

    #[test]
    fn pieces_in_any_order_are_covered_once(pieces in prop::collection::vec(
        prop::sample::select(vec!["'", "\"", "`", "[", "]", "--", "/*", "*/", "\n", " ", ".", "1", "e", "+", "x'", "é", "\u{feff}", "\0", "<", "=", "$", ":", "?", "#", "a", "-", ">", "|", "!", "\u{1F600}"]),
        0..30,
    )) {
        check(&pieces.concat());
    }

    #[test]
    fn damaged_queries_are_covered_once(which in 0..GOLDS.len(), cut in 0_usize..200, put in "\\PC{0,3}", drop in 0_usize..5) {
        let letters: Vec<char> = GOLDS[which].chars().collect();
        let at = cut % letters.len();
        let rest = (at + drop).min(letters.len());
        let damaged: String = letters[..at].iter().copied().chain(put.chars()).chain(letters[rest..].iter().copied()).collect();
        check(&damaged);
    }
}

/// Twice the text takes no more than about twice the time: a bound in tokens, since clocks differ.
#[test]
fn long_texts_end_soon() {
    for piece in ["'", "a ", "/*", "[", "1.", "count(", "x'", "''", "- -"] {
        let sql = piece.repeat(1_000_000 / piece.len());
        let spans = sql_spans(&sql);
        assert!(!spans.is_empty() || piece == "/*");
        assert!(spans.len() <= sql.len());
    }
}
