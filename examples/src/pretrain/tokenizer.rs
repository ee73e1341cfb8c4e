//! The model's own tokenizer: byte-level BPE, learned from generated text.

use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::{AddedToken, NormalizerWrapper, TokenizerBuilder};

use crate::ExampleError;

/// The tokens that a template writes; their ids are their places here.
pub const SPECIAL_TOKENS: [&str; 5] = [
    "<|pad|>",
    "<|end|>",
    "<|system|>",
    "<|user|>",
    "<|assistant|>",
];
/// Fills rows up.
pub const PAD: u32 = 0;
/// Ends every turn.
pub const END: u32 = 1;

/// Begins a user's turn.
pub(super) const USER: u32 = 3;
/// Begins an answer.
pub(super) const ASSISTANT: u32 = 4;

/// ChatML with one token for a turn's beginning and one for its end.
pub const CHAT_TEMPLATE: &str = "\
{%- for message in messages -%}
    {{- '<|' ~ message.role ~ '|>' ~ message.content ~ '<|end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
    {{- '<|assistant|>' -}}
{%- endif -%}";

/// `tokenizer.json` of at most `size` tokens, learned from `texts`.
///
/// As SmolLM2's: digits stand alone, then GPT-2's pieces, then merges. The same
/// texts give the same bytes: ties are broken by token ids, whatever the threads.
///
/// # Errors
/// [`ExampleError::TrainTokenizer`] with what the `tokenizers` crate says.
pub fn train_tokenizer(texts: &[String], size: usize) -> Result<String, ExampleError> {
    let special = SPECIAL_TOKENS.map(|token| AddedToken::from(token, true));
    let mut trainer = BpeTrainerBuilder::new()
        .vocab_size(size)
        .min_frequency(2)
        .show_progress(false)
        .special_tokens(special.to_vec())
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    let pieces = ByteLevel::new(false, true, true);
    let before = Sequence::new(vec![Digits::new(true).into(), pieces.into()]);
    let refused = |source| ExampleError::TrainTokenizer { source };
    let mut tokenizer = TokenizerBuilder::<BPE, NormalizerWrapper, _, _, _>::new()
        .with_model(BPE::default())
        .with_normalizer(None)
        .with_pre_tokenizer(Some(before))
        .with_post_processor(Some(pieces))
        .with_decoder(Some(pieces))
        .build()
        .map_err(refused)?;
    tokenizer
        .train(&mut trainer, texts.iter())
        .map_err(refused)?;
    tokenizer.to_string(true).map_err(refused)
}
