//! Wrong answers on purpose: a query with one single edit.
//!
//! A judge that accepts a wrong query is found by giving it many (mutation
//! testing); the same queries are the wrong answers of preference training.

mod edit;
mod expr;
mod join;
mod literal;
mod query;
mod scope;
mod select;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};
use sqlparser::ast::{Expr, Query, Statement, Visit, Visitor};
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::Parser;

pub use edit::Edit;

use crate::Schema;
use crate::lexer::{Token, single_statement, tokens};
use literal::Literal;
use scope::Scope;

/// The longest query that is mutated, in bytes.
pub const MAX_MUTATED_BYTES: usize = 16 << 10;

/// The most tokens of a query that is mutated.
///
/// It bounds the depth of the parser's tree, which is as deep as `1+1+1+…` is long.
const MAX_TOKENS: usize = 1_000;

/// The deepest expression that is mutated; SQLite itself takes 500 levels here.
const MAX_DEPTH: usize = 100;

/// The most mutants of one query.
pub const MAX_MUTANTS: usize = 2_000;

/// A query that is one edit away from another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mutant {
    /// The query, on one line, as SQLite reads it.
    pub sql: String,
    /// What was changed.
    pub edit: Edit,
}

/// Why a query has no mutants.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MutateError {
    /// No statement, several, or one that is too long: the same verdict as when it runs.
    #[error("{0}")]
    Statement(#[from] crate::QueryError),
    /// Longer than [`MAX_MUTATED_BYTES`], more than 1,000 tokens, or nested deeper than 100 levels.
    #[error("the query has {found} {unit}, at most {limit} are mutated")]
    TooLarge {
        /// What was counted: `bytes`, `tokens` or `levels`.
        unit: String,
        /// How many.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The parser does not read it.
    #[error("the query does not parse: {message}")]
    Parse {
        /// The parser's message, with line and column.
        message: String,
    },
    /// A statement that is no query.
    #[error("expected a SELECT, found {found}")]
    NotAQuery {
        /// Its first word.
        found: String,
    },
    /// Printing the parsed query gives another query.
    #[error("the parsed query prints as another one: {printed}")]
    Unprintable {
        /// What is printed.
        printed: String,
    },
}

/// The queries one single edit away from `sql`, in the order of the query's parts.
///
/// Each differs from the original and from the others in more than white space,
/// case of keywords, quotes or comments. Mere permutations of the select list are
/// not made, because they are not wrong by Spider's rules; nor are edits that
/// cannot change a result whatever the data: DISTINCT of a single aggregate row, in
/// IN, or under UNION; the order of rows in IN; the select list of EXISTS. What is
/// left may still be equivalent under the schema's keys (`COUNT(id)` for
/// `COUNT(*)`), or need a resource budget (a `WITH RECURSIVE` that lost its end):
/// a mutant is a *candidate* for a wrong answer, and a database decides.
///
/// A column is swapped only where `schema` knows its table, for at most four others: those of
/// the same affinity first, in the table's order from the column on. A literal is
/// swapped for at most three others of the query. A name in double quotes that is no
/// column is a text, as in SQLite.
///
/// The printed SQL runs on SQLite where the original does as far as syntax goes;
/// dropping GROUP BY or a table may leave a name without a table.
///
/// # Errors
/// See [`MutateError`]. There are at most [`MAX_MUTANTS`]; the rest is left out.
///
/// ```
/// use anneal_sql::{Edit, Schema, Table, Column, mutants};
///
/// let columns = ["id", "title", "year"].map(|name| Column { name: name.into(), ..Column::default() });
/// let film = Table { name: "film".into(), columns: columns.into(), ..Table::default() };
/// let schema = Schema { tables: vec![film], ..Schema::default() };
///
/// let found = mutants("SELECT title FROM film WHERE year > 1950", &schema)?;
/// let has = |edit, sql: &str| found.iter().any(|mutant| mutant.edit == edit && mutant.sql == sql);
/// assert!(has(Edit::Comparison, "SELECT title FROM film WHERE year >= 1950"));
/// assert!(has(Edit::Number, "SELECT title FROM film WHERE year > 1951"));
/// assert!(has(Edit::WhereColumn, "SELECT title FROM film WHERE id > 1950"));
/// assert!(has(Edit::WhereDropped, "SELECT title FROM film"));
/// assert!(has(Edit::Distinct, "SELECT DISTINCT title FROM film WHERE year > 1950"));
/// # Ok::<(), anneal_sql::MutateError>(())
/// ```
pub fn mutants(sql: &str, schema: &Schema) -> Result<Vec<Mutant>, MutateError> {
    let query = parse(sql)?;
    let printed = query.to_string();
    if parse(&printed).ok().as_ref() != Some(&query) {
        return Err(MutateError::Unprintable { printed });
    }
    let found = Findings::read(&query)?;
    let mut mutator = Mutator {
        schema,
        hidden: found.hidden,
        aliases: found.aliases,
        literals: Vec::new(),
        full: Cell::new(false),
    };
    // What stands in double quotes may be a name; better one text too few than a name too many.
    let is_text = |literal: &Literal| match literal {
        Literal::Text(name, '"') => !mutator.is_name(name),
        _ => true,
    };
    mutator.literals = found.literals.into_iter().filter(is_text).collect();
    let seen = RefCell::new(HashSet::from([printed]));
    let mut mutants = Vec::new();
    mutator.query(&query, Place::Top, &Scope::none(), &mut |query, edit| {
        let sql = query.to_string();
        if !mutator.full.get() && seen.borrow_mut().insert(sql.clone()) {
            mutants.push(Mutant { sql, edit });
            mutator.full.set(mutants.len() == MAX_MUTANTS);
        }
    });
    Ok(mutants)
}

/// Where a query stands, and so what of it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The whole statement.
    Top,
    /// One side of a set operation that is the whole statement.
    Side,
    /// A subquery in FROM, or a common table expression.
    Derived,
    /// A subquery whose first value counts.
    Value,
    /// In IN: the set of values counts.
    Set,
    /// In EXISTS: only whether there is a row.
    Exists,
}

/// What all edits of one query need.
struct Mutator<'s> {
    schema: &'s Schema,
    /// The names of common table expressions: they hide tables.
    hidden: Vec<String>,
    aliases: Vec<String>,
    /// Every number and text of the query, in order.
    literals: Vec<Literal>,
    /// [`MAX_MUTANTS`] are there.
    full: Cell<bool>,
}

impl Mutator<'_> {
    fn is_alias(&self, name: &str) -> bool {
        self.aliases
            .iter()
            .any(|alias| alias.eq_ignore_ascii_case(name))
    }

    /// Whether `name` is an alias of the query or a column of any table.
    fn is_name(&self, name: &str) -> bool {
        let columns = self.schema.tables.iter().flat_map(|table| &table.columns);
        self.is_alias(name)
            || columns
                .into_iter()
                .any(|column| column.name.eq_ignore_ascii_case(name))
    }
}

fn parse(sql: &str) -> Result<Query, MutateError> {
    let too_large = |unit: &str, found, limit| MutateError::TooLarge {
        unit: unit.to_owned(),
        found,
        limit,
    };
    let sql = single_statement(sql)?;
    if sql.len() > MAX_MUTATED_BYTES {
        return Err(too_large("bytes", sql.len(), MAX_MUTATED_BYTES));
    }
    let count = tokens(sql).filter(Token::is_code).count();
    if count > MAX_TOKENS {
        return Err(too_large("tokens", count, MAX_TOKENS));
    }
    let statements =
        Parser::parse_sql(&SQLiteDialect {}, sql).map_err(|error| MutateError::Parse {
            message: error.to_string(),
        })?;
    match statements.into_iter().next() {
        Some(Statement::Query(query)) => Ok(*query),
        _ => Err(MutateError::NotAQuery {
            found: tokens(sql).next().map_or("", |token| token.text).to_owned(),
        }),
    }
}

/// One look over the whole query.
#[derive(Default)]
struct Findings {
    hidden: Vec<String>,
    aliases: Vec<String>,
    literals: Vec<Literal>,
    depth: usize,
    deepest: usize,
}

impl Findings {
    fn read(query: &Query) -> Result<Self, MutateError> {
        let mut found = Self::default();
        let _ = query.visit(&mut found);
        if found.deepest > MAX_DEPTH {
            return Err(MutateError::TooLarge {
                unit: "levels".to_owned(),
                found: found.deepest,
                limit: MAX_DEPTH,
            });
        }
        Ok(found)
    }
}

impl Visitor for Findings {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.hidden
            .extend(tables.map(|table| table.alias.name.value.clone()));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &sqlparser::ast::Select) -> ControlFlow<()> {
        for item in &select.projection {
            if let sqlparser::ast::SelectItem::ExprWithAlias { alias, .. } = item {
                self.aliases.push(alias.value.clone());
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        if matches!(expr, Expr::Value(_) | Expr::Identifier(_)) {
            self.literals.extend(Literal::read(expr, |_| false));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _expr: &Expr) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }
}
