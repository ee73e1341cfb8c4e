//! From rows to batches of tokens.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use anneal_data::{
    BatchConfig, Batches, Curriculum, CurriculumKind, Encoder, Example, MicroBatch, MixConfig,
    MixError, MixLength, MixSource, MixWeights, Mixture, Place, PrepareReport, Preparer, Row,
    Source,
};
use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::row_text::RowText;
use crate::ExampleError;
use crate::finetune::classes::{Class, Ends, classes_of};
use crate::settings::{DataSettings, EpochOrder, Settings};

/// What a run learns from.
pub(in crate::finetune) struct Prepared {
    /// Examples in steps.
    pub(in crate::finetune) batches: Batches,
    /// The classes of each example's targets.
    pub(in crate::finetune) classes: Vec<Vec<Class>>,
    /// Where each example came from.
    pub(in crate::finetune) places: Vec<Place>,
    /// What became of the rows.
    pub(in crate::finetune) report: PrepareReport,
}

/// Examples with what belongs to each.
#[derive(Default)]
struct Encoded {
    examples: Vec<Example>,
    classes: Vec<Vec<Class>>,
    places: Vec<Place>,
}

/// Tokens, masks and classes of rows, in steps.
///
/// # Errors
/// A row that cannot be rendered, tokenised or masked, unless it may be set apart; rows of which none is
/// left; settings of batches that do not go together.
pub(in crate::finetune) fn prepare(
    settings: &Settings,
    text: &mut RowText<'_>,
    rows: Vec<Row>,
) -> Result<Prepared, ExampleError> {
    let data = &settings.data;
    let none_came = rows.is_empty();
    let (mut encoded, report) = encode(data, text, rows)?;
    if encoded.examples.is_empty() {
        let reason = if none_came {
            "all are held out or unusable".to_owned()
        } else {
            format!(
                "all have more than {} tokens, up to {}",
                data.max_length, report.lengths.longest
            )
        };
        return Err(ExampleError::NoRows {
            path: data.data[0].clone().into(),
            purpose: "learn from",
            reason,
        });
    }
    let by_entry = match data.data_weights.is_empty() {
        true => None,
        false => Some(by_entry(data, &mut encoded)?),
    };
    let Encoded {
        examples,
        classes,
        places,
    } = encoded;
    let short_first = (data.order == EpochOrder::ShortFirst)
        .then(|| Curriculum::by_length(&examples, CurriculumKind::Sorted, settings.seed))
        .transpose()
        .map_err(anneal_data::DataError::from)?;
    let mut batches = Batches::new(examples, settings.batches.clone())?;
    if let Some(mixture) = by_entry {
        batches = batches.with_order(Arc::new(mixture.mix(data, settings.seed)?))?;
    }
    if let Some(order) = short_first {
        batches = batches.with_order(Arc::new(order))?;
    }
    Ok(Prepared {
        batches,
        classes,
        places,
        report,
    })
}

/// Micro-batches of held-out rows, at most so many rows, and the classes of each example's targets.
///
/// # Errors
/// As [`prepare`]; nothing where no row fits.
pub(in crate::finetune) fn validation_batches(
    settings: &Settings,
    text: &mut RowText<'_>,
    held_out: &[Row],
) -> Result<(Vec<MicroBatch>, Vec<Vec<Class>>), ExampleError> {
    let mut rows: Vec<&Row> = held_out.iter().collect();
    rows.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(settings.seed));
    rows.truncate(settings.course.validation_rows);
    let rows: Vec<Row> = rows.into_iter().cloned().collect();
    let (encoded, _) = encode(&settings.data, text, rows)?;
    if encoded.examples.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let config = BatchConfig {
        batch_size: encoded.examples.len(),
        ..settings.batches.clone()
    };
    let batches = Batches::new(encoded.examples, config)?;
    let steps = batches.steps(0).flat_map(|step| step.micro_batches);
    Ok((steps.collect(), encoded.classes))
}

fn encode(
    data: &DataSettings,
    text: &mut RowText<'_>,
    rows: Vec<Row>,
) -> Result<(Encoded, PrepareReport), ExampleError> {
    let rows = text.seen(rows)?;
    let conversation = text.conversation;
    let encoder = Encoder::new(conversation.template().clone(), data.max_length)?
        .with_policy(data.over_length)
        .with_trim_tail(true);
    let end = encoder.end().to_owned();
    let ends = Ends {
        ids: conversation.end_ids(),
        text: &end,
    };
    let tokenizer = conversation.tokenizer();
    let tokenize = |text: &str| tokenizer.encode(text, false);
    let mut encoded = Encoded::default();
    let preparer = Preparer::new(&tokenize, encoder)
        .with_prompt(text.prompt().clone())
        .with_on_bad_row(data.on_bad_row);
    let report = preparer.run(rows.into_iter().map(Ok), |row| {
        for example in row.prepared.examples() {
            encoded.classes.push(classes_of(tokenizer, example, ends)?);
            encoded.examples.push(example.clone());
            encoded.places.push(row.place.clone());
        }
        Ok::<_, ExampleError>(())
    })?;
    Ok((encoded, report))
}

/// How many examples each `--data` gave.
struct Entries(Vec<MixSource>);

/// Sorts examples by the `--data` that they came from, and counts them.
fn by_entry(data: &DataSettings, encoded: &mut Encoded) -> Result<Entries, ExampleError> {
    let mut entries: HashMap<Arc<Path>, usize> = HashMap::new();
    for (entry, text) in data.data.iter().enumerate() {
        for file in Source::parse(std::slice::from_ref(text))?.files() {
            entries.insert(file.as_path().into(), entry);
        }
    }
    let entry = |place: &Place| entries.get(&place.file).copied().unwrap_or_default();
    let mut order: Vec<usize> = (0..encoded.places.len()).collect();
    order.sort_by_key(|&index| entry(&encoded.places[index]));
    let mut sizes = vec![0; data.data.len()];
    let mut sorted = Encoded::default();
    for index in order {
        sizes[entry(&encoded.places[index])] += 1;
        sorted.examples.push(encoded.examples[index].clone());
        sorted.classes.push(encoded.classes[index].clone());
        sorted.places.push(encoded.places[index].clone());
    }
    *encoded = sorted;
    let source = |(name, examples): (&String, usize)| MixSource {
        name: name.clone(),
        examples,
    };
    Ok(Entries(data.data.iter().zip(sizes).map(source).collect()))
}

impl Entries {
    fn mix(self, data: &DataSettings, seed: u64) -> Result<Mixture, anneal_data::DataError> {
        let config = MixConfig {
            weights: MixWeights::Explicit(data.data_weights.clone()),
            length: MixLength::FirstExhausted,
            seed,
        };
        Mixture::new(self.0, config).map_err(|error: MixError| error.into())
    }
}
