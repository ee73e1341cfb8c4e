//! The encoder: one template and the options of a run, shared by all threads.

use crate::{ChatTemplate, DataError, Example, LengthError, LengthPolicy, Message, Preference};
use crate::{Tokenize, TrainingText, Turns, encode_example};

/// Renders and tokenises conversations with one template.
///
/// The ids are exactly those of transformers' `apply_chat_template(messages, tokenize=True)`, unless
/// [`with_trim_tail`](Self::with_trim_tail) is on. An encoder has no state that changes: threads share it by
/// reference.
///
/// # Example
/// ```
/// use anneal_data::{ChatTemplate, Encoder, Message};
///
/// let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
/// let encoder = Encoder::new(ChatTemplate::chatml()?, 128)?;
/// let example = encoder.encode(&bytes, &[Message::user("Hi"), Message::assistant("Hello")])?;
/// assert_eq!(example.target_count(), "Hello<|im_end|>".len());
/// assert_eq!(example.labels().last(), Some(&-100)); // ChatML's new line
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Encoder {
    template: ChatTemplate,
    end: String,
    max_length: usize,
    policy: LengthPolicy,
    turns: Turns,
    trim_tail: bool,
}

/// The two answers of a preference, each with its prompt; the prompts are not learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreferenceExample {
    /// The better one.
    pub chosen: Example,
    /// The worse one.
    pub rejected: Example,
}

impl Encoder {
    /// An encoder that drops what has more than `max_length` tokens, trains all of the assistant's turns
    /// and keeps the whole text; the template tells its end token.
    ///
    /// # Errors
    /// [`LengthError::Maximum`] below 2 tokens; and as [`ChatTemplate::end_token`].
    pub fn new(template: ChatTemplate, max_length: usize) -> Result<Self, DataError> {
        if max_length < 2 {
            return Err(LengthError::Maximum { found: max_length }.into());
        }
        let end = template.end_token()?;
        Ok(Self {
            template,
            end,
            max_length,
            policy: LengthPolicy::default(),
            turns: Turns::default(),
            trim_tail: false,
        })
    }

    /// The same with the end token named, for a template that does not write it last.
    #[must_use]
    pub fn with_end(mut self, end: impl Into<String>) -> Self {
        self.end = end.into();
        self
    }

    /// The same with other turns trained. The answers of a preference are trained whole all the same.
    #[must_use]
    pub fn with_turns(mut self, turns: Turns) -> Self {
        self.turns = turns;
        self
    }

    /// The same with the text cut, or not, after the last trained token: nothing is learned from what a
    /// template writes there, and it costs its share of a step.
    #[must_use]
    pub fn with_trim_tail(mut self, trim: bool) -> Self {
        self.trim_tail = trim;
        self
    }

    /// The same with another way to treat rows that are too long.
    #[must_use]
    pub fn with_policy(mut self, policy: LengthPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// The text of the token that ends an answer.
    pub fn end(&self) -> &str {
        &self.end
    }

    /// The template.
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// The maximum length, in tokens.
    pub fn max_length(&self) -> usize {
        self.max_length
    }

    /// What becomes of rows that are too long.
    pub fn policy(&self) -> LengthPolicy {
        self.policy
    }

    /// Encodes one conversation, however long.
    ///
    /// # Errors
    /// As [`TrainingText::new`] and [`encode_example`].
    pub fn encode<T: Tokenize + ?Sized>(
        &self,
        tokenizer: &T,
        messages: &[Message],
    ) -> Result<Example, DataError> {
        self.encode_after(tokenizer, messages, 0, self.turns)
    }

    /// Encodes both answers of a preference, however long; every assistant's turn of an answer is
    /// trained, none of the prompt's is.
    ///
    /// # Errors
    /// [`DataError::PreferenceAnswer`] around what [`encode`](Self::encode) says.
    ///
    /// # Example
    /// ```
    /// use anneal_data::{ChatTemplate, Encoder, Message, Preference};
    ///
    /// let bytes = |text: &str| Ok::<_, std::io::Error>(text.bytes().map(u32::from).collect());
    /// let preference = Preference {
    ///     prompt: vec![Message::user("2+2?")],
    ///     chosen: vec![Message::assistant("4")],
    ///     rejected: vec![Message::assistant("five")],
    /// };
    /// let encoder = Encoder::new(ChatTemplate::chatml()?, 128)?;
    /// let pair = encoder.encode_preference(&bytes, &preference)?;
    /// assert_eq!(pair.chosen.target_count() + 3, pair.rejected.target_count());
    /// # Ok::<(), anneal_data::DataError>(())
    /// ```
    pub fn encode_preference<T: Tokenize + ?Sized>(
        &self,
        tokenizer: &T,
        preference: &Preference,
    ) -> Result<PreferenceExample, DataError> {
        let prompt = &preference.prompt;
        let encode = |answer, turns: &[Message]| {
            let messages = [prompt.as_slice(), turns].concat();
            self.encode_after(tokenizer, &messages, prompt.len(), Turns::All)
                .map_err(|source| DataError::PreferenceAnswer {
                    answer,
                    source: Box::new(source),
                })
        };
        Ok(PreferenceExample {
            chosen: encode("chosen", &preference.chosen)?,
            rejected: encode("rejected", &preference.rejected)?,
        })
    }

    pub(crate) fn encode_after<T: Tokenize + ?Sized>(
        &self,
        tokenizer: &T,
        messages: &[Message],
        first: usize,
        turns: Turns,
    ) -> Result<Example, DataError> {
        let mut text = TrainingText::after(&self.template, messages, first, turns, &self.end)?;
        if self.trim_tail {
            text.trim_tail();
        }
        encode_example(tokenizer, &text)
    }
}
