//! The job of the example `finetune`: rows to adapter, measured before and after.

mod report;
mod rows;
mod run;

use std::io::Write;
use std::path::{Path, PathBuf};

use anneal_data::{Padding, SqlPrompt};
use anneal_llama::LoadedModel;
use anneal_peft::{attach, save_adapter};
use anneal_sql::Databases;
use anneal_train::{ProgressReport, Trainer, checkpoint};

pub use report::{Measured, Report, Rows};

use crate::settings::Settings;
use crate::write_json;
use crate::{Conversation, ExampleError, device, peak_memory_bytes, resolve_model};
use report::{mean, read_metrics};
use rows::{choose, encode, read_rows, write_questions};
use run::Run;

/// Fine-tunes by the settings; writes `adapter/`, `checkpoints/`,
/// `metrics.jsonl`, `held_out.jsonl`, `evaluation-*.json` and `report.json`
/// into the output folder.
///
/// # Errors
/// Whatever is wrong with files or settings, found before anything is written
/// or measured; what an earlier run wrote stays.
pub fn finetune(
    settings: Settings,
    resume: bool,
    progress: ProgressReport,
) -> Result<Report, ExampleError> {
    let device = device::parse(&settings.device)?.autodiff();
    let output = settings.output.clone();
    let from = find_checkpoint(&output, resume)?;
    let mut databases = settings.databases.as_ref().map(Databases::new);
    let questions = read_rows(&settings, databases.as_mut())?;
    let split = questions.split;
    let model = resolve_model(&settings.model, progress)?;
    let loaded = anneal_llama::load(&model, &device)?;
    check_length(&settings, &loaded)?;
    let conversation = Conversation::new(&loaded, &settings.model, "fine-tuning")?;
    let system = settings.system.clone();
    let prompt = system.map_or_else(|| Ok(SqlPrompt::default()), SqlPrompt::with_system)?;
    let (batches, encoded) = encode(&settings, &conversation, &prompt, &split.train)?;
    let (model, attached) = attach(loaded.model.clone(), &settings.lora, settings.seed)?;
    // Refuses settings out of range now; the run's own clock starts later.
    Trainer::new(&settings.trainer, batches.steps_per_epoch() as u64)?;

    std::fs::create_dir_all(&output).map_err(ExampleError::io(&output))?;
    write_questions(&output.join("held_out.jsonl"), &split.held_out)?;
    let rows = Rows {
        read: questions.read,
        unusable: questions.unusable,
        held_out: split.held_out.len(),
        too_long: encoded.too_long.len(),
        trained: batches.examples().len(),
        tokens: encoded.tokens,
        trained_tokens: encoded.trained_tokens,
    };
    say(progress, &attached.to_string());
    say(progress, &describe_rows(&rows, settings.max_length));
    let padding = batches.padding(0);
    say(progress, &describe_padding(&padding));
    let measured_on = choose(&split.held_out, settings.eval_questions, settings.seed);
    let mut run = Run {
        settings,
        loaded,
        device,
        conversation,
        prompt,
        measured_on,
        databases,
        progress,
    };
    let before = match &from {
        // The model before training is gone; what was measured then is not.
        Some(_) => run.measured_earlier("before")?,
        None => run.measure("before", &model)?,
    };
    let (model, trainer) = run.train(model, &batches, from.as_deref())?;
    save_adapter(&model, output.join("adapter"))?;
    let after = run.measure("after", &model)?;
    let metrics = read_metrics(&output.join("metrics.jsonl"))?;
    let tokens: u64 = metrics.iter().map(|step| step.tokens).sum();
    let seconds: f64 = metrics.iter().map(|step| step.seconds).sum();
    let losses = metrics.iter().map(|step| step.loss);
    let report = Report {
        settings: run.settings,
        trainable_parameters: attached.trainable_params,
        rows,
        efficiency: padding.efficiency(),
        padding,
        steps: trainer.steps(),
        epochs: trainer.steps() as f64 / batches.steps_per_epoch() as f64,
        training_minutes: trainer.elapsed().as_secs_f64() / 60.0,
        tokens,
        trained_tokens: trainer.trained_tokens(),
        tokens_per_second: tokens as f64 / seconds.max(f64::MIN_POSITIVE),
        loss: [mean(losses.clone().take(10)), mean(losses.rev().take(10))],
        before,
        after,
        peak_memory_bytes: peak_memory_bytes(),
    };
    write_json(&output.join("report.json"), &report)?;
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
    match (newest, resume) {
        (None, true) => Err(ExampleError::NoCheckpoint { path }),
        (Some(_), false) => Err(ExampleError::OutputInUse {
            path: output.to_owned(),
        }),
        (newest, _) => Ok(newest),
    }
}

/// A row may not be longer than the model has positions.
fn check_length(settings: &Settings, loaded: &LoadedModel) -> Result<(), ExampleError> {
    let limit = loaded.config.max_position_embeddings;
    if settings.max_length > limit {
        return Err(ExampleError::Setting {
            setting: "max-length",
            found: settings.max_length.to_string(),
            expected: format!("at most {limit}, the positions of the model"),
        });
    }
    Ok(())
}

fn describe_rows(rows: &Rows, max_length: usize) -> String {
    format!(
        "{} rows to learn from, {} of held-out databases, {} longer than {max_length} tokens left out",
        rows.trained, rows.held_out, rows.too_long
    )
}

fn describe_padding(padding: &Padding) -> String {
    format!(
        "{:.1} % of the padded tokens are tokens; {:.2} examples a row, {:.2} micro-batches a step",
        100.0 * padding.efficiency(),
        padding.segments_per_row(),
        padding.micro_batches as f64 / padding.steps as f64,
    )
}

/// A line for people, on standard error.
fn say(progress: ProgressReport, line: &str) {
    if progress != ProgressReport::Hidden {
        // A closed standard error loses the line and nothing else.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
