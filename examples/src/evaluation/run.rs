//! The run: questions, predictions, verdicts, and where they are written.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anneal_data::read_predictions;
use anneal_llama::LoadOptions;
use anneal_sql::{Comparison, Report};
use anneal_train::ProgressReport;

use super::{EvaluateFlags, QuestionSet, cases, judge};
use crate::{Conversation, ExampleError, PredictOptions, open_model, resolve_model, write_whole};

/// Does what the flags ask for: a table or a document on standard output, all else on standard error.
///
/// # Errors
/// Questions, predictions, databases or a model that are no good, with file and line; golds that do not run,
/// unless they may be left out; questions of which none can be judged.
pub fn run(flags: &EvaluateFlags) -> Result<(), ExampleError> {
    let earlier = flags.compare.as_deref().map(Report::read).transpose()?;
    let questions = QuestionSet::read(&flags.questions, flags.format, &flags.columns)?;
    check(flags, &questions)?;
    let predictions = match (&flags.source.predictions, &flags.source.model) {
        (Some(path), _) => read_predictions(path, questions.len())?,
        (None, Some(model)) => ask(flags, model, &questions)?,
        (None, None) => Vec::new(), // clap asks for one of the two
    };
    let cases = cases(&questions.questions(), &predictions);
    let (databases, options) = (flags.databases(), flags.options());
    let progress = ProgressReport::Auto;
    let report = judge(&flags.name(), &cases, &databases, &options, progress);
    let report = report.map_err(|source| ExampleError::Judging {
        place: questions.place(source.case()).clone(),
        source: Box::new(source),
    })?;
    let left_out = report.examples().iter().find_map(|example| {
        let why = example.gold_error.as_ref()?;
        Some((example.index, why))
    });
    if let (0, Some((index, why))) = (report.totals().judged, left_out) {
        return Err(ExampleError::NothingJudged {
            place: questions.place(index).clone(),
            reason: why.clone(),
        });
    }
    let comparison = earlier
        .as_ref()
        .map(|earlier| Comparison::of(earlier, &report))
        .transpose()
        .map_err(|source| ExampleError::Compared {
            path: flags.compare.clone().unwrap_or_default(),
            source: Box::new(source),
        })?;
    write(flags, &report, earlier.as_ref())?;
    let text = match flags.json {
        true => one_line(&report)?,
        false => {
            let compared = comparison.map_or(String::new(), |both| format!("\n{}", both.to_text()));
            format!("{}{compared}", report.to_text())
        }
    };
    writeln!(std::io::stdout(), "{}", text.trim_end()).map_err(ExampleError::io("standard output"))
}

/// What every question must have, before a model is asked for hours.
fn check(flags: &EvaluateFlags, questions: &QuestionSet) -> Result<(), ExampleError> {
    if flags.source.model.is_none() && flags.prompt.any() {
        return Err(ExampleError::Setting {
            setting: "predictions",
            found: "given with a prompt".to_owned(),
            expected: "--model, as only a model is asked".to_owned(),
        });
    }
    for (index, sample) in questions.samples().iter().enumerate() {
        let place = || questions.place(index).clone();
        match &flags.databases {
            Some(_) if sample.db_id.is_none() => {
                return Err(ExampleError::NoDatabaseId { place: place() });
            }
            None if sample.context.is_none() => {
                return Err(ExampleError::NothingToRunOn { place: place() });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The report, the lines and the page, each whole or not at all.
fn write(
    flags: &EvaluateFlags,
    report: &Report,
    earlier: Option<&Report>,
) -> Result<(), ExampleError> {
    if let Some(path) = &flags.report {
        report.write(path)?;
    }
    if let Some(path) = &flags.lines {
        let mut lines = Vec::new();
        report
            .write_lines(&mut lines)
            .map_err(ExampleError::io(path))?;
        write_whole(path, lines)?;
    }
    if let Some(path) = &flags.html {
        let page = match earlier {
            None => report.to_html(),
            Some(earlier) => {
                report
                    .to_html_against(earlier)
                    .map_err(|source| ExampleError::Compared {
                        path: flags.compare.clone().unwrap_or_default(),
                        source: Box::new(source),
                    })?
            }
        };
        write_whole(path, page)?;
    }
    Ok(())
}

fn one_line(report: &Report) -> Result<String, ExampleError> {
    serde_json::to_string(report).map_err(ExampleError::json("standard output"))
}

/// A model's answer to every question.
fn ask(
    flags: &EvaluateFlags,
    path: &Path,
    questions: &QuestionSet,
) -> Result<Vec<Option<String>>, ExampleError> {
    // Before the model, which takes longer.
    let source = resolve_model(path, ProgressReport::Auto)?;
    let prompt = flags.prompt.settings(&source, &flags.adapter)?;
    let (device, precision) = flags.compute.open()?;
    let loaded = open_model(
        path,
        flags.adapter.iter().map(PathBuf::as_path),
        &LoadOptions::default().with_precision(precision),
        &device,
    )?;
    let conversation = Conversation::new(&loaded, path, "an evaluation")?;
    let options = PredictOptions {
        batch_size: flags.batch_size,
        max_new_tokens: flags.max_new_tokens,
        progress: ProgressReport::Auto,
    };
    let mut databases = flags.databases.clone().map(anneal_sql::Databases::new);
    let model = (&loaded, &loaded.model);
    let questions = questions.questions();
    let databases = databases.as_mut();
    let answers = conversation.predict(model, prompt, &questions, databases, &device, options)?;
    Ok(answers.into_iter().map(Some).collect())
}
