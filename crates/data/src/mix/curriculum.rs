//! Curricula: easy examples before hard ones.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Competence, MixError, Order, Shuffled};
use crate::Example;
use crate::hex::hex;
use crate::random::{self, below, shuffle};

/// How a curriculum goes from easy to hard.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CurriculumKind {
    /// By score, ascending; examples of one score (all of one difficulty word, say) in an order by seed
    /// and epoch. Every example once an epoch.
    Sorted,
    /// So many buckets of like score and of sizes that differ by at most 1, easiest bucket first, each
    /// shuffled by seed and epoch. Every example once an epoch.
    Buckets(usize),
    /// A growing pool: each entry is drawn from the easiest part of the examples, which grows by
    /// [`Competence`].
    ///
    /// Drawn with replacement, as in the paper, so that in an epoch that begins before the competence is
    /// full some examples come more than once and others not at all. Later epochs are shuffles, with
    /// every example once.
    Competence(Competence),
}

/// Examples from easy to hard by a score: a length, or a [difficulty](crate::difficulty_scores).
///
/// # Example
/// ```
/// use anneal_data::{Curriculum, CurriculumKind, Order, difficulty_scores};
///
/// let words = ["hard", "easy", "extra", "medium"].map(Some);
/// let scores = difficulty_scores(words)?;
/// let curriculum = Curriculum::new(scores, CurriculumKind::Sorted, 7)?;
/// assert_eq!(curriculum.order(0), [1, 3, 0, 2]);
/// # Ok::<(), anneal_data::MixError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Curriculum {
    scores: Vec<f64>,
    /// The examples, easiest first, those of one score in their own order.
    ascending: Vec<usize>,
    kind: CurriculumKind,
    seed: u64,
}

impl Curriculum {
    /// A curriculum of examples with these scores, low is easy.
    ///
    /// # Errors
    /// No score, one that is infinite or no number, a number of buckets that is 0 or above the number of
    /// examples, a competence out of range.
    pub fn new(scores: Vec<f64>, kind: CurriculumKind, seed: u64) -> Result<Self, MixError> {
        if scores.is_empty() {
            return Err(MixError::NoScores);
        }
        if let Some(example) = scores.iter().position(|score| !score.is_finite()) {
            return Err(MixError::Score {
                example,
                score: scores[example],
            });
        }
        match kind {
            CurriculumKind::Sorted => {}
            CurriculumKind::Buckets(buckets) => {
                if buckets == 0 || buckets > scores.len() {
                    return Err(MixError::Buckets {
                        buckets,
                        examples: scores.len(),
                    });
                }
            }
            CurriculumKind::Competence(competence) => competence.check()?,
        }
        // The two zeros are one score.
        let scores: Vec<f64> = scores.into_iter().map(|score| score + 0.0).collect();
        let mut ascending: Vec<usize> = (0..scores.len()).collect();
        ascending.sort_by(|&a, &b| scores[a].total_cmp(&scores[b]));
        Ok(Self {
            scores,
            ascending,
            kind,
            seed,
        })
    }

    /// A curriculum by length in tokens, short is easy.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn by_length(
        examples: &[Example],
        kind: CurriculumKind,
        seed: u64,
    ) -> Result<Self, MixError> {
        let length = |example: &Example| example.len() as f64;
        Self::new(examples.iter().map(length).collect(), kind, seed)
    }

    fn shuffled(&self) -> Shuffled {
        Shuffled {
            examples: self.scores.len(),
            seed: self.seed,
        }
    }

    fn sorted(&self, epoch: u64) -> Vec<usize> {
        let mut order = self.shuffled().order(epoch);
        // A stable sort: examples of one score stay in their random order.
        order.sort_by(|&a, &b| self.scores[a].total_cmp(&self.scores[b]));
        order
    }

    fn bucketed(&self, buckets: usize, epoch: u64) -> Vec<usize> {
        let mut order = self.ascending.clone();
        let mut rng = random::stream(self.seed, epoch);
        let mut rest = order.as_mut_slice();
        for left in (1..=buckets).rev() {
            let (bucket, others) = rest.split_at_mut(rest.len() / left);
            shuffle(bucket, &mut rng);
            rest = others;
        }
        order
    }

    fn by_competence(&self, competence: &Competence, epoch: u64) -> Vec<usize> {
        let examples = self.ascending.len();
        let before = epoch.saturating_mul(examples as u64);
        if before >= competence.draws {
            return self.shuffled().order(epoch);
        }
        let mut rng = random::stream(self.seed, epoch);
        let mut draw = |entry| {
            let pool = competence.pool(before.saturating_add(entry), examples);
            self.ascending[below(&mut rng, pool)]
        };
        (0..examples as u64).map(&mut draw).collect()
    }
}

impl Order for Curriculum {
    fn examples(&self) -> usize {
        self.scores.len()
    }

    fn entries(&self) -> usize {
        self.scores.len()
    }

    fn order(&self, epoch: u64) -> Vec<usize> {
        match &self.kind {
            CurriculumKind::Sorted => self.sorted(epoch),
            CurriculumKind::Buckets(buckets) => self.bucketed(*buckets, epoch),
            CurriculumKind::Competence(competence) => self.by_competence(competence, epoch),
        }
    }

    fn identity(&self) -> Value {
        let mut hash = Sha256::new();
        for score in &self.scores {
            hash.update(score.to_le_bytes());
        }
        let kind = match &self.kind {
            CurriculumKind::Sorted => json!("sorted"),
            CurriculumKind::Buckets(buckets) => json!({ "buckets": buckets }),
            CurriculumKind::Competence(competence) => json!({ "competence": competence }),
        };
        json!({
            "kind": "curriculum",
            "by": kind,
            "examples": self.scores.len(),
            "scores_sha256": hex(&hash.finalize()),
            "seed": self.seed,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Growth;

    fn competence(initial: f64, draws: u64, growth: Growth) -> CurriculumKind {
        CurriculumKind::Competence(Competence {
            initial,
            draws,
            growth,
        })
    }

    #[test]
    fn one_score_is_one_group_in_a_new_order_every_epoch() {
        let scores: Vec<f64> = (0..60).map(|i| f64::from(i % 3)).collect();
        let curriculum = Curriculum::new(scores, CurriculumKind::Sorted, 1).unwrap();
        let (first, second) = (curriculum.order(0), curriculum.order(1));
        for order in [&first, &second] {
            assert!(order[..20].iter().all(|example| example % 3 == 0));
            assert!(order[20..40].iter().all(|example| example % 3 == 1));
        }
        assert_ne!(first, second);
        assert_eq!(first, curriculum.order(0));
    }

    #[test]
    fn buckets_are_of_like_size_and_score() {
        // 7 examples, scores descending, in 3 buckets: 2, 2 and 3 of them.
        let scores = vec![6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.0];
        let curriculum = Curriculum::new(scores, CurriculumKind::Buckets(3), 4).unwrap();
        let order = curriculum.order(2);
        let sorted = |part: &[usize]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            part
        };
        assert_eq!(sorted(&order[..2]), [5, 6]);
        assert_eq!(sorted(&order[2..4]), [3, 4]);
        assert_eq!(sorted(&order[4..]), [0, 1, 2]);
    }

    #[test]
    fn a_growing_pool_holds_the_easiest_and_then_all() {
        let scores: Vec<f64> = (0..100).map(|i| f64::from((i * 37) % 100)).collect();
        let kind = competence(0.1, 250, Growth::Linear);
        let curriculum = Curriculum::new(scores.clone(), kind, 3).unwrap();
        for epoch in 0..2 {
            for (entry, example) in curriculum.order(epoch).into_iter().enumerate() {
                let draw = epoch as f64 * 100.0 + entry as f64;
                // c = 0.1 + 0.9·t/250 of 100 examples, whose scores are their ranks.
                assert!(scores[example] < 10.0 + 90.0 * draw / 250.0 + 1e-9);
            }
        }
        let mut third = curriculum.order(2);
        // The third epoch begins at draw 200, before the competence is full.
        third.sort_unstable();
        assert_ne!(third, (0..100).collect::<Vec<_>>());
        let mut fourth = curriculum.order(3);
        fourth.sort_unstable();
        assert_eq!(fourth, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn bad_settings_say_what_is_wrong() {
        let message =
            |scores: Vec<f64>, kind| Curriculum::new(scores, kind, 0).unwrap_err().to_string();
        assert_eq!(
            message(vec![], CurriculumKind::Sorted),
            "a curriculum needs at least one example"
        );
        assert_eq!(
            message(vec![1.0, f64::NAN], CurriculumKind::Sorted),
            "the score of example 1 is NaN; expected a finite number"
        );
        assert_eq!(
            message(vec![1.0, 2.0], CurriculumKind::Buckets(3)),
            "3 buckets for 2 examples; expected 1 to 2"
        );
        assert_eq!(
            message(vec![1.0], competence(0.0, 5, Growth::Linear)),
            "the initial competence must be above 0 and at most 1, found 0"
        );
        assert_eq!(
            message(vec![1.0], competence(0.5, 0, Growth::SquareRoot)),
            "a competence schedule must last at least 1 draw"
        );
    }

    proptest! {
        #[test]
        fn sorted_and_bucketed_orders_hold_every_example_once(
            scores in prop::collection::vec((0..9).prop_map(f64::from), 1..50),
            buckets in 1usize..50,
            (seed, epoch) in (0u64..9, 0u64..9),
        ) {
            let all: Vec<usize> = (0..scores.len()).collect();
            let buckets = buckets.min(scores.len());
            for kind in [CurriculumKind::Sorted, CurriculumKind::Buckets(buckets)] {
                let order = Curriculum::new(scores.clone(), kind, seed).unwrap().order(epoch);
                let mut sorted = order.clone();
                sorted.sort_unstable();
                prop_assert_eq!(&sorted, &all);
                if kind == CurriculumKind::Sorted {
                    prop_assert!(order.windows(2).all(|pair| scores[pair[0]] <= scores[pair[1]]));
                }
            }
        }
    }
}
