//! A report as a file, written and read.

use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::Report;

/// A report that cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The operating system refused.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// The file is not a report.
    #[error("{}: not a report: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column.
        source: serde_json::Error,
    },
    /// A stored count is not that of the stored examples: the file was cut or edited.
    #[error("{}: `{place}` says {found}, the examples say {expected}", path.display())]
    Count {
        /// The file.
        path: PathBuf,
        /// The count.
        place: &'static str,
        /// As stored.
        found: usize,
        /// As counted.
        expected: usize,
    },
}

impl Report {
    /// One JSON document: `{"meta", "totals", "by_hardness", "by_database", "failures", "examples": […]}`.
    ///
    /// Each example stands on a line of its own, so that tools which work by lines (`grep`, `diff`) work on
    /// it, and an error names a line that a person can open.
    ///
    /// # Errors
    /// None in practice: every value has a form in JSON.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let head: [(&str, String); 5] = [
            ("meta", serde_json::to_string(&self.meta)?),
            ("totals", serde_json::to_string(&self.totals)?),
            ("by_hardness", serde_json::to_string(&self.by_hardness)?),
            ("by_database", serde_json::to_string(&self.by_database)?),
            ("failures", serde_json::to_string(&self.failures)?),
        ];
        let mut text = String::from("{\n");
        for (key, value) in head {
            text += &format!("\"{key}\": {value},\n");
        }
        text += "\"examples\": [";
        for (index, example) in self.examples.iter().enumerate() {
            text += if index == 0 { "\n" } else { ",\n" };
            text += &serde_json::to_string(example)?;
        }
        text += "\n]\n}\n";
        Ok(text)
    }

    /// Writes [`to_json`](Self::to_json) to a file.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ReportError> {
        let text = self.to_json().map_err(|source| ReportError::Json {
            path: path.into(),
            source,
        })?;
        std::fs::write(path, text).map_err(|source| ReportError::Io {
            path: path.into(),
            source,
        })
    }

    /// Reads a report back. Rates and intervals are computed again from the examples.
    ///
    /// # Errors
    /// [`ReportError`] names the file, and the line and column or the count that is wrong.
    pub fn read(path: &Path) -> Result<Self, ReportError> {
        let text = std::fs::read_to_string(path).map_err(|source| ReportError::Io {
            path: path.into(),
            source,
        })?;
        Self::from_json(&text, path)
    }

    /// Reads a report from text; `path` is for the errors.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn from_json(text: &str, path: &Path) -> Result<Self, ReportError> {
        let stored: Self = serde_json::from_str(text).map_err(|source| ReportError::Json {
            path: path.into(),
            source,
        })?;
        let report = Self::new(stored.meta, stored.examples);
        let (found, expected) = (&stored.totals, &report.totals);
        for (place, found, expected) in [
            ("totals.examples", found.examples, expected.examples),
            ("totals.judged", found.judged, expected.judged),
            (
                "totals.match.count",
                found.matches.count,
                expected.matches.count,
            ),
            ("totals.runs.count", found.runs.count, expected.runs.count),
        ] {
            if found != expected {
                return Err(ReportError::Count {
                    path: path.into(),
                    place,
                    found,
                    expected,
                });
            }
        }
        Ok(report)
    }

    /// The examples as JSON lines.
    ///
    /// # Errors
    /// If `to` cannot be written.
    pub fn write_lines(&self, to: impl Write) -> std::io::Result<()> {
        let mut to = std::io::BufWriter::new(to);
        for example in &self.examples {
            line(&mut to, example)?;
        }
        to.flush()
    }
}

/// One JSON line.
fn line(to: &mut impl Write, value: &impl Serialize) -> std::io::Result<()> {
    serde_json::to_writer(&mut *to, value)?;
    to.write_all(b"\n")
}
