//! Steps without end, which can stop anywhere and go on from there.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::{Cursor, Difference, ExamplesDigest, ManifestError, compare};
use crate::{BatchConfig, Batches, SourceProgress, Step};

/// The steps of one epoch after the other, with a [`Cursor`] for where they stand.
///
/// # Example
/// ```
/// use anneal_data::{BatchConfig, Batches, Example, Feed};
///
/// let example = |length| Example::new(vec![7; length], vec![true; length]);
/// let examples = (2..12).map(example).collect::<Result<Vec<_>, _>>()?;
/// let batches = Batches::new(examples, BatchConfig { batch_size: 4, ..BatchConfig::default() })?;
///
/// let mut feed = Feed::new(&batches);
/// let first: Vec<_> = feed.by_ref().take(5).collect();
/// let cursor = feed.cursor();
/// // An epoch has 3 steps of 4, 4 and 2 examples.
/// assert_eq!((cursor.epoch, cursor.step, cursor.examples_seen), (1, 2, 18));
/// let resumed = Feed::resume(&batches, &cursor)?;
/// assert!(resumed.take(7).eq(Feed::new(&batches).skip(5).take(7)));
/// # Ok::<(), anneal_data::DataError>(())
/// ```
pub struct Feed<'a> {
    batches: &'a Batches,
    digest: String,
    epoch: u64,
    step: u64,
    /// The rest of the epoch, once it is begun.
    rest: Option<Box<dyn Iterator<Item = Step> + 'a>>,
}

impl fmt::Debug for Feed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("epoch", &self.epoch)
            .field("step", &self.step)
            .finish_non_exhaustive()
    }
}

/// What must be equal for a cursor to go on.
#[derive(Serialize)]
struct Settings<'a> {
    batches: &'a BatchConfig,
    order: Option<&'a Value>,
}

/// What follows from a position.
#[derive(Serialize)]
struct Seen<'a> {
    examples_seen: u64,
    sources: &'a [SourceProgress],
}

impl<'a> Seen<'a> {
    fn of(cursor: &'a Cursor) -> Self {
        Self {
            examples_seen: cursor.examples_seen,
            sources: &cursor.sources,
        }
    }
}

impl<'a> Feed<'a> {
    /// From the first step of the first epoch.
    pub fn new(batches: &'a Batches) -> Self {
        Self {
            batches,
            digest: ExamplesDigest::of(batches.examples()),
            epoch: 0,
            step: 0,
            rest: None,
        }
    }

    /// From where a cursor stands: what follows is what would have followed without a stop.
    ///
    /// # Errors
    /// [`ManifestError::OtherData`]; [`ManifestError::OtherSettings`] with every setting of batches and
    /// order that differs, seeds among them; [`ManifestError::Step`] for a step that an epoch has not;
    /// [`ManifestError::Contradiction`] if the counts are not those of that step;
    /// [`ManifestError::CursorVersion`].
    pub fn resume(batches: &'a Batches, cursor: &Cursor) -> Result<Self, ManifestError> {
        if cursor.version != Cursor::VERSION {
            return Err(ManifestError::CursorVersion {
                found: cursor.version,
                expected: Cursor::VERSION,
            });
        }
        let mut feed = Self::new(batches);
        if cursor.data_digest != feed.digest {
            return Err(ManifestError::OtherData {
                found: cursor.data_digest.clone(),
                expected: feed.digest,
            });
        }
        feed.check_settings(cursor)?;
        let steps = batches.steps_per_epoch() as u64;
        if cursor.step >= steps {
            let step = cursor.step;
            return Err(ManifestError::Step { step, steps });
        }
        (feed.epoch, feed.step) = (cursor.epoch, cursor.step);
        feed.check_counts(cursor)?;
        Ok(feed)
    }

    /// Where the feed stands: after the steps that were taken from it.
    pub fn cursor(&self) -> Cursor {
        let order = self.batches.order();
        let done = self.done();
        Cursor {
            version: Cursor::VERSION,
            data_digest: self.digest.clone(),
            batches: self.batches.config().clone(),
            order: order.map(|order| order.identity()),
            epoch: self.epoch,
            step: self.step,
            examples_seen: self.examples_seen(),
            sources: order.map_or_else(Vec::new, |order| order.progress(self.epoch, done)),
        }
    }

    /// Examples seen in this epoch.
    fn done(&self) -> usize {
        let done = (self.step as usize).saturating_mul(self.batches.config().batch_size);
        done.min(self.batches.entries())
    }

    /// Examples seen in all epochs.
    fn examples_seen(&self) -> u64 {
        let before = self.epoch.saturating_mul(self.batches.entries() as u64);
        before.saturating_add(self.done() as u64)
    }

    fn check_settings(&self, cursor: &Cursor) -> Result<(), ManifestError> {
        let order = self.batches.order().map(|order| order.identity());
        let before = Settings {
            batches: &cursor.batches,
            order: cursor.order.as_ref(),
        };
        let now = Settings {
            batches: self.batches.config(),
            order: order.as_ref(),
        };
        let differences = compare::documents("the settings of batches", &before, &now)?;
        refuse(differences, |differences| ManifestError::OtherSettings {
            differences,
        })
    }

    fn check_counts(&self, cursor: &Cursor) -> Result<(), ManifestError> {
        // The number first: it tells a wrong epoch before a mixture counts its draws up to there.
        let sources = match cursor.examples_seen == self.examples_seen() {
            true => self.cursor().sources,
            false => cursor.sources.clone(),
        };
        let now = Seen {
            examples_seen: self.examples_seen(),
            sources: &sources,
        };
        let before = Seen::of(cursor);
        let differences = compare::documents("the counts of a cursor", &before, &now)?;
        refuse(differences, |differences| ManifestError::Contradiction {
            epoch: cursor.epoch,
            step: cursor.step,
            differences,
        })
    }
}

fn refuse(
    differences: Vec<Difference>,
    error: impl FnOnce(Vec<Difference>) -> ManifestError,
) -> Result<(), ManifestError> {
    if differences.is_empty() {
        return Ok(());
    }
    Err(error(differences))
}

impl Iterator for Feed<'_> {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let (batches, epoch, first) = (self.batches, self.epoch, self.step as usize);
        let rest = self
            .rest
            .get_or_insert_with(|| Box::new(batches.steps_from(epoch, first)));
        let step = rest.next()?;
        self.step += 1;
        if self.step == batches.steps_per_epoch() as u64 {
            (self.epoch, self.step, self.rest) = (self.epoch.saturating_add(1), 0, None);
        }
        Some(step)
    }
}
