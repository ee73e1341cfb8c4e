//! The quickstart: made data, a measurement, LoRA, and the same measurement.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anneal_data::{BatchConfig, Batches, Encoder, MicroBatch, Question, SqlPrompt};
use anneal_llama::{LlamaForCausalLM, LoadedModel, load};
use anneal_peft::{LoraConfig, TargetModules, attach, save_adapter};
use anneal_sql::{Comparison, Databases as Suites, EvaluateOptions, Report};
use anneal_train::{
    AdamWConfig, Budget, Decay, MetricsRecord, ProgressReport, RunConfig, Schedule, Trainer,
    TrainerConfig, TrainingRun, Warmup,
};
use burn::module::Module;
use burn::tensor::Device;

use super::QuickstartSettings;
use super::data::Data;
use super::folder::renew;
use super::page::page_of;
use super::report::QuickstartReport;
use super::text::side_by_side;
use crate::evaluation::{self, cases, judge};
use crate::feed::BatchFeed;
use crate::metrics::read_metrics;
use crate::prompting::PromptSettings;
use crate::run_report;
use crate::{
    Conversation, ExampleError, PredictOptions, peak_memory_bytes, say, token_loss, write_json,
    write_whole,
};

/// The model that the repository carries, `examples/model`.
pub fn small_model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("model")
}

/// Makes data, measures the base model, fine-tunes it with LoRA, measures again,
/// and writes everything into the output folder.
///
/// # Errors
/// An output folder that holds something else, a model that is missing, a disk that refuses.
pub fn quickstart(
    settings: &QuickstartSettings,
    device: &Device,
    progress: ProgressReport,
) -> Result<QuickstartReport, ExampleError> {
    let output = &settings.output;
    let loaded = load(&settings.model, device)?;
    let conversation = Conversation::new(&loaded, &settings.model, "the quickstart")?;
    let _held = renew(output)?;

    let begun = Instant::now();
    let data = Data::make(settings, output)?;
    let (train, test) = (Data::questions(&data.train), Data::questions(&data.test));
    let made = begun.elapsed().as_secs_f64();
    say(
        progress,
        &format!(
            "made {} databases of a beekeepers' association: {} with {} questions to learn from, {} others with {} to be asked",
            data.train.len() + data.test.len(),
            data.train.len(),
            train.len(),
            data.test.len(),
            test.len(),
        ),
    );
    let measure = Measuring {
        settings,
        loaded: &loaded,
        conversation: &conversation,
        test: &test,
        device,
        progress,
    };
    let (before, seconds_before) = measure.run("before", &loaded.model)?;

    let begun = Instant::now();
    let lora = LoraConfig::new(TargetModules::all_linear())
        .with_r(settings.rank)
        .with_lora_alpha(2.0 * settings.rank as f64)
        .with_base_model(settings.model.display().to_string());
    let (model, attached) = attach(loaded.model.clone(), &lora, settings.seed)?;
    say(progress, &attached.to_string());
    let trained = train_adapter(settings, model, &loaded, &conversation, &train, progress)?;
    let adapter = output.join("adapter");
    save_adapter(&trained.model, &adapter)?;
    // So that every other example asks as this one did.
    PromptSettings::default().save(&adapter)?;
    let seconds_training = begun.elapsed().as_secs_f64();

    let (after, seconds_after) = measure.run("after", &trained.model)?;
    let compared = |source| ExampleError::Compared {
        path: output.join("before.json"),
        source: Box::new(source),
    };
    let comparison = Comparison::of(&before, &after).map_err(compared)?;
    let report = QuickstartReport {
        settings: settings.clone(),
        parameters: [
            loaded.config.parameter_count(),
            attached.trainable_params as u64,
        ],
        trained_questions: train.len(),
        before: before.totals().clone(),
        after: after.totals().clone(),
        paired: comparison.all,
        losses: trained.metrics.iter().map(|step| step.loss).collect(),
        tokens: trained.tokens,
        shown: side_by_side(&before, &after),
        seconds: [made, seconds_before, seconds_training, seconds_after],
        peak_memory_bytes: peak_memory_bytes(),
    };
    write_json(&output.join("report.json"), &report)?;
    let page = run_report::page(&page_of(&report, &trained.metrics, [before, after]));
    write_whole(&output.join("report.html"), page)?;
    Ok(report)
}

/// What both measurements share.
struct Measuring<'a> {
    settings: &'a QuickstartSettings,
    loaded: &'a LoadedModel,
    conversation: &'a Conversation,
    test: &'a [Question],
    device: &'a Device,
    progress: ProgressReport,
}

impl Measuring<'_> {
    /// Asks, runs and judges; the report is written as `before.json` or `after.json`.
    fn run(&self, when: &str, model: &LlamaForCausalLM) -> Result<(Report, f64), ExampleError> {
        let begun = Instant::now();
        let folder = self.settings.output.join("databases");
        let options = PredictOptions {
            batch_size: 24,
            max_new_tokens: 96,
            progress: self.progress,
        };
        // Without gradients: a graph that nobody runs backward is never freed.
        let model = model.clone().valid();
        let answers = self.conversation.predict(
            (self.loaded, &model),
            PromptSettings::default(),
            self.test,
            &mut Suites::new(&folder),
            &self.device.clone().inner(),
            options,
        )?;
        let answers: Vec<_> = answers.into_iter().map(Some).collect();
        let cases = cases(self.test, &answers);
        let databases = evaluation::Databases::Folder(folder);
        let options = EvaluateOptions {
            shown_rows: Some(5),
            ..EvaluateOptions::default()
        };
        let report = judge(when, &cases, &databases, &options, ProgressReport::Hidden);
        let report = report.map_err(|source| ExampleError::Measuring {
            source: Box::new(source),
        })?;
        report.write(&self.settings.output.join(format!("{when}.json")))?;
        let seconds = begun.elapsed().as_secs_f64();
        let text = evaluation::summary(report.totals());
        say(self.progress, &format!("{when}: {text}, {seconds:.0} s"));
        Ok((report, seconds))
    }
}

/// What the training leaves.
struct Trained {
    model: LlamaForCausalLM,
    metrics: Vec<MetricsRecord>,
    /// Tokens of all rows, and those of them that are learned.
    tokens: [usize; 2],
}

/// The adapter's training; `metrics.jsonl` is written on the way.
fn train_adapter(
    settings: &QuickstartSettings,
    mut model: LlamaForCausalLM,
    loaded: &LoadedModel,
    conversation: &Conversation,
    questions: &[Question],
    progress: ProgressReport,
) -> Result<Trained, ExampleError> {
    let device = &model.model.norm.weight.device();
    let encoder = Encoder::new(
        conversation.template().clone(),
        loaded.config.max_position_embeddings,
    )?
    .with_trim_tail(true);
    let tokenize = |text: &str| conversation.tokenizer().encode(text, false);
    let encoded = encoder.encode_questions(&tokenize, &SqlPrompt::default(), questions)?;
    let tokens = [encoded.report.tokens, encoded.report.trained_tokens];
    let batches = Batches::new(
        encoded.examples,
        BatchConfig {
            batch_size: settings.batch_size,
            seed: settings.seed,
            ..BatchConfig::default()
        },
    )?;
    let config = TrainerConfig {
        optimizer: AdamWConfig {
            learning_rate: settings.learning_rate,
            ..AdamWConfig::default()
        }
        .into(),
        schedule: Schedule {
            decay: Decay::Cosine,
            warmup: Warmup::Ratio(0.05),
            ..Schedule::default()
        },
        budget: Budget {
            max_steps: Some(settings.steps),
            ..Budget::default()
        },
        ..TrainerConfig::default()
    };
    let trainer = Trainer::new(&config, batches.steps_per_epoch() as u64)?;
    let mut feed = BatchFeed::new(&batches, settings.seed);
    let objective = |model: &LlamaForCausalLM, batch: &MicroBatch| {
        token_loss(model, batch, &loaded.config, device)
    };
    let run = RunConfig {
        seed: settings.seed,
        progress,
        ..RunConfig::new(&settings.output)
    };
    let metrics = run.metrics_file();
    TrainingRun::new(run, trainer).run(&mut model, &objective, &mut feed)?;
    let metrics = read_metrics(&metrics)?;
    Ok(Trained {
        model,
        metrics,
        tokens,
    })
}
