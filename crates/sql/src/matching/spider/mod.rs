//! Spider's exact set match of components and its levels of hardness.
//!
//! The rules are those of the official scripts, `process_sql.py` and `evaluation.py` of taoyds/test-suite-sql-eval (Yu
//! et al. 2018, "Spider", section 5; Zhong et al. 2020), oddities included, so that figures compare with published
//! ones. The version of taoyds/spider differs in one place: it refuses a LIMIT that is no whole number.

mod components;
mod error;
mod hardness;
mod names;
mod parse;
mod rebuild;
mod tokens;
mod totals;
mod tree;
mod words;

use serde::{Deserialize, Serialize};

pub use components::{ComponentScore, ComponentScores, SPIDER_COMPONENTS};
pub use error::{MAX_SPIDER_DEPTH, SpiderError};
pub use names::SpiderSchema;
pub use totals::{ComponentTotal, LevelTotal, SpiderTotals};

use crate::{Hardness, Schema};

/// A query in Spider's grammar, ready to be compared.
///
/// ```
/// use anneal_sql::{Column, Hardness, Schema, SpiderError, SpiderQuery, SpiderSchema, Table};
/// let column = |name: &str| Column { name: name.into(), ..Column::default() };
/// let film = Table { name: "film".into(), columns: vec![column("id"), column("title")], ..Table::default() };
/// let schema = SpiderSchema::new(&Schema { tables: vec![film], ..Schema::default() });
///
/// let gold = SpiderQuery::parse("SELECT title FROM film ORDER BY id DESC LIMIT 1", &schema)?;
/// assert_eq!(gold.hardness(), Hardness::Medium);
/// assert!(gold.judge("SELECT T1.Title FROM film AS T1 ORDER BY T1.ID DESC LIMIT 3", &schema).exact);
/// assert!(!gold.judge("SELECT title FROM film ORDER BY id LIMIT 1", &schema).exact);
///
/// let refused = SpiderQuery::parse("SELECT title FROM film WHERE id IS NULL", &schema);
/// assert_eq!(refused.unwrap_err(), SpiderError::UnknownColumn { at: 7, found: "null".into() });
/// # Ok::<(), SpiderError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SpiderQuery {
    hardness: Hardness,
    tree: tree::Query,
}

impl SpiderQuery {
    /// Reads a query.
    ///
    /// The grammar is that of Spider's script, a small part of SQL: one condition after the other without parentheses,
    /// no `<>`, no `IS NULL`, no list after IN, no table alias without AS, no alias of a column, no function but the five
    /// aggregates. Some text is accepted that is no SQL; what follows the first statement is not read.
    ///
    /// # Errors
    /// If the query is outside the grammar, names a table or column that the schema does not have, is longer than
    /// [`MAX_SQL_BYTES`](crate::MAX_SQL_BYTES) or nests deeper than [`MAX_SPIDER_DEPTH`].
    pub fn parse(sql: &str, schema: &SpiderSchema) -> Result<Self, SpiderError> {
        let tree = parse::parse(&tokens::tokens(sql)?, schema)?;
        Ok(Self {
            hardness: Hardness::of(&tree),
            tree: rebuild::rebuild(tree, schema),
        })
    }

    /// Its level.
    #[must_use]
    pub fn hardness(&self) -> Hardness {
        self.hardness
    }

    /// Compares this gold with a prediction in words; one that does not parse is compared as the empty query.
    ///
    /// As in the script, the word `value` between two spaces stands for 1 in a prediction.
    #[must_use]
    pub fn judge(&self, predicted: &str, schema: &SpiderSchema) -> SpiderMatch {
        let predicted = Self::parse(&predicted.replace(" value ", " 1 "), schema);
        component_match(self, predicted.as_ref().ok(), schema)
    }
}

/// What Spider's script says about one prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpiderMatch {
    /// The level of the gold.
    pub hardness: Hardness,
    /// Exact set match: every component agrees, and so do the tables.
    pub exact: bool,
    /// The components.
    pub scores: ComponentScores,
}

/// Compares two queries; `None` for a prediction outside the grammar, which counts as the empty query.
///
/// An empty prediction still agrees in the components that the gold does not have.
#[must_use]
pub fn component_match(
    gold: &SpiderQuery,
    predicted: Option<&SpiderQuery>,
    schema: &SpiderSchema,
) -> SpiderMatch {
    let empty = tree::Query::default();
    let predicted = predicted.map_or(&empty, |predicted| &predicted.tree);
    let scores = ComponentScores::of(&gold.tree, predicted, schema);
    SpiderMatch {
        hardness: gold.hardness,
        exact: components::exact(&gold.tree, predicted, &scores),
        scores,
    }
}

/// What Spider's script says about `predicted`; `None` where the gold is outside Spider's grammar.
///
/// For many predictions over one schema, make a [`SpiderSchema`] once, and for many predictions of one gold a
/// [`SpiderQuery`].
///
/// ```
/// use anneal_sql::{Column, Hardness, Schema, Table, spider_match};
/// let column = |name: &str| Column { name: name.into(), ..Column::default() };
/// let film = Table { name: "film".into(), columns: vec![column("id"), column("title")], ..Table::default() };
/// let schema = Schema { tables: vec![film], ..Schema::default() };
///
/// // Values and DISTINCT do not count.
/// let gold = "SELECT title FROM film WHERE id = 1";
/// let found = spider_match(gold, "SELECT DISTINCT title FROM film WHERE id = 20", &schema).unwrap();
/// assert_eq!((found.hardness, found.exact), (Hardness::Easy, true));
///
/// // The script cannot read this, and takes it for an empty query: nothing selected, but no ORDER BY either.
/// let found = spider_match(gold, "SELECT title FROM film WHERE id <> 1", &schema).unwrap();
/// assert!(!found.scores.select.is_match && found.scores.order.is_match);
/// assert_eq!(spider_match("SELECT 1", gold, &schema), None);
/// ```
#[must_use]
pub fn spider_match(gold: &str, predicted: &str, schema: &Schema) -> Option<SpiderMatch> {
    let schema = SpiderSchema::new(schema);
    let gold = SpiderQuery::parse(gold, &schema).ok()?;
    Some(gold.judge(predicted, &schema))
}
