//! The run: one question, or as many as come.

use std::io::IsTerminal;

use super::{AskFlags, Session, conversation};
use crate::ExampleError;

/// Answers the question of the flags, or those of standard input; whether all SQL could be run.
///
/// # Errors
/// Flags, files or a model that are no good; a question alone that is too long for the model.
pub fn run(flags: &AskFlags) -> Result<bool, ExampleError> {
    let mut session = Session::open(flags)?;
    if let Some(question) = &flags.question {
        let answer = session.answer(question)?;
        conversation::show(&answer, flags.json)?;
        return Ok(answer.is_answered());
    }
    let input = std::io::stdin();
    if input.is_terminal() {
        conversation::terminal(&mut session, flags.json)?;
        return Ok(true);
    }
    conversation::lines(&mut session, input.lock(), flags.json)
}
