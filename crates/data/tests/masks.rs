//! Masks: the answer and its end token are learned, and nothing else.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::convert::Infallible;

use anneal_data::{
    ChatTemplate, DataError, Encoder, Example, Message, Question, SqlPrompt, Turns, mark,
};

const END: u32 = 2;

/// Bytes as ids from 3 on, and one id for `<|im_end|>`, as a tokenizer with special tokens has it.
fn toy(text: &str) -> Result<Vec<u32>, Infallible> {
    let parts = text
        .split("<|im_end|>")
        .map(|part| part.bytes().map(|byte| u32::from(byte) + 3));
    let mut ids = Vec::new();
    for part in parts {
        ids.extend(part);
        ids.push(END);
    }
    // One end token stands between two parts, none after the last.
    ids.pop();
    Ok(ids)
}

fn from_toy(ids: &[u32]) -> Result<String, std::string::FromUtf8Error> {
    let bytes = ids.iter().flat_map(|&id| match id {
        END => b"<|im_end|>".to_vec(),
        other => vec![(other - 3) as u8],
    });
    String::from_utf8(bytes.collect())
}

fn question(context: Option<&str>, question: &str, sql: &str) -> Question {
    Question {
        db_id: "a".into(),
        question: question.into(),
        sql: sql.into(),
        context: context.map(str::to_owned),
        exec_ok: None,
        missing_data: None,
        n_rows: None,
    }
}

fn encoder(max_length: usize) -> Encoder {
    Encoder::new(ChatTemplate::chatml().unwrap(), max_length).unwrap()
}

fn encode(messages: &[Message]) -> Example {
    encoder(1000).encode(&toy, messages).unwrap()
}

#[test]
fn the_answer_and_its_end_token_are_trained_and_the_new_line_after_it_is_not() {
    let messages = [
        Message::system("s"),
        Message::user("u"),
        Message::assistant("ab"),
    ];
    let example = encode(&messages);
    let prompt =
        "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n<|im_start|>assistant\n";
    let prompt = toy(prompt).unwrap();
    let expected = [prompt.clone(), vec![100, 101, END, 13]].concat();
    assert_eq!(example.input_ids, expected);
    let trimmed = encoder(1000).with_trim_tail(true);
    let trimmed = trimmed.encode(&toy, &messages).unwrap();
    assert_eq!(trimmed.input_ids, expected[..expected.len() - 1]);
    assert_eq!(trimmed.trained, example.trained[..expected.len() - 1]);
    let trained: Vec<usize> = (0..example.len()).filter(|&t| example.trained[t]).collect();
    let first = prompt.len();
    assert_eq!(trained, [first, first + 1, first + 2]);
    // Two end tokens of the prompt are no targets; the answer's is, whatever id pads a batch.
    let ends = example
        .input_ids
        .iter()
        .zip(&example.trained)
        .filter(|(id, _)| **id == END);
    assert_eq!(
        ends.map(|(_, &trained)| trained).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert_eq!(example.labels()[first..], [100, 101, i64::from(END), -100]);
    assert!(example.labels()[..first].iter().all(|&label| label == -100));
    let targets = example.targets();
    assert_eq!(targets.positions, [first - 1, first, first + 1]);
    assert_eq!(targets.ids, [100, 101, END]);
}

#[test]
fn an_answer_that_also_stands_in_the_prompt_is_trained_in_its_place_alone() {
    let messages = [
        Message::user("ab"),
        Message::assistant("ab"),
        Message::user("ab"),
        Message::assistant("ab"),
    ];
    let all = encode(&messages);
    assert_eq!(
        mark(&all, from_toy).unwrap(),
        "<|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n⟦ab<|im_end|>⟧\n\
         <|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n⟦ab<|im_end|>⟧\n"
    );
    let last = encoder(1000).with_turns(Turns::Last);
    let last = last.encode(&toy, &messages).unwrap();
    assert_eq!(last.input_ids, all.input_ids);
    assert_eq!(
        mark(&last, from_toy).unwrap(),
        "<|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\nab<|im_end|>\n\
         <|im_start|>user\nab<|im_end|>\n<|im_start|>assistant\n⟦ab<|im_end|>⟧\n"
    );
}

#[test]
fn rows_over_the_maximum_are_dropped_whole_and_counted() {
    let rows: Vec<Question> = [3, 50, 7, 51, 20]
        .map(|length| question(Some("t"), &"q".repeat(length), "SELECT 1"))
        .into();
    let length = |row: &Question| {
        let messages = SqlPrompt::default().conversation_of(row).unwrap();
        encode(&messages).len()
    };
    let (fits, longest) = (length(&rows[1]), length(&rows[3]));
    assert_eq!(fits + 1, longest);
    let encoded = encoder(fits)
        .encode_questions(&toy, &SqlPrompt::default(), &rows)
        .unwrap();
    assert_eq!(encoded.report.too_long, [3]);
    assert_eq!(encoded.report.rows, 5);
    assert_eq!(encoded.report.longest, longest);
    assert_eq!(encoded.report.max_length, fits);
    let lengths: Vec<usize> = encoded.examples.iter().map(Example::len).collect();
    assert_eq!(
        lengths,
        [&rows[0], &rows[1], &rows[2], &rows[4]].map(length)
    );
    assert_eq!(encoded.report.tokens, lengths.iter().sum::<usize>());
    assert_eq!(encoded.report.trained_tokens, 4 * ("SELECT 1".len() + 1));
}

#[test]
fn a_row_that_fails_is_named() {
    let rows = [
        question(Some("t"), "first", "SELECT 1"),
        question(None, "second", "SELECT 2"),
    ];
    let error = encoder(1000)
        .encode_questions(&toy, &SqlPrompt::default(), &rows)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "row 1 (`second`): no `context`, and no schema was given in its place"
    );
}

#[test]
fn an_end_token_that_the_template_does_not_write_is_an_error() {
    let encoder = encoder(1000).with_end("</s>");
    let error = encoder
        .encode(&toy, &[Message::user("u"), Message::assistant("SELECT 1")])
        .unwrap_err();
    assert!(
        matches!(error, DataError::AnswerNotRendered { .. }),
        "{error}"
    );
}
