//! Lists of turns, in either spelling: `role` and `content`, or ShareGPT's `from` and `value`.
//!
//! Who may speak after whom is the template's business, as it is in transformers; what is refused
//! here would be lost or learned wrongly without a word: roles that nobody knows, tool calls,
//! reasoning, images, turns that ask not to be learned, and answers that say nothing.

use serde_json::{Map, Value};

use super::FormatError;
use crate::record::type_name;
use crate::{Message, Place, Role};

/// The names of roles, with the aliases that ShareGPT's files and their kin use.
const ROLES: [(Role, &[&str]); 4] = [
    (Role::System, &["system"]),
    (Role::User, &["user", "human"]),
    (
        Role::Assistant,
        &["assistant", "gpt", "chatgpt", "bing", "bard", "model"],
    ),
    (
        Role::Tool,
        &["tool", "observation", "function_response", "tool_response"],
    ),
];

/// Keys that a template might render or a trainer obey, and that a [`Message`] does not carry.
const UNSUPPORTED: [&str; 5] = [
    "tool_calls",
    "function_call",
    "reasoning_content",
    "reasoning",
    "thinking",
];

/// Reads the turns of `field`.
pub(super) fn read(
    place: &Place,
    field: &str,
    list: Vec<Value>,
) -> Result<Vec<Message>, FormatError> {
    if list.is_empty() {
        return Err(FormatError::NoTurns {
            place: place.clone(),
            field: field.to_owned(),
        });
    }
    let turns = list.into_iter().enumerate();
    turns
        .map(|(index, value)| {
            let turn = index + 1;
            let spot = Spot { place, field, turn };
            spot.message(value)
        })
        .collect()
}

/// A turn's place, for messages.
struct Spot<'a> {
    place: &'a Place,
    field: &'a str,
    /// From 1.
    turn: usize,
}

impl Spot<'_> {
    fn message(&self, value: Value) -> Result<Message, FormatError> {
        let Value::Object(mut turn) = value else {
            return Err(self.wrong_type(None, "an object with a role and a content", &value));
        };
        self.refuse_unsupported(&turn)?;
        let (key, role) = self.take(&mut turn, ["role", "from"], "`role` (or `from`)")?;
        let role = match &role {
            Value::String(name) => self.role(name)?,
            other => return Err(self.wrong_type(Some(key), "a string", other)),
        };
        let (key, content) =
            self.take(&mut turn, ["content", "value"], "`content` (or `value`)")?;
        let content = match content {
            Value::String(text) => text,
            Value::Array(parts) => self.join(key, parts)?,
            other => return Err(self.wrong_type(Some(key), "a string", &other)),
        };
        if role == Role::Assistant && content.trim().is_empty() {
            return Err(FormatError::EmptyAnswer {
                place: self.place.clone(),
                field: self.field.to_owned(),
                turn: self.turn,
            });
        }
        Ok(Message { role, content })
    }

    fn refuse_unsupported(&self, turn: &Map<String, Value>) -> Result<(), FormatError> {
        let said = |key: &&str| turn.get(*key).is_some_and(|value| !is_nothing(value));
        let key = UNSUPPORTED.into_iter().find(said).or_else(|| {
            // OpenAI's mark of an answer that is not to be learned.
            let weight = turn.get("weight").and_then(Value::as_f64);
            (weight == Some(0.0)).then_some("weight")
        });
        match key {
            Some(key) => Err(FormatError::Unsupported {
                place: self.place.clone(),
                field: self.field.to_owned(),
                turn: self.turn,
                key,
            }),
            None => Ok(()),
        }
    }

    /// Takes the first of `keys` that is not null; else the first that is there.
    fn take(
        &self,
        turn: &mut Map<String, Value>,
        keys: [&'static str; 2],
        expected: &'static str,
    ) -> Result<(&'static str, Value), FormatError> {
        let said = |key: &&&'static str| turn.get(**key).is_some_and(|value| !value.is_null());
        let there = |key: &&&'static str| turn.contains_key(**key);
        let key = keys.iter().find(said).or_else(|| keys.iter().find(there));
        let taken = key.and_then(|&key| Some((key, turn.get_mut(key)?.take())));
        taken.ok_or_else(|| FormatError::TurnKey {
            place: self.place.clone(),
            field: self.field.to_owned(),
            turn: self.turn,
            expected,
            found: turn.keys().cloned().collect(),
        })
    }

    fn role(&self, name: &str) -> Result<Role, FormatError> {
        let found = ROLES.iter().find(|(_, names)| names.contains(&name));
        found
            .map(|(role, _)| *role)
            .ok_or_else(|| FormatError::UnknownRole {
                place: self.place.clone(),
                field: self.field.to_owned(),
                turn: self.turn,
                role: name.to_owned(),
                known: ROLES.map(|(_, names)| names.join(", ")).join(", "),
            })
    }

    /// Joins parts that are all text with nothing between, as templates that know parts write them.
    fn join(&self, key: &'static str, parts: Vec<Value>) -> Result<String, FormatError> {
        let mut joined = String::new();
        for part in &parts {
            let is_text = part.get("type").and_then(Value::as_str) == Some("text");
            let text = part.get("text").and_then(Value::as_str);
            let Some(text) = text.filter(|_| is_text) else {
                let found = part.get("type").and_then(Value::as_str);
                return Err(FormatError::Part {
                    place: self.place.clone(),
                    field: self.field.to_owned(),
                    turn: self.turn,
                    key,
                    found: found.unwrap_or(type_name(part)).to_owned(),
                });
            };
            joined.push_str(text);
        }
        Ok(joined)
    }

    fn wrong_type(
        &self,
        key: Option<&'static str>,
        expected: &'static str,
        found: &Value,
    ) -> FormatError {
        FormatError::TurnType {
            place: self.place.clone(),
            field: self.field.to_owned(),
            turn: self.turn,
            key,
            expected,
            found: type_name(found),
        }
    }
}

/// Whether a value stands for none: null, empty, or `[]` as text.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => matches!(text.trim(), "" | "[]" | "{}"),
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}
