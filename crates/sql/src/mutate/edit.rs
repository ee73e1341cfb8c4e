//! The kinds of single edits.

use serde::{Deserialize, Serialize};

/// What one edit has changed. In JSON: its name in snake case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Edit {
    /// A comparison operator for another: `=`, `<>`, `<`, `>`, `<=`, `>=`.
    Comparison,
    /// A NOT put in or taken away: of LIKE, IN, BETWEEN, EXISTS, `IS NULL`.
    Negation,
    /// A number one larger or one smaller.
    Number,
    /// A text with a letter more; a LIKE pattern that is open at another end.
    Text,
    /// A literal replaced by another literal of the query.
    Literal,
    /// One of COUNT, SUM, AVG, MIN and MAX for another.
    Aggregate,
    /// `COUNT(*)` for `COUNT(column)` or the reverse.
    CountArgument,
    /// `COUNT(x)` for `COUNT(DISTINCT x)` or the reverse, and the same for SUM and AVG.
    AggregateDistinct,
    /// Another column of the same table in the select list.
    SelectColumn,
    /// Another column of the same table in WHERE.
    WhereColumn,
    /// Another column of the same table in a join's condition.
    JoinColumn,
    /// Another column of the same table in GROUP BY.
    GroupColumn,
    /// Another column of the same table in HAVING.
    HavingColumn,
    /// Another column of the same table in ORDER BY.
    OrderColumn,
    /// One column fewer in the select list.
    SelectDropped,
    /// One column more in the select list.
    SelectAdded,
    /// One operand of an AND or OR dropped.
    ConditionDropped,
    /// The whole WHERE dropped.
    WhereDropped,
    /// AND for OR or the reverse.
    AndOr,
    /// The whole HAVING dropped.
    HavingDropped,
    /// The whole GROUP BY dropped.
    GroupDropped,
    /// One of several GROUP BY terms dropped.
    GroupTermDropped,
    /// The whole ORDER BY dropped.
    OrderDropped,
    /// One of several ORDER BY terms dropped.
    OrderTermDropped,
    /// ASC for DESC or the reverse.
    OrderDirection,
    /// LIMIT, and OFFSET with it, dropped.
    LimitDropped,
    /// LIMIT one larger or one smaller; never 0.
    LimitChanged,
    /// OFFSET dropped, one larger or one smaller.
    OffsetChanged,
    /// DISTINCT put in or taken away.
    Distinct,
    /// JOIN for LEFT JOIN or the reverse.
    JoinKind,
    /// One table of a join dropped, with its condition.
    JoinDropped,
    /// One of UNION, INTERSECT and EXCEPT for another.
    SetOperator,
    /// UNION for UNION ALL or the reverse.
    SetAll,
    /// One side of a set operation alone.
    SetSide,
    /// The sides of EXCEPT swapped.
    SetSwapped,
}
