//! Lines for people.

use std::io::Write;

use anneal_train::ProgressReport;

/// A line on standard error, unless nothing is to be shown.
pub(crate) fn say(progress: ProgressReport, line: &str) {
    if progress != ProgressReport::Hidden {
        // A closed standard error loses the line and nothing else.
        let _ = writeln!(std::io::stderr(), "{line}");
    }
}
