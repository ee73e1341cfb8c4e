//! What can be set about a quickstart; tests make it small.

use std::path::PathBuf;

use serde::Serialize;

/// Settings of [`quickstart`](super::quickstart).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QuickstartSettings {
    /// Where everything is written.
    pub output: PathBuf,
    /// The model's folder.
    pub model: PathBuf,
    /// The seed of data, adapter and order.
    pub seed: u64,
    /// Databases to learn from.
    pub train_databases: usize,
    /// Questions about each of them at most.
    pub train_questions: usize,
    /// Databases to measure on.
    pub test_databases: usize,
    /// Questions about each of them at most.
    pub test_questions: usize,
    /// Optimiser steps.
    pub steps: u64,
    /// Questions of a step.
    pub batch_size: usize,
    /// The peak learning rate.
    pub learning_rate: f64,
    /// The adapter's rank; its alpha is twice that.
    pub rank: usize,
}

impl Default for QuickstartSettings {
    /// About two minutes on two cores.
    fn default() -> Self {
        Self {
            output: PathBuf::from("anneal-quickstart"),
            model: super::small_model(),
            seed: 5,
            train_databases: 300,
            train_questions: 6,
            test_databases: 12,
            test_questions: 12,
            steps: 360,
            batch_size: 16,
            learning_rate: 3e-3,
            rank: 16,
        }
    }
}
