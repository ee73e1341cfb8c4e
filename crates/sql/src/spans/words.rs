//! Bare words: keywords, built-in functions, names.

use super::TokenClass;
use crate::schema::is_reserved;

/// Words that SQLite takes as names too, and that queries need as keywords.
const SOFT: [&str; 30] = [
    "ASC",
    "BY",
    "CAST",
    "CROSS",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "DESC",
    "END",
    "FILTER",
    "FOLLOWING",
    "FULL",
    "GLOB",
    "INNER",
    "LEFT",
    "LIKE",
    "MATCH",
    "MATERIALIZED",
    "NATURAL",
    "NULLS",
    "OFFSET",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "RECURSIVE",
    "REGEXP",
    "RIGHT",
    "WINDOW",
    "WITH",
];

/// Keywords only after or before another one: `NULLS FIRST`, `ROWS BETWEEN`, `CURRENT ROW`.
const PAIRS: [(&str, &str); 12] = [
    ("NULLS", "FIRST"),
    ("NULLS", "LAST"),
    ("ROWS", "BETWEEN"),
    ("RANGE", "BETWEEN"),
    ("GROUPS", "BETWEEN"),
    ("ROWS", "UNBOUNDED"),
    ("RANGE", "UNBOUNDED"),
    ("GROUPS", "UNBOUNDED"),
    ("CURRENT", "ROW"),
    ("UNBOUNDED", "PRECEDING"),
    ("UNBOUNDED", "FOLLOWING"),
    ("INDEXED", "BY"),
];

/// SQLite's functions (<https://www.sqlite.org/lang_corefunc.html>, `lang_aggfunc`, `lang_datefunc`, `lang_mathfunc`,
/// `windowfunctions`, `json1`) and those that other engines' queries call most.
const FUNCTIONS: &str = " ABS ACOS ACOSH ASIN ASINH ATAN ATAN2 ATANH AVG CEIL CEILING CHANGES CHAR COALESCE CONCAT CONCAT_WS COS COSH COUNT \
CUME_DIST CURDATE DATE DATETIME DAY DEGREES DENSE_RANK EXP EXTRACT FIRST_VALUE FLOOR FORMAT GLOB GROUP_CONCAT HEX IFNULL IIF INSTR JSON \
JSON_ARRAY JSON_EXTRACT JSON_OBJECT JULIANDAY LAG LAST_VALUE LEAD LENGTH LIKE LN LOG LOG10 LOG2 LOWER LTRIM MAX MIN MOD MONTH \
NOW NTH_VALUE NTILE NULLIF PERCENT_RANK PI POW POWER PRINTF QUOTE RADIANS RANDOM RANK REPLACE ROUND ROW_NUMBER RTRIM SIGN SIN SINH \
SQRT STRFTIME STRING_AGG SUBSTR SUBSTRING SUM TAN TANH TIME TIMEDIFF TOTAL TRIM TRUNC TYPEOF UNHEX UNICODE UNIXEPOCH UPPER YEAR ZEROBLOB ";

/// The class of `word` between the tokens `before` and `after`.
pub(super) fn class(word: &str, before: Option<&str>, after: Option<&str>) -> TokenClass {
    let named = before == Some(".") || after == Some(".");
    // No keyword and no function is longer: names of any length cost the same.
    if named || word.len() > 20 {
        return TokenClass::Identifier;
    }
    let upper = word.to_ascii_uppercase();
    if matches!(upper.as_str(), "TRUE" | "FALSE") {
        return TokenClass::Literal;
    }
    let aliased = before.is_some_and(|word| word.eq_ignore_ascii_case("as"));
    let called = after == Some("(") && FUNCTIONS.contains(&format!(" {upper} "));
    let soft = SOFT.binary_search(&upper.as_str()).is_ok();
    let paired = PAIRS.iter().any(|(first, second)| {
        let is = |token: Option<&str>, word: &str| {
            token.is_some_and(|token| token.eq_ignore_ascii_case(word))
        };
        (upper == *first && is(after, second)) || (upper == *second && is(before, first))
    });
    if is_reserved(&upper)
        || called
        || (!aliased && (soft || paired))
        || (upper == "MATERIALIZED" && aliased)
    {
        TokenClass::Keyword
    } else {
        TokenClass::Identifier
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_is_sorted() {
        assert!(super::SOFT.is_sorted());
    }
}
