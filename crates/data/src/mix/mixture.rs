//! Mixtures: several sources dealt into one sequence by weight.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::schedule::{Schedule, UNIT};
use super::{Draws, MixError, MixWeights, Order, Shuffled, SourceProgress};
use crate::random;

/// A source of a mixture. What its examples are, the mixture does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MixSource {
    /// Its name; no two sources share one.
    pub name: String,
    /// Its examples.
    pub examples: usize,
}

/// How long a mixture's epoch is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MixLength {
    /// Until one source has given all its examples. The default: nothing repeats in the first epoch.
    #[default]
    FirstExhausted,
    /// Until every source has; smaller ones are in their second or later pass by then.
    AllExhausted,
    /// So many examples.
    Examples(usize),
}

/// The settings of a mixture.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixConfig {
    /// The sources' parts.
    pub weights: MixWeights,
    /// The length of an epoch.
    pub length: MixLength,
    /// The seed of the sources' orders.
    pub seed: u64,
}

/// One entry of a mixture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Which source, as an index.
    pub source: usize,
    /// Which of its examples.
    pub index: usize,
    /// In which pass over the source, from 0.
    pub epoch: u64,
}

/// Several sources in one endless sequence of draws, cut into epochs of one length.
///
/// Which source comes next is fixed by the weights alone, and after any n draws a source of weight w has
/// been drawn w·n times to within `1 − 1/(2k − 2)` for k sources (Tijdeman's schedule): no prefix, and
/// so no step of a trainer, lacks a source by chance. Weights count in steps of 2⁻⁴⁰.
///
/// Which example a source gives is by seed: each pass over a source is a new shuffle, by the seed, the
/// source's name and the pass. A second epoch of the mixture goes on where the first stopped in each
/// source, so that no example of a source comes twice before all others of that source came.
///
/// Compared with `datasets.interleave_datasets` (5.2.0) given probabilities: there sources are drawn
/// independently, so that shares are off by about √n draws; a source that runs out begins again *in the
/// same order*; nothing counts the passes. `first_exhausted` and `all_exhausted` stop at the same event
/// as here, with the last example that a source had left. Without probabilities that function takes the
/// sources in turn, and its third rule, `all_exhausted_without_replacement`, lets a source that ran out
/// rest; here that is [`MixWeights::Proportional`], where none runs out early.
///
/// # Example
/// ```
/// use anneal_data::{MixConfig, MixLength, MixSource, MixWeights, Mixture, Order};
///
/// let source = |name: &str, examples| MixSource { name: name.to_owned(), examples };
/// let sources = vec![source("spider", 6), source("instructions", 2)];
/// let mixture = Mixture::new(sources, MixConfig {
///     weights: MixWeights::Explicit(vec![3.0, 1.0]),
///     length: MixLength::Examples(12),
///     ..MixConfig::default()
/// })?;
/// let drawn = |name: usize| mixture.draws(0).take(12).filter(|draw| draw.source == name).count();
/// assert_eq!((drawn(0), drawn(1)), (9, 3));
/// // 9 draws of 6 examples, 3 draws of 2: both sources are halfway through their second pass.
/// let epochs: Vec<f64> = mixture.progress(0, 12).iter().map(|source| source.epochs()).collect();
/// assert_eq!(epochs, [1.5, 1.5]);
/// // As indices of all sources' examples in a row, for `Batches::with_order`.
/// assert!(mixture.order(0).iter().all(|&example| example < 8));
/// # Ok::<(), anneal_data::MixError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Mixture {
    pub(super) sources: Vec<MixSource>,
    pub(super) orders: Vec<Arc<dyn Order>>,
    schedule: Schedule,
    config: MixConfig,
    entries: usize,
}

impl Mixture {
    /// The most draws of an epoch: an order is a list in memory.
    const LONGEST: u64 = 1 << 32;

    /// A mixture of sources.
    ///
    /// # Errors
    /// No source, two of one name, one without examples, bad weights ([`MixWeights`]), a length of 0 or
    /// of more than 2³² draws.
    pub fn new(sources: Vec<MixSource>, config: MixConfig) -> Result<Self, MixError> {
        if sources.is_empty() {
            return Err(MixError::NoSources);
        }
        let mut names = HashSet::new();
        for MixSource { name, examples } in &sources {
            if !names.insert(name) {
                return Err(MixError::DuplicateSource { name: name.clone() });
            }
            if *examples == 0 {
                return Err(MixError::EmptySource { name: name.clone() });
            }
        }
        let schedule = Schedule::new(config.weights.units(&sources)?);
        let entries = Self::length(&sources, &schedule, config.length)?;
        let orders = sources.iter().map(|source| {
            // By name, so that a source keeps its order when others come or go.
            let key = random::key(config.seed, [&b"mixture"[..], source.name.as_bytes()]);
            let shuffled = Shuffled {
                examples: source.examples,
                seed: u64::from_le_bytes(std::array::from_fn(|byte| key[byte])),
            };
            Arc::new(shuffled) as Arc<dyn Order>
        });
        Ok(Self {
            orders: orders.collect(),
            sources,
            schedule,
            config,
            entries,
        })
    }

    /// Takes the examples of one source in an order of its own, such as a
    /// [`Curriculum`](crate::Curriculum), instead of by shuffles. The order's epochs are the passes
    /// over the source.
    ///
    /// # Errors
    /// No source of that name; an order over another number of examples than the source has, or with
    /// more or fewer entries.
    pub fn with_order(mut self, name: &str, order: Arc<dyn Order>) -> Result<Self, MixError> {
        let Some(index) = self.sources.iter().position(|source| source.name == name) else {
            return Err(MixError::NoSuchSource {
                name: name.to_owned(),
                found: self.sources.into_iter().map(|s| s.name).collect(),
            });
        };
        let expected = self.sources[index].examples;
        let subject = || format!("source `{name}`");
        if order.examples() != expected {
            return Err(MixError::OrderSize {
                subject: subject(),
                found: order.examples(),
                expected,
            });
        }
        if order.entries() != expected {
            return Err(MixError::OrderEntries {
                subject: subject(),
                found: order.entries(),
                expected,
            });
        }
        self.orders[index] = order;
        Ok(self)
    }

    /// The sources, as they were given.
    pub fn sources(&self) -> &[MixSource] {
        &self.sources
    }

    /// The settings.
    pub fn config(&self) -> &MixConfig {
        &self.config
    }

    /// The sources' shares, which sum to 1: the weights to within 2⁻⁴⁰.
    pub fn shares(&self) -> Vec<f64> {
        let share = |&units: &i64| units as f64 / UNIT as f64;
        self.schedule.weights().iter().map(share).collect()
    }

    /// The draws from number `from` on, without end.
    ///
    /// What comes before is counted and not shuffled: a few additions for each draw and source.
    pub fn draws(&self, from: u64) -> Draws<'_> {
        let (schedule, counts) = self.counts(from);
        Draws::new(self, schedule, counts)
    }

    /// The schedule after so many draws, and how many each source had.
    fn counts(&self, draws: u64) -> (Schedule, Vec<u64>) {
        let mut schedule = self.schedule.clone();
        let mut counts = vec![0; self.sources.len()];
        for _ in 0..draws {
            counts[schedule.draw()] += 1;
        }
        (schedule, counts)
    }

    /// The draw at which an epoch begins.
    fn start(&self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.entries as u64)
    }

    fn length(
        sources: &[MixSource],
        schedule: &Schedule,
        length: MixLength,
    ) -> Result<usize, MixError> {
        let too_long = |draws| MixError::TooLong {
            draws: u64::try_from(draws).unwrap_or(u64::MAX),
            limit: Self::LONGEST,
        };
        let weights = schedule.weights();
        // A source of n examples and weight w runs out after about n/w draws.
        let draws = |(source, &units): (&MixSource, &i64)| {
            source.examples as u128 * UNIT as u128 / units as u128
        };
        let all = sources.iter().zip(weights).map(draws);
        let estimate = match length {
            MixLength::Examples(0) => return Err(MixError::Length),
            MixLength::Examples(examples) => examples as u128,
            MixLength::FirstExhausted => all.min().unwrap_or(0),
            MixLength::AllExhausted => all.max().unwrap_or(0),
        };
        if estimate > u128::from(Self::LONGEST) {
            return Err(too_long(estimate));
        }
        if let MixLength::Examples(examples) = length {
            return Ok(examples);
        }
        let mut schedule = schedule.clone();
        let mut left: Vec<usize> = sources.iter().map(|source| source.examples).collect();
        let (mut open, mut draws) = (left.len(), 0);
        loop {
            let source = schedule.draw();
            draws += 1;
            if left[source] > 0 {
                left[source] -= 1;
                open -= usize::from(left[source] == 0);
            }
            let done = match length {
                MixLength::AllExhausted => open == 0,
                _ => open < left.len(),
            };
            if done {
                return Ok(draws);
            }
        }
    }
}

impl Order for Mixture {
    /// All sources' examples, one source after the other.
    fn examples(&self) -> usize {
        self.sources.iter().map(|source| source.examples).sum()
    }

    fn entries(&self) -> usize {
        self.entries
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        let before = |index| self.sources[..index].iter().map(|s| s.examples).sum();
        let offsets: Vec<usize> = (0..self.sources.len()).map(before).collect();
        let draws = self.draws(self.start(epoch)).take(self.entries);
        draws
            .map(|draw| offsets[draw.source] + draw.index)
            .collect()
    }

    fn identity(&self) -> Value {
        let orders: Vec<Value> = self.orders.iter().map(|order| order.identity()).collect();
        let length = match self.config.length {
            MixLength::Examples(examples) => json!({ "examples": examples }),
            MixLength::FirstExhausted => json!("first-exhausted"),
            MixLength::AllExhausted => json!("all-exhausted"),
        };
        let names: Vec<&str> = self.sources.iter().map(|s| s.name.as_str()).collect();
        json!({
            "kind": "mixture",
            "sources": names,
            "weights": self.schedule.weights(),
            "length": length,
            "orders": orders,
        })
    }

    fn progress(&self, epoch: u64, entries: usize) -> Vec<SourceProgress> {
        let draws = self.start(epoch).saturating_add(entries as u64);
        let (_, counts) = self.counts(draws);
        let progress = |(source, drawn): (&MixSource, u64)| SourceProgress {
            name: source.name.clone(),
            examples: source.examples as u64,
            drawn,
        };
        self.sources.iter().zip(counts).map(progress).collect()
    }
}
