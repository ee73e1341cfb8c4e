//! What a query loses before it is compared: values, DISTINCT, and the difference between columns of a foreign key.
//!
//! These are `rebuild_sql_val` and `rebuild_sql_col` of `evaluation.py` with `DISABLE_VALUE` and `DISABLE_DISTINCT`, as
//! far as they go, which is not everywhere:
//!
//! - values go from the conditions of the query, of its set operations, and of subqueries in conditions;
//! - DISTINCT goes, and columns of a foreign key become one, in the query and its set operations, but not in a subquery of
//!   a condition; the tables that allow it are those of the outermost FROM;
//! - a subquery in FROM keeps everything.

use super::SpiderSchema;
use super::tree::{ColumnUse, Conditions, Operand, Query, Source, Value};

/// The query as it is compared.
pub(super) fn rebuild(mut query: Query, schema: &SpiderSchema) -> Query {
    drop_values(&mut query);
    let sources = query.from.iter().filter_map(|source| match source {
        Source::Table(id) => Some(schema.text(*id)),
        Source::Query(_) => None,
    });
    let tables = sources.collect();
    unify(&mut query, &|column: &mut ColumnUse| {
        column.column = schema.representative(column.column, &tables);
        column.distinct = false;
    });
    query
}

fn drop_values(query: &mut Query) {
    let Query {
        joins,
        filter,
        having,
        set,
        ..
    } = query;
    for conditions in [joins, filter, having] {
        for condition in &mut conditions.list {
            for value in [&mut condition.first, &mut condition.second] {
                match value {
                    Value::Query(nested) => drop_values(nested),
                    _ => *value = Value::None,
                }
            }
        }
    }
    if let Some((_, arm)) = set {
        drop_values(arm);
    }
}

fn unify(query: &mut Query, change: &dyn Fn(&mut ColumnUse)) {
    let operand = |operand: &mut Operand| {
        change(&mut operand.left);
        operand.right.as_mut().map(change);
    };
    let left_sides = |conditions: &mut Conditions| {
        for condition in &mut conditions.list {
            operand(&mut condition.left);
        }
    };
    query.distinct = false;
    query.select.iter_mut().for_each(|(_, unit)| operand(unit));
    left_sides(&mut query.joins);
    left_sides(&mut query.filter);
    left_sides(&mut query.having);
    query.group_by.iter_mut().for_each(change);
    if let Some((_, operands)) = &mut query.order_by {
        operands.iter_mut().for_each(operand);
    }
    if let Some((_, arm)) = &mut query.set {
        unify(arm, change);
    }
}
