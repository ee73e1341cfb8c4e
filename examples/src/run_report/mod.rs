//! A run of fine-tuning as one HTML page.
//!
//! One file: style and drawings inside, nothing from elsewhere, and no script at all. It can be read on a
//! phone, in the dark and on paper. Style and names of classes are those of the page of
//! [`anneal_sql::Report::to_html`], so that both look the same.
//!
//! The drawings are written by hand: a plotting library fixes colours and sizes of text when it draws, and here
//! both follow the reader's settings. Lines are stretched to the width of the window, text is not.
//!
//! Questions, queries, paths and messages come from models and files and are hostile. They reach the page through
//! one type (`html::Html`) only, which escapes every text that is not part of the program; and the page's policy forbids
//! scripts, images, frames and connections.

mod axis;
mod curve;
mod curves;
mod facts;
mod headline;
mod html;
mod machine;
pub(crate) mod numbers;
mod page;
mod questions;
mod rates;
mod thin;

use std::path::Path;

pub use machine::Machine;
pub use page::{
    BestStep, DataFacts, DataFile, Evaluation, Fact, LeftOut, LossRow, Reproduce, RunPage, StepRow,
    ValidationRow,
};

use crate::{ExampleError, write_whole};
use html::Html;

/// The style of the page of evaluation, shared so that there is one look.
const STYLE: &str = include_str!("../../../crates/sql/src/report/html/style.css");
/// What this page has besides.
const OWN_STYLE: &str = include_str!("run.css");

/// The page of a run. The same run gives the same bytes.
///
/// ```
/// use anneal_examples::run_report::{RunPage, StepRow, page};
///
/// let step = |step, loss| StepRow { step, loss, trained_tokens: 10, ..StepRow::default() };
/// let run = RunPage {
///     title: "<b>My model</b> on my data".into(),
///     steps: vec![step(1, 2.0), step(2, 1.0)],
///     ..RunPage::default()
/// };
/// let html = page(&run);
/// assert!(html.starts_with("<!doctype html>") && html.contains("&lt;b&gt;My model&lt;/b&gt; on my data"));
/// assert!(!html.contains("<script"));
/// ```
#[must_use]
pub fn page(run: &RunPage) -> String {
    let mut html = Html::default();
    html.raw(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
    );
    html.title(&run.title);
    html.raw("</title>\n<style>")
        .raw(STYLE)
        .raw(OWN_STYLE)
        .raw("</style>\n</head>\n<body class=\"run\">\n");
    headline::write(&mut html, run);
    html.raw("<main>\n");
    rates::write(&mut html, run);
    curves::write(&mut html, run);
    questions::write(&mut html, run);
    facts::write(&mut html, run);
    html.raw("</main>\n</body>\n</html>\n");
    html.finish()
}

/// Writes the [`page`] to a file, whole or not at all.
///
/// # Errors
/// [`ExampleError::Io`] if the file can't be written.
pub fn write_page(run: &RunPage, path: &Path) -> Result<(), ExampleError> {
    write_whole(path, page(run))
}
