//! How much a model can do: questions of domains that it has not seen, by execution.

use std::path::Path;

use anneal_data::Question;
use anneal_llama::{LlamaForCausalLM, LoadedModel};
use anneal_sql::{Databases as Suites, EvaluateOptions};
use anneal_train::ProgressReport;
use burn::module::Module;
use burn::tensor::Device;

use super::corpus::corpus;
use super::domain::Domain;
use super::settings::PretrainSettings;
use crate::evaluation::{self, cases, judge};
use crate::prompting::PromptSettings;
use crate::{Conversation, ExampleError, PredictOptions};

/// Removes a folder, if it is there.
pub(super) fn remove(folder: &Path) -> Result<(), ExampleError> {
    match folder.exists() {
        true => std::fs::remove_dir_all(folder).map_err(ExampleError::io(folder)),
        false => Ok(()),
    }
}

/// Questions of held-out domains, and their databases in a folder.
#[derive(Debug)]
pub(super) struct Measure {
    questions: Vec<Question>,
    databases: std::path::PathBuf,
}

impl Measure {
    /// Makes and writes the databases.
    pub(super) fn prepare(
        domains: &[Domain],
        settings: &PretrainSettings,
        work: &Path,
    ) -> Result<Self, ExampleError> {
        let folder = work.join("databases");
        remove(&folder)?;
        let count = settings.measured.div_ceil(4).max(1);
        let corpus = corpus(domains, count, 4, &folder, settings.seed ^ 0x4845_4c44)?;
        let mut questions = Vec::new();
        for asked in corpus {
            questions.extend(asked.questions);
        }
        questions.truncate(settings.measured);
        Ok(Self {
            questions,
            databases: folder,
        })
    }

    /// Questions asked, answers with the gold's rows, answers with the gold's text.
    pub(super) fn run(
        &self,
        loaded: &LoadedModel,
        model: &LlamaForCausalLM,
        device: &Device,
    ) -> Result<[usize; 3], ExampleError> {
        let conversation = Conversation::new(loaded, &self.databases, "a measurement")?;
        let options = PredictOptions {
            batch_size: 25,
            max_new_tokens: 96,
            progress: ProgressReport::Hidden,
        };
        let model = model.clone().valid();
        let answers = conversation.predict(
            (loaded, &model),
            PromptSettings::default(),
            &self.questions,
            &mut Suites::new(&self.databases),
            &device.clone().inner(),
            options,
        )?;
        let answers: Vec<_> = answers.into_iter().map(Some).collect();
        let cases = cases(&self.questions, &answers);
        let folder = evaluation::Databases::Folder(self.databases.clone());
        let options = EvaluateOptions::default();
        let report = judge(
            "held out",
            &cases,
            &folder,
            &options,
            ProgressReport::Hidden,
        );
        let report = report.map_err(|source| ExampleError::Measuring {
            source: Box::new(source),
        })?;
        let exact = report.examples().iter().filter(|example| example.exact);
        let scores = report.totals();
        Ok([scores.judged, scores.correct, exact.count()])
    }
}
