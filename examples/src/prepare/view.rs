//! What an example looks like to a person: its text, with what is learned marked.

use std::fmt::Write as _;
use std::io::IsTerminal;

use anneal_data::Example;
use anneal_llama::Tokenizer;

use super::number::number;
use crate::ExampleError;

/// How a trained span is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Marks {
    /// Bold green: for a terminal.
    Colour,
    /// Between `⟦` and `⟧`: for files, pipes and terminals without colour.
    Brackets,
}

impl Marks {
    /// Colour where standard output is a terminal and neither `NO_COLOR` nor `TERM=dumb` speaks against it.
    pub fn of_standard_output() -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb {
            Self::Colour
        } else {
            Self::Brackets
        }
    }

    fn pair(self) -> (&'static str, &'static str) {
        match self {
            Self::Colour => ("\u{1b}[1;32m", "\u{1b}[0m"),
            Self::Brackets => ("⟦", "⟧"),
        }
    }

    /// The trained span of a legend, marked as in the rows.
    pub fn legend(self) -> String {
        let (open, close) = self.pair();
        format!("What is learned stands in {open}this mark{close}; the rest is only read.")
    }
}

/// One example: a heading, which names its row, with counts, and its text as the tokens spell it, special tokens
/// included.
///
/// # Errors
/// Ids that the tokenizer does not know.
pub fn show(
    heading: &str,
    example: &Example,
    tokenizer: &Tokenizer,
    marks: Marks,
) -> Result<String, ExampleError> {
    let (open, close) = marks.pair();
    let mut text = format!(
        "── {heading}: {} tokens, {} trained ──\n",
        number(example.len()),
        number(example.target_count())
    );
    let mut start = 0;
    for run in example.trained.chunk_by(|a, b| a == b) {
        let ids = &example.input_ids[start..start + run.len()];
        start += run.len();
        let part = tokenizer.decode(ids, true)?;
        // Writing to a string cannot fail.
        let _ = match run[0] {
            true => write!(text, "{open}{part}{close}"),
            false => write!(text, "{part}"),
        };
    }
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}
