//! What a generation gives: tokens one by one, or a prompt's answer whole.

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// It had [`max_new_tokens`](crate::GenerateOptions::max_new_tokens).
    Length,
    /// Its last token is one of [`end_ids`](crate::GenerateOptions::end_ids).
    EndToken,
    /// Its text held one of [`stop`](crate::GenerateOptions::stop).
    StopString,
}

/// One token of an answer, as it comes.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// The prompt's place among those given, from zero.
    pub row: usize,
    /// The token.
    pub id: u32,
    /// Its natural log-probability under the model's own distribution: before
    /// any processor or temperature, however it was chosen.
    pub logprob: f32,
    /// The text that this token made certain, without special tokens: empty
    /// while a character is incomplete or a stop string may have begun. `None`
    /// without a [tokenizer](crate::Generator::with_tokenizer).
    pub text: Option<String>,
    /// Set on a prompt's last token.
    pub finish: Option<FinishReason>,
}

/// What followed one prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Generated {
    /// The new tokens, an end token and all of a stop string included.
    pub token_ids: Vec<u32>,
    /// Their natural log-probabilities under the model's own distribution:
    /// before any processor or temperature, however they were chosen.
    pub logprobs: Vec<f32>,
    /// Their text without special tokens, cut before a stop string. `None`
    /// without a [tokenizer](crate::Generator::with_tokenizer).
    pub text: Option<String>,
    /// Why it ended.
    pub finish: FinishReason,
}

impl Generated {
    /// Before the first token.
    pub(super) fn empty(with_text: bool) -> Self {
        Self {
            token_ids: Vec::new(),
            logprobs: Vec::new(),
            text: with_text.then(String::new),
            finish: FinishReason::Length,
        }
    }

    /// Appends a token.
    pub(super) fn push(&mut self, token: Token) {
        self.token_ids.push(token.id);
        self.logprobs.push(token.logprob);
        if let (Some(text), Some(piece)) = (&mut self.text, token.text) {
            text.push_str(&piece);
        }
        if let Some(finish) = token.finish {
            self.finish = finish;
        }
    }
}
