//! Chat templates: the Jinja text that turns messages into the text a model was trained on.
//!
//! A model's template stands in its GGUF (`tokenizer.chat_template`) or its tokenizer's files. It is
//! run as transformers runs it (`utils/chat_template_utils.py`, 5.23.0): blocks trimmed, undefined
//! names printing as nothing, Python's methods on strings and dictionaries, and a few functions.
//! A template is code from outside: it sees the messages and nothing else.

mod clock;
mod environment;
mod generation;
mod json;

use std::time::SystemTime;

use minijinja::{Environment, Value};

use crate::{DataError, Message};
use environment::{NAME, refusal};

/// ChatML as SmolLM2 and Qwen write it, without a default system turn.
const CHATML: &str = "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";

/// A compiled chat template with the special tokens that it may write.
///
/// # Example
/// ```
/// use anneal_data::{ChatTemplate, Message};
///
/// let source = "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m['content'].strip() }}\n{% endfor %}";
/// let template = ChatTemplate::new(source, Some("<s>"), None)?;
/// assert_eq!(template.render(&[Message::user(" Hi ")], false)?, "<s>[user] Hi\n");
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos_token: Option<String>,
    eos_token: Option<String>,
}

impl ChatTemplate {
    /// Compiles `source`; the special tokens are what the template knows as `bos_token` and `eos_token`.
    ///
    /// `strftime_now` tells the time of this call, in UTC, for as long as the template lives, so that all
    /// examples of a run agree (transformers tells the local time of each call); see [`at`](Self::at).
    ///
    /// # Errors
    /// [`DataError::TemplateSyntax`] with the template's line.
    pub fn new(
        source: &str,
        bos_token: Option<&str>,
        eos_token: Option<&str>,
    ) -> Result<Self, DataError> {
        let compile = || {
            let mut environment = environment::environment()?;
            environment.add_template_owned(NAME, generation::open_tags(source))?;
            Ok(environment)
        };
        let environment =
            compile().map_err(|error: minijinja::Error| DataError::TemplateSyntax {
                line: error.line().unwrap_or(0),
                message: environment::describe(&error),
            })?;
        let template = Self {
            environment,
            bos_token: bos_token.map(str::to_owned),
            eos_token: eos_token.map(str::to_owned),
        };
        Ok(template.at(SystemTime::now()))
    }

    /// ChatML: `<|im_start|>role`, a new line, the content, `<|im_end|>` and a new line for each message.
    ///
    /// # Errors
    /// None in practice: the source is a constant.
    pub fn chatml() -> Result<Self, DataError> {
        Self::new(CHATML, None, Some("<|im_end|>"))
    }

    /// The same template with `strftime_now` telling this time, for text that is the same tomorrow.
    #[must_use]
    pub fn at(mut self, time: SystemTime) -> Self {
        environment::set_clock(&mut self.environment, time);
        self
    }

    /// Renders `messages`; `add_generation_prompt` ends the text where the assistant's answer begins.
    ///
    /// The text holds its special tokens already: tokenise it without adding any.
    ///
    /// # Errors
    /// [`DataError::TemplateRefused`] if the template calls `raise_exception`,
    /// [`DataError::TemplateRender`] if it fails otherwise.
    pub fn render(
        &self,
        messages: &[Message],
        add_generation_prompt: bool,
    ) -> Result<String, DataError> {
        let messages: Vec<Value> = messages
            .iter()
            .map(|message| {
                Value::from_pairs([
                    ("role", Value::from(message.role.as_str())),
                    ("content", Value::from(message.content.as_str())),
                ])
            })
            .collect();
        let mut names = vec![
            ("messages", Value::from(messages)),
            // transformers passes both, as None where there are none.
            ("tools", Value::from(())),
            ("documents", Value::from(())),
            ("add_generation_prompt", Value::from(add_generation_prompt)),
        ];
        // A special token that the tokenizer lacks stays undefined, as in transformers.
        let tokens = [
            ("bos_token", &self.bos_token),
            ("eos_token", &self.eos_token),
        ];
        for (name, token) in tokens {
            names.extend(
                token
                    .as_ref()
                    .map(|text| (name, Value::from(text.as_str()))),
            );
        }
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render(Value::from_pairs(names)))
            .map_err(|error| {
                let line = error.line().unwrap_or(0);
                match refusal(&error) {
                    Some(message) => DataError::TemplateRefused { line, message },
                    None => DataError::TemplateRender {
                        line,
                        message: environment::describe(&error),
                    },
                }
            })
    }

    /// The text that ends an assistant's turn, found by rendering one: `<|im_end|>`, `<|eot_id|>`, `</s>`.
    ///
    /// It need not be the tokenizer's `eos_token`. White space around it is the template's own and is
    /// left out.
    ///
    /// # Errors
    /// [`DataError::NoEndToken`] if the template writes nothing after an answer; and as [`render`](Self::render).
    ///
    /// # Example
    /// ```
    /// # use anneal_data::ChatTemplate;
    /// assert_eq!(ChatTemplate::chatml()?.end_token()?, "<|im_end|>");
    /// # Ok::<(), anneal_data::DataError>(())
    /// ```
    pub fn end_token(&self) -> Result<String, DataError> {
        const ANSWER: &str = "ANSWER-TO-FIND";
        let turns = [Message::user("question"), Message::assistant(ANSWER)];
        let text = self.render(&turns, false)?;
        text.rsplit_once(ANSWER)
            .map(|(_, after)| after.trim())
            .filter(|after| !after.is_empty())
            .map(str::to_owned)
            .ok_or(DataError::NoEndToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_that_does_not_parse_names_its_line() {
        let error = ChatTemplate::new("a\nb\n{% for x in %}", None, None).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("chat template line 3: syntax error: "),
            "{text}"
        );
    }

    #[test]
    fn a_template_that_refuses_is_quoted() {
        let source = "a\n{{ raise_exception('only one turn, please') }}";
        let template = ChatTemplate::new(source, None, None).unwrap();
        assert_eq!(
            template.render(&[], false).unwrap_err().to_string(),
            "the chat template refuses this conversation: only one turn, please (template line 2)"
        );
    }

    #[test]
    fn a_template_that_fails_names_its_line() {
        let template = ChatTemplate::new("\n\n{{ nothing.at.all }}", None, None).unwrap();
        let text = template.render(&[], false).unwrap_err().to_string();
        assert!(text.starts_with("chat template line 3 failed: "), "{text}");
    }

    #[test]
    fn the_date_is_the_one_that_was_set() {
        let template = ChatTemplate::new("{{ strftime_now('%d %b %Y') }}", None, None).unwrap();
        let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_709_210_096);
        assert_eq!(template.at(time).render(&[], false).unwrap(), "29 Feb 2024");
    }

    #[test]
    fn a_template_without_an_end_token_is_refused() {
        let source = "{% for m in messages %}{{ m.content }}\n{% endfor %}";
        let template = ChatTemplate::new(source, None, Some("</s>")).unwrap();
        assert!(matches!(template.end_token(), Err(DataError::NoEndToken)));
    }
}
