//! How a command ends.

use std::io::Write;
use std::process::ExitCode;

use crate::ExampleError;

/// Success, or the error in one sentence on standard error and exit code 2.
pub fn finish(result: Result<(), ExampleError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed standard error can't be told about; the code remains.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}
