//! One question after the other: lines of a terminal, or of a file.

use std::io::{BufRead, Write};

use super::plain::plain;
use super::{Answer, Session};
use crate::{ExampleError, print};

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
enum Line<'a> {
    Nothing,
    Quit,
    Help,
    Schema,
    Unknown(&'a str),
    Question(&'a str),
}

const HELP: &str = "A line is a question about the database. Besides:
  .schema  what the model sees of the database
  .help    this
  .quit    ends, as do an empty line and Ctrl-D
";

fn meaning(line: &str) -> Line<'_> {
    match line.trim() {
        "" => Line::Nothing,
        ".quit" | ".exit" => Line::Quit,
        ".help" => Line::Help,
        ".schema" => Line::Schema,
        command if command.starts_with('.') => Line::Unknown(command),
        question => Line::Question(question),
    }
}

/// The questions of a file, one a line; whether all of them were answered. Empty lines are passed over.
pub(super) fn lines(
    session: &mut Session,
    input: impl BufRead,
    json: bool,
) -> Result<bool, ExampleError> {
    let mut all = true;
    for line in input.lines() {
        let line = line.map_err(ExampleError::io("standard input"))?;
        if let Line::Question(question) = meaning(&line)
            && !json
        {
            print(&format!("-- {}\n", plain(question, false)))?;
        }
        match reply(session, meaning(&line), json)? {
            Reply::Answered | Reply::Other => {}
            Reply::Failed => all = false,
            Reply::Quit => break,
        }
        if matches!(meaning(&line), Line::Question(_)) && !json {
            print("\n")?;
        }
    }
    Ok(all)
}

/// A conversation on a terminal, which edits a line by itself; `rlwrap` adds a history.
pub(super) fn terminal(session: &mut Session, json: bool) -> Result<(), ExampleError> {
    say("Ask the database a question; .help says what else there is.\n");
    let mut input = std::io::stdin().lock();
    loop {
        say("? ");
        let mut line = String::new();
        let read = input.read_line(&mut line);
        let read = read.map_err(ExampleError::io("standard input"))?;
        // Nothing read is Ctrl-D; an empty line still has its end.
        if read == 0 || line.trim().is_empty() {
            return Ok(());
        }
        if let Reply::Quit = reply(session, meaning(&line), json)? {
            return Ok(());
        }
    }
}

enum Reply {
    Answered,
    Failed,
    Other,
    Quit,
}

/// Does what a line asks for. What goes wrong with a question does not end the conversation.
fn reply(session: &mut Session, line: Line<'_>, json: bool) -> Result<Reply, ExampleError> {
    match line {
        Line::Nothing => {}
        Line::Quit => return Ok(Reply::Quit),
        Line::Help => say(HELP),
        Line::Unknown(command) => {
            say(&format!(
                "{} is no command; .help lists them\n",
                plain(command, false)
            ));
        }
        Line::Schema => match session.schema_text("") {
            Ok(text) => say(&plain(&text, true)),
            Err(error) => say(&format!("error: {error}\n")),
        },
        Line::Question(question) => {
            let answer = session.answer(question);
            let answer = answer.unwrap_or_else(|error| Answer::unasked(question, &error));
            show(&answer, json)?;
            return Ok(match answer.is_answered() {
                true => Reply::Answered,
                false => Reply::Failed,
            });
        }
    }
    Ok(Reply::Other)
}

/// What is no answer goes to standard error, so that standard output holds answers alone.
fn say(text: &str) {
    // A closed standard error loses it and nothing else.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Prints an answer.
pub(super) fn show(answer: &Answer, json: bool) -> Result<(), ExampleError> {
    match json {
        true => {
            let line = serde_json::to_string(answer);
            let line = line.map_err(ExampleError::json("standard output"))?;
            print(&format!("{line}\n"))
        }
        false => print(&answer.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_questions_or_commands() {
        assert_eq!(meaning("  How many? "), Line::Question("How many?"));
        assert_eq!(meaning(".schema"), Line::Schema);
        assert_eq!(meaning(" .quit"), Line::Quit);
        assert_eq!(meaning(".tables"), Line::Unknown(".tables"));
        assert_eq!(meaning(" \t"), Line::Nothing);
        assert_eq!(meaning(".help"), Line::Help);
    }
}
