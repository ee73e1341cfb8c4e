//! Preference rows: a prompt, a better answer and a worse one.
//!
//! | `prompt` | answers | reading |
//! |---|---|---|
//! | text or turns | texts | the prompt, each answer a turn of the assistant |
//! | turns | turns | as they are |
//! | text | turns that begin with the assistant | the prompt is a turn of the user |
//! | text or none | turns that begin otherwise | the prompt is the turns that both share |
//! | none | texts, or one text | an error: a text's prompt cannot be told from its answer |
//!
//! The fourth row is TRL's `maybe_extract_prompt` (`trl/data_utils.py`, 1.16.0): data sets repeat
//! the prompt as text beside conversations that contain it. Where one conversation begins the
//! other, the last turn of the shorter stays an answer, as there.

use super::FormatError;
use super::conversation::{begins_with_assistant, refuse_tools};
use super::field::{CHOSEN, PROMPT, REJECTED};
use super::fields::{Fields, Said, column};
use crate::{DataError, Message, Preference, Role};

pub(super) fn preference(fields: &mut Fields) -> Result<Preference, DataError> {
    refuse_tools(fields)?;
    let names = [CHOSEN, REJECTED].map(|field| fields.label(field).to_owned());
    let (chosen, rejected) = (fields.said(CHOSEN)?, fields.said(REJECTED)?);
    let with_turns = matches!((&chosen, &rejected), (Said::Turns(_), Said::Turns(_)));
    let prompt = prompt(fields, with_turns)?;
    let mut row = Preference {
        prompt: Vec::new(),
        chosen: chosen.into_turns(Role::Assistant),
        rejected: rejected.into_turns(Role::Assistant),
    };
    if row.chosen == row.rejected {
        let (place, [chosen, rejected]) = (fields.record.place.clone(), names);
        return Err(FormatError::SameAnswers {
            place,
            chosen,
            rejected,
        }
        .into());
    }
    match prompt {
        Some(Said::Turns(turns)) => row.prompt = turns,
        Some(Said::Text(text)) if !with_turns || only_answers(&row) => {
            row.prompt = vec![Message::user(text)];
        }
        Some(Said::Text(_)) | None => share_prompt(&mut row),
    }
    if row.prompt.is_empty() {
        let (place, [chosen, rejected]) = (fields.record.place.clone(), names);
        return Err(FormatError::NoPrompt {
            place,
            chosen,
            rejected,
        }
        .into());
    }
    begins_with_assistant(fields, &names[0], &row.chosen)?;
    begins_with_assistant(fields, &names[1], &row.rejected)?;
    Ok(row)
}

/// The prompt; it may be absent (or null) only where both answers are turns.
fn prompt(fields: &mut Fields, may_be_absent: bool) -> Result<Option<Said>, DataError> {
    if may_be_absent {
        let there = column(&fields.record, fields.columns, PROMPT)?;
        let value = there.and_then(|column| super::columns::find(&fields.record, column));
        if value.is_none_or(serde_json::Value::is_null) {
            return Ok(None);
        }
    }
    fields.said(PROMPT).map(Some)
}

/// Whether both answers begin with the assistant, so that neither contains the prompt.
fn only_answers(row: &Preference) -> bool {
    let begins = |turns: &[Message]| turns.first().is_some_and(|t| t.role == Role::Assistant);
    begins(&row.chosen) && begins(&row.rejected)
}

/// Moves the turns that both answers begin with into the prompt; either keeps one turn at least.
fn share_prompt(row: &mut Preference) {
    let limit = row.chosen.len().min(row.rejected.len()).saturating_sub(1);
    let pairs = row.chosen.iter().zip(&row.rejected).take(limit);
    let shared = pairs.take_while(|(chosen, rejected)| chosen == rejected);
    let shared = shared.count();
    row.prompt = row.chosen.drain(..shared).collect();
    row.rejected.drain(..shared);
}
