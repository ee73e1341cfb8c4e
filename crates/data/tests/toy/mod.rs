//! Byte-level BPE over the vocabulary of `spans/golden.json`, written apart from the crate that made it.
//!
//! No cutting into words: merges reach over everything between two special tokens.

use std::collections::HashMap;
use std::convert::Infallible;

use anneal_data::{Cut, Message, Tokenize};
use serde::Deserialize;

/// The golden file.
#[derive(Deserialize)]
pub struct Golden {
    vocabulary: Vec<String>,
    merges: Vec<String>,
    specials: HashMap<String, u32>,
    pub conversations: HashMap<String, Vec<Message>>,
    pub cases: Vec<Case>,
}

/// A conversation under a template, as Python sees it.
#[derive(Deserialize)]
pub struct Case {
    pub template: String,
    pub conversation: String,
    pub text: String,
    pub input_ids: Vec<u32>,
    pub mask: Vec<u8>,
    /// Tokens of the prompt before each answer; none where it is no prefix.
    pub prompts: Vec<Option<usize>>,
}

pub fn golden() -> Golden {
    serde_json::from_str(include_str!("../spans/golden.json")).unwrap()
}

/// The tokenizer; tells where special tokens stand if `cuts`.
pub struct Toy {
    ids: HashMap<Vec<u8>, u32>,
    bytes: HashMap<u32, Vec<u8>>,
    merges: Vec<(Vec<u8>, Vec<u8>)>,
    specials: Vec<(String, u32)>,
    pub cuts: bool,
}

impl Toy {
    pub fn new(golden: &Golden, cuts: bool) -> Self {
        let spelt = byte_of_character();
        let bytes_of = |token: &str| token.chars().map(|c| spelt[&c]).collect::<Vec<u8>>();
        let tokens = golden.vocabulary.iter().map(|token| bytes_of(token));
        let ids: HashMap<Vec<u8>, u32> = tokens.zip(0..).collect();
        let merges = golden.merges.iter().map(|merge| {
            let (left, right) = merge.split_once(' ').unwrap();
            (bytes_of(left), bytes_of(right))
        });
        let specials = golden.specials.iter().map(|(text, &id)| (text.clone(), id));
        let mut bytes: HashMap<u32, Vec<u8>> =
            ids.iter().map(|(text, &id)| (id, text.clone())).collect();
        bytes.extend(specials.clone().map(|(text, id)| (id, text.into_bytes())));
        Self {
            merges: merges.collect(),
            specials: specials.collect(),
            ids,
            bytes,
            cuts,
        }
    }

    /// The text of ids; broken characters become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> Result<String, Infallible> {
        let bytes: Vec<u8> = ids.iter().flat_map(|id| self.bytes[id].clone()).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Bytes of a token.
    pub fn length(&self, id: u32) -> usize {
        self.bytes[&id].len()
    }

    fn merge(&self, text: &str, ids: &mut Vec<u32>) {
        let mut parts: Vec<Vec<u8>> = text.bytes().map(|byte| vec![byte]).collect();
        for (left, right) in &self.merges {
            let mut at = 0;
            while at + 1 < parts.len() {
                if parts[at] == *left && parts[at + 1] == *right {
                    let right = parts.remove(at + 1);
                    parts[at].extend(right);
                }
                at += 1;
            }
        }
        ids.extend(parts.iter().map(|part| self.ids[part]));
    }

    fn next_special<'a>(&'a self, text: &str) -> Option<(usize, &'a str, u32)> {
        let found = self.specials.iter().filter_map(|(special, id)| {
            text.find(special.as_str())
                .map(|at| (at, special.as_str(), *id))
        });
        found.min_by_key(|&(at, ..)| at)
    }
}

impl Tokenize for Toy {
    type Error = Infallible;

    fn encode(&self, text: &str) -> Result<Vec<u32>, Infallible> {
        let slow = self.encode_with_cuts(text)?;
        Ok(slow.0)
    }

    fn encode_with_cuts(&self, text: &str) -> Result<(Vec<u32>, Vec<Cut>), Infallible> {
        let (mut ids, mut cuts, mut from) = (Vec::new(), Vec::new(), 0);
        while let Some((at, special, id)) = self.next_special(&text[from..]) {
            let start = from + at;
            self.merge(&text[from..start], &mut ids);
            from = start + special.len();
            cuts.push(Cut {
                bytes: start..from,
                token: ids.len(),
            });
            ids.push(id);
        }
        self.merge(&text[from..], &mut ids);
        if !self.cuts {
            cuts.clear();
        }
        Ok((ids, cuts))
    }
}

/// The characters in which byte-level BPE spells bytes: printable ones stand for themselves, the others
/// follow from U+0100 on.
fn byte_of_character() -> HashMap<char, u8> {
    let mut next = 256;
    let spelt = (0..=255_u8).map(|byte| match byte {
        b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF => (char::from(byte), byte),
        _ => {
            next += 1;
            (char::from_u32(next - 1).unwrap(), byte)
        }
    });
    spelt.collect()
}
