//! Conversations about a schema, as token ids.

use anneal_data::{DataError, Encoder, Example, Message, Question, SqlPrompt};
use anneal_llama::Tokenizer;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::corpus::Asked;
use super::tokenizer::{ASSISTANT, END, SPECIAL_TOKENS, USER};

/// The messages of several questions about one schema, which is shown with the first.
///
/// The first question is asked as every example asks. One schema serves several
/// answers: what is learned from a token of text grows.
///
/// # Errors
/// None in practice: the prompt's parts are constants.
pub fn conversation(
    prompt: &SqlPrompt,
    context: &str,
    questions: &[Question],
) -> Result<Vec<Message>, DataError> {
    let mut messages = Vec::with_capacity(2 * questions.len() + 1);
    for (index, question) in questions.iter().enumerate() {
        match index {
            0 => messages.extend(prompt.prompt(context, &question.question)?),
            _ => messages.push(Message::user(format!("-- {}", question.question))),
        }
        messages.push(Message::assistant(question.sql.clone()));
    }
    Ok(messages)
}

/// Every conversation of at most `turns` questions, as an example each; those
/// that are longer than the encoder's maximum are left out and counted.
///
/// # Errors
/// What the template or the tokenizer refuses.
pub fn examples(
    corpus: &[Asked],
    turns: usize,
    encoder: &Encoder,
    tokenizer: &Tokenizer,
) -> Result<(Vec<Example>, usize), DataError> {
    let tokenize = |text: &str| tokenizer.encode(text, false);
    let prompt = SqlPrompt::default();
    let all: Vec<Vec<Example>> = corpus
        .par_iter()
        .map(|asked| {
            let context = asked.made.context();
            let parts = asked.questions.chunks(turns.max(1));
            let encode = |part| encoder.encode(&tokenize, &conversation(&prompt, &context, part)?);
            parts.map(encode).collect::<Result<_, _>>()
        })
        .collect::<Result<_, _>>()?;
    let all: Vec<Example> = all.into_iter().flatten().collect();
    let total = all.len();
    let kept: Vec<Example> = all
        .into_iter()
        .filter(|example| example.len() <= encoder.max_length())
        .collect();
    let too_long = total - kept.len();
    Ok((kept, too_long))
}

/// Sequences of random tokens that are said twice; the second time is the answer.
///
/// Nothing but copying helps with them, and every token of the answer asks for
/// it: a small model finds out how within minutes, where answers about schemas
/// alone leave it guessing names for long.
///
/// # Errors
/// None: an answer is never empty.
pub fn repeats(count: usize, vocabulary: usize, seed: u64) -> Result<Vec<Example>, DataError> {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let special = SPECIAL_TOKENS.len() as u32;
    let vocabulary = (vocabulary as u32).max(special + 1);
    let repeat = |_| {
        let length = random.random_range(5..=60);
        let tokens = std::iter::repeat_with(|| random.random_range(special..vocabulary));
        let tokens: Vec<u32> = tokens.take(length).collect();
        let ids = [&[USER], &tokens[..], &[END, ASSISTANT], &tokens[..], &[END]].concat();
        let trained = (0..ids.len()).map(|at| at > length + 2).collect();
        Example::new(ids, trained)
    };
    (0..count).map(repeat).collect()
}
