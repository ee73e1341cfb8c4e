//! The text of a conversation, and where in it the model is to write.

use std::ops::Range;

use super::not_prefix::not_prefix;
use crate::template::is_space;
use crate::{ChatTemplate, DataError, Message, Role};

/// Which of the assistant's turns are learned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Turns {
    /// Every one.
    #[default]
    All,
    /// The last one.
    Last,
}

/// A turn that is learned: its answer and its end token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The message, from 0.
    pub turn: usize,
    /// Its bytes in the text.
    pub bytes: Range<usize>,
}

/// A rendered conversation, with the spans that the model should write.
///
/// [`text`](Self::text) is the template's text of all messages. For a trained turn `i`, the template's
/// text of the messages before it with a generation prompt must be how `text` begins: that is what the
/// model is given when it generates. What follows must be the answer, with white space around it at
/// most, and the end token. The span reaches from the end of the prompt to the end of the end token;
/// what the template writes after that (ChatML's new line) is not learned, since a model that has
/// stopped never writes it.
///
/// # Example
/// ```
/// use anneal_data::{ChatTemplate, Message, TrainingText, Turns};
///
/// let turns = [Message::user("Hi"), Message::assistant("Hello")];
/// let text = TrainingText::new(&ChatTemplate::chatml()?, &turns, Turns::All, "<|im_end|>")?;
/// let span = text.spans[0].bytes.clone();
/// assert_eq!(&text.text[..span.start], "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
/// assert_eq!(&text.text[span.clone()], "Hello<|im_end|>");
/// assert_eq!(&text.text[span.end..], "\n");
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingText {
    /// The whole text.
    pub text: String,
    /// What is learned of it, in order; spans do not overlap.
    pub spans: Vec<Span>,
}

impl TrainingText {
    /// Renders `messages` and finds the assistant's turns in the text.
    ///
    /// `end` is the text of the token that ends an answer ([`ChatTemplate::end_token`] finds it). The
    /// conversation may go on after its last answer; that part is not learned.
    ///
    /// # Errors
    /// A conversation without an assistant's turn; a prompt that is no prefix (templates that rewrite
    /// earlier turns); an answer that the template leaves out or changes, an end token that does not
    /// follow it (templates that write it after the last turn alone) or stands within it; and as
    /// [`ChatTemplate::render`].
    pub fn new(
        template: &ChatTemplate,
        messages: &[Message],
        turns: Turns,
        end: &str,
    ) -> Result<Self, DataError> {
        Self::after(template, messages, 0, turns, end)
    }

    /// The same with no turn before `first` learned.
    pub(super) fn after(
        template: &ChatTemplate,
        messages: &[Message],
        first: usize,
        turns: Turns,
        end: &str,
    ) -> Result<Self, DataError> {
        let mut answers = (first..messages.len()).filter(|&i| messages[i].role == Role::Assistant);
        let trained: Vec<usize> = match turns {
            Turns::All => answers.collect(),
            Turns::Last => answers.next_back().into_iter().collect(),
        };
        if trained.is_empty() {
            let roles = messages[first..]
                .iter()
                .map(|message| message.role.as_str());
            return Err(DataError::NoAnswer {
                found: roles.collect(),
            });
        }
        if end.is_empty() {
            return Err(DataError::NoEndToken);
        }
        let text = template.render(messages, false)?;
        let mut spans: Vec<Span> = Vec::with_capacity(trained.len());
        for turn in trained {
            let earlier = spans.last().map_or(0, |span| span.bytes.end);
            let prompt = template.render(&messages[..turn], true)?;
            let bytes = find(&text, &prompt, earlier, turn, &messages[turn].content, end)?;
            spans.push(Span { turn, bytes });
        }
        Ok(Self { text, spans })
    }

    /// Drops what follows the last span.
    pub(super) fn trim_tail(&mut self) {
        let end = self.spans.last().map_or(0, |span| span.bytes.end);
        self.text.truncate(end);
    }
}

/// The span of one answer, which must begin where `prompt` ends and not before `earlier`.
fn find(
    text: &str,
    prompt: &str,
    earlier: usize,
    turn: usize,
    content: &str,
    end: &str,
) -> Result<Range<usize>, DataError> {
    if content.contains(end) {
        return Err(DataError::EndInAnswer {
            turn,
            answer: content.to_owned(),
            end: end.to_owned(),
        });
    }
    let rest = text
        .strip_prefix(prompt)
        .ok_or_else(|| not_prefix(turn, prompt, text))?;
    // A template that shows one turn alone would put two answers in one place.
    let start = prompt.len().max(earlier);
    let length = (start == prompt.len())
        .then(|| answer_length(rest, content, end))
        .flatten();
    let length = length.ok_or_else(|| DataError::AnswerNotRendered {
        turn,
        answer: content.to_owned(),
        end: end.to_owned(),
        found: text[start..].to_owned(),
    })?;
    Ok(start..start + length)
}

/// Bytes of `rest` up to the end of `end`, if `rest` is `content` and then `end` but for white space.
///
/// Llama's templates strip the content, Llama-2's puts a space on either side of it.
fn answer_length(rest: &str, content: &str, end: &str) -> Option<usize> {
    let content = content.trim_matches(is_space);
    let start = rest.len() - rest.trim_start_matches(is_space).len();
    // White space alone before the end token is an empty answer, which the first line would step over.
    let start = if content.is_empty() { 0 } else { start };
    let after = rest[start..].strip_prefix(content)?;
    let gap = after.find(end)?;
    let blank = after[..gap].chars().all(is_space);
    blank.then_some(rest.len() - after.len() + gap + end.len())
}

#[cfg(test)]
mod tests;
