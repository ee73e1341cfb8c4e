//! The ten partial comparisons of Spider's script, and the exact one (`eval_partial_match`, `eval_exact_match`).

use serde::{Deserialize, Serialize};

use super::SpiderSchema;
use super::tree::{Connector, Direction, IN, LIKE, Operand, Query, SetOperation, Source};

/// One component of two queries compared.
///
/// The script gives each component an accuracy, a recall and an F1, but sets all three to 1 where everything agrees
/// and all three to 0 otherwise. The counts matter for averages: the accuracy is over the predictions that have the
/// component, the recall over the golds that have it ([`SpiderTotals`](super::SpiderTotals)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentScore {
    /// Whether all of it agrees: accuracy, recall and F1 at once.
    #[serde(rename = "match")]
    pub is_match: bool,
    /// How many parts the gold has (`label_total`).
    pub gold: usize,
    /// How many parts the prediction has (`pred_total`).
    pub predicted: usize,
}

impl ComponentScore {
    /// `get_scores`: as many parts here as there, and all of them found.
    fn new(gold: usize, predicted: usize, found: usize) -> Self {
        Self {
            is_match: gold == predicted && found == predicted,
            gold,
            predicted,
        }
    }
}

/// The names of the components as the script prints them, in its order.
pub const SPIDER_COMPONENTS: [&str; 10] = [
    "select",
    "select(no AGG)",
    "where",
    "where(no OP)",
    "group(no Having)",
    "group",
    "order",
    "and/or",
    "IUEN",
    "keywords",
];

/// All components of two queries compared.
///
/// What is compared: in SELECT, the aggregates and operands as a bag; in WHERE, the conditions as a bag without
/// values, and without operators for the second score, AND and OR as a set; in GROUP BY, the columns without their
/// tables as a bag, then in order and with HAVING; ORDER BY in order with one direction, and whether both have a LIMIT;
/// the queries behind INTERSECT, UNION and EXCEPT, exactly; the keywords. JOIN conditions are not compared but for
/// OR, NOT, IN and LIKE among the keywords.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentScores {
    /// What is selected.
    pub select: ComponentScore,
    /// What is selected, without the aggregate before it.
    pub select_no_aggregate: ComponentScore,
    /// The conditions of WHERE.
    #[serde(rename = "where")]
    pub filter: ComponentScore,
    /// Their left sides.
    pub where_no_operator: ComponentScore,
    /// The columns of GROUP BY.
    pub group_no_having: ComponentScore,
    /// GROUP BY in order, with HAVING.
    pub group: ComponentScore,
    /// ORDER BY.
    pub order: ComponentScore,
    /// AND and OR. Where they differ the script takes the gold's count for the prediction's and the other way round.
    pub and_or: ComponentScore,
    /// INTERSECT, UNION and EXCEPT.
    pub set_operations: ComponentScore,
    /// The keywords.
    pub keywords: ComponentScore,
}

impl ComponentScores {
    /// The scores in the order of [`SPIDER_COMPONENTS`].
    #[must_use]
    pub fn list(&self) -> [ComponentScore; 10] {
        [
            self.select,
            self.select_no_aggregate,
            self.filter,
            self.where_no_operator,
            self.group_no_having,
            self.group,
            self.order,
            self.and_or,
            self.set_operations,
            self.keywords,
        ]
    }

    /// Compares two queries that were rebuilt.
    pub(super) fn of(gold: &Query, predicted: &Query, schema: &SpiderSchema) -> Self {
        let score = |units: fn(&Query) -> Vec<Unit<'_>>| {
            let (gold, predicted) = (units(gold), units(predicted));
            ComponentScore::new(gold.len(), predicted.len(), common(&gold, &predicted))
        };
        let columns = |query: &Query| -> Vec<String> {
            let columns = query
                .group_by
                .iter()
                .map(|column| schema.column_text(column.column));
            columns.map(str::to_owned).collect()
        };
        let (gold_columns, predicted_columns) = (columns(gold), columns(predicted));
        Self {
            select: score(|query| query.select.iter().map(Unit::Select).collect()),
            select_no_aggregate: score(|query| {
                query
                    .select
                    .iter()
                    .map(|(_, unit)| Unit::Operand(unit))
                    .collect()
            }),
            filter: score(|query| query.filter.list.iter().map(Unit::Condition).collect()),
            where_no_operator: score(|query| {
                query
                    .filter
                    .list
                    .iter()
                    .map(|condition| Unit::Operand(&condition.left))
                    .collect()
            }),
            group_no_having: ComponentScore::new(
                gold_columns.len(),
                predicted_columns.len(),
                common(&gold_columns, &predicted_columns),
            ),
            group: group(gold, predicted),
            order: order(gold, predicted),
            and_or: and_or(gold, predicted),
            set_operations: set_operations(gold, predicted, schema),
            keywords: score(keywords),
        }
    }
}

/// Whether two rebuilt queries agree in every component and in the bag of tables.
pub(super) fn exact(gold: &Query, predicted: &Query, scores: &ComponentScores) -> bool {
    let agree = scores.list().iter().all(|score| score.is_match);
    // The script sorts the tables, and fails on two different subqueries in FROM; a bag is what it means.
    let sources = || {
        let (gold, predicted): (Vec<&Source>, Vec<&Source>) =
            (gold.from.iter().collect(), predicted.from.iter().collect());
        gold.len() == predicted.len() && common(&gold, &predicted) == gold.len()
    };
    agree && (gold.from.is_empty() || sources())
}

/// What is counted for a component.
#[derive(PartialEq)]
enum Unit<'a> {
    Select(&'a (usize, Operand)),
    Operand(&'a Operand),
    Condition(&'a super::tree::Condition),
    Keyword(&'static str),
}

/// How many of `predicted` can each be given an equal partner in `gold`.
///
/// 0 for another number of units, where the count does not matter: a long prediction costs nothing.
fn common<T: PartialEq>(gold: &[T], predicted: &[T]) -> usize {
    if gold.len() != predicted.len() {
        return 0;
    }
    let mut taken = vec![false; gold.len()];
    let mut count = 0;
    for unit in predicted {
        let partner = gold
            .iter()
            .zip(&mut taken)
            .find(|(other, taken)| !**taken && *other == unit);
        if let Some((_, taken)) = partner {
            *taken = true;
            count += 1;
        }
    }
    count
}

fn group(gold: &Query, predicted: &Query) -> ComponentScore {
    let there = |query: &Query| usize::from(!query.group_by.is_empty());
    let columns =
        |query: &Query| -> Vec<_> { query.group_by.iter().map(|column| column.column).collect() };
    let same =
        there(gold) == 1 && columns(gold) == columns(predicted) && gold.having == predicted.having;
    ComponentScore::new(there(gold), there(predicted), usize::from(same))
}

fn order(gold: &Query, predicted: &Query) -> ComponentScore {
    let there = |query: &Query| usize::from(query.order_by.is_some());
    let same =
        there(gold) == 1 && gold.order_by == predicted.order_by && gold.limit == predicted.limit;
    ComponentScore::new(there(gold), there(predicted), usize::from(same))
}

fn and_or(gold: &Query, predicted: &Query) -> ComponentScore {
    let set = |query: &Query| {
        let all = &query.filter.connectors;
        [Connector::And, Connector::Or].map(|connector| all.contains(&connector))
    };
    let size = |query: &Query| set(query).into_iter().filter(|found| *found).count();
    if set(gold) == set(predicted) {
        ComponentScore::new(1, 1, 1)
    } else {
        ComponentScore::new(size(predicted), size(gold), 0)
    }
}

fn set_operations(gold: &Query, predicted: &Query, schema: &SpiderSchema) -> ComponentScore {
    let (mut of_gold, mut of_predicted, mut found) = (0, 0, 0);
    for operation in [
        SetOperation::Intersect,
        SetOperation::Except,
        SetOperation::Union,
    ] {
        let arms = (gold.arm(operation), predicted.arm(operation));
        of_gold += usize::from(arms.0.is_some());
        of_predicted += usize::from(arms.1.is_some());
        if let (Some(gold), Some(predicted)) = arms {
            let scores = ComponentScores::of(gold, predicted, schema);
            found += usize::from(exact(gold, predicted, &scores));
        }
    }
    ComponentScore::new(of_gold, of_predicted, found)
}

fn keywords(query: &Query) -> Vec<Unit<'_>> {
    let has = |test: fn(&super::tree::Condition) -> bool| query.conditions().any(test);
    let direction = query.order_by.as_ref().map(|(direction, _)| *direction);
    [
        ("where", !query.filter.list.is_empty()),
        ("group", !query.group_by.is_empty()),
        ("having", !query.having.list.is_empty()),
        ("order", direction.is_some()),
        ("asc", direction == Some(Direction::Ascending)),
        ("desc", direction == Some(Direction::Descending)),
        ("limit", query.limit),
        ("except", query.arm(SetOperation::Except).is_some()),
        ("union", query.arm(SetOperation::Union).is_some()),
        ("intersect", query.arm(SetOperation::Intersect).is_some()),
        ("or", query.count_or() > 0),
        ("not", has(|condition| condition.not)),
        ("in", has(|condition| condition.operator == IN)),
        ("like", has(|condition| condition.operator == LIKE)),
    ]
    .into_iter()
    .filter_map(|(word, there)| there.then_some(Unit::Keyword(word)))
    .collect()
}
