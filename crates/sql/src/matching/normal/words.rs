//! The words of SQL that are no names.

/// Words that end an operand or a table, so that they are no alias without AS.
const KEYWORDS: &[&str] = &[
    "all",
    "and",
    "as",
    "asc",
    "between",
    "by",
    "case",
    "collate",
    "cross",
    "delete",
    "desc",
    "distinct",
    "else",
    "end",
    "escape",
    "except",
    "exists",
    "filter",
    "from",
    "full",
    "glob",
    "group",
    "having",
    "in",
    "indexed",
    "inner",
    "insert",
    "intersect",
    "into",
    "is",
    "isnull",
    "join",
    "left",
    "like",
    "limit",
    "match",
    "natural",
    "not",
    "notnull",
    "null",
    "nulls",
    "offset",
    "on",
    "or",
    "order",
    "outer",
    "over",
    "recursive",
    "regexp",
    "right",
    "select",
    "set",
    "then",
    "union",
    "update",
    "using",
    "values",
    "when",
    "where",
    "window",
    "with",
];

/// Whether the lower-case word is a keyword.
pub(super) fn is_keyword(word: &str) -> bool {
    KEYWORDS.binary_search(&word).is_ok()
}

/// Words after which double quotes hold a text.
pub(super) fn compares(word: &str) -> bool {
    matches!(
        word,
        "like"
            | "glob"
            | "regexp"
            | "match"
            | "between"
            | "escape"
            | "then"
            | "else"
            | "is"
            | "limit"
            | "values"
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_is_sorted() {
        assert!(super::KEYWORDS.is_sorted());
    }
}
