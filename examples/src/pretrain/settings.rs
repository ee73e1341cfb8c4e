//! What can be set about a pre-training; the defaults are the recipe of the repository's model.

use std::path::PathBuf;

use serde::Serialize;

use crate::ExampleError;

/// Settings of [`pretrain`](super::pretrain), each a flag.
#[derive(Debug, Clone, PartialEq, Serialize, clap::Args)]
pub struct PretrainSettings {
    /// The folder of the model; it must be new or empty
    #[arg(long)]
    pub output: PathBuf,
    /// A folder for what comes up on the way: databases to measure on, metrics, snapshots
    #[arg(long, default_value = "target/pretrain")]
    pub work: PathBuf,
    /// Steps that only teach to copy, before all others; they count towards no limit
    #[arg(long, default_value_t = 700)]
    pub copy_steps: u64,
    /// Sequences of such a step
    #[arg(long, default_value_t = 32)]
    pub copy_batch_size: usize,
    /// Ends the training after so many minutes
    #[arg(long)]
    pub minutes: Option<f64>,
    /// Ends the training after so many steps
    #[arg(long)]
    pub max_steps: Option<u64>,
    /// The seed of data, weights and order
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// Databases to ask about
    #[arg(long, default_value_t = 10_000)]
    pub databases: usize,
    /// Sequences of random tokens to repeat, for each conversation, so that copying stays known
    #[arg(long, default_value_t = 0.1)]
    pub repeats: f64,
    /// Begins with the weights and the tokenizer of a model that was made before
    #[arg(long)]
    pub from: Option<PathBuf>,
    /// The most questions for each database
    #[arg(long, default_value_t = 9)]
    pub questions: usize,
    /// Questions of one conversation, which share a schema
    #[arg(long, default_value_t = 3)]
    pub turns: usize,
    /// Tokens of the vocabulary at most; few, so that a name that was never seen is spelled in pieces that were
    #[arg(long, default_value_t = 512)]
    pub vocabulary: usize,
    /// The most tokens of a conversation
    #[arg(long, default_value_t = 768)]
    pub max_length: usize,
    /// Conversations of a step
    #[arg(long, default_value_t = 8)]
    pub batch_size: usize,
    /// The peak learning rate
    #[arg(long, default_value_t = 2.5e-3)]
    pub learning_rate: f64,
    /// What a token of schema or question weighs beside one of an answer
    #[arg(long, default_value_t = 0.1)]
    pub others: f64,
    /// The standard deviation of the initial weights
    #[arg(long, default_value_t = 0.04)]
    pub deviation: f64,
    /// Decoder layers
    #[arg(long, default_value_t = 4)]
    pub layers: usize,
    /// The width of the residual stream, a multiple of 64
    #[arg(long, default_value_t = 192)]
    pub hidden: usize,
    /// Questions of held-out domains to measure on
    #[arg(long, default_value_t = 100)]
    pub measured: usize,
    /// Measures and saves a snapshot every so many steps
    #[arg(long)]
    pub measured_every: Option<u64>,
    /// Goes on from the newest checkpoint in the work folder, with the same settings
    #[arg(long)]
    pub resume: bool,
}

impl PretrainSettings {
    /// What must be equal for a checkpoint of a stage to be continued: all but the budget and the folders.
    pub(super) fn identity(&self, stage: &str) -> Result<String, ExampleError> {
        let alike = Self {
            output: PathBuf::new(),
            work: PathBuf::new(),
            minutes: None,
            max_steps: None,
            measured: 0,
            measured_every: None,
            resume: false,
            ..self.clone()
        };
        serde_json::to_string(&(stage, alike)).map_err(ExampleError::json(&self.work))
    }
}
