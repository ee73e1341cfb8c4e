//! The model between steps, asked and judged by execution.

use std::time::Instant;

use anneal_data::Question;
use anneal_llama::{LlamaConfig, LlamaForCausalLM, LoadedModel, SpecialTokens, Tokenizer};
use anneal_sql::{EvaluateOptions, GenerateOptions, GoldPolicy, Report};
use anneal_train::ProgressReport;
use burn::module::Module;
use burn::tensor::Device;

use super::report::Measured;
use crate::evaluation::{self, cases, judge, summary};
use crate::settings::Settings;
use crate::{Conversation, ExampleError, PredictOptions, say};

/// A loaded model without its network, which is trained meanwhile: two handles on one network would keep
/// every weight in memory twice once it is updated.
pub(super) struct Shell {
    /// The model's shape.
    pub(super) config: LlamaConfig,
    tokenizer: Option<Tokenizer>,
    chat_template: Option<String>,
    special_tokens: SpecialTokens,
    end_ids: Vec<u32>,
}

impl Shell {
    /// Takes a model apart.
    pub(super) fn of(loaded: LoadedModel) -> (Self, LlamaForCausalLM) {
        let LoadedModel {
            model,
            config,
            tokenizer,
            chat_template,
            special_tokens,
            end_ids,
        } = loaded;
        let shell = Self {
            config,
            tokenizer,
            chat_template,
            special_tokens,
            end_ids,
        };
        (shell, model)
    }

    /// Puts it together again.
    pub(super) fn with(&self, model: LlamaForCausalLM) -> LoadedModel {
        LoadedModel {
            model,
            config: self.config.clone(),
            tokenizer: self.tokenizer.clone(),
            chat_template: self.chat_template.clone(),
            special_tokens: self.special_tokens.clone(),
            end_ids: self.end_ids.clone(),
        }
    }
}

/// What asks, and what judges.
pub(super) struct Asker<'a> {
    pub(super) settings: &'a Settings,
    pub(super) shell: &'a Shell,
    pub(super) conversation: &'a Conversation,
    pub(super) device: &'a Device,
    pub(super) progress: ProgressReport,
}

impl Asker<'_> {
    /// Execution accuracy before or after training, if there are questions; written beside the others.
    ///
    /// # Errors
    /// A question that cannot be asked, databases that are no good, questions of which none can be judged.
    pub(super) fn measure(
        &self,
        when: &str,
        model: &LlamaForCausalLM,
        questions: &[Question],
    ) -> Result<Option<Measured>, ExampleError> {
        if questions.is_empty() {
            return Ok(None);
        }
        let start = Instant::now();
        let report = self.judged(when, model, questions, self.progress)?;
        report.write(&self.path(when))?;
        let seconds = start.elapsed().as_secs_f64();
        let text = summary(report.totals());
        say(self.progress, &format!("{when}: {text}, {seconds:.0} s"));
        Ok(Some(Measured {
            totals: report.totals().clone(),
            seconds: Some(seconds),
        }))
    }

    /// Execution accuracy on some questions, while training.
    ///
    /// # Errors
    /// As [`measure`](Self::measure).
    pub(super) fn accuracy(
        &self,
        model: &LlamaForCausalLM,
        questions: &[Question],
    ) -> Result<Option<f64>, ExampleError> {
        if questions.is_empty() {
            return Ok(None);
        }
        let report = self.judged("while training", model, questions, ProgressReport::Hidden)?;
        Ok(report.totals().execution_accuracy)
    }

    /// The verdicts on the model's answers.
    fn judged(
        &self,
        when: &str,
        model: &LlamaForCausalLM,
        questions: &[Question],
        progress: ProgressReport,
    ) -> Result<Report, ExampleError> {
        let course = &self.settings.course;
        let options = PredictOptions {
            batch_size: course.eval_batch_size,
            max_new_tokens: course.max_new_tokens,
            progress,
        };
        let folder = self.settings.data.databases.clone();
        let mut databases = folder.clone().map(anneal_sql::Databases::new);
        // Without gradients: a graph that nobody runs backward is never freed.
        let loaded = self.shell.with(model.clone().valid());
        let predictions = self.conversation.predict(
            (&loaded, &loaded.model),
            &self.settings.prompt,
            questions,
            databases.as_mut(),
            &self.device.clone().inner(),
            options,
        )?;
        let predictions: Vec<_> = predictions.into_iter().map(Some).collect();
        let options = EvaluateOptions {
            gold: GoldPolicy::LeaveOut,
            ..EvaluateOptions::default()
        };
        let databases = match folder {
            Some(folder) => evaluation::Databases::Folder(folder),
            None => evaluation::Databases::Generated(GenerateOptions::default()),
        };
        let cases = cases(questions, &predictions);
        let report = judge(when, &cases, &databases, &options, ProgressReport::Hidden);
        let report = report.map_err(|source| ExampleError::Measuring {
            source: Box::new(source),
        })?;
        let failed = |example: &anneal_sql::Example| {
            let reason = example.gold_error.clone()?;
            let index = example.index;
            Some(ExampleError::NothingMeasured { index, reason })
        };
        match report.examples().iter().find_map(failed) {
            Some(error) if report.totals().judged == 0 => Err(error),
            _ => Ok(report),
        }
    }

    /// What a measurement of an earlier session found, if there was one.
    ///
    /// # Errors
    /// A report that cannot be read.
    pub(super) fn measured_earlier(&self, when: &str) -> Result<Option<Measured>, ExampleError> {
        Ok(self.report(when)?.map(|report| Measured {
            totals: report.totals().clone(),
            seconds: None,
        }))
    }

    /// The report of a measurement, if there was one.
    ///
    /// # Errors
    /// A report that cannot be read.
    pub(super) fn report(&self, when: &str) -> Result<Option<Report>, ExampleError> {
        let path = self.path(when);
        match path.exists() {
            true => Ok(Some(Report::read(&path)?)),
            false => Ok(None),
        }
    }

    fn path(&self, when: &str) -> std::path::PathBuf {
        let output = &self.settings.output;
        output.join(format!("evaluation-{when}.json"))
    }
}
