//! Chat templates render to the text that transformers renders, byte for byte.
//!
//! `templates/rendered.json` is written by `templates/generate.py` (transformers 5.23.0, jinja2 3.1.6).
//! The templates are ours, in the style of their names (`chatml.jinja` adds a system turn where there is
//! none, as SmolLM2's does); `features.jinja` holds the constructs that templates in the wild use.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::time::{Duration, SystemTime};

use anneal_data::{ChatTemplate, Message, SqlPrompt, TrainingText, Turns};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    conversations: std::collections::BTreeMap<String, Vec<Message>>,
    rendered: Vec<Rendered>,
}

#[derive(Deserialize)]
struct Rendered {
    template: String,
    conversation: String,
    add_generation_prompt: bool,
    text: String,
}

fn template(name: &str) -> ChatTemplate {
    let source = match name {
        "chatml" => include_str!("templates/chatml.jinja"),
        "llama2" => include_str!("templates/llama2.jinja"),
        "llama3" => include_str!("templates/llama3.jinja"),
        "features" => include_str!("templates/features.jinja"),
        other => panic!("no template {other}"),
    };
    let noon = SystemTime::UNIX_EPOCH + Duration::from_secs(1_721_995_200);
    ChatTemplate::new(source, Some("<s>"), Some("</s>"))
        .unwrap()
        .at(noon)
}

#[test]
fn the_text_is_that_of_transformers() {
    let golden: Golden = serde_json::from_str(include_str!("templates/rendered.json")).unwrap();
    assert_eq!(golden.rendered.len(), 24);
    for case in golden.rendered {
        let messages = &golden.conversations[&case.conversation];
        let text = template(&case.template)
            .render(messages, case.add_generation_prompt)
            .unwrap();
        assert_eq!(
            text, case.text,
            "{} {} {}",
            case.template, case.conversation, case.add_generation_prompt
        );
    }
}

#[test]
fn the_built_in_chatml_writes_the_same_without_a_default_system_turn() {
    let messages = SqlPrompt::default()
        .conversation("CREATE TABLE a (b INT)", "b?", "SELECT b FROM a")
        .unwrap();
    for prompt in [false, true] {
        assert_eq!(
            ChatTemplate::chatml()
                .unwrap()
                .render(&messages, prompt)
                .unwrap(),
            template("chatml").render(&messages, prompt).unwrap()
        );
    }
}

#[test]
fn the_sql_prompt_is_the_text_that_the_peer_trains_on() {
    let messages = SqlPrompt::default()
        .conversation("CREATE TABLE a (b INT)", "b?", "SELECT b FROM a")
        .unwrap();
    let text = TrainingText::new(&template("chatml"), &messages, Turns::All, "<|im_end|>").unwrap();
    let span = text.spans[0].bytes.clone();
    assert_eq!(
        &text.text[..span.start],
        "<|im_start|>system\nTranslate the question to a SQLite query over the given schema.<|im_end|>\n\
         <|im_start|>user\nCREATE TABLE a (b INT)\n-- b?<|im_end|>\n<|im_start|>assistant\n"
    );
    assert_eq!(&text.text[span], "SELECT b FROM a<|im_end|>");
}

#[test]
fn end_tokens_are_found_and_follow_the_answer() {
    let cases = [
        ("chatml", "<|im_end|>", "SELECT 1<|im_end|>"),
        ("llama2", "</s>", " SELECT 1 </s>"),
        ("llama3", "<|eot_id|>", "SELECT 1<|eot_id|>"),
    ];
    let messages = SqlPrompt::default()
        .conversation("CREATE TABLE a (b INT)", "b?", "SELECT 1")
        .unwrap();
    for (name, end, answer) in cases {
        let template = template(name);
        assert_eq!(template.end_token().unwrap(), end, "{name}");
        let text = TrainingText::new(&template, &messages, Turns::All, end).unwrap();
        assert_eq!(&text.text[text.spans[0].bytes.clone()], answer, "{name}");
        assert_eq!(
            text.text,
            template.render(&messages, false).unwrap(),
            "{name}"
        );
    }
}

#[test]
fn a_conversation_out_of_order_is_refused_in_the_template_s_words() {
    let error = template("llama2")
        .render(&[Message::user("a"), Message::user("b")], true)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the chat template refuses this conversation: Roles must alternate: user, assistant, user, assistant … (template line 10)"
    );
}
