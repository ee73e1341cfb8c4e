//! The job of the example `finetune`: rows to an adapter or a model, measured before and after.

mod account;
mod asker;
mod classes;
mod look_at;
mod objective;
mod page;
mod planning;
mod report;
mod rows;
mod run;
mod subject;
mod validate;

use std::path::{Path, PathBuf};

use anneal_llama::LlamaConfig;
use anneal_sql::{Comparison, Databases};
use anneal_train::{Ended, ProgressReport, Start, StopSignal, Trainer, checkpoint};

pub use classes::{Class, Ends, classes_of};
pub use objective::{ClassSums, SqlObjective, class_sums};
pub use report::{Measured, Report, Rows};
pub use rows::FileRows;
pub use validate::validation_loss;

use crate::folders::hold;
use crate::metrics::{class_loss_at_ends, loss_at_ends, read_metrics};
use crate::run_report::write_page;
use crate::settings::{Adapter, Settings};
use crate::{
    Conversation, ExampleError, device, peak_memory_bytes, resolve_model, say, write_json,
};
use account::{account, describe_rows, write_rows};
use asker::{Asker, Shell};
use page::Shown;
use planning::plan;
use rows::{RowText, prepare, read_rows};
use run::{Learned, train};
use subject::{attach_subject, check_result, save_subject};

/// Fine-tunes by the settings; writes `adapter/` or `model/`, `checkpoints/`,
/// `metrics.jsonl`, `validation.jsonl`, `tensorboard/`, `held_out.jsonl`,
/// `left_out.jsonl`, `evaluation-*.json`, `report.json` and `report.html` into the output folder.
///
/// # Errors
/// Whatever is wrong with files or settings, found before anything is written
/// or measured; what an earlier run wrote stays.
pub fn finetune(
    settings: Settings,
    resume: bool,
    progress: ProgressReport,
) -> Result<Report, ExampleError> {
    finetune_until(settings, resume, progress, StopSignal::new())
}

/// The same, ended in good order once `stop` is raised: the report then says so
/// ([`Ended::Signal`]), nothing is measured after, and `resume` goes on.
///
/// # Errors
/// As [`finetune`].
pub fn finetune_until(
    settings: Settings,
    resume: bool,
    progress: ProgressReport,
    stop: StopSignal,
) -> Result<Report, ExampleError> {
    let device = device::parse(&settings.device)?.autodiff();
    settings.compute.apply();
    let output = settings.output.clone();
    find_checkpoint(&output, resume)?;
    let mut databases = settings.data.databases.as_ref().map(Databases::new);
    let mut rows = read_rows(&settings, databases.as_mut())?;
    let path = resolve_model(&settings.model, progress)?;
    check_result(&settings, &path, resume)?;
    let loaded = anneal_llama::load(&path, &device)?;
    check_length(&settings, &loaded.config)?;
    let conversation = Conversation::new(&loaded, &settings.model, "fine-tuning")?;
    let mut text = RowText::new(&settings, &conversation, databases)?;
    let prepared = prepare(&settings, &mut text, std::mem::take(&mut rows.train))?;
    let (questions, look_at) = look_at::draw(&settings, &mut text, &rows.held_out)?;
    let (loaded, attached) = attach_subject(&settings, &conversation, loaded)?;
    // Refuses settings out of range now; the run's own clock starts later.
    Trainer::new(&settings.trainer, prepared.batches.steps_per_epoch() as u64)?;

    let _held = hold(&output)?;
    // Another run may have been here while this one was reading.
    let from = find_checkpoint(&output, resume)?;
    write_rows(&output, &rows, &prepared)?;
    let account = account(&rows, &prepared);
    let padding = prepared.batches.padding(0);
    let plan = plan(&settings, &loaded, attached.all_params, &prepared);
    say(progress, &plan.to_string());
    say(progress, &describe_rows(&account, settings.data.max_length));
    let (shell, mut model) = Shell::of(loaded);
    let asker = Asker {
        settings: &settings,
        shell: &shell,
        conversation: &conversation,
        device: &device,
        progress,
    };
    let before = match &from {
        // The model before training is gone; what was measured then is not.
        Some(_) => asker.measured_earlier("before")?,
        None => asker.measure("before", &model, &questions)?,
    };
    let start = if resume { Start::Resume } else { Start::New };
    let recompute = plan.gradient_checkpointing.on;
    let learned = Learned {
        prepared: &prepared,
        look_at: &look_at,
        recompute,
    };
    let summary = train(&asker, &mut model, &learned, (start, stop))?;
    let loaded = shell.with(model);
    let result = save_subject(&settings, &loaded, &path)?;
    let after = match summary.ended {
        Ended::Signal => None,
        _ => asker.measure("after", &loaded.model, &questions)?,
    };
    let comparison = match (&before, &after) {
        (Some(_), Some(_)) => compare(&asker)?,
        _ => None,
    };
    let metrics = read_metrics(&output.join("metrics.jsonl"))?;
    let seconds: f64 = metrics.iter().map(|step| step.seconds).sum();
    let report = Report {
        ended: summary.ended,
        result,
        plan,
        files: rows.files,
        trainable_parameters: attached.trainable_params,
        rows: account,
        efficiency: padding.efficiency(),
        padding,
        steps: summary.steps,
        skipped_steps: summary.skipped_steps,
        epochs: summary.steps as f64 / prepared.batches.steps_per_epoch() as f64,
        training_minutes: summary.trained.as_secs_f64() / 60.0,
        examples: summary.examples,
        tokens: summary.tokens,
        trained_tokens: summary.trained_tokens,
        tokens_per_second: summary.tokens as f64 / seconds.max(f64::MIN_POSITIVE),
        loss: loss_at_ends(&metrics),
        loss_by_class: class_loss_at_ends(&metrics),
        validations: summary.validations,
        best: summary.best,
        before,
        after,
        comparison,
        peak_memory_bytes: peak_memory_bytes(),
        settings: settings.clone(),
    };
    write_json(&output.join("report.json"), &report)?;
    // What lies there may be another run's, where this one has not measured.
    let measured = |when: &str, found: &Option<Measured>| match found {
        Some(_) => asker.report(when),
        None => Ok(None),
    };
    let shown = Shown {
        metrics: &metrics,
        tests: [
            measured("before", &report.before)?,
            measured("after", &report.after)?,
        ],
        held_out: &rows.held_out.questions,
        looked_at: look_at.questions.len(),
    };
    let page = page::page_of(&report, shown);
    write_page(&page, &output.join("report.html"))?;
    Ok(report)
}

/// The checkpoint to continue from. A new run needs a folder without one, a
/// resumed run a folder with one; a run that died before its first checkpoint
/// left nothing to lose and is begun again.
fn find_checkpoint(output: &Path, resume: bool) -> Result<Option<PathBuf>, ExampleError> {
    let path = output.join("checkpoints");
    let newest = if path.exists() {
        checkpoint::latest(&path)?
    } else {
        None
    };
    let begun = output.join("metrics.jsonl").exists();
    match (newest, resume) {
        (None, true) if !begun => Err(ExampleError::NoCheckpoint { path }),
        (Some(_), false) => Err(ExampleError::OutputInUse {
            path: output.to_owned(),
        }),
        (newest, _) => Ok(newest),
    }
}

/// A row may not be longer than the model has positions, of which a trained prompt takes its part.
fn check_length(settings: &Settings, config: &LlamaConfig) -> Result<(), ExampleError> {
    let taken = match &settings.adapter {
        Some(Adapter::PromptTuning(config)) => config.num_virtual_tokens,
        _ => 0,
    };
    let limit = config.context_length().saturating_sub(taken);
    let max_length = settings.data.max_length;
    if max_length <= limit {
        return Ok(());
    }
    let less = match taken {
        0 => String::new(),
        _ => format!(" without the {taken} of --virtual-tokens"),
    };
    Err(ExampleError::Setting {
        setting: "max-length",
        found: max_length.to_string(),
        expected: format!("at most {limit}, the positions of the model{less}"),
    })
}

/// Both blind tests side by side, if an earlier session's was of the same questions.
fn compare(asker: &Asker<'_>) -> Result<Option<Comparison>, ExampleError> {
    let (Some(before), Some(after)) = (asker.report("before")?, asker.report("after")?) else {
        return Ok(None);
    };
    Ok(Comparison::of(&before, &after).ok())
}
