//! Spider's levels (`eval_hardness` of `evaluation.py`).

use super::tree::{LIKE, Query, Value};
use crate::Hardness;

impl Hardness {
    /// The level of a query as it was written.
    ///
    /// Three counts decide. The first: WHERE, GROUP BY, ORDER BY and LIMIT, tables beyond the first, ORs and LIKEs. The
    /// second: subqueries in conditions, and the set operation. The third: whether there is more than one aggregate,
    /// column in SELECT, *word* in WHERE (conditions and connectors), column in GROUP BY.
    ///
    /// The script looks for aggregates at the first element of whatever it is given. In WHERE that is the NOT of a
    /// condition; in HAVING it is the NOT too, and every AND and OR counts. An aggregate in HAVING itself does not.
    pub(super) fn of(query: &Query) -> Self {
        let (first, second, third) = (clauses(query), nested(query), others(query));
        match (first, second, third) {
            (..=1, 0, 0) => Self::Easy,
            (..=1, 0, ..=2) | (..=2, 0, ..=1) => Self::Medium,
            (..=2, 0, 3..) | (3, 0, ..=2) | (..=1, 1, 0) => Self::Hard,
            _ => Self::Extra,
        }
    }
}

fn clauses(query: &Query) -> usize {
    usize::from(!query.filter.list.is_empty())
        + usize::from(!query.group_by.is_empty())
        + usize::from(query.order_by.is_some())
        + usize::from(query.limit)
        + query.from.len().saturating_sub(1)
        + query.count_or()
        + query
            .conditions()
            .filter(|condition| condition.operator == LIKE)
            .count()
}

fn nested(query: &Query) -> usize {
    let values = query
        .conditions()
        .flat_map(|condition| [&condition.first, &condition.second]);
    values
        .filter(|value| matches!(value, Value::Query(_)))
        .count()
        + usize::from(query.set.is_some())
}

fn others(query: &Query) -> usize {
    let select = query
        .select
        .iter()
        .filter(|(aggregate, _)| *aggregate != 0)
        .count();
    let group = query
        .group_by
        .iter()
        .filter(|column| column.aggregate != 0)
        .count();
    let order = query.order_by.iter().flat_map(|(_, operands)| operands);
    let order = order
        .flat_map(|operand| [Some(operand.left), operand.right])
        .flatten()
        .filter(|column| column.aggregate != 0)
        .count();
    let not = |conditions: &[super::tree::Condition]| {
        conditions.iter().filter(|condition| condition.not).count()
    };
    let having = not(&query.having.list) + query.having.connectors.len();
    let aggregates = select + group + order + not(&query.filter.list) + having;
    let words = query.filter.list.len() + query.filter.connectors.len();
    [aggregates, query.select.len(), words, query.group_by.len()]
        .into_iter()
        .filter(|&count| count > 1)
        .count()
}
