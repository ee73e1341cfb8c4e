//! Training, from the first step or a checkpoint to the end.

use anneal_data::{ExamplesDigest, Place};
use anneal_llama::LlamaForCausalLM;
use anneal_train::checkpoint::fingerprint;
use anneal_train::{
    BestBy, Ended, NonFinite, ProgressReport, RunConfig, RunSummary, Start, StopSignal, TrainError,
    Trainer, TrainingRun,
};
use burn::module::Module;

use super::asker::Asker;
use super::look_at::LookAt;
use super::objective::SqlObjective;
use super::rows::Prepared;
use super::validate::validation_loss;
use crate::feed::BatchFeed;
use crate::settings::{Best, OnNonFinite, Settings};
use crate::{ExampleError, peak_memory_bytes};

/// What is learned from, and in how much memory.
pub(super) struct Learned<'a> {
    /// The rows in steps.
    pub(super) prepared: &'a Prepared,
    /// What is looked at while training.
    pub(super) look_at: &'a LookAt,
    /// Whether each block is computed once more on the way back.
    pub(super) recompute: bool,
}

/// Trains `model` until the budget or the patience is used up, or a signal comes.
///
/// # Errors
/// What stops a run: see [`TrainingRun::run`]. A step that is not finite is named with its rows' places.
pub(super) fn train(
    asker: &Asker<'_>,
    model: &mut LlamaForCausalLM,
    learned: &Learned<'_>,
    (start, stop): (Start, StopSignal),
) -> Result<RunSummary, ExampleError> {
    let settings = asker.settings;
    let &Learned {
        prepared,
        look_at,
        recompute,
    } = learned;
    let (config, device) = (&asker.shell.config, asker.device);
    let mut feed = BatchFeed::new(&prepared.batches, settings.seed);
    let steps = prepared.batches.steps_per_epoch() as u64;
    let trainer = Trainer::new(&settings.trainer, steps)?;
    let objective = SqlObjective {
        config,
        device,
        classes: &prepared.classes,
        settings: settings.loss,
        recompute,
    };
    let inner = device.clone().inner();
    let looked_at = SqlObjective {
        config,
        device: &inner,
        classes: &look_at.classes,
        settings: settings.loss,
        recompute: false,
    };
    let run_config = run_config(settings, prepared, look_at, start, asker.progress)?;
    let run = TrainingRun::new(run_config, trainer);
    let name = |error| name_rows(error, &prepared.places);
    let summary = if look_at.batches.is_empty() {
        run.with_stop(stop)
            .with_peak_memory(peak_memory_bytes)
            .run(model, &objective, &mut feed)
            .map_err(ExampleError::from)
    } else {
        run.with_validation(|model: &LlamaForCausalLM, step| {
            // Without gradients: a graph that nobody runs backward is never freed.
            let valid = model.clone().valid();
            let mut found = validation_loss(&valid, &looked_at, &look_at.batches);
            let course = &settings.course;
            // The last look may come between two multiples, and must be judged too.
            let always = course.best_by == Best::Accuracy;
            let due = |every: u64| always || step.is_multiple_of(every);
            if course.evaluate_every.is_some_and(due)
                && let Some(accuracy) = asker.accuracy(model, &look_at.questions)?
            {
                found = found.with_score("execution_accuracy", accuracy);
            }
            Ok::<_, ExampleError>(found)
        })
        .with_stop(stop)
        .with_peak_memory(peak_memory_bytes)
        .run(model, &objective, &mut feed)
    };
    let summary = summary.map_err(name)?;
    if settings.course.load_best_at_end
        && summary.ended != Ended::Signal
        && let Some(best) = &summary.best
    {
        best.restore(model)?;
    }
    Ok(summary)
}

fn run_config(
    settings: &Settings,
    prepared: &Prepared,
    look_at: &LookAt,
    start: Start,
    progress: ProgressReport,
) -> Result<RunConfig, ExampleError> {
    let course = &settings.course;
    let looks = course
        .validate_every
        .filter(|_| !look_at.batches.is_empty());
    Ok(RunConfig {
        start,
        checkpoint_every: course.checkpoint_every,
        keep_checkpoints: course.keep_checkpoints,
        validate_every: looks,
        // What training is measured against; a checkpoint of it costs little beside a step of a run.
        validate_at_start: looks.is_some(),
        best_by: match course.best_by {
            Best::Loss => BestBy::Loss,
            Best::Accuracy => BestBy::Score,
        },
        patience: course.patience,
        min_delta: course.min_delta,
        non_finite: match course.non_finite {
            OnNonFinite::Stop => NonFinite::Stop,
            OnNonFinite::Skip(at_most) => NonFinite::Skip { at_most },
        },
        fingerprint: fingerprint(&identity(settings, prepared, look_at)?),
        seed: settings.seed,
        tensorboard: course.tensorboard,
        progress,
        ..RunConfig::new(&settings.output)
    })
}

/// What must be equal for a checkpoint to continue the same run: all that
/// decides its numbers, and not where its results go, how long it takes, or
/// in how much memory (gradient checkpointing changes no number).
fn identity(
    settings: &Settings,
    prepared: &Prepared,
    look_at: &LookAt,
) -> Result<String, ExampleError> {
    let s = settings;
    let optimizer = (
        &s.trainer.optimizer,
        &s.trainer.groups,
        &s.trainer.schedule,
        s.trainer.max_grad_norm,
    );
    let data = (
        ExamplesDigest::of(prepared.batches.examples()),
        &s.batches,
        &s.data.data_weights,
        s.data.order,
    );
    let trained = (&s.model, s.method, &s.adapter);
    let precision = s.compute.matmul_precision.to_string();
    // Where looks decide what is kept, they must stay comparable.
    let course = &s.course;
    let decides = course.patience.is_some() || course.load_best_at_end;
    let looks = decides.then(|| (course.best_by, look_at.shown()));
    let text = serde_json::to_string(&(trained, data, optimizer, s.loss, s.seed, looks, precision));
    text.map_err(ExampleError::json(&s.output))
}

/// Says where the rows of a step that is not finite stand.
fn name_rows(error: ExampleError, places: &[Place]) -> ExampleError {
    let ExampleError::Train(source) = error else {
        return error;
    };
    let TrainError::NonFiniteStep { micro_batches, .. } = &source else {
        return source.into();
    };
    let rows = micro_batches.iter().flat_map(|(_, rows)| rows);
    let name = |&row: &u64| {
        let place = places.get(usize::try_from(row).ok()?)?;
        Some(format!("row {row} is {place}"))
    };
    let places: Vec<String> = rows.filter_map(name).collect();
    ExampleError::NotFinite {
        source: Box::new(source),
        places: places.join(", "),
    }
}
