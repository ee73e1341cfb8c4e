//! The gold queries that sql-eval writes as one: `;` between alternatives, `{a, b}` for columns to choose from.

use crate::lexer::{Token, tokens};

/// Columns to choose from in one pair of braces; each more doubles the number of queries.
const MOST_COLUMNS: usize = 10;

/// A gold with braces that cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AlternativesError {
    /// The number of queries would explode.
    #[error("{found} columns to choose from, at most {limit} are expanded")]
    TooManyColumns {
        /// How many there are.
        found: usize,
        /// The limit.
        limit: usize,
    },
}

/// All queries that a gold of sql-eval stands for.
///
/// Alternatives stand between semicolons. In each, the first `{a, b}` becomes every choice of at least one of
/// its columns, single ones first, and `GROUP BY {}` behind it becomes the same columns. A prediction is
/// correct if it matches any of them. Semicolons and braces in strings, quoted names and comments do not count, and
/// more than 10 columns are refused; otherwise this is `get_all_minimal_queries` of sql-eval's
/// `eval/eval.py` (commit 079e59c).
///
/// # Errors
/// See [`AlternativesError`].
///
/// ```
/// let queries = anneal_sql::gold_alternatives("SELECT {id, name}, count(*) FROM t GROUP BY {}; SELECT 1;")?;
/// assert_eq!(queries, [
///     "SELECT id, count(*) FROM t GROUP BY id",
///     "SELECT  name, count(*) FROM t GROUP BY  name",
///     "SELECT id,  name, count(*) FROM t GROUP BY id,  name",
///     "SELECT 1",
/// ]);
/// # Ok::<(), anneal_sql::AlternativesError>(())
/// ```
pub fn gold_alternatives(gold: &str) -> Result<Vec<String>, AlternativesError> {
    let mut queries = Vec::new();
    let mut start = 0;
    let ends = tokens(gold).filter(|token| token.is_code() && token.text == ";");
    let ends: Vec<usize> = ends.map(|token| token.start).chain([gold.len()]).collect();
    for end in ends {
        let query = gold[start..end].trim();
        start = (end + 1).min(gold.len());
        if !query.is_empty() {
            expand(query, &mut queries)?;
        }
    }
    Ok(queries)
}

fn expand(query: &str, queries: &mut Vec<String>) -> Result<(), AlternativesError> {
    let code: Vec<Token<'_>> = tokens(query).filter(Token::is_code).collect();
    let open = code.iter().position(|token| token.text == "{");
    let close = open.and_then(|open| {
        let rest = code[open..].iter();
        rest.map(|token| token.text)
            .position(|text| text == "}")
            .map(|at| open + at)
    });
    let (Some(open), Some(close)) = (open, close) else {
        queries.push(query.to_owned());
        return Ok(());
    };
    let (left, right) = (&query[..code[open].start], &query[code[close].end()..]);
    let columns: Vec<&str> = query[code[open].end()..code[close].start]
        .split(',')
        .collect();
    if columns.len() > MOST_COLUMNS {
        return Err(AlternativesError::TooManyColumns {
            found: columns.len(),
            limit: MOST_COLUMNS,
        });
    }
    let mut choices: Vec<Vec<usize>> = (1_u32..1 << columns.len())
        .map(|mask| {
            (0..columns.len())
                .filter(|&at| mask & 1 << at != 0)
                .collect()
        })
        .collect();
    // By number of columns, then by place, as Python's combinations come.
    choices.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    for choice in choices {
        let chosen: Vec<&str> = choice.iter().map(|&at| columns[at]).collect();
        let chosen = chosen.join(", ");
        let right = right.replace("GROUP BY {}", &format!("GROUP BY {chosen}"));
        queries.push(format!("{left}{chosen}{right}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_columns_give_seven_queries_in_order() {
        let queries = gold_alternatives("SELECT {a,b,c} FROM t").unwrap();
        let expected = ["a", "b", "c", "a, b", "a, c", "b, c", "a, b, c"];
        assert_eq!(
            queries,
            expected.map(|columns| format!("SELECT {columns} FROM t"))
        );
    }

    #[test]
    fn quotes_hide_semicolons_and_braces() {
        let gold = "SELECT '{a;b}' FROM t ; ; SELECT \"{\"";
        assert_eq!(
            gold_alternatives(gold).unwrap(),
            ["SELECT '{a;b}' FROM t", "SELECT \"{\""]
        );
        assert_eq!(gold_alternatives("SELECT } {a").unwrap(), ["SELECT } {a"]);
        assert_eq!(gold_alternatives(" ; ").unwrap(), Vec::<String>::new());
    }

    #[test]
    fn many_columns_are_refused() {
        let gold = format!("SELECT {{{}}} FROM t", ["a"; 11].join(","));
        let error = gold_alternatives(&gold).unwrap_err();
        assert_eq!(
            error.to_string(),
            "11 columns to choose from, at most 10 are expanded"
        );
    }
}
