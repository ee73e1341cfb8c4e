//! The job of the example `pretrain`: domains to a model in a folder.

use std::path::Path;
use std::time::Instant;

use anneal_data::{BatchConfig, Batches, ChatTemplate, Encoder, SqlPrompt};
use anneal_llama::{
    LlamaConfig, LlamaForCausalLM, LoadedModel, SaveDtype, SaveOptions, SpecialTokens, Tokenizer,
    load,
};
use anneal_train::{
    AdamWConfig, Budget, Decay, MetricsRecord, MetricsWriter, Progress, ProgressReport, Schedule,
    Trainer, TrainerConfig, Warmup,
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
use crate::{ExampleError, peak_memory_bytes, write_whole};

/// Databases whose questions the tokenizer is learned from.
const TOKENIZER_DATABASES: usize = 3_000;

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
    /// The weighted loss per answer token over the last steps.
    pub loss: f64,
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
    std::fs::create_dir_all(work).map_err(ExampleError::io(work))?;
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
    let tokens: usize = examples.iter().map(anneal_data::Example::len).sum();
    let answers: usize = examples.iter().map(|example| example.target_count()).sum();
    say(&format!(
        "{} conversations, {too_long} too long, {:.1} million tokens, {:.0} % of them answers",
        examples.len(),
        tokens as f64 / 1e6,
        100.0 * answers as f64 / tokens.max(1) as f64,
    ));
    let count = (settings.repeats * examples.len() as f64) as usize;
    examples.extend(repeats(count, tokenizer.size(), settings.seed)?);
    let batches = Batches::new(
        examples,
        BatchConfig {
            batch_size: settings.batch_size,
            pad_id: PAD,
            seed: settings.seed,
            ..BatchConfig::default()
        },
    )?;
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
    let trained = train(settings, &mut loaded, &batches, &measure, device, progress)?;

    let held_out = measure.run(&loaded, &trained.model, device)?;
    loaded.model = trained.model.valid();
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
        minutes: trained.minutes,
        tokens: trained.tokens,
        loss: trained.loss,
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
    let output = &settings.output;
    let taken = output.exists()
        && !(output.is_dir()
            && std::fs::read_dir(output)
                .map_err(ExampleError::io(output))?
                .next()
                .is_none());
    match taken {
        true => Err(ExampleError::NotEmpty {
            path: output.clone(),
        }),
        false => Ok(()),
    }
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

struct Trained {
    model: LlamaForCausalLM,
    steps: u64,
    minutes: f64,
    tokens: u64,
    loss: f64,
}

fn train(
    settings: &PretrainSettings,
    loaded: &mut LoadedModel,
    batches: &Batches,
    measure: &Measure,
    device: &Device,
    progress: ProgressReport,
) -> Result<Trained, ExampleError> {
    let config = TrainerConfig {
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
        budget: Budget {
            max_steps: settings.max_steps,
            max_minutes: settings.minutes,
            ..Budget::default()
        },
        ..TrainerConfig::default()
    };
    let mut trainer = Trainer::new(&config, batches.steps_per_epoch() as u64)?;
    let mut metrics = MetricsWriter::create(&settings.work.join("metrics.jsonl"))?;
    let mut bar = Progress::new(progress);
    let mut model = loaded.model.clone();
    let (mut tokens, mut loss) = (0, None);
    let mut snapshots = 0;
    'run: for epoch in 0.. {
        for step in batches.steps(epoch) {
            if trainer.is_finished() {
                break 'run;
            }
            let report = trainer.step(&mut model, &step.micro_batches, |model, batch| {
                weighted_loss(model, batch, &loaded.config, settings.others, device)
            })?;
            let count = step.tokens() as u64;
            tokens += count;
            let smooth = |old: f64| 0.98 * old + 0.02 * report.loss;
            loss = Some(loss.map_or(report.loss, smooth));
            let epochs = report.step as f64 / batches.steps_per_epoch() as f64;
            metrics.write(&MetricsRecord::new(&report, epochs, count))?;
            bar.step(trainer.progress(), &report, count);
            let minutes = trainer.elapsed().as_secs_f64() / 60.0;
            if let Some(every) = settings.snapshot_minutes
                && minutes >= every * f64::from(snapshots + 1)
            {
                snapshots += 1;
                let [asked, right, same] = measure.run(loaded, &model, device)?;
                let steps = trainer.steps();
                crate::say(
                    progress,
                    &format!(
                        "step {steps}, {minutes:.1} min, loss {:.4}: {right} of {asked} right, {same} to the letter",
                        loss.unwrap_or(f64::NAN)
                    ),
                );
                loaded.model = model.valid();
                save(loaded, &settings.work.join(format!("step-{steps:05}")))?;
            }
        }
    }
    bar.finish(&format!("{} steps done", trainer.steps()));
    Ok(Trained {
        model,
        steps: trainer.steps(),
        minutes: trainer.elapsed().as_secs_f64() / 60.0,
        tokens,
        loss: loss.unwrap_or(f64::NAN),
    })
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
