//! Prompts of the user's own: what they write, and what is refused before the first row.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use anneal_data::{Message, PromptParts, Question, SqlPrompt, SqlSample};

fn sample() -> SqlSample {
    SqlSample {
        question: "How many {{ pets }}?".into(),
        context: Some("CREATE TABLE pet (name TEXT)\n".into()),
        sql: " SELECT '{% if %}' ".into(),
        db_id: Some("pets".into()),
        difficulty: None,
        flaw: None,
    }
}

fn refused(json: &str) -> String {
    SqlPrompt::from_json(json).unwrap_err().to_string()
}

#[test]
fn the_default_puts_every_text_through_as_it_is() {
    let messages = SqlPrompt::default()
        .conversation_of_sample(&sample())
        .unwrap();
    assert_eq!(
        messages,
        [
            Message::system("Translate the question to a SQLite query over the given schema."),
            Message::user("CREATE TABLE pet (name TEXT)\n\n-- How many {{ pets }}?"),
            Message::assistant(" SELECT '{% if %}' "),
        ]
    );
    let asked = SqlPrompt::default().prompt_of_sample(&sample()).unwrap();
    assert_eq!(asked, messages[..2]);
}

#[test]
fn a_system_text_is_no_template() {
    let prompt = SqlPrompt::with_system("Write {{ sql }} {% for\n").unwrap();
    let messages = prompt.prompt("c", "q").unwrap();
    assert_eq!(
        messages,
        [
            Message::system("Write {{ sql }} {% for\n"),
            Message::user("c\n-- q")
        ]
    );
    // As it was before prompts were templates: an empty system text is a system turn.
    let empty = SqlPrompt::with_system("")
        .unwrap()
        .prompt("c", "q")
        .unwrap();
    assert_eq!(empty[0], Message::system(""));
}

#[test]
fn every_field_can_be_used_in_every_part() {
    let parts = PromptParts {
        system: "{{ dialect }} for {{ db_id }}\n".into(),
        user: "{% if difficulty %}[{{ difficulty }}] {% endif %}{{ question | trim }}\n{{ context.strip() }}".into(),
        answer: "```{{ dialect | lower }}\n{{ sql.strip() }}\n```".into(),
        constants: [("dialect".to_owned(), "SQLite".to_owned())].into(),
    };
    let prompt = SqlPrompt::new(parts.clone()).unwrap();
    let messages = prompt.conversation_of_sample(&sample()).unwrap();
    assert_eq!(
        messages,
        [
            Message::system("SQLite for pets\n"),
            Message::user("How many {{ pets }}?\nCREATE TABLE pet (name TEXT)"),
            Message::assistant("```sqlite\nSELECT '{% if %}'\n```"),
        ]
    );
    let hard = SqlSample {
        difficulty: Some("hard".into()),
        flaw: None,
        ..sample()
    };
    let asked = prompt.prompt_of_sample(&hard).unwrap();
    assert!(asked[1].content.starts_with("[hard] How many"));
    // A question of a file has a database, and no difficulty.
    let question = Question {
        db_id: "zoo".into(),
        question: "q".into(),
        sql: "s".into(),
        context: Some("c".into()),
        exec_ok: None,
        missing_data: None,
        n_rows: None,
    };
    let asked = prompt.conversation_of(&question).unwrap();
    assert_eq!(asked[0].content, "SQLite for zoo\n");
    // What is written can be read again.
    let json = serde_json::to_string(prompt.parts()).unwrap();
    assert_eq!(SqlPrompt::from_json(&json).unwrap(), prompt);
}

#[test]
fn a_part_without_text_is_no_system_turn_and_parts_left_out_are_the_usual_ones() {
    let prompt = SqlPrompt::from_json(r#"{"system": ""}"#).unwrap();
    assert_eq!(prompt.prompt("c", "q").unwrap(), [Message::user("c\n-- q")]);
    assert_eq!(SqlPrompt::from_json("{}").unwrap(), SqlPrompt::default());
}

#[test]
fn a_row_without_a_field_that_is_printed_is_an_error_of_the_row() {
    let prompt =
        SqlPrompt::from_json(r#"{"user": "{{ context }}\n{{ db_id }}: {{ question }}"}"#).unwrap();
    assert!(prompt.conversation_of_sample(&sample()).is_ok());
    assert_eq!(
        prompt.prompt("c", "q").unwrap_err().to_string(),
        "prompt part `user` line 2 failed: undefined value (the row has no `db_id`, no `difficulty`)"
    );
    let bare = SqlSample {
        context: None,
        ..sample()
    };
    assert_eq!(
        prompt.prompt_of_sample(&bare).unwrap_err().to_string(),
        "no `context`, and no schema was given in its place"
    );
}

#[test]
fn what_would_go_unseen_is_refused_before_the_first_row() {
    let ignores = |part: &str, field: &str| {
        format!(
            "prompt part {part} ignores `{field}`: its text stays the same whatever the field says"
        )
    };
    let asks = "`system` and `user`";
    assert_eq!(
        refused(r#"{"user": "{{ context }}"}"#),
        ignores(asks, "question")
    );
    assert_eq!(
        refused(r#"{"user": "{{ question }}"}"#),
        ignores(asks, "context")
    );
    // Only rows that lack the optional field would lose their question.
    assert_eq!(
        refused(r#"{"user": "{{ context }}{% if db_id %}{{ question }}{% endif %}"}"#),
        ignores(asks, "question")
    );
    assert_eq!(
        refused(r#"{"answer": "SELECT 1"}"#),
        ignores("`answer`", "sql")
    );
    assert_eq!(
        refused(r#"{"answer": "{{ question }}"}"#),
        ignores("`answer`", "sql")
    );
    // The schema may stand in the system turn, and a field may be changed on its way.
    let system = r#"{"system": "{{ context | upper }}", "user": "{{ question[:3] }}", "answer": "{{ sql | lower }}"}"#;
    assert!(SqlPrompt::from_json(system).is_ok());
}

#[test]
fn unknown_names_and_broken_parts_are_named_with_part_and_line() {
    assert_eq!(
        refused(
            r#"{"user": "{{ context }}\n{{ question }} {{ schema }}", "constants": {"dialect": "x"}}"#
        ),
        "prompt part `user` line 2: no field `schema`; there are [\"question\", \"context\", \"db_id\", \"difficulty\", \"dialect\"]"
    );
    // The answer must not stand in what asks for it.
    assert_eq!(
        refused(r#"{"user": "{{ context }}{{ question }}{{ sql }}"}"#),
        "prompt part `user` line 1: no field `sql`; there are [\"question\", \"context\", \"db_id\", \"difficulty\"]"
    );
    assert_eq!(
        refused(r#"{"answer": "a\n{{ sql }"}"#),
        "prompt part `answer` line 2: syntax error: unexpected `}`, expected end of variable block"
    );
    assert_eq!(
        refused(r#"{"constants": {"question": "x"}}"#),
        "the prompt's constant `question` has the name of a row's field or of a function; call it otherwise"
    );
    assert_eq!(
        refused(r#"{"usr": "x"}"#),
        "the prompt is no JSON object of `system`, `user`, `answer` and `constants`: unknown field `usr`, expected one of `system`, `user`, `answer`, `constants` at line 1 column 6"
    );
    assert_eq!(
        refused(r#"{"user": "{{ question + 1 }}{{ context }}"}"#),
        "prompt part `user` line 1 failed: invalid operation: tried to use + operator on unsupported types string and number"
    );
}
