//! What a command says: results on standard output, lines for people on standard error.

use std::io::Write;

use anneal_train::ProgressReport;

use crate::ExampleError;

/// A line on standard error, unless nothing is to be shown.
pub(crate) fn say(progress: ProgressReport, line: &str) {
    if progress != ProgressReport::Hidden {
        // A closed standard error loses the line and nothing else.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}

/// Text on standard output, there at once.
///
/// # Errors
/// [`ExampleError::Io`] where standard output is closed.
pub fn print(text: &str) -> Result<(), ExampleError> {
    let mut output = std::io::stdout().lock();
    let written = output.write_all(text.as_bytes());
    written
        .and_then(|()| output.flush())
        .map_err(ExampleError::io("standard output"))
}
