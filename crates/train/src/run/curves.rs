//! A run's curves in TensorBoard: which tag has which number.

use super::config::RunConfig;
use super::validation::{PartLoss, ValidationRecord};
use crate::error::Result;
use crate::events::EventWriter;
use crate::metrics::MetricsRecord;

/// The event file of a session, where one is wanted.
#[derive(Debug)]
pub(super) struct Curves {
    events: Option<EventWriter>,
}

impl Curves {
    pub(super) fn open(config: &RunConfig, resumed_after: Option<u64>) -> Result<Self> {
        let events = match config.tensorboard {
            true => Some(EventWriter::create(
                &config.tensorboard_folder(),
                resumed_after,
            )?),
            false => None,
        };
        Ok(Self { events })
    }

    /// `train/…`. A step that was passed over has no loss, norm or rate.
    pub(super) fn step(&mut self, record: &MetricsRecord) -> Result<()> {
        let Some(events) = &mut self.events else {
            return Ok(());
        };
        let mut values = Vec::new();
        if record.skipped.is_none() {
            values.push(("train/loss".to_owned(), record.loss));
            values.push(("train/lr".to_owned(), record.lr));
            values.push(("train/grad_norm".to_owned(), record.grad_norm));
        }
        values.push((
            "train/tokens_per_second".to_owned(),
            record.tokens_per_second,
        ));
        values.extend(parts("train", &record.parts));
        events.scalars(record.step, &values)
    }

    /// `validation/…`, the score under its own name.
    pub(super) fn validation(&mut self, record: &ValidationRecord) -> Result<()> {
        let Some(events) = &mut self.events else {
            return Ok(());
        };
        let found = &record.validation;
        let mut values = Vec::new();
        if let Some(loss) = found.loss {
            values.push(("validation/loss".to_owned(), loss));
        }
        if let Some(score) = found.score {
            let name = found.score_name.as_deref().unwrap_or("score");
            values.push((format!("validation/{name}"), score));
        }
        values.extend(parts("validation", &found.parts));
        events.scalars(record.step, &values)
    }
}

fn parts<'a>(
    group: &'a str,
    parts: impl IntoIterator<Item = (&'a String, &'a PartLoss)>,
) -> impl Iterator<Item = (String, f64)> {
    let tag = move |(name, part): (&String, &PartLoss)| (format!("{group}/loss/{name}"), part.loss);
    parts.into_iter().map(tag)
}
