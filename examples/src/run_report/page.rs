//! What the page is about.

use std::collections::BTreeMap;

use anneal_sql::Report;
use anneal_train::MetricsRecord;
use serde::{Deserialize, Serialize};

use super::Machine;

/// A run of training, as far as it is known: what is absent is left out of the page.
///
/// Every struct here has a default and can be written to JSON and read again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunPage {
    /// What was trained on what, in one line.
    pub title: String,
    /// More about it: the adapter, why the run ended. One sentence each.
    pub notes: Vec<String>,
    /// The steps, in their order.
    pub steps: Vec<StepRow>,
    /// The validations while training, in their order.
    pub validations: Vec<ValidationRow>,
    /// The checkpoint that was kept as the best.
    pub best: Option<BestStep>,
    /// The norm that gradients were clipped to.
    pub max_grad_norm: Option<f64>,
    /// The data.
    pub data: DataFacts,
    /// Questions that were measured blind.
    pub evaluation: Evaluation,
    /// Numbers of the run: steps, minutes, tokens, expected and real peak memory.
    pub numbers: Vec<Fact>,
    /// The settings in full; nested objects become `outer.inner`.
    pub settings: serde_json::Value,
    /// Where it ran.
    pub machine: Option<Machine>,
    /// Versions of what ran.
    pub versions: Vec<Fact>,
    /// How to run it again.
    pub reproduce: Option<Reproduce>,
    /// The most memory that the process held, in bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// One optimiser step: the fields of a line of `metrics.jsonl` that are drawn.
///
/// A line of that file can be read as one; what is not there is 0, a number that JSON cannot hold (`null`) is NaN.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StepRow {
    /// Steps done, this one included.
    pub step: u64,
    /// The mean loss per trained token.
    #[serde(with = "nullable")]
    pub loss: f64,
    /// The learning rate.
    #[serde(with = "nullable")]
    pub lr: f64,
    /// The norm of the gradient before clipping.
    #[serde(with = "nullable")]
    pub grad_norm: f64,
    /// Tokens through the model, padding left out.
    pub tokens: u64,
    /// Those that the loss counts.
    pub trained_tokens: u64,
    /// Wall-clock seconds.
    #[serde(with = "nullable")]
    pub seconds: f64,
    /// The loss of each class of tokens.
    pub classes: Vec<LossRow>,
}

impl From<&MetricsRecord> for StepRow {
    /// Without the classes, which the record of a step does not name.
    fn from(record: &MetricsRecord) -> Self {
        Self {
            step: record.step,
            loss: record.loss,
            lr: record.lr,
            grad_norm: record.grad_norm,
            tokens: record.tokens,
            trained_tokens: record.trained_tokens,
            seconds: record.seconds,
            classes: Vec::new(),
        }
    }
}

/// The loss of a class of tokens in one step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LossRow {
    /// The class: keyword, identifier, …
    pub name: String,
    /// The mean loss of its tokens.
    #[serde(with = "nullable")]
    pub loss: f64,
    /// How many there were.
    pub tokens: u64,
}

/// One validation while training.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ValidationRow {
    /// Steps done before it.
    pub step: u64,
    /// The mean loss per token on rows that are not trained on.
    pub loss: Option<f64>,
    /// Execution accuracy from 0 to 1.
    pub accuracy: Option<f64>,
    /// Of how many questions; with it the interval is drawn.
    pub questions: Option<usize>,
}

/// The step whose checkpoint was kept as the best.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BestStep {
    /// The step.
    pub step: u64,
    /// By what: "validation loss", "execution accuracy".
    pub by: String,
}

/// The data: what was read, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataFacts {
    /// The files.
    pub files: Vec<DataFile>,
    /// Rows trained on.
    pub trained_rows: usize,
    /// Rows left out, by reason.
    pub left_out: Vec<LeftOut>,
    /// How held-out rows were chosen.
    pub split: String,
    /// Rows kept for validation or measurement.
    pub held_out_rows: usize,
    /// Tokens of the rows trained on.
    pub tokens: u64,
    /// Those that the loss counts.
    pub trained_tokens: u64,
}

/// A file of rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataFile {
    /// Its path as given.
    pub path: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: Option<String>,
    /// Rows in it.
    pub rows: usize,
}

/// Rows left out for one reason.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LeftOut {
    /// Why: "longer than 384 tokens".
    pub reason: String,
    /// How many.
    pub rows: usize,
}

/// The blind test before and after; both on the same questions, or the page shows the one after alone.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Evaluation {
    /// Before training.
    pub before: Option<Report>,
    /// After training.
    pub after: Option<Report>,
    /// Schemas by database, for reports that hold none.
    pub schemas: BTreeMap<String, String>,
}

/// A name and what it is.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fact {
    /// The name.
    pub name: String,
    /// The value in words.
    pub value: String,
}

impl Fact {
    /// A fact.
    pub fn new(name: impl Into<String>, value: impl ToString) -> Self {
        Self {
            name: name.into(),
            value: value.to_string(),
        }
    }
}

/// How to run it again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reproduce {
    /// The program and its arguments as they were given; quoted for a shell on the page.
    pub command: Vec<String>,
    /// The folder that paths are relative to.
    pub folder: Option<String>,
    /// The seed.
    pub seed: u64,
}

/// JSON has no NaN: serde_json writes `null`, and this reads it.
mod nullable {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(*value)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<f64, D::Error> {
        Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
    }
}
