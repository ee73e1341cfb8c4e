//! What each format's fields mean.

use anneal_data::{Flaw, Format, Message, Preference, Role, Sample, SqlSample};
use serde_json::{Value, json};

use super::{read, turns};

fn sql(format: Format, fields: Value) -> SqlSample {
    match read(format, fields).unwrap() {
        Sample::Sql(sample) => sample,
        other => panic!("{other:?} is no SQL"),
    }
}

fn preference(fields: Value) -> Preference {
    match read(Format::Preference, fields).unwrap() {
        Sample::Preference(row) => row,
        other => panic!("{other:?} is no preference"),
    }
}

#[test]
fn sql_create_context_keeps_white_space_and_ignores_other_fields() {
    let fields = json!({"question": " Wie viele Größen? \n", "context": "CREATE TABLE t (x)\n", "answer": " SELECT 1;", "db_id": "a"});
    let expected = SqlSample {
        question: " Wie viele Größen? \n".into(),
        context: Some("CREATE TABLE t (x)\n".into()),
        sql: " SELECT 1;".into(),
        ..SqlSample::default()
    };
    assert_eq!(sql(Format::SqlCreateContext, fields), expected);
}

#[test]
fn spider_takes_its_sql_where_the_text_is() {
    let row = |sql: Value, query: Value| json!({"db_id": "pets", "question": "q", "sql": sql, "query": query});
    let cases = [
        (row(json!("a"), json!("b")), "a"),
        (row(json!({"select": []}), json!("b")), "b"),
        (row(Value::Null, json!("b")), "b"),
        (row(json!("a"), Value::Null), "a"),
    ];
    for (fields, expected) in cases {
        assert_eq!(sql(Format::Spider, fields).sql, expected);
    }
}

#[test]
fn spider_reads_what_it_has_beside_the_query() {
    let fields = json!({"db_id": "pets", "question": "q", "sql": "s", "context": "CREATE TABLE t (x)",
        "hardness": "extra", "exec_ok": true, "missing_data": false, "n_rows": null});
    let expected = SqlSample {
        question: "q".into(),
        context: Some("CREATE TABLE t (x)".into()),
        sql: "s".into(),
        db_id: Some("pets".into()),
        difficulty: Some("extra".into()),
        flaw: None,
    };
    assert_eq!(sql(Format::Spider, fields), expected);
    // What CSV has for absent values.
    let fields = json!({"db_id": "pets", "question": "q", "sql": "s", "context": "", "difficulty": " ", "exec_ok": ""});
    let sample = sql(Format::Spider, fields);
    assert_eq!((sample.context, sample.difficulty), (None, None));
    assert_eq!(sample.flaw, None);
}

#[test]
fn a_row_known_to_be_unusable_says_so() {
    let cases = [
        (json!(true), json!(false), None),
        (Value::Null, Value::Null, None),
        (json!(false), json!(false), Some(Flaw::SqlFails)),
        (json!(true), json!(true), Some(Flaw::MissingData)),
        (json!(false), json!(true), Some(Flaw::SqlFails)),
        (json!("False"), json!("false"), Some(Flaw::SqlFails)),
        (json!("true"), json!("TRUE"), Some(Flaw::MissingData)),
    ];
    for (exec_ok, missing_data, expected) in cases {
        let fields = json!({"db_id": "a", "question": "q", "sql": "s", "exec_ok": exec_ok, "missing_data": missing_data});
        assert_eq!(
            sql(Format::Spider, fields.clone()).flaw,
            expected,
            "{fields}"
        );
    }
    assert_eq!(
        Flaw::SqlFails.to_string(),
        "its SQL does not run on its database (`exec_ok` is false)"
    );
    assert_eq!(
        Flaw::MissingData.to_string(),
        "its database lacks the rows it asks about (`missing_data` is true)"
    );
}

#[test]
fn alpaca_sets_the_input_apart_by_a_blank_line() {
    let user = |instruction: Value, input: Value| {
        let fields = json!({"instruction": instruction, "input": input, "output": "3"});
        let [user, answer] = <[Message; 2]>::try_from(turns(Format::Alpaca, fields)).unwrap();
        assert_eq!(answer, Message::assistant("3"));
        assert_eq!(user.role, Role::User);
        user.content
    };
    assert_eq!(user(json!("Add. "), json!(" 1 2\n")), "Add. \n\n 1 2\n");
    assert_eq!(user(json!("Add."), json!("")), "Add.");
    assert_eq!(user(json!("Add."), Value::Null), "Add.");
    assert_eq!(user(json!(""), json!("1 + 2")), "1 + 2");
    assert_eq!(user(Value::Null, json!("1 + 2")), "1 + 2");
}

#[test]
fn alpaca_puts_system_and_history_before() {
    let fields = json!({"system": "Be brief.", "history": [["a", "b"], ["", "d"]], "instruction": "e", "output": "f"});
    let expected = [
        Message::system("Be brief."),
        Message::user("a"),
        Message::assistant("b"),
        Message::user(""),
        Message::assistant("d"),
        Message::user("e"),
        Message::assistant("f"),
    ];
    assert_eq!(turns(Format::Alpaca, fields), expected);
    let fields = json!({"system": "", "history": [], "instruction": "e", "output": "f"});
    assert_eq!(turns(Format::Alpaca, fields).len(), 2);
}

#[test]
fn roles_have_aliases_in_either_spelling() {
    let names = [
        (Role::System, "system"),
        (Role::User, "user"),
        (Role::User, "human"),
        (Role::Assistant, "assistant"),
        (Role::Assistant, "gpt"),
        (Role::Assistant, "chatgpt"),
        (Role::Assistant, "bing"),
        (Role::Assistant, "bard"),
        (Role::Assistant, "model"),
        (Role::Tool, "tool"),
        (Role::Tool, "observation"),
        (Role::Tool, "function_response"),
        (Role::Tool, "tool_response"),
    ];
    let expected: Vec<Message> = names.map(|(role, name)| Message::new(role, name)).into();
    for (format, field) in [
        (Format::ShareGpt, "conversations"),
        (Format::Messages, "messages"),
    ] {
        for [who, what] in [["role", "content"], ["from", "value"], ["from", "content"]] {
            let list = names.map(|(_, name)| json!({who: name, what: name}));
            assert_eq!(turns(format, json!({field: list})), expected);
        }
    }
    // A table of both spellings has nulls in one of them.
    let both = json!({"role": null, "content": null, "from": "gpt", "value": "a", "weight": 1, "tool_calls": []});
    let read = turns(Format::Messages, json!({"messages": [both]}));
    assert_eq!(read, [Message::assistant("a")]);
}

#[test]
fn turns_stay_as_they_stand() {
    // Two of one speaker, a system turn in between, an empty question, no answer to the last one.
    let list = json!([
        {"role": "assistant", "content": " a "},
        {"role": "user", "content": ""},
        {"role": "system", "content": ""},
        {"role": "assistant", "content": "b"},
        {"role": "assistant", "content": "c"},
        {"role": "user", "content": "d"}
    ]);
    let expected = [
        Message::assistant(" a "),
        Message::user(""),
        Message::system(""),
        Message::assistant("b"),
        Message::assistant("c"),
        Message::user("d"),
    ];
    assert_eq!(turns(Format::Messages, json!({"messages": list})), expected);
}

#[test]
fn parts_of_text_are_joined_with_nothing_between() {
    let parts =
        json!([{"type": "text", "text": "a "}, {"type": "text", "text": "b", "image": null}]);
    let list = json!([{"role": "user", "content": []}, {"role": "assistant", "content": parts}]);
    let expected = [Message::user(""), Message::assistant("a b")];
    assert_eq!(turns(Format::Messages, json!({"messages": list})), expected);
}

#[test]
fn a_system_column_stands_before_turns_that_have_none() {
    let answer = json!({"from": "gpt", "value": "a"});
    let fields = json!({"system": "s", "conversations": [answer]});
    let expected = [Message::system("s"), Message::assistant("a")];
    assert_eq!(turns(Format::ShareGpt, fields), expected);
    let own = json!({"from": "system", "value": "own"});
    let fields = json!({"system": "s", "tools": "[]", "conversations": [own, answer]});
    let expected = [Message::system("own"), Message::assistant("a")];
    assert_eq!(turns(Format::ShareGpt, fields), expected);
}

#[test]
fn prompt_and_completion_are_texts_or_turns_in_any_mixture() {
    let prompts = [json!("q "), json!([{"role": "user", "content": "q "}])];
    let completions = [json!(" a"), json!([{"role": "assistant", "content": " a"}])];
    for prompt in &prompts {
        for completion in &completions {
            for name in ["completion", "response"] {
                let read = turns(
                    Format::PromptCompletion,
                    json!({"prompt": prompt, name: completion}),
                );
                assert_eq!(read, [Message::user("q "), Message::assistant(" a")]);
            }
        }
    }
}

#[test]
fn a_preference_has_its_prompt_as_text_as_turns_or_in_its_answers() {
    let expected = Preference {
        prompt: vec![Message::user("q")],
        chosen: vec![Message::assistant("a")],
        rejected: vec![Message::assistant("b")],
    };
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    let (q, a, b) = (
        turn("user", "q"),
        turn("assistant", "a"),
        turn("assistant", "b"),
    );
    let cases = [
        json!({"prompt": "q", "chosen": "a", "rejected": "b"}),
        json!({"prompt": [q], "chosen": "a", "rejected": "b"}),
        json!({"prompt": [q], "chosen": [a], "rejected": "b"}),
        json!({"prompt": [q], "chosen": [a], "rejected": [b]}),
        json!({"prompt": "q", "chosen": "a", "rejected": [b]}),
        json!({"prompt": "q", "chosen": [a], "rejected": [b]}),
        json!({"prompt": "q", "chosen": [q, a], "rejected": [q, b]}),
        json!({"prompt": "another wording", "chosen": [q, a], "rejected": [q, b]}),
        json!({"prompt": null, "chosen": [q, a], "rejected": [q, b]}),
        json!({"chosen": [q, a], "rejected": [q, b]}),
    ];
    for fields in cases {
        assert_eq!(preference(fields.clone()), expected, "{fields}");
    }
}

#[test]
fn answers_that_share_more_than_a_question_share_it_in_the_prompt() {
    let turn = |role: &str, content: &str| json!({"role": role, "content": content});
    let (q, a) = (turn("user", "q"), turn("assistant", "a"));
    let (more, c) = (turn("user", "more"), turn("assistant", "c"));
    // The shorter is how the longer begins: its last turn stays an answer.
    let row = preference(json!({"chosen": [q, a, more, c], "rejected": [q, a]}));
    assert_eq!(row.prompt, [Message::user("q")]);
    assert_eq!(row.rejected, [Message::assistant("a")]);
    assert_eq!(row.chosen.len(), 3);
}
