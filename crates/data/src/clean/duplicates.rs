//! Duplicates: rows that say again what an earlier row said, or contradict it.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{Cleaned, Fault, Met, Reason, SetApart};
use crate::split::digest::{Digest, digest};
use crate::split::near::NearIndex;
use crate::split::row_text;
use crate::{NearConfig, Place, Row, SplitError, normal_question};

/// The row is an earlier one again.
pub const DUPLICATE: Reason = Reason::new("duplicate");
/// The row asks nearly what an earlier one asks, with the same context and answer.
pub const NEAR_DUPLICATE: Reason = Reason::new("near duplicate");
/// Another row asks the same of the same context and answers differently.
pub const CONFLICT: Reason = Reason::new("conflicting answer");

/// The name of this step in [`SetApart::step`].
const STEP: &str = "duplicates";

/// What happens to rows with one question and context and different answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Conflicts {
    /// The first answer stays, the others are set apart.
    #[default]
    KeepFirst,
    /// No answer can be trusted: all are set apart.
    DropAll,
    /// All stay; only repetitions of one answer are set apart.
    KeepAll,
}

/// What counts as a duplicate.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct DuplicateConfig {
    /// Rows with different answers.
    pub conflicts: Conflicts,
    /// Also rows whose questions are near duplicates, if context and answer are equal. Off by default:
    /// two wordings of one question teach more than one.
    pub near: Option<NearConfig>,
}

/// Finds duplicates among rows that come one by one, keeping digests and places, not texts
/// (with [`DuplicateConfig::near`], also the questions).
///
/// Rows are equal if their question, context, database and answer are, but for the amount of white
/// space; case counts, since it does in SQL's literals. Of a conversation, the last assistant turn is
/// the answer and all before it the question. The first of equal rows stays.
///
/// Whether a first answer is contradicted later is known at the end only, so rows are shown first
/// ([`Duplicates::see`]) and judged afterwards ([`Duplicates::faults`]).
/// [`remove_duplicates`] does both for rows in memory.
#[derive(Debug)]
pub struct Duplicates {
    conflicts: Conflicts,
    near: Option<NearIndex>,
    /// The rows with which the entries of the near index came.
    near_rows: Vec<usize>,
    /// The first row of every question.
    asked: HashMap<Digest, Asked>,
    /// The first row of every question and answer.
    answered: HashMap<Digest, usize>,
    rows: Vec<Seen>,
}

/// A question's first row.
#[derive(Debug)]
struct Asked {
    row: usize,
    /// The first row that answers otherwise.
    contradicted: Option<usize>,
}

/// What is kept of a row.
#[derive(Debug)]
struct Seen {
    place: Place,
    asked: Digest,
    verdict: Verdict,
    /// The earlier row whose question is nearly this one's, and how alike they are.
    near: Option<(usize, f64)>,
}

/// What is known of a row when it is shown.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// The first with its question.
    First,
    /// Question and answer of an earlier row, the first with them.
    Same(usize),
    /// The first with this answer to a question that stood before.
    Other,
}

impl Duplicates {
    /// A search among no rows yet.
    ///
    /// # Errors
    /// [`SplitError::Near`] for useless settings.
    pub fn new(config: DuplicateConfig) -> Result<Self, SplitError> {
        Ok(Self {
            conflicts: config.conflicts,
            near: config.near.map(NearIndex::new).transpose()?,
            near_rows: Vec::new(),
            asked: HashMap::new(),
            answered: HashMap::new(),
            rows: Vec::new(),
        })
    }

    /// Shows the next row.
    pub fn see(&mut self, row: &Row) {
        let number = self.rows.len();
        let (asked, answered) = row_text::asked_and_answered(row);
        let asked = digest_of(&asked);
        let both = digest(&[
            &format!("{asked:032x}"),
            &format!("{:032x}", digest_of(&answered)),
        ]);
        let first = *self.answered.entry(both).or_insert(number);
        let verdict = if first < number {
            Verdict::Same(first)
        } else if let Some(question) = self.asked.get_mut(&asked) {
            question.contradicted.get_or_insert(number);
            Verdict::Other
        } else {
            self.asked.insert(
                asked,
                Asked {
                    row: number,
                    contradicted: None,
                },
            );
            Verdict::First
        };
        // Only a row that can stay may be what a later one is measured by.
        let near = match verdict {
            Verdict::First => self.look_near(row, number),
            Verdict::Other if self.conflicts == Conflicts::KeepAll => self.look_near(row, number),
            Verdict::Other | Verdict::Same(_) => None,
        };
        self.rows.push(Seen {
            place: row.place.clone(),
            asked,
            verdict,
            near,
        });
    }

    /// The fault of every row that was shown, in their order; `None` for those that stay.
    ///
    /// With [`Conflicts::DropAll`], a near duplicate of a row that is set apart for a conflict is set
    /// apart too.
    pub fn faults(&self) -> Vec<Option<Fault>> {
        let rows = self.rows.iter().enumerate();
        rows.map(|(number, seen)| self.fault(number, seen))
            .collect()
    }

    fn fault(&self, number: usize, seen: &Seen) -> Option<Fault> {
        let asked = self.asked.get(&seen.asked)?;
        let answer = match seen.verdict {
            Verdict::Same(first) => first,
            Verdict::First | Verdict::Other => number,
        };
        let fault = |reason, row: usize, similarity| {
            let place = Some(self.rows[row].place.clone());
            Some(Fault::met(
                reason,
                Met {
                    place,
                    text: String::new(),
                    similarity,
                },
            ))
        };
        match (self.conflicts, asked.contradicted) {
            (Conflicts::DropAll, Some(other)) if answer == asked.row => {
                return fault(CONFLICT, other, 1.0);
            }
            (Conflicts::DropAll | Conflicts::KeepFirst, _) if answer != asked.row => {
                return fault(CONFLICT, asked.row, 1.0);
            }
            _ => {}
        }
        if let Verdict::Same(first) = seen.verdict {
            return fault(DUPLICATE, first, 1.0);
        }
        let (row, similarity) = seen.near?;
        fault(NEAR_DUPLICATE, row, similarity)
    }

    /// The most alike of the rows that stay, with the same context and answer; else the row joins them.
    fn look_near(&mut self, row: &Row, number: usize) -> Option<(usize, f64)> {
        let index = self.near.as_mut()?;
        let rest = digest_of(&row_text::all_but_question(row)?);
        let sketch = index.sketch(&normal_question(&row_text::question(row)), rest);
        let matches = index.matches(&sketch).into_iter();
        let best = matches.reduce(|best, next| {
            if next.jaccard > best.jaccard {
                next
            } else {
                best
            }
        });
        if let Some(best) = best {
            return Some((self.near_rows[best.entry], best.jaccard));
        }
        index.insert(sketch);
        self.near_rows.push(number);
        None
    }
}

/// Sets apart the duplicates among `rows`; the step is called `duplicates`.
///
/// # Errors
/// [`SplitError::Near`] for useless settings.
///
/// # Example
/// ```
/// # use std::path::Path;
/// # use anneal_data::{At, DuplicateConfig, Place, Row, Sample, SqlSample, remove_duplicates};
/// let row = |line, sql: &str| Row {
///     place: Place { file: Path::new("rows.jsonl").into(), at: At::Line(line) },
///     sample: Sample::Sql(SqlSample { question: "How many?".into(), sql: sql.into(), ..SqlSample::default() }),
/// };
/// let rows = vec![row(1, "SELECT 1"), row(2, "SELECT  1"), row(3, "SELECT 2")];
/// let cleaned = remove_duplicates(rows, DuplicateConfig::default())?;
/// assert_eq!(cleaned.rows.len(), 1);
/// let found: Vec<_> = cleaned.set_apart.iter().map(|row| row.fault.reason.as_str()).collect();
/// assert_eq!(found, ["duplicate", "conflicting answer"]);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
pub fn remove_duplicates(rows: Vec<Row>, config: DuplicateConfig) -> Result<Cleaned, SplitError> {
    let mut duplicates = Duplicates::new(config)?;
    for row in &rows {
        duplicates.see(row);
    }
    let mut cleaned = Cleaned::default();
    for (row, fault) in rows.into_iter().zip(duplicates.faults()) {
        match fault {
            None => cleaned.rows.push(row),
            Some(fault) => cleaned.set_apart.push(SetApart::new(&row, STEP, fault)),
        }
    }
    Ok(cleaned)
}

/// The digest of texts whose amount of white space does not count.
fn digest_of(texts: &[Cow<'_, str>]) -> Digest {
    let plain: Vec<String> = texts
        .iter()
        .map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    digest(&plain.iter().map(String::as_str).collect::<Vec<_>>())
}
