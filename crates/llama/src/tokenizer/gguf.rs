//! A byte-level BPE tokenizer from GGUF metadata.

use std::collections::HashMap;

use tokenizers::models::bpe::{BPE, Vocab};
use tokenizers::pre_tokenizers::{byte_level::ByteLevel, digits::Digits, sequence::Sequence};
use tokenizers::{AddedToken, PreTokenizerWrapper};

use super::Tokenizer;
use crate::LlamaError;
use crate::weights::{GgufFile, GgufValue};

/// llama.cpp's token types: a token that text never produces by merging.
const CONTROL: u64 = 3;
/// A token that is matched in text before merging.
const USER_DEFINED: u64 = 4;

impl Tokenizer {
    /// Builds the tokenizer that a GGUF's metadata describes.
    ///
    /// # Errors
    /// [`LlamaError::Config`] if the metadata is incomplete or of a kind that
    /// is not supported; [`LlamaError::Tokenizer`] if it contradicts itself.
    pub(crate) fn from_gguf(file: &GgufFile) -> Result<Self, LlamaError> {
        let kind = file.required("tokenizer.ggml.model", "\"gpt2\"", GgufValue::as_str)?;
        if kind != "gpt2" {
            let found = format!("{kind:?}");
            return Err(file.refuse("tokenizer.ggml.model", &found, "\"gpt2\" (byte-level BPE)"));
        }
        let tokens = texts(file, "tokenizer.ggml.tokens")?;
        let merges = texts(file, "tokenizer.ggml.merges")?;
        let fail = |what: String| LlamaError::Tokenizer {
            path: file.path().to_owned(),
            what,
        };
        let merges = merges.iter().enumerate().map(|(i, merge)| {
            merge
                .split_once(' ')
                .map(|(a, b)| (a.to_owned(), b.to_owned()))
                .ok_or_else(|| {
                    fail(format!(
                        "tokenizer.ggml.merges[{i}] is {merge:?}; expected two parts and a space"
                    ))
                })
        });
        let merges = merges.collect::<Result<Vec<_>, _>>()?;
        let vocabulary: HashMap<String, u32> = tokens
            .iter()
            .enumerate()
            .map(|(id, token)| ((*token).to_owned(), id as u32))
            .collect();
        if vocabulary.len() != tokens.len() {
            let twice = tokens.len() - vocabulary.len();
            return Err(fail(format!(
                "tokenizer.ggml.tokens repeats {twice} tokens"
            )));
        }
        let bpe = BPE::builder()
            .vocab_and_merges(vocabulary.into_iter().collect::<Vocab>(), merges)
            .build();
        let bpe = bpe.map_err(|e| fail(e.to_string()))?;
        let mut inner = tokenizers::Tokenizer::new(bpe);
        inner.with_pre_tokenizer(Some(pre_tokenizer(file)?));
        inner.with_decoder(Some(ByteLevel::default()));
        let special = special_tokens(file, &tokens)?;
        inner.add_special_tokens(&special);
        let adds_bos =
            file.metadata.get("tokenizer.ggml.add_bos_token") == Some(&GgufValue::Bool(true));
        let bos = file
            .metadata
            .get("tokenizer.ggml.bos_token_id")
            .and_then(GgufValue::as_u64);
        Ok(Self::new(
            inner,
            bos.filter(|_| adds_bos).map(|id| id as u32),
        ))
    }
}

/// How text is cut before merging, by llama.cpp's name for it.
fn pre_tokenizer(file: &GgufFile) -> Result<PreTokenizerWrapper, LlamaError> {
    const KEY: &str = "tokenizer.ggml.pre";
    let byte_level = ByteLevel::new(false, true, true);
    match file.required(KEY, "a name", GgufValue::as_str)? {
        // Digits stand alone before GPT-2's rule is applied; transformers' own
        // conversion of a GGUF forgets that.
        "smollm" => Ok(Sequence::new(vec![Digits::new(true).into(), byte_level.into()]).into()),
        "gpt-2" | "gpt2" => Ok(byte_level.into()),
        other => Err(file.refuse(KEY, &format!("{other:?}"), "\"smollm\" or \"gpt-2\"")),
    }
}

/// The tokens that are matched whole in text.
fn special_tokens(file: &GgufFile, tokens: &[&str]) -> Result<Vec<AddedToken>, LlamaError> {
    const KEY: &str = "tokenizer.ggml.token_type";
    let types = file.required(KEY, "a list", GgufValue::as_list)?;
    if types.len() != tokens.len() {
        let expected = format!("one type for each of the {} tokens", tokens.len());
        return Err(file.refuse(KEY, &format!("a list of {}", types.len()), &expected));
    }
    let special = types
        .iter()
        .zip(tokens)
        .filter(|(kind, _)| matches!(kind.as_u64(), Some(CONTROL | USER_DEFINED)));
    Ok(special
        .map(|(_, token)| AddedToken::from((*token).to_owned(), true))
        .collect())
}

fn texts<'a>(file: &'a GgufFile, key: &str) -> Result<Vec<&'a str>, LlamaError> {
    file.required(key, "a list of texts", |value| {
        value.as_list()?.iter().map(GgufValue::as_str).collect()
    })
}
