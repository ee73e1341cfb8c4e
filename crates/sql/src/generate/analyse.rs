//! The gold's [`Shape`], from its syntax tree: FROM, select lists, set operations.
//!
//! Only texts that SQLite has accepted come here, so their expressions are at most 500 deep
//! (`SQLITE_LIMIT_EXPR_DEPTH`), and sqlparser refuses nesting beyond 50; what it refuses is read by
//! [`super::words`] instead.

use sqlparser::ast::{
    Expr, GroupByExpr, JoinConstraint, JoinOperator, LimitClause, ObjectName, OrderByKind,
    OrderBySort, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator,
    Statement, TableFactor, TableWithJoins,
};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

use super::scope::{Found, Relation, Scope};
use super::shape::{Block, Instance, Link, Role, Shape, Slot};
use crate::Schema;

/// Instances that are followed; a gold with more is read no further.
const MAX_INSTANCES: usize = 64;

/// Levels of queries and expressions that are followed.
const MAX_DEPTH: usize = 200;

/// Steps of the walk; each column of a table in a FROM counts as one. Some parts are looked at twice, so that
/// nesting them doubles the work at each level; beyond this number the walk sees nothing more.
const MAX_STEPS: usize = 50_000;

/// Columns that a subquery may offer, as in SQLite. It never expands a common table expression that nobody
/// uses, and in those `SELECT *` over two of the last one doubles the columns each time.
const MAX_COLUMNS: usize = 2_000;

/// The shape of `gold`; `None` where sqlparser does not read it.
pub(super) fn analyse(schema: &Schema, gold: &str) -> Option<Shape> {
    let statements = Parser::parse_sql(&SQLiteDialect {}, gold).ok()?;
    let Some(Statement::Query(query)) = statements.first() else {
        return None;
    };
    let mut walk = Walk::new(schema);
    walk.query(query, None, Role::Needed);
    Some(walk.shape)
}

/// The walk over the tree.
pub(super) struct Walk<'a> {
    pub(super) schema: &'a Schema,
    pub(super) shape: Shape,
    /// The SELECTs around the place where the walk stands, outermost first.
    pub(super) scopes: Vec<Scope>,
    ctes: Vec<Relation>,
    depth: usize,
    steps: usize,
    /// Whether conditions and subqueries inside expressions are walked too, or only columns collected.
    pub(super) follows: bool,
}

impl<'a> Walk<'a> {
    fn new(schema: &'a Schema) -> Self {
        Self {
            schema,
            shape: Shape::default(),
            scopes: Vec::new(),
            ctes: Vec::new(),
            depth: 0,
            steps: 0,
            follows: true,
        }
    }

    /// Goes one level deeper for `work`, if there is one.
    pub(super) fn deeper<T: Default>(&mut self, work: impl FnOnce(&mut Self) -> T) -> T {
        if self.depth >= MAX_DEPTH || self.steps >= MAX_STEPS {
            return T::default();
        }
        self.depth += 1;
        self.steps += 1;
        let result = work(self);
        self.depth -= 1;
        result
    }

    /// Walks a query; gives its first block and the columns that it offers.
    pub(super) fn query(
        &mut self,
        query: &Query,
        parent: Option<usize>,
        role: Role,
    ) -> Option<Given> {
        self.deeper(|walk| {
            let known = walk.ctes.len();
            for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
                // Once for all uses: a chain of expressions that each use the last twice stays linear.
                let given = walk.query(&cte.query, None, Role::Needed);
                let mut columns = given.map(|given| given.columns).unwrap_or_default();
                for (column, alias) in columns.iter_mut().zip(&cte.alias.columns) {
                    column.0 = alias.name.value.to_lowercase();
                }
                let name = cte.alias.name.value.to_lowercase();
                walk.ctes.push(Relation { name, columns });
            }
            let given = walk.body(&query.body, parent, role, Some(query));
            walk.ctes.truncate(known);
            given
        })
    }

    /// `whole` brings ORDER BY and LIMIT, for the first SELECT of the body.
    fn body(
        &mut self,
        body: &SetExpr,
        parent: Option<usize>,
        role: Role,
        whole: Option<&Query>,
    ) -> Option<Given> {
        self.deeper(|walk| match body {
            SetExpr::Select(select) => Some(walk.select(select, parent, role, whole)),
            SetExpr::Query(query) => walk.query(query, parent, role),
            SetExpr::SetOperation {
                op, left, right, ..
            } => {
                let first = walk.body(left, parent, role, whole)?;
                let (role, linked) = match op {
                    SetOperator::Intersect => (Role::Needed, true),
                    SetOperator::Except | SetOperator::Minus => (Role::Forbidden, true),
                    SetOperator::Union => (Role::Free, false),
                };
                let second = walk.body(right, Some(first.block), role, None);
                for (left, right) in first
                    .columns
                    .iter()
                    .zip(second.iter().flat_map(|given| &given.columns))
                {
                    walk.pair(left.1.slot(), right.1.slot(), linked);
                }
                Some(first)
            }
            _ => None,
        })
    }

    /// Two slots that are compared; `linked` if the query wants them equal.
    pub(super) fn pair(&mut self, left: Option<Slot>, right: Option<Slot>, linked: bool) {
        if let (Some(left), Some(right)) = (left, right) {
            self.shape
                .shared
                .push((self.shape.place(left), self.shape.place(right)));
            if linked {
                self.shape.links.push(Link { left, right });
            }
        }
    }

    fn select(
        &mut self,
        select: &Select,
        parent: Option<usize>,
        role: Role,
        whole: Option<&Query>,
    ) -> Given {
        let block = self.shape.blocks.len();
        self.shape.blocks.push(Block::new(parent, role));
        self.scopes.push(Scope::default());
        for from in &select.from {
            self.from(from, block);
        }
        let columns = self.projection(&select.projection, block);
        if let Some(scope) = self.scopes.last_mut() {
            scope.aliases.clone_from(&columns);
        }
        if let Some(condition) = &select.selection {
            self.condition(condition, false, None, block);
        }
        if let GroupByExpr::Expressions(keys, _) = &select.group_by {
            for key in keys {
                let slots = self.key(key, &columns, block);
                self.shape.blocks[block].group.extend(slots);
            }
        }
        if let Some(condition) = &select.having {
            self.condition(condition, false, None, block);
        }
        if let Some(query) = whole {
            self.ending(query, &columns, block);
        }
        self.scopes.pop();
        self.shape.blocks[block].output = columns.iter().map(|column| column.1.slot()).collect();
        Given { block, columns }
    }

    /// The slots of a GROUP BY or ORDER BY term; a number is a place in the select list.
    fn key(&mut self, key: &Expr, columns: &[(String, Found)], block: usize) -> Vec<Slot> {
        if let Some(crate::Value::Integer(place)) = self.literal(key) {
            let place = usize::try_from(place).unwrap_or(0).wrapping_sub(1);
            return columns
                .get(place)
                .and_then(|column| column.1.slot())
                .into_iter()
                .collect();
        }
        self.slots(key, block)
    }

    fn ending(&mut self, query: &Query, columns: &[(String, Found)], block: usize) {
        if let Some(OrderByKind::Expressions(terms)) =
            query.order_by.as_ref().map(|order| &order.kind)
        {
            for term in terms {
                let slots = self.key(&term.expr, columns, block);
                let plain = self.literal(&term.expr).is_some() || self.column(&term.expr).is_some();
                let one = &mut self.shape.blocks[block];
                match &term.options.sort {
                    Some(OrderBySort::Desc) => one.high.extend(&slots),
                    _ => one.low.extend(&slots),
                }
                if plain {
                    one.order.extend(slots);
                }
            }
        }
        let (limit, offset) = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
            None => return,
        };
        let mut reach = 0_usize;
        for part in [limit, offset].into_iter().flatten() {
            if let Some(crate::Value::Integer(rows)) = self.literal(part) {
                reach = reach.saturating_add(usize::try_from(rows).unwrap_or(0));
            }
        }
        self.shape.blocks[block].limit = Some(reach);
    }

    fn projection(&mut self, items: &[SelectItem], block: usize) -> Vec<(String, Found)> {
        let mut columns = Vec::new();
        for item in items {
            let (expr, alias) = match item {
                SelectItem::UnnamedExpr(expr) => (expr, None),
                SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias)),
                SelectItem::Wildcard(_) => {
                    let relations = self.scopes.last().map(|scope| scope.relations.as_slice());
                    let all = relations
                        .unwrap_or_default()
                        .iter()
                        .flat_map(|relation| &relation.columns);
                    columns.extend(all.cloned());
                    continue;
                }
                SelectItem::QualifiedWildcard(
                    SelectItemQualifiedWildcardKind::ObjectName(name),
                    _,
                ) => {
                    let name = last_name(name);
                    let relations = self.scopes.last().map(|scope| scope.relations.as_slice());
                    let mut relations = relations.unwrap_or_default().iter();
                    let named = relations.find(|relation| relation.name == name);
                    columns.extend(
                        named
                            .into_iter()
                            .flat_map(|relation| relation.columns.clone()),
                    );
                    continue;
                }
                _ => continue,
            };
            let slots = self.slots(expr, block);
            let plain = self.column(expr);
            let own = match expr {
                Expr::Identifier(name) => Some(name),
                Expr::CompoundIdentifier(parts) => parts.last(),
                _ => None,
            };
            let name = alias
                .or(own)
                .map(|name| name.value.to_lowercase())
                .unwrap_or_default();
            let found = match (plain, slots.as_slice()) {
                (Some(slot), _) => Found::Slot(slot),
                _ => Found::Computed,
            };
            columns.push((name, found));
        }
        columns.truncate(MAX_COLUMNS);
        columns
    }

    fn from(&mut self, from: &TableWithJoins, block: usize) {
        self.factor(&from.relation, block);
        for join in &from.joins {
            self.factor(&join.relation, block);
            let constraint = match &join.join_operator {
                JoinOperator::Join(constraint)
                | JoinOperator::Inner(constraint)
                | JoinOperator::CrossJoin(constraint)
                | JoinOperator::StraightJoin(constraint) => constraint,
                JoinOperator::Left(constraint)
                | JoinOperator::LeftOuter(constraint)
                | JoinOperator::Right(constraint)
                | JoinOperator::RightOuter(constraint)
                | JoinOperator::FullOuter(constraint) => constraint,
                _ => continue,
            };
            match constraint {
                JoinConstraint::On(condition) => self.condition(condition, false, None, block),
                JoinConstraint::Using(names) => {
                    for name in names {
                        self.join_by_name(Some(&last_name(name)));
                    }
                }
                JoinConstraint::Natural => self.join_by_name(None),
                JoinConstraint::None => {}
            }
        }
    }

    /// Links the last relation to those before it by `name`, or by all names that they share.
    fn join_by_name(&mut self, name: Option<&str>) {
        let Some((last, before)) = self
            .scopes
            .last()
            .and_then(|scope| scope.relations.split_last())
        else {
            return;
        };
        let mut pairs = Vec::new();
        for (column, found) in &last.columns {
            if name.is_none_or(|name| name == column)
                && let Some(other) = before.iter().find_map(|relation| relation.find(column))
            {
                pairs.push((other.slot(), found.slot()));
            }
        }
        for (left, right) in pairs {
            self.pair(left, right, true);
        }
    }

    fn factor(&mut self, factor: &TableFactor, block: usize) {
        let relation = match factor {
            TableFactor::Table { name, alias, .. } => {
                let table = last_name(name);
                let shown = alias
                    .as_ref()
                    .map_or_else(|| table.clone(), |alias| alias.name.value.to_lowercase());
                self.table(&table, shown, block)
            }
            TableFactor::Derived {
                subquery, alias, ..
            } => {
                let given = self.query(subquery, Some(block), Role::Needed);
                let name = alias.as_ref().map(|alias| alias.name.value.to_lowercase());
                given.map(|given| Relation {
                    name: name.unwrap_or_default(),
                    columns: given.columns,
                })
            }
            TableFactor::NestedJoin {
                table_with_joins, ..
            } => {
                self.deeper(|walk| walk.from(table_with_joins, block));
                None
            }
            _ => None,
        };
        if let (Some(relation), Some(scope)) = (relation, self.scopes.last_mut()) {
            self.steps += relation.columns.len();
            scope.relations.push(relation);
        }
    }

    fn table(&mut self, name: &str, shown: String, block: usize) -> Option<Relation> {
        if self.steps >= MAX_STEPS {
            return None;
        }
        if let Some(cte) = self.ctes.iter().rev().find(|cte| cte.name == name) {
            return Some(Relation {
                name: shown,
                columns: cte.columns.clone(),
            });
        }
        let mut tables = self.schema.tables.iter();
        let table = tables.position(|table| table.name.to_lowercase() == name)?;
        let instance = self.shape.instances.len();
        if instance == MAX_INSTANCES {
            return None;
        }
        self.shape.instances.push(Instance { table, block });
        let columns = self.schema.tables[table].columns.iter().enumerate();
        let columns = columns
            .map(|(column, one)| {
                (
                    one.name.to_lowercase(),
                    Found::Slot(Slot { instance, column }),
                )
            })
            .collect();
        Some(Relation {
            name: shown,
            columns,
        })
    }
}

/// A query that was walked.
#[derive(Debug, Clone)]
pub(super) struct Given {
    pub(super) block: usize,
    pub(super) columns: Vec<(String, Found)>,
}

/// The last part of a name, in lower case.
fn last_name(name: &ObjectName) -> String {
    let part = name.0.last().and_then(|part| part.as_ident());
    part.map(|part| part.value.to_lowercase())
        .unwrap_or_default()
}
