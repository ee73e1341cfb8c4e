//! The text of an example, cut where learning begins and where it ends.

use crate::{ChatTemplate, DataError, Message, Role};

/// A rendered conversation in two parts: what the model is given, and what it should write.
///
/// With `full` the template's text of all messages and `prompt` its text of all but the last with a
/// generation prompt, `prompt` must be how `full` begins. What follows must be the answer, with white
/// space around it at most, and the end token. [`answer`](Self::answer) reaches from the end of the
/// prompt to the end of the end token; what the template writes after that (ChatML's new line) is
/// dropped, since a model that has stopped never writes it.
///
/// # Example
/// ```
/// use anneal_data::{ChatTemplate, Message, TrainingText};
///
/// let turns = [Message::user("Hi"), Message::assistant("Hello")];
/// let text = TrainingText::new(&ChatTemplate::chatml()?, &turns, "<|im_end|>")?;
/// assert_eq!(text.prompt, "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
/// assert_eq!(text.answer, "Hello<|im_end|>");
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingText {
    /// What the model is given: nothing of it is learned.
    pub prompt: String,
    /// What the model should write, its end token included: all of it is learned.
    pub answer: String,
}

impl TrainingText {
    /// Renders `messages`, the last of which is the answer, and cuts the text.
    ///
    /// `end` is the text of the token that ends the answer ([`ChatTemplate::end_token`] finds it).
    ///
    /// # Errors
    /// A conversation that does not end with an assistant's turn, a prompt that is no prefix, an
    /// answer that the template leaves out or changes, an end token that does not follow it or
    /// stands within it; and as [`ChatTemplate::render`].
    pub fn new(
        template: &ChatTemplate,
        messages: &[Message],
        end: &str,
    ) -> Result<Self, DataError> {
        let (last, before) = match messages.split_last() {
            Some((last, before)) if last.role == Role::Assistant => (last, before),
            other => {
                let found = other.map_or("no message".to_owned(), |(last, _)| {
                    format!("a turn of the {}", last.role.as_str())
                });
                return Err(DataError::NoAnswer { found });
            }
        };
        if end.is_empty() {
            return Err(DataError::NoEndToken);
        }
        if last.content.contains(end) {
            return Err(DataError::EndInAnswer {
                answer: last.content.clone(),
                end: end.to_owned(),
            });
        }
        let prompt = template.render(before, true)?;
        let full = template.render(messages, false)?;
        let Some(rest) = full.strip_prefix(prompt.as_str()) else {
            return Err(not_prefix(&prompt, &full));
        };
        let length = answer_length(rest, &last.content, end).ok_or_else(|| {
            DataError::AnswerNotRendered {
                answer: last.content.clone(),
                end: end.to_owned(),
                found: rest.to_owned(),
            }
        })?;
        let answer = rest[..length].to_owned();
        Ok(Self { prompt, answer })
    }
}

/// Bytes of `rest` up to the end of `end`, if `rest` is `content` and then `end` but for white space.
///
/// Llama's templates strip the content, Llama-2's puts a space on either side of it.
fn answer_length(rest: &str, content: &str, end: &str) -> Option<usize> {
    let content = content.trim();
    let start = rest.len() - rest.trim_start().len();
    // White space alone before the end token is an empty answer, which the first line would step over.
    let start = if content.is_empty() { 0 } else { start };
    let after = rest[start..].strip_prefix(content)?;
    let gap = after.find(end)?;
    let blank = after[..gap].trim().is_empty();
    blank.then_some(rest.len() - after.len() + gap + end.len())
}

fn not_prefix(prompt: &str, full: &str) -> DataError {
    let same = prompt.chars().zip(full.chars()).take_while(|(a, b)| a == b);
    let from = same.count().saturating_sub(20);
    let show = |text: &str| text.chars().skip(from).take(60).collect();
    DataError::PromptNotPrefix {
        prompt: show(prompt),
        full: show(full),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(source: &str, answer: &str, end: &str) -> Result<TrainingText, DataError> {
        let template = ChatTemplate::new(source, Some("<s>"), Some("</s>"))?;
        let turns = [Message::user("q"), Message::assistant(answer)];
        TrainingText::new(&template, &turns, end)
    }

    const LLAMA_2: &str = "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";

    #[test]
    fn white_space_that_the_template_adds_or_strips_belongs_to_the_answer() {
        let text = cut(LLAMA_2, "\nSELECT 1 \n", "</s>").unwrap();
        assert_eq!(text.prompt, "<s>[INST] q [/INST]");
        assert_eq!(text.answer, " SELECT 1 </s>");
        assert_eq!(cut(LLAMA_2, "", "</s>").unwrap().answer, "  </s>");
    }

    #[test]
    fn a_template_that_ignores_or_changes_the_answer_is_refused() {
        let ignores = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}{{ eos_token }}{% endif %}{% endfor %}";
        assert_eq!(
            cut(ignores, "SELECT 1", "</s>").unwrap_err().to_string(),
            "expected the answer `SELECT 1` and then `</s>` after the rendered prompt, found `</s>`"
        );
        let changes = LLAMA_2.replace("m.content.strip()", "m.content.lower()");
        let error = cut(&changes, "SELECT 1", "</s>").unwrap_err();
        assert!(
            matches!(error, DataError::AnswerNotRendered { .. }),
            "{error}"
        );
    }

    #[test]
    fn an_end_token_elsewhere_is_refused() {
        let error = cut(LLAMA_2, "SELECT 1", "<|im_end|>").unwrap_err();
        assert!(
            matches!(error, DataError::AnswerNotRendered { .. }),
            "{error}"
        );
        let error = cut(LLAMA_2, "SELECT '</s>'", "</s>").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the answer contains the end token `</s>`: `SELECT '</s>'`"
        );
        assert!(matches!(cut(LLAMA_2, "a", ""), Err(DataError::NoEndToken)));
    }

    #[test]
    fn a_prompt_that_is_no_prefix_is_shown_at_the_difference() {
        let source = "{{ messages | length }} turns: {% for m in messages %}{{ m.content + eos_token }}{% endfor %}";
        assert_eq!(
            cut(source, "a", "</s>").unwrap_err().to_string(),
            "the rendered prompt is no prefix of the rendered conversation: `…1 turns: q</s>` against `…2 turns: q</s>a</s>`"
        );
    }

    #[test]
    fn a_conversation_without_an_answer_is_refused() {
        let template = ChatTemplate::chatml().unwrap();
        let error = TrainingText::new(&template, &[Message::user("q")], "<|im_end|>").unwrap_err();
        assert_eq!(
            error.to_string(),
            "a conversation to train on must end with the assistant's answer, found a turn of the user"
        );
        let error = TrainingText::new(&template, &[], "<|im_end|>").unwrap_err();
        assert!(error.to_string().ends_with("found no message"));
    }
}
