//! The tokenizer that a GGUF's metadata describes.

use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::{BPE, Merges, Vocab};
use tokenizers::pre_tokenizers::metaspace::PrependScheme;

use super::Tokenizer;
use super::pre_tokenizer::{NAMES, Rule};
use super::sentencepiece;
use super::vocabulary::{Kind, Piece, added_tokens, around, duplicate, fail};
use crate::LlamaError;
use crate::weights::{GgufFile, GgufValue};

const MODEL: &str = "tokenizer.ggml.model";
const PRE: &str = "tokenizer.ggml.pre";
const TOKENS: &str = "tokenizer.ggml.tokens";
const MERGES: &str = "tokenizer.ggml.merges";
const SCORES: &str = "tokenizer.ggml.scores";
const TYPES: &str = "tokenizer.ggml.token_type";

impl Tokenizer {
    /// The tokenizer, if the file has one: a model of token ids needs none.
    pub(crate) fn of_metadata(file: &GgufFile) -> Result<Option<Self>, LlamaError> {
        // llama.cpp's own names for "none".
        let none = |value: &GgufValue| matches!(value.as_str(), Some("no_vocab" | "none"));
        let absent = match file.metadata.get(MODEL) {
            Some(value) => none(value),
            None => !file.metadata.contains_key(TOKENS),
        };
        if absent {
            return Ok(None);
        }
        Self::from_metadata(file).map(Some)
    }

    /// Builds the tokenizer that a GGUF's metadata describes: `gpt2` is
    /// byte-level BPE, `llama` SentencePiece.
    pub(crate) fn from_metadata(file: &GgufFile) -> Result<Self, LlamaError> {
        let expected = "\"gpt2\" (byte-level BPE) or \"llama\" (SentencePiece)";
        let kind = file.required(MODEL, expected, GgufValue::as_str)?;
        let (inner, pieces, adds_bos) = match kind {
            "gpt2" => byte_level(file)?,
            "llama" => by_scores(file)?,
            other => return Err(file.refuse(MODEL, &format!("{other:?}"), expected)),
        };
        finish(file, inner, &pieces, adds_bos)
    }
}

/// A model, its vocabulary, and whether texts begin with the begin token where
/// the file does not say.
type Parts = (tokenizers::Tokenizer, Vec<Piece>, bool);

fn byte_level(file: &GgufFile) -> Result<Parts, LlamaError> {
    let expected = format!("{NAMES}: how text is cut is not in the file and cannot be guessed");
    let name = file.required(PRE, &expected, GgufValue::as_str)?;
    let rule =
        Rule::named(name).ok_or_else(|| file.refuse(PRE, &format!("{name:?}"), &expected))?;
    let pieces = pieces(file, None)?;
    let vocabulary: Vocab = pieces
        .iter()
        .enumerate()
        .map(|(id, piece)| (piece.text.clone(), id as u32))
        .collect();
    let merges = merges(file, &vocabulary)?;
    let model = BPE::builder()
        .vocab_and_merges(vocabulary, merges)
        .ignore_merges(rule.ignore_merges)
        .build();
    let mut inner = tokenizers::Tokenizer::new(model.map_err(|e| fail(file.path(), e))?);
    inner.with_pre_tokenizer(Some(rule.build().map_err(|e| fail(file.path(), e))?));
    inner.with_decoder(Some(ByteLevel::default()));
    Ok((inner, pieces, rule.adds_bos))
}

fn by_scores(file: &GgufFile) -> Result<Parts, LlamaError> {
    let pieces = pieces(file, Some(&scores(file)?))?;
    let unknown = id(file, "unknown", &pieces)?;
    let prefix = flag(file, "tokenizer.ggml.add_space_prefix")?.unwrap_or(true);
    let prefix = if prefix {
        PrependScheme::First
    } else {
        PrependScheme::Never
    };
    let inner = sentencepiece::build(file.path(), &pieces, unknown, prefix)?;
    Ok((inner, pieces, true))
}

/// Adds what both kinds have: special tokens, and those around a text.
fn finish(
    file: &GgufFile,
    mut inner: tokenizers::Tokenizer,
    pieces: &[Piece],
    adds_bos: bool,
) -> Result<Tokenizer, LlamaError> {
    let [bos, eos, unknown] = ["bos", "eos", "unknown"].map(|name| id(file, name, pieces));
    let (bos, eos) = (bos?, eos?);
    // Files often name a padding token that was never added to the vocabulary;
    // nothing here pads, so that does no harm.
    let padding = id(file, "padding", pieces).ok().flatten();
    let named: Vec<u32> = [bos, eos, unknown?, padding]
        .into_iter()
        .flatten()
        .collect();
    inner.add_tokens(&added_tokens(pieces, &named));
    let token = |name: &str, token: Option<u32>, by_default: bool| {
        let key = format!("tokenizer.ggml.add_{name}_token");
        let asked = flag(file, &key)?;
        if !asked.unwrap_or(by_default) {
            return Ok(None);
        }
        let token = token.map(|id| (id, pieces[id as usize].text.clone()));
        if token.is_none() && asked == Some(true) {
            let expected = format!("false, or tokenizer.ggml.{name}_token_id");
            return Err(file.refuse(&key, "true", &expected));
        }
        Ok(token)
    };
    let (bos, eos) = (token("bos", bos, adds_bos)?, token("eos", eos, false)?);
    let around = around(file.path(), bos, eos)?;
    inner.with_post_processor(Some(around));
    Ok(Tokenizer::new(inner))
}

/// The vocabulary, with its scores where the kind has them.
fn pieces(file: &GgufFile, scores: Option<&[f32]>) -> Result<Vec<Piece>, LlamaError> {
    let tokens = file.required(TOKENS, "a list of texts", GgufValue::as_list)?;
    let types = file.required(TYPES, "a list", GgufValue::as_list)?;
    same_length(file, TYPES, "type", types.len(), tokens.len())?;
    if let Some(scores) = scores {
        same_length(file, SCORES, "score", scores.len(), tokens.len())?;
    }
    let pieces = tokens.iter().zip(types).enumerate();
    let pieces = pieces.map(|(i, (token, kind))| {
        let at = |key: &str| format!("{key}[{i}]");
        let text = token
            .as_str()
            .ok_or_else(|| file.refuse(&at(TOKENS), &token.describe(), "a text"))?;
        let number = kind.as_u64().and_then(Kind::from_number);
        let kind = number
            .ok_or_else(|| file.refuse(&at(TYPES), &kind.describe(), "a token type from 1 to 6"))?;
        Ok(Piece {
            text: text.to_owned(),
            kind,
            score: scores.map_or(0.0, |scores| scores[i]),
        })
    });
    let pieces = pieces.collect::<Result<Vec<_>, LlamaError>>()?;
    match duplicate(&pieces) {
        Some((first, again)) => {
            let text = &pieces[first].text;
            Err(fail(
                file.path(),
                format!("{TOKENS}[{again}] is {text:?}, which is also token {first}"),
            ))
        }
        None => Ok(pieces),
    }
}

fn scores(file: &GgufFile) -> Result<Vec<f32>, LlamaError> {
    let scores = file.required(SCORES, "a list of one score per token", GgufValue::as_list)?;
    let scores = scores.iter().enumerate().map(|(i, score)| {
        let number = match score {
            GgufValue::Signed(number) => Some(*number as f64),
            other => other.as_f64(),
        };
        number
            .map(|number| number as f32)
            .filter(|number| number.is_finite())
            .ok_or_else(|| {
                file.refuse(
                    &format!("{SCORES}[{i}]"),
                    &score.describe(),
                    "a finite number",
                )
            })
    });
    scores.collect()
}

/// The merges, each of two tokens that make a third.
fn merges(file: &GgufFile, vocabulary: &Vocab) -> Result<Merges, LlamaError> {
    let merges = file.required(MERGES, "a list of texts", GgufValue::as_list)?;
    let merges = merges.iter().enumerate().map(|(i, merge)| {
        let pair = merge.as_str().and_then(|merge| merge.split_once(' '));
        let (left, right) = pair.ok_or_else(|| {
            let expected = "two tokens with a space between";
            file.refuse(&format!("{MERGES}[{i}]"), &merge.describe(), expected)
        })?;
        let joined = format!("{left}{right}");
        match [left, right, &joined]
            .into_iter()
            .find(|t| !vocabulary.contains_key(*t))
        {
            None => Ok((left.to_owned(), right.to_owned())),
            Some(missing) => {
                let expected = format!("tokens of the vocabulary; {missing:?} is none");
                Err(file.refuse(&format!("{MERGES}[{i}]"), &merge.describe(), &expected))
            }
        }
    });
    merges.collect()
}

/// A special token's id, which the vocabulary must hold.
fn id(file: &GgufFile, name: &str, pieces: &[Piece]) -> Result<Option<u32>, LlamaError> {
    let key = format!("tokenizer.ggml.{name}_token_id");
    let Some(value) = file.metadata.get(&key) else {
        return Ok(None);
    };
    let id = value.as_u64().filter(|&id| id < pieces.len() as u64);
    match id {
        Some(id) => Ok(Some(id as u32)),
        None => {
            let expected = format!("an id below {}", pieces.len());
            Err(file.refuse(&key, &value.describe(), &expected))
        }
    }
}

fn flag(file: &GgufFile, key: &str) -> Result<Option<bool>, LlamaError> {
    match file.metadata.get(key) {
        None => Ok(None),
        Some(GgufValue::Bool(flag)) => Ok(Some(*flag)),
        Some(other) => Err(file.refuse(key, &other.describe(), "true or false")),
    }
}

fn same_length(
    file: &GgufFile,
    key: &str,
    what: &str,
    found: usize,
    tokens: usize,
) -> Result<(), LlamaError> {
    if found == tokens {
        return Ok(());
    }
    let expected = format!("one {what} for each of the {tokens} tokens");
    Err(file.refuse(key, &format!("a list of {found}"), &expected))
}
