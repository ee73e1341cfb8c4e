//! The course of a run: checkpoints, validation, early stopping, the blind test.

use serde::Serialize;

use super::check::{at_least_1, not_negative, refuse, word};
use super::given::given;
use crate::ExampleError;

given! {
    /// Settings of a run's course.
    GivenCourse {
        /// Steps between two checkpoints [default: 50]
        checkpoint_every: u64,
        /// Checkpoints to keep, the best one not counted [default: 2]
        keep_checkpoints: usize,
        /// Steps between two looks at the loss on held-out rows; 0 never looks [default: 50]
        validate_every: u64,
        /// Held-out rows to look at [default: 64]
        validation_rows: usize,
        /// Steps between two measurements of execution accuracy while training, a multiple of --validate-every; 0
        /// never measures [default: 0; with --best-by accuracy at every look]
        evaluate_every: u64,
        /// Held-out questions of such a measurement [default: 20]
        evaluate_questions: usize,
        /// What makes a checkpoint the best: loss, or accuracy [default: loss]
        best_by: String,
        /// Stop after this many looks without a better one [default: never]
        patience: u64,
        /// What a look must be better by to count [default: 0]
        min_delta: f64,
        /// End with the best checkpoint's values instead of the last step's [default: false]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        load_best_at_end: bool,
        /// A loss or gradient that is not finite ends the run (stop), or its step is left out and counted (skip)
        /// [default: stop]
        non_finite: String,
        /// With --non-finite skip: end after this many steps that were left out [default: 10]
        max_skipped: u64,
        /// Write event files for TensorBoard into OUTPUT/tensorboard [default: true]
        #[arg(num_args = 0..=1, default_missing_value = "true")]
        tensorboard: bool,
        /// Held-out questions of the blind test, before and after; 0 for none [default: 200]
        eval_questions: usize,
        /// Prompts that are answered together [default: 20]
        eval_batch_size: usize,
        /// Tokens of an answer at most [default: 96]
        max_new_tokens: usize,
    }
}

/// What makes a checkpoint the best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Best {
    /// The least loss on held-out rows.
    Loss,
    /// The highest execution accuracy.
    Accuracy,
}

/// What becomes of a step whose loss or gradient is not finite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnNonFinite {
    /// It ends the run.
    Stop,
    /// It is left out; more than so many end the run.
    Skip(u64),
}

/// Settings of a run's course, every value decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CourseSettings {
    /// Steps between checkpoints.
    pub checkpoint_every: u64,
    /// Checkpoints to keep.
    pub keep_checkpoints: usize,
    /// Steps between two validations, if there are any.
    pub validate_every: Option<u64>,
    /// Rows of a validation.
    pub validation_rows: usize,
    /// Steps between two measurements of accuracy, if there are any.
    pub evaluate_every: Option<u64>,
    /// Questions of such a measurement.
    pub evaluate_questions: usize,
    /// What makes a checkpoint the best.
    pub best_by: Best,
    /// Validations without a better one that end the run.
    pub patience: Option<u64>,
    /// What a validation must be better by.
    pub min_delta: f64,
    /// Whether the run ends with the best checkpoint's values.
    pub load_best_at_end: bool,
    /// What becomes of steps that are not finite.
    pub non_finite: OnNonFinite,
    /// Whether event files are written.
    pub tensorboard: bool,
    /// Held-out questions to measure on.
    pub eval_questions: usize,
    /// Prompts answered together.
    pub eval_batch_size: usize,
    /// Tokens of an answer.
    pub max_new_tokens: usize,
}

impl GivenCourse {
    pub(super) fn resolve(self) -> Result<CourseSettings, ExampleError> {
        let best_by = word(
            "best-by",
            self.best_by.as_deref(),
            &[("loss", Best::Loss), ("accuracy", Best::Accuracy)],
        )?;
        let validate_every = Some(self.validate_every.unwrap_or(50)).filter(|&every| every > 0);
        let measures = self.evaluate_every.filter(|&every| every > 0);
        let evaluate_every = match best_by {
            // Every look must say what the best is chosen by.
            Best::Accuracy => validate_every,
            Best::Loss => measures,
        };
        let Some(looks) = validate_every else {
            return self.without_looks(best_by);
        };
        if let Some(every) = measures
            && (!every.is_multiple_of(looks) || (best_by == Best::Accuracy && every != looks))
        {
            let expected = match best_by {
                Best::Accuracy => format!("{looks}, as --validate-every, with --best-by accuracy"),
                Best::Loss => format!("a multiple of --validate-every, which is {looks}"),
            };
            return Err(refuse("evaluate-every", &every.to_string(), &expected));
        }
        self.decided(best_by, validate_every, evaluate_every)
    }

    /// A run that never looks at held-out rows.
    fn without_looks(self, best_by: Best) -> Result<CourseSettings, ExampleError> {
        let needs = [
            ("patience", self.patience.is_some()),
            ("load-best-at-end", self.load_best_at_end == Some(true)),
            ("best-by", best_by == Best::Accuracy),
            (
                "evaluate-every",
                self.evaluate_every.is_some_and(|every| every > 0),
            ),
        ];
        match needs.into_iter().find(|(_, given)| *given) {
            Some((setting, _)) => {
                let expected = format!("at least 1 with --{setting}");
                Err(refuse("validate-every", "0", &expected))
            }
            None => self.decided(best_by, None, None),
        }
    }

    fn decided(
        self,
        best_by: Best,
        validate_every: Option<u64>,
        evaluate_every: Option<u64>,
    ) -> Result<CourseSettings, ExampleError> {
        if self.patience == Some(0) {
            return Err(refuse("patience", "0", "at least 1"));
        }
        if self.checkpoint_every == Some(0) {
            return Err(refuse("checkpoint-every", "0", "at least 1"));
        }
        let non_finite = word(
            "non-finite",
            self.non_finite.as_deref(),
            &[
                ("stop", OnNonFinite::Stop),
                ("skip", OnNonFinite::Skip(self.max_skipped.unwrap_or(10))),
            ],
        )?;
        if let (Some(count), OnNonFinite::Stop) = (self.max_skipped, non_finite) {
            let expected = "--non-finite skip beside it, or none";
            return Err(refuse("max-skipped", &count.to_string(), expected));
        }
        Ok(CourseSettings {
            checkpoint_every: self.checkpoint_every.unwrap_or(50),
            keep_checkpoints: at_least_1("keep-checkpoints", self.keep_checkpoints.unwrap_or(2))?,
            validate_every,
            validation_rows: at_least_1("validation-rows", self.validation_rows.unwrap_or(64))?,
            evaluate_every,
            evaluate_questions: at_least_1(
                "evaluate-questions",
                self.evaluate_questions.unwrap_or(20),
            )?,
            best_by,
            patience: self.patience,
            min_delta: not_negative("min-delta", self.min_delta.unwrap_or(0.0))?,
            load_best_at_end: self.load_best_at_end.unwrap_or(false),
            non_finite,
            tensorboard: self.tensorboard.unwrap_or(true),
            eval_questions: self.eval_questions.unwrap_or(200),
            eval_batch_size: at_least_1("eval-batch-size", self.eval_batch_size.unwrap_or(20))?,
            max_new_tokens: at_least_1("max-new-tokens", self.max_new_tokens.unwrap_or(96))?,
        })
    }
}
