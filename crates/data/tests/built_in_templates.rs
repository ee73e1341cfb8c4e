//! The built-in templates write the text and the ids that transformers' `apply_chat_template` gives.
//!
//! `templates/built_in.json` and the two tiny tokenizers are written by `templates/generate_built_in.py`
//! (transformers 5.23.0), which also writes each text out by hand and compares.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::collections::BTreeMap;

use anneal_data::{BuiltInTemplate, ChatTemplate, Message, SpecialTokens};
use serde::Deserialize;
use tokenizers::Tokenizer;

#[derive(Deserialize)]
struct Golden {
    tokens: BTreeMap<String, BTreeMap<String, String>>,
    conversations: BTreeMap<String, Vec<Message>>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    template: String,
    conversation: String,
    add_generation_prompt: bool,
    text: Option<String>,
    error: Option<String>,
    byte_level: Option<String>,
    pieces: Option<String>,
}

fn golden() -> Golden {
    serde_json::from_str(include_str!("templates/built_in.json")).unwrap()
}

fn template(golden: &Golden, name: &str) -> ChatTemplate {
    let named = golden.tokens[name].iter();
    let tokens = named.fold(SpecialTokens::new(), |tokens, (name, text)| {
        tokens.with(name, text)
    });
    ChatTemplate::built_in(name.parse().unwrap(), &tokens).unwrap()
}

fn tokenizer(json: &str) -> Tokenizer {
    json.parse().unwrap()
}

fn ids(tokenizer: &Tokenizer, text: &str) -> String {
    let encoding = tokenizer.encode(text, false).unwrap();
    let ids: Vec<String> = encoding.get_ids().iter().map(u32::to_string).collect();
    ids.join(" ")
}

#[test]
fn text_and_ids_are_those_of_transformers() {
    let golden = golden();
    let byte_level = tokenizer(include_str!("templates/byte_level.json"));
    let pieces = tokenizer(include_str!("templates/pieces.json"));
    assert_eq!(
        golden.cases.len(),
        2 * BuiltInTemplate::ALL.len() * golden.conversations.len()
    );
    for case in &golden.cases {
        let place = format!(
            "{} {} {}",
            case.template, case.conversation, case.add_generation_prompt
        );
        let rendered = template(&golden, &case.template).render(
            &golden.conversations[&case.conversation],
            case.add_generation_prompt,
        );
        match (&case.text, &case.error) {
            (Some(expected), None) => {
                let text = rendered.unwrap();
                assert_eq!(text, *expected, "{place}");
                assert_eq!(Some(ids(&byte_level, &text)), case.byte_level, "{place}");
                assert_eq!(Some(ids(&pieces, &text)), case.pieces, "{place}");
            }
            (None, Some(message)) => {
                let error = rendered.unwrap_err().to_string();
                let expected = format!(
                    "the chat template refuses this conversation: {message} (template line "
                );
                assert!(error.starts_with(&expected), "{place}: {error}");
            }
            other => panic!("{place}: {other:?}"),
        }
    }
}

#[test]
fn alpaca_and_plain_text_begin_with_bos_where_the_tokenizer_would() {
    let tokens = SpecialTokens::new()
        .with("bos_token", "<s>")
        .with("eos_token", "</s>");
    let turns = [Message::user("a"), Message::assistant("b")];
    for kind in [BuiltInTemplate::Alpaca, BuiltInTemplate::Plain] {
        let template = ChatTemplate::built_in(kind, &tokens).unwrap();
        let text = template.render(&turns, false).unwrap();
        let with_bos = template.with_variable("add_bos_token", true);
        let expected = format!("<s>{text}");
        assert_eq!(with_bos.render(&turns, false).unwrap(), expected, "{kind}");
        assert_eq!(with_bos.end_token().unwrap(), "</s>", "{kind}");
    }
}
