//! Spans of conversations against transformers, and what must hold for any conversation.
//!
//! `spans/golden.json` is written by `spans/generate.py` (transformers 5.23.0).

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

mod toy;

use anneal_data::{
    ChatTemplate, DataError, Encoder, Example, Message, Preference, Role, TrainingText, Turns, mark,
};
use proptest::prelude::*;
use toy::{Toy, golden};

const TEMPLATES: [&str; 3] = ["chatml", "llama2", "llama3"];

fn template(name: &str) -> ChatTemplate {
    let source = match name {
        "chatml" => include_str!("spans/chatml.jinja"),
        "llama2" => include_str!("spans/llama2.jinja"),
        "llama3" => include_str!("spans/llama3.jinja"),
        other => panic!("no template {other}"),
    };
    ChatTemplate::new(source, Some("<s>"), Some("</s>")).unwrap()
}

fn encoder(name: &str) -> Encoder {
    Encoder::new(template(name), 10_000).unwrap()
}

#[test]
fn ids_and_masks_are_those_of_transformers_and_prompts_those_of_trl() {
    let golden = golden();
    assert_eq!(golden.cases.len(), 21);
    let mut refused = 0;
    for cuts in [false, true] {
        let toy = Toy::new(&golden, cuts);
        for case in &golden.cases {
            let name = format!("{} {}", case.template, case.conversation);
            let messages = &golden.conversations[&case.conversation];
            let encoder = encoder(&case.template);
            let text = encoder.template().render(messages, false).unwrap();
            assert_eq!(text, case.text, "{name}");
            let encoded = encoder.encode(&toy, messages);
            let answers = (0..messages.len()).filter(|&i| messages[i].role == Role::Assistant);
            let spanned = answers
                .zip(&case.prompts)
                .find(|(_, prompt)| prompt.is_none());
            if let Some((answer, _)) = spanned {
                refused += 1;
                let found = encoded.unwrap_err();
                assert!(
                    matches!(found, DataError::BoundaryToken { turn, part: "prompt", .. } if turn == answer),
                    "{name}: {found}"
                );
                continue;
            }
            let example = encoded.unwrap();
            assert_eq!(example.input_ids, case.input_ids, "{name}");
            let mask: Vec<bool> = case.mask.iter().map(|&mask| mask == 1).collect();
            assert_eq!(example.trained, mask, "{name}");
            let last = encoder
                .with_turns(Turns::Last)
                .encode(&toy, messages)
                .unwrap();
            assert_eq!(last.input_ids, case.input_ids, "{name}");
            let first = last.trained.iter().position(|&trained| trained);
            assert_eq!(first, *case.prompts.last().unwrap(), "{name}");
            let from = first.unwrap();
            assert_eq!(last.trained[from..], mask[from..], "{name}");
        }
    }
    // The case in which a token reaches over the border, with and without the places of special tokens.
    assert_eq!(refused, 2);
}

#[test]
fn a_preference_learns_its_answers_and_nothing_of_its_prompt() {
    let toy = Toy::new(&golden(), true);
    let preference = Preference {
        prompt: vec![
            Message::user("a"),
            Message::assistant("SELECT 1"),
            Message::user("b"),
        ],
        chosen: vec![
            Message::assistant("yes"),
            Message::user("c"),
            Message::assistant("d"),
        ],
        rejected: vec![Message::assistant("no")],
    };
    // The answers are learned whole, whatever turns of a conversation are.
    let encoder = encoder("llama3")
        .with_turns(Turns::Last)
        .with_trim_tail(true);
    let pair = encoder.encode_preference(&toy, &preference).unwrap();
    let show = |example: &Example| mark(example, |ids| toy.decode(ids)).unwrap();
    let turn = |role: &str| format!("<|start_header_id|>{role}<|end_header_id|>\n\n");
    let (user, assistant) = (turn("user"), turn("assistant"));
    let prompt =
        format!("<s>{user}a<|eot_id|>{assistant}SELECT 1<|eot_id|>{user}b<|eot_id|>{assistant}");
    assert_eq!(
        show(&pair.chosen),
        format!("{prompt}⟦yes<|eot_id|>⟧{user}c<|eot_id|>{assistant}⟦d<|eot_id|>⟧")
    );
    assert_eq!(show(&pair.rejected), format!("{prompt}⟦no<|eot_id|>⟧"));

    let rejected = vec![Message::user("no")];
    let preference = Preference {
        rejected,
        ..preference
    };
    assert_eq!(
        encoder
            .encode_preference(&toy, &preference)
            .unwrap_err()
            .to_string(),
        "the rejected answer: nothing to learn: no turn of the assistant among [\"user\"]"
    );
}

#[test]
fn an_encoder_is_shared_by_threads_that_agree() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (golden, encoder) = (golden(), encoder("chatml"));
    shared(&encoder);
    let toy = Toy::new(&golden, true);
    let messages = &golden.conversations["unicode"];
    let here = encoder.encode(&toy, messages).unwrap();
    let there = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| encoder.encode(&toy, messages).unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert_eq!(there, vec![here; 4]);
}

/// Text of what merges, splits and trims differ on.
fn content() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        " ",
        "  ",
        "\n",
        "\n\n",
        "\t",
        "a",
        "SELECT",
        " SELECT 1",
        "user",
        "ü",
        "🦀",
        "世",
        "'",
        "<s",
        "]",
        " [",
        "|>",
        "e\u{301}",
        "\u{a0}",
    ]);
    prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
}

/// Conversations in any order of turns, at least one of them the assistant's.
fn conversation() -> impl Strategy<Value = Vec<Message>> {
    let role = prop::sample::select(vec![Role::User, Role::Assistant, Role::Assistant]);
    let turn = (role, content()).prop_map(|(role, content)| Message::new(role, content));
    (
        content(),
        prop::collection::vec(turn, 0..5),
        content(),
        0..3_usize,
    )
        .prop_map(|(first, between, last, place)| {
            let mut messages = vec![Message::user(first)];
            messages.extend(between);
            let place = place.min(messages.len() - 1) + 1;
            messages.insert(place, Message::assistant(last));
            messages
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn trained_tokens_spell_the_spans_and_the_text_comes_back(
        messages in conversation(),
        name in prop::sample::select(&TEMPLATES[..]),
        turns in prop::sample::select(vec![Turns::All, Turns::Last]),
        trim in any::<bool>(),
    ) {
        let golden = golden();
        let (slow, fast) = (Toy::new(&golden, false), Toy::new(&golden, true));
        let encoder = encoder(name).with_turns(turns).with_trim_tail(trim);
        let found = encoder.encode(&slow, &messages);
        // The places of special tokens save work and change nothing, errors included.
        let quick = encoder.encode(&fast, &messages);
        prop_assert_eq!(format!("{:?}", quick.as_ref().map_err(kind)), format!("{:?}", found.as_ref().map_err(kind)));
        // A token over a border is a refusal that other tests pin; what is left must be exact.
        let example = match found {
            Err(DataError::BoundaryToken { .. }) => return Ok(()),
            other => other.unwrap(),
        };
        let whole = encoder.template().render(&messages, false).unwrap();
        let text = TrainingText::new(encoder.template(), &messages, turns, encoder.end()).unwrap();
        prop_assert_eq!(&text.text, &whole);
        let decoded = slow.decode(&example.input_ids).unwrap();
        let end = text.spans.last().unwrap().bytes.end;
        prop_assert_eq!(&decoded, if trim { &whole[..end] } else { whole.as_str() });
        // Token by token: trained if, and only if, all of its bytes lie in a span.
        let mut at = 0;
        for (t, &id) in example.input_ids.iter().enumerate() {
            let next = at + slow.length(id);
            let inside = text.spans.iter().any(|span| span.bytes.start <= at && next <= span.bytes.end);
            let outside = text.spans.iter().all(|span| next <= span.bytes.start || span.bytes.end <= at);
            prop_assert!(inside != outside, "token {t} lies across a border");
            prop_assert_eq!(example.trained[t], inside);
            prop_assert_eq!(example.labels()[t], if inside { i64::from(id) } else { -100 });
            at = next;
        }
        // A span is its answer and its end token, and each trained turn has one.
        let answers = messages.iter().filter(|message| message.role == Role::Assistant).count();
        prop_assert_eq!(text.spans.len(), if turns == Turns::All { answers } else { 1 });
        for span in &text.spans {
            let inner = whole[span.bytes.clone()].strip_suffix(encoder.end()).unwrap();
            prop_assert_eq!(inner.trim(), messages[span.turn].content.trim());
        }
    }
}

/// An error without the ids that it shows, of which the quick way may show fewer.
fn kind(error: &DataError) -> String {
    match error {
        DataError::BoundaryToken { turn, part, .. } => format!("{turn} {part}"),
        other => other.to_string(),
    }
}
