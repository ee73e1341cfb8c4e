//! What is said of a row that is wrong: the whole message.

use anneal_data::{DataError, Format};
use serde_json::{Value, json};

use super::read;

/// The message without the place, which every one begins with; each is about a row.
fn message(format: Format, fields: Value) -> String {
    let error = read(format, fields).unwrap_err();
    if let DataError::Format(error) = &error {
        assert!(error.is_of_row());
    }
    let text = error.to_string();
    let rest = text.strip_prefix("`rows.jsonl` line 7: ");
    rest.unwrap_or_else(|| panic!("{text} does not name the place"))
        .to_owned()
}

/// The message for a list of turns as `messages`, and the same for ShareGPT and for a prompt.
fn turns_message(list: Value) -> String {
    let text = message(Format::Messages, json!({"messages": list}));
    for (format, fields) in [
        (Format::ShareGpt, json!({"conversations": list})),
        (
            Format::PromptCompletion,
            json!({"prompt": list, "completion": "a"}),
        ),
        (
            Format::Preference,
            json!({"chosen": list, "rejected": list}),
        ),
    ] {
        let field = match format {
            Format::ShareGpt => "`conversations`",
            Format::PromptCompletion => "`prompt`",
            _ => "`chosen`",
        };
        assert_eq!(message(format, fields), text.replace("`messages`", field));
    }
    text
}

#[test]
fn missing_fields_nulls_and_numbers_are_told_apart() {
    let context = Format::SqlCreateContext;
    let cases = [
        (
            context,
            json!({"question": "a", "context": "b", "sql": "c"}),
            "no field `answer`; the row has [\"question\", \"context\", \"sql\"]",
        ),
        (
            context,
            json!({"question": "a", "context": "b", "answer": null}),
            "field `answer` must be a string, found null",
        ),
        (
            context,
            json!({"question": "a", "context": "b", "answer": 3}),
            "field `answer` must be a string, found a number",
        ),
        (
            Format::Spider,
            json!({"db_id": "a", "question": "b", "answer": "c"}),
            "no field `sql` (or `query`); the row has [\"db_id\", \"question\", \"answer\"]",
        ),
        (
            Format::Spider,
            json!({"db_id": "a", "question": "b", "query": ["c"]}),
            "field `query` must be a string, found an array",
        ),
        (
            Format::Spider,
            json!({"db_id": "a", "question": "b", "sql": "c", "hardness": 2}),
            "field `hardness` must be a string, found a number",
        ),
        (
            Format::Spider,
            json!({"db_id": "a", "question": "b", "sql": "c", "exec_ok": "yes"}),
            "field `exec_ok` must be true or false, found a string",
        ),
        (
            Format::Alpaca,
            json!({"instruction": "a", "input": 1, "output": "b"}),
            "field `input` must be a string, found a number",
        ),
        (
            Format::PromptCompletion,
            json!({"prompt": "a", "text": "b"}),
            "no field `completion` (or `response`); the row has [\"prompt\", \"text\"]",
        ),
        (
            Format::PromptCompletion,
            json!({"prompt": {}, "completion": "b"}),
            "field `prompt` must be a string or a list of turns, found an object",
        ),
        (
            Format::Messages,
            json!({"messages": "[]"}),
            "field `messages` must be a list of turns, found a string",
        ),
        (
            Format::Preference,
            json!({"chosen": "a", "rejected": "b"}),
            "no field `prompt`; the row has [\"chosen\", \"rejected\"]",
        ),
        (
            Format::Preference,
            json!({"prompt": null, "chosen": [{"role": "assistant", "content": "a"}], "rejected": "b"}),
            "field `prompt` must be a string or a list of turns, found null",
        ),
    ];
    for (format, fields, expected) in cases {
        assert_eq!(message(format, fields), expected);
    }
}

#[test]
fn texts_that_say_nothing_are_refused() {
    let cases = [
        (
            Format::SqlCreateContext,
            json!({"question": "", "context": "b", "answer": "c"}),
            "field `question` is blank",
        ),
        (
            Format::SqlCreateContext,
            json!({"question": "a", "context": " ", "answer": "c"}),
            "field `context` is blank",
        ),
        (
            Format::SqlCreateContext,
            json!({"question": "a", "context": "b", "answer": "\n\t"}),
            "field `answer` is blank",
        ),
        (
            Format::Spider,
            json!({"db_id": "", "question": "b", "sql": "c"}),
            "field `db_id` is blank",
        ),
        (
            Format::Spider,
            json!({"db_id": "a", "question": "b", "sql": {}, "query": ""}),
            "field `query` is blank",
        ),
        (
            Format::Alpaca,
            json!({"instruction": "", "input": "", "output": "b"}),
            "field `instruction` is blank",
        ),
        (
            Format::Alpaca,
            json!({"instruction": "", "input": " ", "output": "b"}),
            "field `input` is blank",
        ),
        (
            Format::Alpaca,
            json!({"instruction": "a", "output": ""}),
            "field `output` is blank",
        ),
        (
            Format::PromptCompletion,
            json!({"prompt": "a", "response": " "}),
            "field `response` is blank",
        ),
        (
            Format::Preference,
            json!({"prompt": "a", "chosen": "b", "rejected": ""}),
            "field `rejected` is blank",
        ),
    ];
    for (format, fields, expected) in cases {
        assert_eq!(message(format, fields), expected);
    }
}

#[test]
fn a_wrong_turn_is_named_by_number() {
    let user = json!({"role": "user", "content": "q"});
    let cases = [
        (json!([]), "`messages` has no turns"),
        (
            json!([user, "a"]),
            "turn 2 of `messages` must be an object with a role and a content, found a string",
        ),
        (
            json!([user, {"speaker": "gpt", "content": "a"}]),
            "turn 2 of `messages` has no `role` (or `from`); it has [\"speaker\", \"content\"]",
        ),
        (
            json!([user, {"role": "assistant", "text": "a"}]),
            "turn 2 of `messages` has no `content` (or `value`); it has [\"role\", \"text\"]",
        ),
        (
            json!([{"role": 1, "content": "a"}]),
            "`role` of turn 1 of `messages` must be a string, found a number",
        ),
        (
            json!([user, {"from": "assistant", "value": null}]),
            "`value` of turn 2 of `messages` must be a string, found null",
        ),
        (
            json!([user, {"role": "Assistant", "content": "a"}]),
            "turn 2 of `messages` has the unknown role `Assistant`; known are system, user, human, assistant, gpt, chatgpt, bing, bard, model, tool, observation, function_response, tool_response",
        ),
        (
            json!([user, {"role": "assistant", "content": null, "tool_calls": [{"name": "f"}]}]),
            "turn 2 of `messages` carries `tool_calls`, which is not supported",
        ),
        (
            json!([user, {"role": "assistant", "content": "a", "reasoning_content": "so"}]),
            "turn 2 of `messages` carries `reasoning_content`, which is not supported",
        ),
        (
            json!([user, {"role": "assistant", "content": "a", "weight": 0}]),
            "turn 2 of `messages` carries `weight`, which is not supported",
        ),
        (
            json!([{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "image"}]}]),
            "`content` of turn 1 of `messages` has a part that is no text, found image",
        ),
        (
            json!([{"role": "user", "content": ["a"]}]),
            "`content` of turn 1 of `messages` has a part that is no text, found a string",
        ),
        (
            json!([user, {"role": "assistant", "content": " \n"}]),
            "turn 2 of `messages` is the assistant's and blank",
        ),
        (
            json!([user, {"role": "assistant", "content": []}]),
            "turn 2 of `messages` is the assistant's and blank",
        ),
    ];
    for (list, expected) in cases {
        assert_eq!(turns_message(list), expected);
    }
}

#[test]
fn a_conversation_that_teaches_nothing_is_refused() {
    let user = json!({"role": "user", "content": "q"});
    assert_eq!(
        message(Format::Messages, json!({"messages": [user, user]})),
        "`messages` has no turn of the assistant in 2 turns"
    );
    assert_eq!(
        message(
            Format::ShareGpt,
            json!({"system": "s", "conversations": [user]})
        ),
        "`conversations` has no turn of the assistant in 1 turns"
    );
}

#[test]
fn tools_are_refused_in_every_conversation() {
    let turn = json!({"role": "assistant", "content": "a"});
    for (format, mut fields) in [
        (Format::Messages, json!({"messages": [turn]})),
        (Format::ShareGpt, json!({"conversations": [turn]})),
        (
            Format::PromptCompletion,
            json!({"prompt": "a", "completion": "b"}),
        ),
        (
            Format::Preference,
            json!({"prompt": "a", "chosen": "b", "rejected": "c"}),
        ),
    ] {
        for none in [json!(null), json!([]), json!(""), json!("[]")] {
            fields["tools"] = none;
            assert!(read(format, fields.clone()).is_ok(), "{fields}");
        }
        fields["tools"] = json!([{"type": "function"}]);
        assert_eq!(
            message(format, fields),
            "the row defines `tools`, which are not supported"
        );
    }
}

#[test]
fn a_history_that_is_no_list_of_pairs_is_refused() {
    let row = |history: Value| json!({"instruction": "a", "output": "b", "history": history});
    assert_eq!(
        message(Format::Alpaca, row(json!({"a": "b"}))),
        "field `history` must be a list of pairs, found an object"
    );
    for entry in [
        json!(["c"]),
        json!(["c", "d", "e"]),
        json!(["c", 1]),
        json!("c"),
        json!(["c", " "]),
    ] {
        assert_eq!(
            message(Format::Alpaca, row(json!([["a", "b"], entry]))),
            "entry 2 of `history` must be a pair of texts, a question and an answer that is not blank"
        );
    }
}

#[test]
fn preferences_without_a_prompt_or_a_difference_are_refused() {
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    let (q, a, b) = (
        turn("user", "q"),
        turn("assistant", "a"),
        turn("assistant", "b"),
    );
    let cases = [
        (
            json!({"prompt": "q", "chosen": "a", "rejected": "a"}),
            "`chosen` and `rejected` are the same",
        ),
        (
            json!({"prompt": "q", "chosen": "a", "rejected": [a]}),
            "`chosen` and `rejected` are the same",
        ),
        (
            json!({"chosen": [q, a], "rejected": [q, a]}),
            "`chosen` and `rejected` are the same",
        ),
        (
            json!({"chosen": [a], "rejected": [b]}),
            "there is no prompt: `chosen` and `rejected` share no first turn, and no `prompt` stands beside them",
        ),
        (
            json!({"prompt": "q", "chosen": [q, a], "rejected": [turn("user", "Q"), b]}),
            "there is no prompt: `chosen` and `rejected` share no first turn, and no `prompt` stands beside them",
        ),
        (
            json!({"prompt": [q], "chosen": [a], "rejected": [q, b]}),
            "the answer `rejected` must begin with a turn of the assistant, found user",
        ),
        (
            json!({"prompt": [], "chosen": [a], "rejected": [b]}),
            "`prompt` has no turns",
        ),
        (
            json!({"chosen": [q, a, q, a], "rejected": [q, a, turn("user", "r"), a]}),
            "the answer `chosen` must begin with a turn of the assistant, found user",
        ),
    ];
    for (fields, expected) in cases {
        assert_eq!(message(Format::Preference, fields), expected);
    }
    assert_eq!(
        message(
            Format::PromptCompletion,
            json!({"prompt": "a", "completion": [q, a]})
        ),
        "the answer `completion` must begin with a turn of the assistant, found user"
    );
}
