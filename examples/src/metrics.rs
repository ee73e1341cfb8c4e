//! What a run wrote about its steps.

use std::collections::BTreeMap;
use std::path::Path;

use anneal_train::MetricsRecord;

use crate::ExampleError;

/// Every step of `metrics.jsonl`, earlier sessions' included.
pub(crate) fn read_metrics(path: &Path) -> Result<Vec<MetricsRecord>, ExampleError> {
    let text = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
    let records = text.lines().map(serde_json::from_str);
    records
        .collect::<Result<_, _>>()
        .map_err(ExampleError::json(path))
}

/// How many steps each end of a run is.
const ENDS: usize = 10;

/// The mean loss of the first and the last ten steps; steps without one do not count.
pub(crate) fn loss_at_ends(metrics: &[MetricsRecord]) -> [Option<f64>; 2] {
    ends(metrics.iter().map(|step| step.loss))
}

/// The same by class.
pub(crate) fn class_loss_at_ends(metrics: &[MetricsRecord]) -> BTreeMap<String, [Option<f64>; 2]> {
    let mut losses: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for step in metrics {
        for (name, part) in &step.parts {
            losses.entry(name.clone()).or_default().push(part.loss);
        }
    }
    let both = losses.into_iter();
    both.map(|(name, losses)| (name, ends(losses.into_iter())))
        .collect()
}

fn ends(losses: impl Iterator<Item = f64>) -> [Option<f64>; 2] {
    let finite: Vec<f64> = losses.filter(|loss| loss.is_finite()).collect();
    let mean = |losses: &[f64]| {
        (!losses.is_empty()).then(|| losses.iter().sum::<f64>() / losses.len() as f64)
    };
    let few = finite.len().min(ENDS);
    [mean(&finite[..few]), mean(&finite[finite.len() - few..])]
}

#[cfg(test)]
mod tests {
    use super::ends;

    #[test]
    fn ends_are_ten_steps_at_most_and_leave_out_what_is_not_finite() {
        assert_eq!(ends(std::iter::empty()), [None, None]);
        assert_eq!(
            ends([1.0, f64::NAN, 3.0].into_iter()),
            [Some(2.0), Some(2.0)]
        );
        let all = (0..30).map(f64::from);
        assert_eq!(ends(all), [Some(4.5), Some(24.5)]);
    }
}
