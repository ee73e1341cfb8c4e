//! The formats that are conversations: Alpaca, ShareGPT, messages, prompt and completion.
//!
//! System turns may stand anywhere and speakers need not alternate: templates decide what they
//! render. Turns after the assistant's last stay, as TRL renders them too; they come after
//! everything that is learned.

use serde_json::Value;

use super::FormatError;
use super::field::{
    COMPLETION, CONVERSATIONS, Field, HISTORY, INPUT, INSTRUCTION, MESSAGES, OUTPUT, PROMPT,
    SYSTEM, TOOLS,
};
use super::fields::Fields;
use super::turns::is_nothing;
use crate::{Completion, DataError, Message, Role};

/// System, earlier exchanges, the instruction with its input, the output.
///
/// The user's turn is the instruction, a blank line and the input, as Stanford's own prompt sets
/// them apart; LLaMA-Factory and axolotl's chat style join them by one new line. An instruction or
/// an input that is empty is left out with the blank line (LLaMA-Factory's `converter.py` does so).
pub(super) fn alpaca(fields: &mut Fields) -> Result<Vec<Message>, DataError> {
    let mut turns = Vec::new();
    turns.extend(system(fields)?);
    history(fields, &mut turns)?;
    let input = fields.optional_text(INPUT)?.unwrap_or_default();
    let user = if input.is_empty() {
        fields.text(INSTRUCTION)?
    } else {
        let instruction = fields.optional_text(INSTRUCTION)?.unwrap_or_default();
        let user = match instruction.is_empty() {
            true => input,
            false => format!("{instruction}\n\n{input}"),
        };
        fields.not_blank(fields.label(INPUT), user)?
    };
    turns.push(Message::user(user));
    turns.push(Message::assistant(fields.text(OUTPUT)?));
    Ok(turns)
}

/// LLaMA-Factory's earlier exchanges: a list of pairs.
fn history(fields: &mut Fields, turns: &mut Vec<Message>) -> Result<(), DataError> {
    let (column, value) = match fields.take(HISTORY)? {
        Some((column, value)) if !is_nothing(&value) => (column, value),
        _ => return Ok(()),
    };
    let Value::Array(entries) = value else {
        return Err(fields.record.wrong_type(column, "a list of pairs", &value));
    };
    for (index, entry) in entries.into_iter().enumerate() {
        let pair = match entry {
            Value::Array(pair) => <[Value; 2]>::try_from(pair).ok(),
            _ => None,
        };
        let texts = match pair {
            Some([Value::String(question), Value::String(answer)]) => Some((question, answer)),
            _ => None,
        };
        let Some((question, answer)) = texts.filter(|(_, answer)| !answer.trim().is_empty()) else {
            return Err(FormatError::HistoryPair {
                place: fields.record.place.clone(),
                field: column.to_owned(),
                entry: index + 1,
            }
            .into());
        };
        turns.push(Message::user(question));
        turns.push(Message::assistant(answer));
    }
    Ok(())
}

/// The `system` column as a turn, where it says something.
fn system(fields: &mut Fields) -> Result<Option<Message>, DataError> {
    let text = fields.optional_text(SYSTEM)?;
    let text = text.filter(|text| !text.is_empty());
    Ok(text.map(Message::system))
}

/// `conversations`, before them `system` unless they begin with a system turn of their own.
pub(super) fn share_gpt(fields: &mut Fields) -> Result<Vec<Message>, DataError> {
    let system = system(fields)?;
    let mut turns = learnable(fields, CONVERSATIONS)?;
    if turns[0].role != Role::System {
        turns.splice(0..0, system);
    }
    Ok(turns)
}

/// `messages` as they are.
pub(super) fn messages(fields: &mut Fields) -> Result<Vec<Message>, DataError> {
    learnable(fields, MESSAGES)
}

/// The prompt's turns and the completion's; texts are a turn of the user and one of the assistant.
///
/// A prompt's own turns of the assistant are turns like others: whether they are learned too is
/// the encoder's choice (TRL learns the completion alone).
pub(super) fn prompt_completion(fields: &mut Fields) -> Result<Completion, DataError> {
    refuse_tools(fields)?;
    Ok(Completion {
        prompt: fields.said(PROMPT)?.into_turns(Role::User),
        completion: answer(fields, COMPLETION)?,
    })
}

/// The turns of an answer, which begins with the assistant.
fn answer(fields: &mut Fields, field: Field) -> Result<Vec<Message>, DataError> {
    let label = fields.label(field);
    let turns = fields.said(field)?.into_turns(Role::Assistant);
    begins_with_assistant(fields, label, &turns)?;
    Ok(turns)
}

/// That an answer begins with the assistant.
pub(super) fn begins_with_assistant(
    fields: &Fields,
    label: &str,
    turns: &[Message],
) -> Result<(), FormatError> {
    let first = turns.first().map(|turn| turn.role);
    match first.filter(|&role| role != Role::Assistant) {
        Some(role) => Err(FormatError::AnswerBegins {
            place: fields.record.place.clone(),
            field: label.to_owned(),
            role: role.as_str(),
        }),
        None => Ok(()),
    }
}

/// A list of turns, at least one of them the assistant's.
fn learnable(fields: &mut Fields, field: Field) -> Result<Vec<Message>, DataError> {
    refuse_tools(fields)?;
    let label = fields.label(field);
    let turns = fields.turns(field)?;
    if turns.iter().all(|turn| turn.role != Role::Assistant) {
        return Err(FormatError::NoAssistant {
            place: fields.record.place.clone(),
            field: label.to_owned(),
            turns: turns.len(),
        }
        .into());
    }
    Ok(turns)
}

/// That the row defines no tools, which transformers would hand to the template.
pub(super) fn refuse_tools(fields: &mut Fields) -> Result<(), DataError> {
    match fields.take(TOOLS)? {
        Some((_, value)) if !is_nothing(&value) => Err(FormatError::Tools {
            place: fields.record.place.clone(),
        }
        .into()),
        _ => Ok(()),
    }
}
