//! The loaded parts of a run, and the two things they do: measure and train.

use std::path::Path;
use std::time::Instant;

use anneal_data::{Batches, Question, SqlPrompt, Step};
use anneal_llama::{LlamaForCausalLM, LoadedModel};
use anneal_sql::{Databases, EvaluateOptions, GoldPolicy, Report};
use anneal_train::checkpoint::{self, DataPosition, fingerprint};
use anneal_train::{MetricsRecord, MetricsWriter, Progress, ProgressReport, StepReport, Trainer};
use burn::module::Module;
use burn::tensor::Device;

use super::report::Measured;
use super::say;
use crate::evaluation::{self, cases, judge, summary};
use crate::settings::Settings;
use crate::{Conversation, ExampleError, PredictOptions, peak_memory_bytes, token_loss};

/// A run's parts, once loaded.
pub(super) struct Run {
    pub(super) settings: Settings,
    pub(super) loaded: LoadedModel,
    pub(super) device: Device,
    pub(super) conversation: Conversation,
    pub(super) prompt: SqlPrompt,
    pub(super) measured_on: Vec<Question>,
    pub(super) databases: Option<Databases>,
    pub(super) progress: ProgressReport,
}

impl Run {
    /// Execution accuracy on the held-out questions, if there are databases.
    pub(super) fn measure(
        &mut self,
        when: &str,
        model: &LlamaForCausalLM,
    ) -> Result<Option<Measured>, ExampleError> {
        let asked = !self.measured_on.is_empty();
        let Some(databases) = self.databases.as_mut().filter(|_| asked) else {
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
        let report = self.judged(when, &predictions)?;
        let path = self.settings.output.join(format!("evaluation-{when}.json"));
        report.write(&path)?;
        let seconds = start.elapsed().as_secs_f64();
        let text = summary(report.totals());
        say(self.progress, &format!("{when}: {text}, {seconds:.0} s"));
        Ok(Some(Measured {
            totals: report.totals().clone(),
            seconds: Some(seconds),
        }))
    }

    /// The verdicts on predictions for the held-out questions.
    fn judged(&self, when: &str, predictions: &[Option<String>]) -> Result<Report, ExampleError> {
        let folder = self.settings.databases.clone().unwrap_or_default();
        let options = EvaluateOptions {
            gold: GoldPolicy::LeaveOut,
            ..EvaluateOptions::default()
        };
        let cases = cases(&self.measured_on, predictions);
        let databases = evaluation::Databases::Folder(folder);
        let report = judge(when, &cases, &databases, &options, ProgressReport::Hidden);
        let report = report.map_err(|source| ExampleError::Measuring {
            source: Box::new(source),
        })?;
        let failed = |example: &anneal_sql::Example| {
            let reason = example.gold_error.clone()?;
            let index = example.index;
            Some(ExampleError::NothingMeasured { index, reason })
        };
        match report.examples().iter().find_map(failed) {
            Some(error) if report.totals().judged == 0 => Err(error),
            _ => Ok(report),
        }
    }

    /// What a measurement of an earlier session found, if there was one.
    pub(super) fn measured_earlier(&self, when: &str) -> Result<Option<Measured>, ExampleError> {
        let path = self.settings.output.join(format!("evaluation-{when}.json"));
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(Measured {
            totals: Report::read(&path)?.totals().clone(),
            seconds: None,
        }))
    }

    /// Steps until the budget is used up, from a checkpoint if one is given.
    pub(super) fn train(
        &self,
        mut model: LlamaForCausalLM,
        batches: &Batches,
        from: Option<&Path>,
    ) -> Result<(LlamaForCausalLM, Trainer), ExampleError> {
        let settings = &self.settings;
        let checkpoints = settings.output.join("checkpoints");
        let metrics_path = settings.output.join("metrics.jsonl");
        let fingerprint = fingerprint(&self.identity()?);
        let per_epoch = batches.steps_per_epoch();
        let mut trainer = Trainer::new(&settings.trainer, per_epoch as u64)?;
        let mut metrics = match from {
            Some(from) => {
                let state = trainer.restore(from, &mut model, &fingerprint)?;
                say(self.progress, &format!("resumed after step {}", state.step));
                MetricsWriter::resume(&metrics_path, state.step)?
            }
            None => MetricsWriter::create(&metrics_path)?,
        };
        let save = |trainer: &Trainer, model: &LlamaForCausalLM| {
            let data = position(trainer.steps(), per_epoch, settings.seed);
            let state = trainer.state(data, &fingerprint);
            let keep = settings.keep_checkpoints;
            checkpoint::save(&checkpoints, model, trainer.optimizer(), &state, keep)
        };
        let mut progress = Progress::new(self.progress);
        let mut saved = trainer.steps();
        'run: loop {
            let at = position(trainer.steps(), per_epoch, settings.seed);
            for step in batches.steps_from(at.epoch, at.position as usize) {
                if trainer.is_finished() {
                    break 'run;
                }
                let report = self.step(&mut trainer, &mut model, &step)?;
                let tokens = step.tokens() as u64;
                let epoch = report.step as f64 / per_epoch as f64;
                let mut record = MetricsRecord::new(&report, epoch, tokens);
                record.peak_memory_bytes = peak_memory_bytes();
                metrics.write(&record)?;
                if report.step.is_multiple_of(settings.checkpoint_every) {
                    save(&trainer, &model)?;
                    saved = report.step;
                }
                progress.step(trainer.progress(), &report, tokens);
            }
        }
        if saved != trainer.steps() {
            save(&trainer, &model)?;
        }
        progress.finish(&format!("{} steps done", trainer.steps()));
        Ok((model, trainer))
    }

    /// One optimiser step.
    fn step(
        &self,
        trainer: &mut Trainer,
        model: &mut LlamaForCausalLM,
        step: &Step,
    ) -> Result<StepReport, ExampleError> {
        let mut accumulator = trainer.begin();
        for (index, batch) in step.micro_batches.iter().enumerate() {
            // Dropout draws from the device: by seed, step and micro-batch, so
            // that a resumed run draws what an uninterrupted one would.
            let seed = dropout_seed(self.settings.seed, trainer.steps(), index);
            self.device.seed(seed);
            let loss = token_loss(model, batch, &self.loaded.config, &self.device);
            accumulator.backward(model, loss)?;
        }
        Ok(trainer.apply(model, accumulator)?)
    }

    /// What must be equal for a checkpoint to continue the same run: all that
    /// decides its numbers, and not where its results go.
    fn identity(&self) -> Result<String, ExampleError> {
        let s = &self.settings;
        let optimizer = (
            &s.trainer.optimizer,
            &s.trainer.schedule,
            s.trainer.max_grad_norm,
        );
        let text = serde_json::to_string(&(
            (&s.model, &s.data, &s.system, &s.lora, optimizer),
            (&s.batches, s.max_length, s.hold_out_every, s.seed),
        ));
        text.map_err(ExampleError::json(&s.output))
    }
}

/// A seed for each micro-batch of a run: distinct inputs give distinct, evenly
/// spread seeds (the finaliser of splitmix64).
fn dropout_seed(seed: u64, step: u64, micro_batch: usize) -> u64 {
    let mut z = seed ^ (step << 20) ^ micro_batch as u64;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
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
