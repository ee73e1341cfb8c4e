//! Batches as a run's feed.

use anneal_data::{Batches, MicroBatch, Step};
use anneal_train::checkpoint::DataPosition;
use anneal_train::{Feed, StepData, TrainError};

/// The steps of one epoch after the other; what an epoch holds depends on the seed and its number alone.
pub(crate) struct BatchFeed<'a> {
    batches: &'a Batches,
    at: DataPosition,
    /// The rest of the epoch, once it is begun.
    rest: Option<Box<dyn Iterator<Item = Step> + 'a>>,
}

impl<'a> BatchFeed<'a> {
    /// From the first step of the first epoch.
    pub(crate) fn new(batches: &'a Batches, seed: u64) -> Self {
        let at = DataPosition {
            epoch: 0,
            position: 0,
            seed,
        };
        Self {
            batches,
            at,
            rest: None,
        }
    }
}

impl Feed for BatchFeed<'_> {
    type Batch = MicroBatch;

    fn next(&mut self) -> StepData<MicroBatch> {
        loop {
            let (epoch, position) = (self.at.epoch, self.at.position as usize);
            let batches = self.batches;
            let rest = self
                .rest
                .get_or_insert_with(|| Box::new(batches.steps_from(epoch, position)));
            if let Some(step) = rest.next() {
                self.at.position += 1;
                let (tokens, examples) = (step.tokens() as u64, step.examples() as u64);
                if self.at.position == self.steps_per_epoch() {
                    self.begin(epoch + 1);
                }
                return StepData {
                    micro_batches: step.micro_batches,
                    tokens,
                    examples,
                };
            }
            // An epoch has a step, so that this comes to an end.
            self.begin(epoch + 1);
        }
    }

    fn position(&self) -> DataPosition {
        self.at
    }

    fn seek(&mut self, at: DataPosition) -> Result<(), TrainError> {
        let steps = self.steps_per_epoch();
        if at.seed != self.at.seed || at.position >= steps {
            return Err(TrainError::InvalidSetting {
                name: "data position",
                value: format!("step {} of an epoch, seed {}", at.position, at.seed),
                expected: "a step of this run's epochs, with its seed",
            });
        }
        (self.at, self.rest) = (at, None);
        Ok(())
    }

    fn steps_per_epoch(&self) -> u64 {
        self.batches.steps_per_epoch() as u64
    }
}

impl BatchFeed<'_> {
    fn begin(&mut self, epoch: u64) {
        (self.at.epoch, self.at.position, self.rest) = (epoch, 0, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anneal_data::{BatchConfig, Example};

    #[test]
    fn a_feed_goes_on_from_any_position() {
        let example = |length| Example::new(vec![7; length], vec![true; length]).unwrap();
        let config = BatchConfig {
            batch_size: 4,
            ..BatchConfig::default()
        };
        // 11 examples in steps of 4, 4 and 3.
        let batches = Batches::new((2..13).map(example).collect(), config).unwrap();
        let mut feed = BatchFeed::new(&batches, 5);
        let mut steps = Vec::new();
        for step in 0..8 {
            let at = feed.position();
            assert_eq!((at.epoch, at.position, at.seed), (step / 3, step % 3, 5));
            steps.push(feed.next());
        }
        assert_eq!(
            steps.iter().map(|s| s.examples).collect::<Vec<_>>(),
            [4, 4, 3, 4, 4, 3, 4, 4]
        );
        assert_ne!(steps[0].micro_batches, steps[3].micro_batches);
        for from in 0..8 {
            let mut other = BatchFeed::new(&batches, 5);
            other
                .seek(DataPosition {
                    epoch: from / 3,
                    position: from % 3,
                    seed: 5,
                })
                .unwrap();
            for step in &steps[from as usize..] {
                assert_eq!(other.next().micro_batches, step.micro_batches);
            }
        }
        let wrong = DataPosition {
            epoch: 0,
            position: 3,
            seed: 5,
        };
        assert!(feed.seek(wrong).is_err());
    }
}
