//! Spider's table: exact match and components by level, over many questions.

use serde::{Deserialize, Serialize};

use super::SpiderMatch;
use crate::Hardness;

/// One component over many questions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentTotal {
    /// Questions where it agrees and the prediction has it.
    pub correct_of_predicted: usize,
    /// Questions where the prediction has it.
    pub predicted: usize,
    /// Questions where it agrees and the gold has it.
    pub correct_of_gold: usize,
    /// Questions where the gold has it.
    pub gold: usize,
}

impl ComponentTotal {
    /// The share of the predictions that have it and agree; 0 where none has it.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        rate(self.correct_of_predicted, self.predicted)
    }

    /// The share of the golds that have it and agree; 0 where none has it.
    #[must_use]
    pub fn recall(&self) -> f64 {
        rate(self.correct_of_gold, self.gold)
    }

    /// The harmonic mean 2ar/(a + r) of accuracy and recall. It is 1 where both are 0: so the script prints it.
    #[must_use]
    pub fn f1(&self) -> f64 {
        let (accuracy, recall) = (self.accuracy(), self.recall());
        if accuracy == 0.0 && recall == 0.0 {
            1.0
        } else {
            2.0 * accuracy * recall / (recall + accuracy)
        }
    }
}

/// A share of counts; counts of questions are far below 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "counts of questions")]
fn rate(part: usize, all: usize) -> f64 {
    if all == 0 {
        0.0
    } else {
        part as f64 / all as f64
    }
}

/// The questions of one level.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelTotal {
    /// How many there are.
    pub count: usize,
    /// How many predictions match exactly.
    pub exact: usize,
    /// The components in the order of [`SPIDER_COMPONENTS`](super::SPIDER_COMPONENTS).
    pub components: [ComponentTotal; 10],
}

impl LevelTotal {
    /// The share of exact matches; 0 without questions.
    #[must_use]
    pub fn exact_rate(&self) -> f64 {
        rate(self.exact, self.count)
    }

    fn add(&mut self, found: &SpiderMatch) {
        self.count += 1;
        self.exact += usize::from(found.exact);
        for (total, score) in self.components.iter_mut().zip(found.scores.list()) {
            let (of_predicted, of_gold) = (score.predicted > 0, score.gold > 0);
            total.predicted += usize::from(of_predicted);
            total.correct_of_predicted += usize::from(of_predicted && score.is_match);
            total.gold += usize::from(of_gold);
            total.correct_of_gold += usize::from(of_gold && score.is_match);
        }
    }
}

/// Exact matches and components over many questions, by level, as Spider's script prints them.
///
/// ```
/// use anneal_sql::{Hardness, Schema, SpiderTotals, Table, Column, spider_match};
/// let column = |name: &str| Column { name: name.into(), ..Column::default() };
/// let film = Table { name: "film".into(), columns: vec![column("id"), column("title")], ..Table::default() };
/// let schema = Schema { tables: vec![film], ..Schema::default() };
///
/// let mut totals = SpiderTotals::default();
/// for predicted in ["SELECT title FROM film WHERE id = 2", "SELECT id FROM film WHERE id > 2"] {
///     totals.add(&spider_match("SELECT title FROM film WHERE id = 1", predicted, &schema).unwrap());
/// }
/// let all = totals.all();
/// assert_eq!((all.count, all.exact), (2, 1));
/// assert_eq!(totals.level(Hardness::Easy).exact_rate(), 0.5);
/// // Both have a WHERE clause with the same left side; one of them has the operator.
/// assert_eq!((all.components[2].accuracy(), all.components[3].accuracy()), (0.5, 1.0));
/// // Nobody groups: no accuracy, no recall, and the script's F1 of 1.
/// assert_eq!((all.components[5].accuracy(), all.components[5].f1()), (0.0, 1.0));
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpiderTotals {
    levels: [LevelTotal; 4],
    all: LevelTotal,
}

impl SpiderTotals {
    /// Counts one more question.
    pub fn add(&mut self, found: &SpiderMatch) {
        self.levels[found.hardness as usize].add(found);
        self.all.add(found);
    }

    /// The questions of one level.
    #[must_use]
    pub fn level(&self, hardness: Hardness) -> &LevelTotal {
        &self.levels[hardness as usize]
    }

    /// All questions.
    #[must_use]
    pub fn all(&self) -> &LevelTotal {
        &self.all
    }
}
