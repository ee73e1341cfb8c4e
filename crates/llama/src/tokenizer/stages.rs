//! The steps of a tokenizer's decoder, one token at a time.
//!
//! A decoder of the `tokenizers` crate maps a list of token spellings to a list
//! of texts. Each [`Stage`] does one step of that and holds back only what a
//! later token could still change.

use tokenizers::{Decoder, DecoderWrapper};

use super::byte_level;
use crate::LlamaError;

/// One step, with what it holds back.
#[derive(Debug)]
pub(super) enum Stage<'a> {
    /// Each text on its own; the decoder may treat the first one apart.
    Each {
        decoder: &'a DecoderWrapper,
        first: bool,
    },
    /// A run of SentencePiece's byte tokens, whose end decides about all of it.
    ByteRun {
        decoder: &'a DecoderWrapper,
        run: Vec<String>,
    },
    /// Bytes of byte-level spellings, up to the end of a character.
    Utf8 { held: Vec<u8> },
    /// Drops characters at the start of the whole text.
    StripStart { content: char, left: usize },
    /// No decoder: texts with a space between.
    Spaced { first: bool },
    /// Steps that need the whole list.
    Whole {
        decoders: Vec<&'a DecoderWrapper>,
        joined: bool,
        texts: Vec<String>,
    },
}

impl<'a> Stage<'a> {
    /// The steps of a decoder.
    pub(super) fn of(decoder: Option<&'a DecoderWrapper>) -> Vec<Self> {
        let Some(decoder) = decoder else {
            return vec![Self::Spaced { first: true }];
        };
        let steps: Vec<_> = match decoder {
            DecoderWrapper::Sequence(steps) => steps.get_decoders().iter().collect(),
            one => vec![one],
        };
        let mut stages = Vec::new();
        // After this the decoder sees one text, whatever the number of tokens.
        let mut joined = false;
        for (i, &decoder) in steps.iter().enumerate() {
            let stage = match decoder {
                DecoderWrapper::Fuse(_) => {
                    joined = true;
                    continue;
                }
                DecoderWrapper::Strip(strip) if joined && strip.stop == 0 => Self::StripStart {
                    content: strip.content,
                    left: strip.start,
                },
                DecoderWrapper::Replace(_)
                | DecoderWrapper::Metaspace(_)
                | DecoderWrapper::Strip(_)
                    if !joined =>
                {
                    let first = true;
                    Self::Each { decoder, first }
                }
                DecoderWrapper::ByteFallback(_) if !joined => {
                    let run = Vec::new();
                    Self::ByteRun { decoder, run }
                }
                DecoderWrapper::ByteLevel(_) if !joined => {
                    joined = true;
                    Self::Utf8 { held: Vec::new() }
                }
                _ => {
                    stages.push(Self::Whole {
                        decoders: steps[i..].to_vec(),
                        joined,
                        texts: Vec::new(),
                    });
                    break;
                }
            };
            stages.push(stage);
        }
        stages
    }

    /// Takes texts and returns those that are now certain.
    pub(super) fn push(&mut self, texts: Vec<String>) -> Result<Vec<String>, LlamaError> {
        match self {
            Self::Each { decoder, first } => {
                let each = texts.into_iter().map(|text| {
                    let before = if *first { None } else { Some(String::new()) };
                    *first = false;
                    let list = before.into_iter().chain([text]).collect();
                    Ok(decode(decoder, list)?.pop().unwrap_or_default())
                });
                each.collect()
            }
            Self::ByteRun { decoder, run } => {
                let mut certain = Vec::new();
                for text in texts {
                    if is_byte_token(&text) {
                        run.push(text);
                    } else {
                        certain.extend(decode(decoder, std::mem::take(run))?);
                        certain.push(text);
                    }
                }
                Ok(certain)
            }
            Self::Utf8 { held } => {
                for text in texts {
                    held.extend(byte_level::bytes(&text));
                }
                let certain = held.len() - unfinished(held);
                let rest = held.split_off(certain);
                let certain = std::mem::replace(held, rest);
                Ok(vec![String::from_utf8_lossy(&certain).into_owned()])
            }
            Self::StripStart { content, left } => {
                let strip = |text: String| {
                    let rest = text.trim_start_matches(|c| {
                        let drop = *left > 0 && c == *content;
                        *left = if drop { *left - 1 } else { 0 };
                        drop
                    });
                    rest.to_owned()
                };
                Ok(texts.into_iter().map(strip).collect())
            }
            Self::Spaced { first } => {
                let spaced = texts.into_iter().map(|text| {
                    let space = if *first { "" } else { " " };
                    *first = false;
                    format!("{space}{text}")
                });
                Ok(spaced.collect())
            }
            Self::Whole { texts: all, .. } => {
                all.extend(texts);
                Ok(Vec::new())
            }
        }
    }

    /// What was held back, now that nothing follows.
    pub(super) fn finish(&mut self) -> Result<Vec<String>, LlamaError> {
        match self {
            Self::ByteRun { decoder, run } => decode(decoder, std::mem::take(run)),
            Self::Utf8 { held } => Ok(vec![String::from_utf8_lossy(held).into_owned()]),
            Self::Whole {
                decoders,
                joined,
                texts,
            } => {
                let mut texts = std::mem::take(texts);
                if *joined {
                    texts = vec![texts.concat()];
                }
                for decoder in decoders {
                    texts = decode(decoder, texts)?;
                }
                Ok(texts)
            }
            Self::Each { .. } | Self::StripStart { .. } | Self::Spaced { .. } => Ok(Vec::new()),
        }
    }
}

fn decode(decoder: &DecoderWrapper, texts: Vec<String>) -> Result<Vec<String>, LlamaError> {
    decoder
        .decode_chain(texts)
        .map_err(|e| LlamaError::Encoding {
            what: e.to_string(),
        })
}

/// Whether the byte-fallback decoder reads a spelling as one byte.
fn is_byte_token(text: &str) -> bool {
    text.len() == 6
        && text.starts_with("<0x")
        && text.ends_with('>')
        && text
            .get(3..5)
            .is_some_and(|digits| u8::from_str_radix(digits, 16).is_ok())
}

/// How many bytes at the end begin a character that later bytes may complete.
fn unfinished(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |c| c.invalid());
    let open = std::str::from_utf8(last).is_err_and(|e| e.error_len().is_none());
    if open { last.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_character_that_may_still_be_completed_is_held() {
        assert_eq!(unfinished("aé".as_bytes()), 0);
        assert_eq!(unfinished(&"aé".as_bytes()[..2]), 1);
        assert_eq!(unfinished(&"😀".as_bytes()[..3]), 3);
        // A lone continuation byte and an impossible start stay what they are.
        assert_eq!(unfinished(&[b'a', 0x80]), 0);
        assert_eq!(unfinished(&[b'a', 0xFF]), 0);
        // E0 80 cannot begin a character (overlong), so 80 is not waited for.
        assert_eq!(unfinished(&[0xE0, 0x80]), 0);
    }
}
