//! What the leak check found: counts, and a few pairs to look at.

use serde::Serialize;

use crate::Place;

/// What two sides of a split have in common.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeakReport {
    /// Rows of the side that is trained on.
    pub train_rows: usize,
    /// Rows of the side that is held out.
    pub held_out_rows: usize,
    /// Questions with one normal form ([`normal_question`](crate::normal_question)).
    pub questions: Leak,
    /// Questions that are near duplicates and not the same.
    pub near_questions: Leak,
    /// Queries with one normal form ([`normal_sql`](crate::normal_sql)).
    pub sql: Leak,
    /// Queries that are near duplicates and not the same.
    pub near_sql: Leak,
    /// Contexts that are equal but for layout, quotes and case.
    pub contexts: Leak,
    /// Tables that a context of either side creates, by name.
    pub tables: Leak,
    /// The probability with which a near duplicate right at the threshold was overlooked.
    pub miss_probability: f64,
}

impl LeakReport {
    /// Whether nothing at all was found. Shared tables count.
    pub fn is_clean(&self) -> bool {
        let all = [
            &self.questions,
            &self.near_questions,
            &self.sql,
            &self.near_sql,
            &self.contexts,
            &self.tables,
        ];
        all.iter().all(|leak| leak.held_out_rows == 0)
    }
}

/// One kind of thing that stands on both sides.
///
/// A row that meets an equal one is not counted among the near ones again.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Leak {
    /// Rows held out that meet a row of the other side.
    pub held_out_rows: usize,
    /// Rows trained on that meet a row held out.
    pub train_rows: usize,
    /// The first rows held out that do, each with one row that it meets: the most alike, the first of those.
    pub examples: Vec<LeakExample>,
}

/// Two rows that should not be on two sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LeakExample {
    /// The row that is trained on.
    pub train: Place,
    /// The row that is held out.
    pub held_out: Place,
    /// What the first one says; for tables, the name.
    pub train_text: String,
    /// What the second one says; for tables, the name.
    pub held_out_text: String,
    /// How alike they are: 1 for equal normal forms, else Jaccard's index of the shingles.
    pub similarity: f64,
}
