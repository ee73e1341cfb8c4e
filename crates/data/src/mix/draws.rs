//! The draws of a mixture, one after the other.

use super::schedule::Schedule;
use super::{Draw, Mixture};

/// The endless draws of a [`Mixture`]; see [`Mixture::draws`].
#[derive(Debug)]
pub struct Draws<'a> {
    mixture: &'a Mixture,
    schedule: Schedule,
    /// Draws from each source so far.
    counts: Vec<u64>,
    /// Each source's pass and its order, once it is needed.
    passes: Vec<Option<(u64, Vec<usize>)>>,
}

impl<'a> Draws<'a> {
    pub(super) fn new(mixture: &'a Mixture, schedule: Schedule, counts: Vec<u64>) -> Self {
        let passes = vec![None; counts.len()];
        Self {
            mixture,
            schedule,
            counts,
            passes,
        }
    }
}

impl Iterator for Draws<'_> {
    type Item = Draw;

    fn next(&mut self) -> Option<Draw> {
        let source = self.schedule.draw();
        let examples = self.mixture.sources[source].examples as u64;
        let epoch = self.counts[source] / examples;
        let place = (self.counts[source] % examples) as usize;
        self.counts[source] += 1;
        let order = &self.mixture.orders[source];
        let pass = self.passes[source].take().filter(|(of, _)| *of == epoch);
        let pass = pass.unwrap_or_else(|| (epoch, order.order(epoch)));
        let index = pass.1[place];
        self.passes[source] = Some(pass);
        Some(Draw {
            source,
            index,
            epoch,
        })
    }
}
