//! Spans of text, and every way in which a template or a conversation has none.

use super::*;

fn template(source: &str) -> ChatTemplate {
    ChatTemplate::new(source, Some("<s>"), Some("</s>")).unwrap()
}

fn cut(source: &str, answer: &str, end: &str) -> Result<String, DataError> {
    let turns = [Message::user("q"), Message::assistant(answer)];
    let text = TrainingText::new(&template(source), &turns, Turns::All, end)?;
    Ok(text.text[text.spans[0].bytes.clone()].to_owned())
}

/// The learned texts of a conversation.
fn spans(source: &str, turns: &[Message], which: Turns) -> Result<Vec<(usize, String)>, DataError> {
    let text = TrainingText::new(&template(source), turns, which, "</s>")?;
    let show = |span: &Span| (span.turn, text.text[span.bytes.clone()].to_owned());
    Ok(text.spans.iter().map(show).collect())
}

const LLAMA_2: &str = "{% for m in messages %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}";
/// The end token stands after the last answer alone.
const LAST_END: &str = "{% for m in messages %}{{ m.role + ': ' + m.content }}{% if loop.last %}{{ eos_token }}{% else %}{{ '\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '\nassistant: ' }}{% endif %}";

fn two_turns() -> [Message; 4] {
    [
        Message::user("a"),
        Message::assistant("1"),
        Message::user("b"),
        Message::assistant("2"),
    ]
}

#[test]
fn all_turns_or_the_last_are_found() {
    let expected = [(1, " 1 </s>".to_owned()), (3, " 2 </s>".to_owned())];
    assert_eq!(spans(LLAMA_2, &two_turns(), Turns::All).unwrap(), expected);
    assert_eq!(
        spans(LLAMA_2, &two_turns(), Turns::Last).unwrap(),
        expected[1..]
    );
}

#[test]
fn answers_may_follow_each_other_be_empty_and_be_followed_by_a_question() {
    let turns = [
        Message::user("a"),
        Message::assistant("1"),
        Message::assistant(" \n"),
        Message::assistant("1"),
        Message::user("b"),
    ];
    let all = spans(LLAMA_2, &turns, Turns::All).unwrap();
    let expected = [(1, " 1 </s>"), (2, "  </s>"), (3, " 1 </s>")];
    assert_eq!(all, expected.map(|(turn, text)| (turn, text.to_owned())));
    assert_eq!(spans(LLAMA_2, &turns, Turns::Last).unwrap(), all[2..]);
    let mut text = TrainingText::new(&template(LLAMA_2), &turns, Turns::Last, "</s>").unwrap();
    assert!(text.text.ends_with(" 1 </s><s>[INST] b [/INST]"));
    text.trim_tail();
    assert!(text.text.ends_with("  </s> 1 </s>"), "{}", text.text);
}

#[test]
fn white_space_that_the_template_adds_or_strips_belongs_to_the_answer() {
    assert_eq!(
        cut(LLAMA_2, "\nSELECT 1 \n", "</s>").unwrap(),
        " SELECT 1 </s>"
    );
    assert_eq!(cut(LLAMA_2, "", "</s>").unwrap(), "  </s>");
    // Python's `strip` takes the separators U+001C to U+001F too.
    assert_eq!(
        cut(LLAMA_2, "\u{1c}SELECT 1\u{1f}", "</s>").unwrap(),
        " SELECT 1 </s>"
    );
}

#[test]
fn a_template_that_ignores_or_changes_the_answer_is_refused() {
    let ignores = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}{{ eos_token }}{% endif %}{% endfor %}";
    assert_eq!(
        cut(ignores, "SELECT 1", "</s>").unwrap_err().to_string(),
        "message 1: expected the answer `SELECT 1` and then `</s>` after the rendered prompt, found `</s>`"
    );
    let changes = LLAMA_2.replace("m.content.strip()", "m.content.lower()");
    let error = cut(&changes, "SELECT 1", "</s>").unwrap_err();
    assert!(
        matches!(error, DataError::AnswerNotRendered { .. }),
        "{error}"
    );
}

#[test]
fn an_end_token_that_only_the_last_turn_has_lets_only_the_last_turn_be_learned() {
    assert_eq!(template(LAST_END).end_token().unwrap(), "</s>");
    let one = spans(LAST_END, &two_turns()[..2], Turns::All);
    // `user: a</s>` is a prompt of its own, `user: a` the beginning of the conversation.
    assert!(matches!(
        one,
        Err(DataError::PromptNotPrefix { turn: 1, .. })
    ));
    let source = LAST_END.replace(
        "{% if loop.last %}",
        "{% if loop.last and not add_generation_prompt %}",
    );
    let source = source.replace("{{ '\n' }}", "{{ '' if loop.last else '\n' }}");
    assert_eq!(
        spans(&source, &two_turns(), Turns::Last).unwrap(),
        [(3, "2</s>".to_owned())]
    );
    assert_eq!(
        spans(&source, &two_turns(), Turns::All)
            .unwrap_err()
            .to_string(),
        "message 1: expected the answer `1` and then `</s>` after the rendered prompt, found `1\nuser: b\nassistant: 2</s>`"
    );
}

#[test]
fn a_template_that_rewrites_earlier_turns_is_refused_by_the_turn() {
    // As templates of reasoning models do: what was thought is shown for the last turn alone.
    let source = "{% for m in messages %}{% if m.role == 'assistant' and not loop.last %}{{ m.content.split('|')[-1] }}{% else %}{{ m.content }}{% endif %}{{ eos_token }}{% endfor %}";
    let turns = [
        Message::user("a"),
        Message::assistant("think|1"),
        Message::assistant("2"),
    ];
    assert_eq!(
        spans(source, &turns, Turns::All).unwrap_err().to_string(),
        "message 1: expected the answer `think|1` and then `</s>` after the rendered prompt, found `1</s>2</s>`"
    );
    assert_eq!(
        spans(source, &turns, Turns::Last).unwrap_err().to_string(),
        "message 2: the rendered prompt is no prefix of the rendered conversation: `…a</s>think|1</s>` against `…a</s>1</s>2</s>`"
    );
}

#[test]
fn two_answers_never_stand_in_one_place() {
    let source = "{{ messages[-1].content if messages[-1].role == 'assistant' else '' }}{{ '' if add_generation_prompt else eos_token }}";
    let turns = [
        Message::user(""),
        Message::assistant("1"),
        Message::user(""),
        Message::assistant("1"),
    ];
    assert_eq!(
        spans(source, &turns, Turns::All).unwrap_err().to_string(),
        "message 3: expected the answer `1` and then `</s>` after the rendered prompt, found ``"
    );
}

#[test]
fn an_end_token_elsewhere_is_refused() {
    let error = cut(LLAMA_2, "SELECT 1", "<|im_end|>").unwrap_err();
    assert!(
        matches!(error, DataError::AnswerNotRendered { turn: 1, .. }),
        "{error}"
    );
    let error = cut(LLAMA_2, "SELECT '</s>'", "</s>").unwrap_err();
    assert_eq!(
        error.to_string(),
        "message 1: the answer contains the end token `</s>`: `SELECT '</s>'`"
    );
    assert!(matches!(cut(LLAMA_2, "a", ""), Err(DataError::NoEndToken)));
}

#[test]
fn a_prompt_that_is_no_prefix_is_shown_at_the_difference() {
    let source = "{{ messages | length }} turns: {% for m in messages %}{{ m.content + eos_token }}{% endfor %}";
    assert_eq!(
        cut(source, "a", "</s>").unwrap_err().to_string(),
        "message 1: the rendered prompt is no prefix of the rendered conversation: `…1 turns: q</s>` against `…2 turns: q</s>a</s>`"
    );
}

#[test]
fn a_conversation_without_an_answer_is_refused() {
    let refuse = |turns: &[Message]| {
        TrainingText::new(
            &ChatTemplate::chatml().unwrap(),
            turns,
            Turns::All,
            "<|im_end|>",
        )
        .unwrap_err()
        .to_string()
    };
    assert_eq!(
        refuse(&[Message::system("s"), Message::user("q")]),
        "nothing to learn: no turn of the assistant among [\"system\", \"user\"]"
    );
    assert_eq!(
        refuse(&[]),
        "nothing to learn: no turn of the assistant among []"
    );
}
