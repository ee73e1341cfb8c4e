//! The job of the example `pretrain`: domains to a model in a folder.

use std::path::Path;
use std::time::Instant;

use anneal_data::{
    BatchConfig, Batches, ChatTemplate, DataError, Encoder, Example, MicroBatch, SqlPrompt,
};
use anneal_llama::{
    LlamaConfig, LlamaForCausalLM, LoadedModel, SaveDtype, SaveOptions, SpecialTokens, Tokenizer,
    load,
};
use anneal_train::checkpoint::fingerprint;
use anneal_train::{
    AdamWConfig, BestBy, Budget, Decay, ProgressReport, RunConfig, RunSummary, Schedule, Start,
    Trainer, TrainerConfig, TrainingRun, Validation, Warmup,
};
use burn::module::Module;
use burn::tensor::Device;
use serde::Serialize;

use super::corpus::{HELD_OUT, corpus, domains};
use super::init::{InitialWeights, small_llama};
use super::loss::weighted_loss;
use super::measure::{Measure, remove};
use super::rows::{conversation, examples, repeats};
use super::settings::PretrainSettings;
use super::tokenizer::{CHAT_TEMPLATE, END, PAD, train_tokenizer};
use crate::feed::BatchFeed;
use crate::folders::hold;
use crate::metrics::{loss_at_ends, read_metrics};
use crate::{ExampleError, peak_memory_bytes, require_empty, write_whole};

/// Databases whose questions the tokenizer is learned from.
const TOKENIZER_DATABASES: usize = 3_000;

/// The stages, and their folders in the work folder.
const COPYING: &str = "copying";
const ANSWERING: &str = "answering";

/// What a pre-training did.
#[derive(Debug, Clone, Serialize)]
pub struct PretrainReport {
    /// The settings.
    pub settings: PretrainSettings,
    /// Numbers that the model learned.
    pub parameters: u64,
    /// Bytes of the model's files together.
    pub bytes: u64,
    /// Databases and questions that were made.
    pub databases: usize,
    /// Questions in conversations that were not too long.
    pub questions: usize,
    /// Conversations, and how many more were left out as too long.
    pub conversations: [usize; 2],
    /// Optimiser steps.
    pub steps: u64,
    /// Passes over the data.
    pub epochs: f64,
    /// Minutes of training, measurements left out.
    pub minutes: f64,
    /// Tokens through the model, padding left out.
    pub tokens: u64,
    /// The weighted loss per answer token, mean of the last ten steps.
    pub loss: Option<f64>,
    /// Questions of held-out domains: asked, with the gold's rows, with the gold's text.
    pub held_out: [usize; 3],
    /// Peak resident memory of the process.
    pub peak_memory_bytes: Option<u64>,
}

/// Makes databases, questions, tokenizer and model; writes the model's folder.
///
/// # Errors
/// Settings out of range, an output folder that holds something, a disk that refuses.
pub fn pretrain(
    settings: &PretrainSettings,
    device: &Device,
    progress: ProgressReport,
) -> Result<PretrainReport, ExampleError> {
    let say = |line: &str| crate::say(progress, line);
    check(settings)?;
    let all = domains()?;
    let (held_out, seen): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|domain| HELD_OUT.contains(&domain.name.as_str()));
    let begun = Instant::now();
    let work = &settings.work;
    let _held = hold(work)?;
    let scratch = work.join("corpus");
    remove(&scratch)?;
    let corpus = corpus(
        &seen,
        settings.databases,
        settings.questions,
        &scratch,
        settings.seed,
    )?;
    // Questions and schemas are all that is learned from.
    remove(&scratch)?;
    let questions: usize = corpus.iter().map(|asked| asked.questions.len()).sum();
    let seconds = begun.elapsed().as_secs_f64();
    say(&format!(
        "{} databases of {} domains with {questions} questions, {seconds:.0} s",
        corpus.len(),
        seen.len(),
    ));

    let earlier = settings.from.as_deref();
    let earlier = earlier.map(|from| load(from, device)).transpose()?;
    let known = earlier.as_ref().and_then(|loaded| loaded.tokenizer.clone());
    let tokenizer = match known {
        Some(known) => known,
        None => tokenizer(settings, &corpus)?,
    };
    let template = ChatTemplate::new(CHAT_TEMPLATE, None, None)?;
    let encoder = Encoder::new(template, settings.max_length)?;
    let (mut examples, too_long) = examples(&corpus, settings.turns, &encoder, &tokenizer)?;
    drop(corpus);
    let conversations = [examples.len(), too_long];
    let tokens: usize = examples.iter().map(Example::len).sum();
    let answers: usize = examples.iter().map(|example| example.target_count()).sum();
    say(&format!(
        "{} conversations, {too_long} too long, {:.1} million tokens, {:.0} % of them answers",
        examples.len(),
        tokens as f64 / 1e6,
        100.0 * answers as f64 / tokens.max(1) as f64,
    ));
    let count = (settings.repeats * examples.len() as f64) as usize;
    examples.extend(repeats(count, tokenizer.size(), settings.seed)?);
    let batches = batches(examples, settings.batch_size, settings.seed)?;
    // A model that was made before has learned to copy.
    let copies = match earlier {
        Some(_) => None,
        None => copies(settings, tokenizer.size())?,
    };
    let (config, model) = match earlier {
        Some(loaded) => (loaded.config, loaded.model.unfreeze()),
        None => model(settings, &tokenizer, device)?,
    };
    say(&format!("{} parameters", config.parameter_count()));
    let mut loaded = LoadedModel {
        model,
        config,
        tokenizer: Some(tokenizer),
        chat_template: Some(CHAT_TEMPLATE.to_owned()),
        special_tokens: SpecialTokens::from_iter([
            ("eos_token", "<|end|>"),
            ("pad_token", "<|pad|>"),
        ]),
        end_ids: vec![END],
    };
    let measure = Measure::prepare(&held_out, settings, work)?;
    let stages = Stages {
        settings,
        measure: &measure,
        device,
        progress,
    };
    if let Some((batches, budget)) = copies {
        stages.train(COPYING, &mut loaded, &batches, budget, None)?;
    }
    let budget = Budget {
        max_steps: settings.max_steps,
        max_minutes: settings.minutes,
        ..Budget::default()
    };
    let every = settings.measured_every;
    let trained = stages.train(ANSWERING, &mut loaded, &batches, budget, every)?;
    let metrics = read_metrics(&work.join(ANSWERING).join("metrics.jsonl"))?;

    let held_out = measure.run(&loaded, &loaded.model, device)?;
    loaded.model = loaded.model.valid();
    save(&loaded, &settings.output)?;
    let report = PretrainReport {
        settings: settings.clone(),
        parameters: loaded.config.parameter_count(),
        bytes: folder_bytes(&settings.output)?,
        databases: settings.databases,
        questions,
        conversations,
        steps: trained.steps,
        epochs: trained.steps as f64 / batches.steps_per_epoch() as f64,
        minutes: trained.trained.as_secs_f64() / 60.0,
        tokens: trained.tokens,
        loss: loss_at_ends(&metrics)[1],
        held_out,
        peak_memory_bytes: peak_memory_bytes(),
    };
    Ok(report)
}

fn check(settings: &PretrainSettings) -> Result<(), ExampleError> {
    let refuse = |setting, found: String, expected: &str| {
        Err(ExampleError::Setting {
            setting,
            found,
            expected: expected.to_owned(),
        })
    };
    if settings.minutes.is_none() && settings.max_steps.is_none() {
        return refuse("minutes", "missing".to_owned(), "--minutes or --max-steps");
    }
    if settings.hidden == 0 || !settings.hidden.is_multiple_of(64) {
        return refuse("hidden", settings.hidden.to_string(), "a multiple of 64");
    }
    require_empty(&settings.output)
}

/// Learns the tokenizer from the first conversations.
fn tokenizer(
    settings: &PretrainSettings,
    corpus: &[super::corpus::Asked],
) -> Result<Tokenizer, ExampleError> {
    let prompt = SqlPrompt::default();
    let mut texts = Vec::new();
    for asked in corpus.iter().take(TOKENIZER_DATABASES) {
        let messages = conversation(&prompt, &asked.made.context(), &asked.questions)?;
        texts.extend(messages.into_iter().map(|message| message.content));
    }
    let json = train_tokenizer(&texts, settings.vocabulary)?;
    let path = settings.work.join("tokenizer.json");
    write_whole(&path, json)?;
    Ok(Tokenizer::from_file(&path)?)
}

/// The model before the first step, every parameter to be trained.
fn model(
    settings: &PretrainSettings,
    tokenizer: &Tokenizer,
    device: &Device,
) -> Result<(LlamaConfig, LlamaForCausalLM), ExampleError> {
    let mut config = small_llama(tokenizer.size());
    config.num_hidden_layers = settings.layers;
    config.hidden_size = settings.hidden;
    config.intermediate_size = settings.hidden * 5 / 2;
    config.num_attention_heads = settings.hidden / 32;
    config.num_key_value_heads = settings.hidden / 64;
    let mut weights = InitialWeights {
        standard_deviation: settings.deviation,
        layers: settings.layers,
        seed: settings.seed,
    };
    let model = LlamaForCausalLM::from_source(&config, &mut weights, device)?;
    Ok((config, model.unfreeze()))
}

/// Steps over conversations of one kind.
fn batches(examples: Vec<Example>, batch_size: usize, seed: u64) -> Result<Batches, DataError> {
    let config = BatchConfig {
        batch_size,
        pad_id: PAD,
        seed,
        ..BatchConfig::default()
    };
    Batches::new(examples, config)
}

/// What the first stage learns from, and for how long; nothing without such steps.
fn copies(
    settings: &PretrainSettings,
    vocabulary: usize,
) -> Result<Option<(Batches, Budget)>, DataError> {
    if settings.copy_steps == 0 {
        return Ok(None);
    }
    let size = settings.copy_batch_size;
    // Another seed than that of the sequences that come later.
    let seed = settings.seed ^ 0x434f_5059;
    let examples = repeats(settings.copy_steps as usize * size, vocabulary, seed)?;
    let budget = Budget {
        max_steps: Some(settings.copy_steps),
        ..Budget::default()
    };
    Ok(Some((batches(examples, size, seed)?, budget)))
}

/// What both stages share.
struct Stages<'a> {
    settings: &'a PretrainSettings,
    measure: &'a Measure,
    device: &'a Device,
    progress: ProgressReport,
}

impl Stages<'_> {
    /// One stage, in a folder of its own, from its last checkpoint if the settings say so.
    ///
    /// Every `measured_every` steps the model is measured, and saved as it is.
    fn train(
        &self,
        name: &str,
        loaded: &mut LoadedModel,
        batches: &Batches,
        budget: Budget,
        measured_every: Option<u64>,
    ) -> Result<RunSummary, ExampleError> {
        let settings = self.settings;
        let trainer = TrainerConfig {
            optimizer: AdamWConfig {
                learning_rate: settings.learning_rate,
                beta_2: 0.98,
                weight_decay: 0.05,
                ..AdamWConfig::default()
            }
            .into(),
            schedule: Schedule {
                decay: Decay::Cosine,
                warmup: Warmup::Ratio(0.05),
                ..Schedule::default()
            },
            max_grad_norm: Some(1.0),
            budget,
            ..TrainerConfig::default()
        };
        let trainer = Trainer::new(&trainer, batches.steps_per_epoch() as u64)?;
        let run = RunConfig {
            // A stage that a killed process never reached begins.
            start: match settings.resume {
                true => Start::ResumeOrNew,
                false => Start::New,
            },
            checkpoint_every: 200,
            validate_every: measured_every,
            best_by: BestBy::Score,
            fingerprint: fingerprint(&settings.identity(name)?),
            seed: settings.seed,
            progress: self.progress,
            ..RunConfig::new(settings.work.join(name))
        };
        let run = TrainingRun::new(run, trainer);
        let mut feed = BatchFeed::new(batches, settings.seed);
        let config = loaded.config.clone();
        let objective = |model: &LlamaForCausalLM, batch: &MicroBatch| {
            weighted_loss(model, batch, &config, settings.others, self.device)
        };
        let mut model = loaded.model.clone();
        let summary = match measured_every {
            None => run.run(&mut model, &objective, &mut feed)?,
            Some(_) => run
                .with_validation(|model: &LlamaForCausalLM, step| {
                    self.snapshot(loaded, model, step)
                })
                .run(&mut model, &objective, &mut feed)?,
        };
        loaded.model = model;
        Ok(summary)
    }

    /// Measures a model on its way and saves it.
    fn snapshot(
        &self,
        loaded: &mut LoadedModel,
        model: &LlamaForCausalLM,
        step: u64,
    ) -> Result<Validation, ExampleError> {
        let [asked, right, same] = self.measure.run(loaded, model, self.device)?;
        let line = format!("step {step}: {right} of {asked} right, {same} to the letter");
        crate::say(self.progress, &line);
        loaded.model = model.valid();
        let folder = self.settings.work.join(format!("step-{step:05}"));
        // A resumed run may come by again.
        remove(&folder)?;
        save(loaded, &folder)?;
        let accuracy = right as f64 / asked.max(1) as f64;
        Ok(Validation::default().with_score("execution_accuracy", accuracy))
    }
}

fn save(loaded: &LoadedModel, folder: &Path) -> Result<(), ExampleError> {
    let options = SaveOptions {
        dtype: SaveDtype::Bf16,
        ..SaveOptions::default()
    };
    Ok(loaded.save(folder, &options)?)
}

/// Bytes of all files of a folder.
fn folder_bytes(folder: &Path) -> Result<u64, ExampleError> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder).map_err(ExampleError::io(folder))? {
        let entry = entry.map_err(ExampleError::io(folder))?;
        bytes += entry
            .metadata()
            .map_err(ExampleError::io(entry.path()))?
            .len();
    }
    Ok(bytes)
}
