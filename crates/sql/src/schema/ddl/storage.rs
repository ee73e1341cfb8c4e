//! The parts of a CREATE TABLE that say nothing about its columns and keys, and that no parser needs: expressions,
//! and words about storage.

use std::ops::Range;

use crate::lexer::{Kind, Token};

/// Opening and closing parenthesis of each expression that a schema does not need.
pub(super) fn expressions(tokens: &[Token<'_>]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = (from + 1..tokens.len()).find(|&at| {
        tokens[at].text == "("
            && ["check", "default", "as"]
                .iter()
                .any(|word| tokens[at - 1].is_word(word))
    }) {
        let Some(close) = closing(tokens, open) else {
            break;
        };
        if close > open + 1 {
            found.push((open, close));
        }
        from = close;
    }
    found
}

fn closing(tokens: &[Token<'_>], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text {
            "(" => depth += 1,
            ")" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Words about storage, collation and index kinds: nothing that a schema says.
pub(super) fn storage(tokens: &[Token<'_>], constraint: bool) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut at = 1;
    while at < tokens.len() {
        let word =
            |ahead: usize, word: &str| tokens.get(at + ahead).is_some_and(|t| t.is_word(word));
        let group = |ahead: usize| {
            let open = tokens.get(at + ahead).filter(|token| token.text == "(");
            open.and_then(|_| closing(tokens, at + ahead))
                .map(|close| close + 1 - at)
        };
        let count = if [
            "clustered",
            "nonclustered",
            "sparse",
            "rowguidcol",
            "distkey",
            "sortkey",
            "persisted",
            "enable",
            "disable",
            "visible",
            "invisible",
            "filestream",
            "hidden",
            "autoincrement",
            "noorder",
            "rely",
            "norely",
            "validate",
            "novalidate",
            "enforced",
        ]
        .iter()
        .any(|name| word(0, name))
        {
            Some(if word(0, "autoincrement") {
                1 + counting(&tokens[at + 1..])
            } else {
                1
            })
        } else if word(0, "using") && word(1, "index") {
            Some(tokens.len() - at)
        } else if word(0, "not") && word(1, "enforced")
            || !constraint && word(0, "foreign") && word(1, "key") && word(2, "references")
        {
            Some(2)
        } else if !constraint
            && word(0, "as")
            && !tokens[at - 1].is_word("always")
            && group(1).is_some()
        {
            group(1)
        } else if word(0, "generated") && word(3, "row") {
            Some(5)
        } else if word(0, "masked") && word(1, "with") || word(0, "with") && word(1, "tag") {
            group(2)
        } else if word(0, "with") && word(1, "masking") || word(0, "masking") && word(1, "policy") {
            let name = at + 2 + usize::from(word(0, "with"));
            let dots = (name + 1..tokens.len())
                .step_by(2)
                .take_while(|&dot| tokens[dot].text == ".")
                .count();
            Some(name + 2 * dots + 1 - at)
        } else if word(0, "collate") && tokens.get(at + 2).is_some_and(|dot| dot.text == ".") {
            Some(4)
        } else if word(0, "collate") || word(0, "encode") || word(0, "using") || word(0, "charset")
        {
            Some(2)
        } else if word(0, "character") && word(1, "set") || word(0, "not") && word(1, "for") {
            Some(3)
        } else if word(0, "identity") {
            let count = group(1).unwrap_or(1);
            (at > 0 && !constraint).then(|| count + counting(&tokens[at + count..]))
        } else if word(0, "with") || word(0, "codec") || word(0, "options") {
            group(1)
        } else if word(0, "on")
            && tokens
                .get(at + 1)
                .is_some_and(|next| next.kind == Kind::Quoted)
        {
            Some(2)
        } else if (word(0, "char") || word(0, "byte"))
            && tokens[at - 1]
                .text
                .starts_with(|c: char| c.is_ascii_digit())
        {
            Some(1)
        } else if word(0, "generated") && (word(2, "as") || word(3, "as") || word(4, "as")) {
            let identity = (2..6).find(|&ahead| word(ahead, "identity"));
            identity.map(|ahead| {
                let count = group(ahead + 1).unwrap_or(ahead + 1);
                count + counting(tokens.get(at + count..).unwrap_or_default())
            })
        } else {
            None
        };
        let count = count.unwrap_or(0).min(tokens.len() - at);
        if count > 0 {
            found.push(tokens[at].start..tokens[at + count - 1].end());
        }
        at += count.max(1);
    }
    found
}

/// How many tokens say where a counter starts and how it goes on.
fn counting(tokens: &[Token<'_>]) -> usize {
    const WORDS: [&str; 14] = [
        "START",
        "WITH",
        "INCREMENT",
        "BY",
        "CACHE",
        "NOCACHE",
        "ORDER",
        "NOORDER",
        "MINVALUE",
        "MAXVALUE",
        "CYCLE",
        "NOCYCLE",
        "NOMINVALUE",
        "NOMAXVALUE",
    ];
    let counts = |token: &&Token<'_>| {
        WORDS.iter().any(|word| token.is_word(word))
            || token.text == "-"
            || token.text.bytes().all(|byte| byte.is_ascii_digit())
    };
    tokens.iter().take_while(counts).count()
}
