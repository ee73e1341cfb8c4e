//! A compiled chat template.

use std::time::SystemTime;

use minijinja::Environment;

use super::environment::{self, NAME, refusal};
use super::variables::{Names, Variables};
use super::{BuiltInTemplate, SpecialTokens, generation, tags, value};
use crate::{DataError, Message};

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
    variables: Variables,
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
        let mut tokens = SpecialTokens::new();
        for (name, text) in [("bos_token", bos_token), ("eos_token", eos_token)] {
            // A special token that the tokenizer lacks stays undefined, as in transformers.
            if let Some(text) = text {
                tokens = tokens.with(name, text);
            }
        }
        Self::with_tokens(source, &tokens)
    }

    /// Compiles `source`, which may write any of `tokens` by its name; otherwise as [`new`](Self::new).
    ///
    /// # Errors
    /// [`DataError::TemplateSyntax`] with the template's line.
    pub fn with_tokens(source: &str, tokens: &SpecialTokens) -> Result<Self, DataError> {
        if let Some((line, tag)) = tags::misplaced(source) {
            let message = format!(
                "`{tag}` would leave a loop from within a block that is not the loop's own"
            );
            return Err(DataError::TemplateSyntax { line, message });
        }
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
        let mut variables = Variables::default();
        for (name, text) in tokens.iter() {
            variables.set(name, text.into());
        }
        let template = Self {
            environment,
            variables,
        };
        Ok(template.at(SystemTime::now()))
    }

    /// ChatML: `<|im_start|>role`, a new line, the content, `<|im_end|>` and a new line for each message.
    ///
    /// # Errors
    /// None in practice: the source is a constant.
    pub fn chatml() -> Result<Self, DataError> {
        Self::built_in(BuiltInTemplate::ChatMl, &SpecialTokens::new())
    }

    /// The same template with `strftime_now` telling this time, for text that is the same tomorrow.
    #[must_use]
    pub fn at(mut self, time: SystemTime) -> Self {
        environment::set_clock(&mut self.environment, time);
        self
    }

    /// The same template with one more name that it may ask for, as transformers' `apply_chat_template`
    /// passes its further arguments: `enable_thinking`, `tools`, `date_string`, …
    ///
    /// It wins over a special token of the same name, and over `tools` and `documents`, which are none unless
    /// they are set. `messages` and `add_generation_prompt` are [`render`](Self::render)'s own.
    ///
    /// # Example
    /// ```
    /// # use anneal_data::ChatTemplate;
    /// let source = "{% if enable_thinking is defined and enable_thinking is false %}quick{% endif %}";
    /// let template = ChatTemplate::new(source, None, None)?.with_variable("enable_thinking", false);
    /// assert_eq!(template.render(&[], false)?, "quick");
    /// # Ok::<(), anneal_data::DataError>(())
    /// ```
    #[must_use]
    pub fn with_variable(
        mut self,
        name: impl Into<String>,
        value: impl Into<serde_json::Value>,
    ) -> Self {
        self.variables.set(name, value::from_json(&value.into()));
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
        let names = Names::value(&self.variables, messages, add_generation_prompt);
        self.environment
            .get_template(NAME)
            .and_then(|template| template.render(names))
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
