//! What a template sees: the messages, and the names that belong to the template.

use std::sync::Arc;

use minijinja::Value;
use minijinja::value::{Enumerator, Object};

use crate::Message;

/// The names that are the same for every conversation.
#[derive(Debug, Clone, Default)]
pub(super) struct Variables {
    // A handful: a search from the start is faster than a hash.
    named: Arc<Vec<(String, Value)>>,
}

impl Variables {
    /// Sets `name`, whatever it was.
    pub(super) fn set(&mut self, name: impl Into<String>, value: Value) {
        let name = name.into();
        let named = Arc::make_mut(&mut self.named);
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => named.push((name, value)),
        }
    }

    fn get(&self, name: &str) -> Option<Value> {
        self.named
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
    }
}

/// All the names of one rendering.
#[derive(Debug)]
pub(super) struct Names {
    variables: Variables,
    messages: Value,
    add_generation_prompt: bool,
}

impl Names {
    /// What a template sees of `messages`.
    pub(super) fn value(
        variables: &Variables,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Value {
        let turns: Vec<Value> = messages
            .iter()
            .map(|message| {
                Value::from_object(Turn {
                    role: message.role.as_str().into(),
                    content: message.content.as_str().into(),
                })
            })
            .collect();
        Value::from_object(Self {
            variables: variables.clone(),
            messages: turns.into(),
            add_generation_prompt,
        })
    }
}

impl Object for Names {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let name = key.as_str()?;
        match name {
            "messages" => Some(self.messages.clone()),
            "add_generation_prompt" => Some(self.add_generation_prompt.into()),
            // transformers passes both, as None where there are none.
            "tools" | "documents" => Some(self.variables.get(name).unwrap_or(Value::from(()))),
            _ => self.variables.get(name),
        }
    }
}

/// A message as the dictionary that templates expect, without a table of its own for each.
#[derive(Debug)]
struct Turn {
    role: Value,
    content: Value,
}

impl Object for Turn {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "role" => Some(self.role.clone()),
            "content" => Some(self.content.clone()),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(&["role", "content"])
    }
}
