//! The job of the example `finetune`: rows to adapter, measured before and after.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anneal_data::{
    Batches, EncodeReport, Encoder, Question, Split, SqlPrompt, Step, read_questions,
};
use anneal_llama::{LlamaForCausalLM, LoadedModel};
use anneal_peft::{attach, save_adapter};
use anneal_sql::{Databases, Totals};
use anneal_train::checkpoint::{self, DataPosition, fingerprint};
use anneal_train::{MetricsRecord, MetricsWriter, Progress, ProgressReport, Trainer};
use burn::module::Module;
use burn::tensor::Device;
use rand::SeedableRng;
use rand::seq::SliceRandom;
use serde::Serialize;

use crate::evaluation::{describe, evaluate, write_json};
use crate::settings::Settings;
use crate::{Conversation, ExampleError, PredictOptions, device, peak_memory_bytes, token_loss};

/// What `report.json` holds.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The settings of the run.
    pub settings: Settings,
    /// Trained parameters of the adapter.
    pub trainable_parameters: usize,
    /// Rows read, kept, and their tokens.
    pub rows: Rows,
    /// Optimiser steps.
    pub steps: u64,
    /// Passes over the data.
    pub epochs: f64,
    /// Minutes of training, measurements left out.
    pub training_minutes: f64,
    /// Tokens through the model, padding left out.
    pub tokens: u64,
    /// Tokens that the loss counted.
    pub trained_tokens: u64,
    /// `tokens` per second of training.
    pub tokens_per_second: f64,
    /// The mean loss of the first and the last ten steps of this session.
    pub loss: [Option<f64>; 2],
    /// Execution accuracy on held-out databases before training.
    pub before: Option<Measured>,
    /// The same after training.
    pub after: Option<Measured>,
    /// Peak resident memory of the process.
    pub peak_memory_bytes: Option<u64>,
}

/// What became of the rows.
#[derive(Debug, Serialize)]
pub struct Rows {
    /// Rows in the files.
    pub read: usize,
    /// Rows known to have no runnable gold, left out.
    pub unusable: usize,
    /// Rows of held-out databases.
    pub held_out: usize,
    /// Rows with more tokens than `max_length`, left out.
    pub too_long: usize,
    /// Rows trained on.
    pub trained: usize,
    /// Their tokens.
    pub tokens: usize,
    /// Their trained tokens.
    pub trained_tokens: usize,
}

/// One measurement.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// Counts and rates.
    pub totals: Totals,
    /// Seconds it took.
    pub seconds: f64,
}

/// A run's parts, once loaded.
struct Run {
    settings: Settings,
    loaded: LoadedModel,
    device: Device,
    conversation: Conversation,
    prompt: SqlPrompt,
    measured_on: Vec<Question>,
    databases: Option<Databases>,
    progress: ProgressReport,
}

/// Fine-tunes by the settings; writes `adapter/`, `checkpoints/`,
/// `metrics.jsonl`, `held_out.jsonl` and `report.json` into the output folder.
///
/// # Errors
/// Whatever is wrong with files or settings; what was written before stays.
pub fn finetune(
    settings: Settings,
    resume: bool,
    progress: ProgressReport,
) -> Result<Report, ExampleError> {
    let device = device::parse(&settings.device)?.autodiff();
    let output = settings.output.clone();
    check_output(&output, resume)?;
    let (split, read, unusable) = read_rows(&settings)?;
    let loaded = anneal_llama::load(&settings.model, &device)?;
    let conversation = Conversation::new(&loaded, &settings.model, "fine-tuning")?;
    let prompt = settings
        .system
        .clone()
        .map_or_else(SqlPrompt::default, |system| SqlPrompt { system });
    let (batches, encoded) = encode(&settings, &conversation, &prompt, &split.train)?;
    std::fs::create_dir_all(&output).map_err(ExampleError::io(&output))?;
    write_questions(&output.join("held_out.jsonl"), &split.held_out)?;

    let (model, attached) = attach(loaded.model.clone(), &settings.lora, settings.seed)?;
    say(progress, &attached.to_string());
    let rows = Rows {
        read,
        unusable,
        held_out: split.held_out.len(),
        too_long: encoded.too_long.len(),
        trained: batches.examples().len(),
        tokens: encoded.tokens,
        trained_tokens: encoded.trained_tokens,
    };
    say(
        progress,
        &format!(
            "{} rows to learn from, {} of held-out databases, {} longer than {} tokens left out",
            rows.trained, rows.held_out, rows.too_long, settings.max_length
        ),
    );
    let databases = settings.databases.as_ref().map(Databases::new);
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
    let before = run.measure("before", &model)?;
    let (model, trained) = run.train(model, &batches, resume)?;
    save_adapter(&model, &run.settings.lora, output.join("adapter"))?;
    let after = run.measure("after", &model)?;
    let report = Report {
        settings: run.settings,
        trainable_parameters: attached.trainable_params,
        rows,
        steps: trained.trainer.steps(),
        epochs: trained.trainer.steps() as f64 / batches.steps_per_epoch() as f64,
        training_minutes: trained.trainer.elapsed().as_secs_f64() / 60.0,
        tokens: trained.tokens,
        trained_tokens: trained.trainer.trained_tokens(),
        tokens_per_second: trained.tokens as f64 / trained.seconds.max(f64::MIN_POSITIVE),
        loss: [
            mean(trained.losses.iter().take(10)),
            mean(trained.losses.iter().rev().take(10)),
        ],
        before,
        after,
        peak_memory_bytes: peak_memory_bytes(),
    };
    write_json(&output.join("report.json"), &report)?;
    Ok(report)
}

/// A new run needs a folder without one; a resumed run a folder with one.
fn check_output(output: &Path, resume: bool) -> Result<(), ExampleError> {
    let used = output.join("metrics.jsonl").exists() || output.join("checkpoints").exists();
    match (used, resume) {
        (true, false) => Err(ExampleError::OutputInUse {
            path: output.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// The usable rows of every file, split by database.
fn read_rows(settings: &Settings) -> Result<(Split, usize, usize), ExampleError> {
    let mut rows = Vec::new();
    for file in &settings.data {
        rows.extend(read_questions(file)?);
    }
    let read = rows.len();
    rows.retain(Question::is_usable);
    let unusable = read - rows.len();
    let split = match settings.hold_out_every {
        0 => Split {
            train: rows,
            held_out: Vec::new(),
            held_out_databases: Vec::new(),
        },
        every => Split::by_database(rows, every)?,
    };
    Ok((split, read, unusable))
}

fn encode(
    settings: &Settings,
    conversation: &Conversation,
    prompt: &SqlPrompt,
    rows: &[Question],
) -> Result<(Batches, EncodeReport), ExampleError> {
    let encoder = Encoder::new(conversation.template().clone(), settings.max_length)?;
    let tokenize = |text: &str| conversation.tokenizer().encode(text, false);
    let encoded = encoder.encode_questions(&tokenize, prompt, rows)?;
    if encoded.examples.is_empty() {
        return Err(ExampleError::NoRows {
            path: settings.data[0].clone(),
            purpose: "learn from",
            reason: format!(
                "{} are held out or unusable, {} longer than {} tokens (the longest has {})",
                if rows.is_empty() { "all" } else { "the others" },
                encoded.report.too_long.len(),
                settings.max_length,
                encoded.report.longest,
            ),
        });
    }
    let batches = Batches::new(encoded.examples, settings.batches.clone())?;
    Ok((batches, encoded.report))
}

/// Held-out questions whose gold is not known to return nothing, drawn by seed:
/// an empty result is matched by too many wrong queries.
fn choose(held_out: &[Question], count: usize, seed: u64) -> Vec<Question> {
    let mut chosen: Vec<Question> = held_out
        .iter()
        .filter(|question| question.n_rows != Some(0))
        .cloned()
        .collect();
    chosen.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
    chosen.truncate(count);
    chosen
}

fn write_questions(path: &PathBuf, questions: &[Question]) -> Result<(), ExampleError> {
    let mut text = String::new();
    for question in questions {
        text.push_str(&serde_json::to_string(question).map_err(ExampleError::json(path))?);
        text.push('\n');
    }
    std::fs::write(path, text).map_err(ExampleError::io(path))
}

/// What training leaves behind.
struct Trained {
    trainer: Trainer,
    tokens: u64,
    seconds: f64,
    losses: Vec<f64>,
}

impl Run {
    /// Execution accuracy on the held-out questions, if there are databases.
    fn measure(
        &mut self,
        when: &str,
        model: &LlamaForCausalLM,
    ) -> Result<Option<Measured>, ExampleError> {
        let Some(databases) = self
            .databases
            .as_mut()
            .filter(|_| !self.measured_on.is_empty())
        else {
            return Ok(None);
        };
        let start = Instant::now();
        let options = PredictOptions {
            batch_size: self.settings.eval_batch_size,
            max_new_tokens: self.settings.max_new_tokens,
            progress: self.progress,
        };
        // Without gradients: a graph that nobody runs backward is never freed.
        let model = model.clone().valid();
        let predictions = self.conversation.predict(
            (&self.loaded, &model),
            &self.prompt,
            &self.measured_on,
            databases,
            &self.device.clone().inner(),
            options,
        )?;
        let predictions: Vec<_> = predictions.into_iter().map(Some).collect();
        let evaluation = evaluate(&self.measured_on, &predictions, databases)?;
        let path = self.settings.output.join(format!("evaluation-{when}.json"));
        write_json(&path, &evaluation)?;
        let seconds = start.elapsed().as_secs_f64();
        say(
            self.progress,
            &format!("{when}: {}, {seconds:.0} s", describe(&evaluation.totals)),
        );
        Ok(Some(Measured {
            totals: evaluation.totals,
            seconds,
        }))
    }

    /// Steps until the budget is used up, from the newest checkpoint if resumed.
    fn train(
        &self,
        mut model: LlamaForCausalLM,
        batches: &Batches,
        resume: bool,
    ) -> Result<(LlamaForCausalLM, Trained), ExampleError> {
        let settings = &self.settings;
        let (checkpoints, metrics_path) = (
            settings.output.join("checkpoints"),
            settings.output.join("metrics.jsonl"),
        );
        let settings_text = self.identity()?;
        let fingerprint = fingerprint(&settings_text);
        let steps_per_epoch = batches.steps_per_epoch();
        let mut trainer = Trainer::new(&settings.trainer, steps_per_epoch as u64)?;
        let mut metrics = if resume {
            let newest =
                checkpoint::latest(&checkpoints)?.ok_or_else(|| ExampleError::NoCheckpoint {
                    path: checkpoints.clone(),
                })?;
            let state = trainer.restore(&newest, &mut model, &fingerprint)?;
            say(self.progress, &format!("resumed after step {}", state.step));
            MetricsWriter::resume(&metrics_path, state.step)?
        } else {
            MetricsWriter::create(&metrics_path)?
        };
        let save = |trainer: &Trainer, model: &LlamaForCausalLM| {
            let data = position(trainer.steps(), steps_per_epoch, settings.seed);
            let state = trainer.state(data, &fingerprint);
            let keep = settings.keep_checkpoints;
            checkpoint::save(&checkpoints, model, trainer.optimizer(), &state, keep)
        };
        let mut progress = Progress::new(self.progress);
        let started = trainer.elapsed();
        let (mut tokens, mut losses) = (0, Vec::new());
        'run: loop {
            let at = position(trainer.steps(), steps_per_epoch, settings.seed);
            for step in batches.steps_from(at.epoch, at.position as usize) {
                if trainer.is_finished() {
                    break 'run;
                }
                let report = trainer.step(&mut model, &step.micro_batches, |model, batch| {
                    token_loss(model, batch, &self.loaded.config, &self.device)
                })?;
                let step_tokens = Step::tokens(&step) as u64;
                let epoch = report.step as f64 / steps_per_epoch as f64;
                let mut record = MetricsRecord::new(&report, epoch, step_tokens);
                record.peak_memory_bytes = peak_memory_bytes();
                metrics.write(&record)?;
                tokens += step_tokens;
                losses.push(report.loss);
                if report.step.is_multiple_of(settings.checkpoint_every) {
                    save(&trainer, &model)?;
                }
                progress.step(trainer.progress(), &report, step_tokens);
            }
        }
        save(&trainer, &model)?;
        let seconds = (trainer.elapsed() - started).as_secs_f64();
        progress.finish(&format!(
            "{} steps, {:.0} tokens/s",
            trainer.steps(),
            tokens as f64 / seconds
        ));
        Ok((
            model,
            Trained {
                trainer,
                tokens,
                seconds,
                losses,
            },
        ))
    }

    /// What must be equal for a checkpoint to continue the same run: all that
    /// decides its numbers, and not where its results go.
    fn identity(&self) -> Result<String, ExampleError> {
        let s = &self.settings;
        let text = serde_json::to_string(&(
            (
                &s.model,
                &s.data,
                &s.system,
                &s.lora,
                &s.trainer.optimizer,
                &s.trainer.schedule,
            ),
            (
                s.trainer.max_grad_norm,
                &s.batches,
                s.max_length,
                s.hold_out_every,
                s.seed,
            ),
        ));
        text.map_err(ExampleError::json(&s.output))
    }
}

/// Where the data stands after so many steps.
fn position(steps: u64, steps_per_epoch: usize, seed: u64) -> DataPosition {
    let per_epoch = steps_per_epoch as u64;
    DataPosition {
        epoch: steps / per_epoch,
        position: steps % per_epoch,
        seed,
    }
}

fn mean<'a>(values: impl Iterator<Item = &'a f64>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for value in values {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// A line for people, on standard error.
fn say(progress: ProgressReport, line: &str) {
    if progress != ProgressReport::Hidden {
        // A closed standard error loses the line and nothing else.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
