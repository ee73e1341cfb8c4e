//! Augmentation: more rows, or other rows, made from those that there are.
//!
//! What is made of a row depends on the seed, the epoch and the row: its line or row number and what it
//! says. It does not depend on the rows around it, on the thread it is made in, or on the folder its file
//! lies in.

mod context;
mod distractor;
mod paraphrase;
mod rng;
mod shuffled;

pub use distractor::DistractorTables;
pub use paraphrase::Paraphrases;
pub use rng::RowRng;
pub use shuffled::ShuffledTables;

use serde::{Deserialize, Serialize};

use super::MixError;
use crate::{DataError, Row};

/// Makes rows from a row.
///
/// Closures implement it.
pub trait Augment: Send + Sync {
    /// The rows made from `row`; none where there is nothing to make. The row itself is not among
    /// them: whether it stays is for [`Originals`] to say.
    ///
    /// # Errors
    /// Whatever makes the row unfit; [`Augmenter`] adds the place.
    fn augment(&self, row: &Row, rng: &mut RowRng) -> Result<Vec<Row>, DataError>;
}

impl<F> Augment for F
where
    F: Fn(&Row, &mut RowRng) -> Result<Vec<Row>, DataError> + Send + Sync,
{
    fn augment(&self, row: &Row, rng: &mut RowRng) -> Result<Vec<Row>, DataError> {
        self(row, rng)
    }
}

/// What becomes of a row that others were made from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Originals {
    /// It stays, before them. The default.
    #[default]
    Keep,
    /// They stand in its place. A row that nothing was made from stays.
    Replace,
}

/// The settings of an augmentation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentConfig {
    /// Its name, for reports. Two hooks of one seed draw differently if their names differ.
    pub name: String,
    /// The seed.
    pub seed: u64,
    /// What becomes of the originals.
    pub originals: Originals,
}

/// What an augmentation did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AugmentReport {
    /// Rows that came in.
    pub rows_in: usize,
    /// Rows that others were made from.
    pub augmented: usize,
    /// Rows made.
    pub made: usize,
    /// Rows that went out.
    pub rows_out: usize,
}

/// A hook with its settings.
///
/// # Example
/// ```
/// use anneal_data::{AugmentConfig, Augmenter, DataError, Originals, Row, RowRng, Sample};
/// # use anneal_data::{At, Record, SqlSample};
/// # let place = Record::new(std::path::Path::new("rows.jsonl"), At::Line(1), Default::default()).place;
/// # let sample = SqlSample { question: "How many pets?".into(), ..SqlSample::default() };
/// # let row = Row { place, sample: Sample::Sql(sample) };
///
/// let shout = |row: &Row, _: &mut RowRng| {
///     let mut made = row.clone();
///     if let Sample::Sql(sample) = &mut made.sample {
///         sample.question.make_ascii_uppercase();
///     }
///     Ok::<_, DataError>(vec![made])
/// };
/// let config = AugmentConfig { name: "shout".into(), seed: 0, originals: Originals::Keep };
/// let (rows, report) = Augmenter::new(config, shout).rows(vec![row], 0)?;
/// assert_eq!((rows.len(), report.made), (2, 1));
/// let Sample::Sql(made) = &rows[1].sample else { unreachable!() };
/// assert_eq!(made.question, "HOW MANY PETS?");
/// # Ok::<(), DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Augmenter<H> {
    config: AugmentConfig,
    hook: H,
}

impl<H: Augment> Augmenter<H> {
    /// A hook with its settings.
    pub fn new(config: AugmentConfig, hook: H) -> Self {
        Self { config, hook }
    }

    /// The settings.
    pub fn config(&self) -> &AugmentConfig {
        &self.config
    }

    /// What goes out for one row, and how many of those were made. An epoch gives other draws: for data
    /// that is made once, it is 0.
    ///
    /// # Errors
    /// [`MixError::Augment`], with what the hook said.
    pub fn row(&self, row: Row, epoch: u64) -> Result<(Vec<Row>, usize), DataError> {
        let AugmentConfig {
            name,
            seed,
            originals,
        } = &self.config;
        let mut rng = RowRng::new(*seed, name, &row, epoch);
        let mut made = self
            .hook
            .augment(&row, &mut rng)
            .map_err(|source| MixError::Augment {
                name: name.clone(),
                place: row.place.clone(),
                source: Box::new(source),
            })?;
        let count = made.len();
        if *originals == Originals::Keep || made.is_empty() {
            made.insert(0, row);
        }
        Ok((made, count))
    }

    /// What goes out for rows, in their order.
    ///
    /// # Errors
    /// As [`row`](Self::row), for the first row that fails.
    pub fn rows(&self, rows: Vec<Row>, epoch: u64) -> Result<(Vec<Row>, AugmentReport), DataError> {
        let mut report = AugmentReport::default();
        let mut out = Vec::with_capacity(rows.len());
        for row in rows {
            let (rows, made) = self.row(row, epoch)?;
            report.add(rows.len(), made);
            out.extend(rows);
        }
        Ok((out, report))
    }
}

impl AugmentReport {
    /// Counts one row that came in, of which `made` rows were made and for which `rows` went out.
    pub fn add(&mut self, rows: usize, made: usize) {
        self.rows_in += 1;
        self.augmented += usize::from(made > 0);
        self.made += made;
        self.rows_out += rows;
    }
}

#[cfg(test)]
mod tests;
