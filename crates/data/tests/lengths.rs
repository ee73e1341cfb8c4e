//! Lengths: what is too long is dropped and counted, or loses whole tables and nothing else.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::convert::Infallible;

use anneal_data::{
    ChatTemplate, DataError, Encoder, Fitted, LengthPolicy, LengthReport, Message, SqlPrompt,
    SqlSample,
};

/// Bytes as ids.
fn bytes(text: &str) -> Result<Vec<u32>, Infallible> {
    Ok(text.bytes().map(u32::from).collect())
}

const TABLES: [&str; 4] = [
    "CREATE TABLE pet (name TEXT DEFAULT ';');",
    "\n\nCREATE TABLE shop (city TEXT)\n-- shop: Köln;",
    "\nCREATE TABLE owner (id INT, pet TEXT);\nINSERT INTO owner VALUES (1, 'CREATE TABLE');",
    "\nCREATE TABLE visit (day DATE);\n",
];

fn sample() -> SqlSample {
    SqlSample {
        question: "How many pets?".into(),
        context: Some(TABLES.concat()),
        sql: "SELECT COUNT(*) FROM pet".into(),
        ..SqlSample::default()
    }
}

fn encoder(max_length: usize, policy: LengthPolicy) -> Encoder {
    let encoder = Encoder::new(ChatTemplate::chatml().unwrap(), max_length).unwrap();
    encoder.with_policy(policy)
}

fn fit(max_length: usize, policy: LengthPolicy) -> Fitted {
    encoder(max_length, policy)
        .encode_sql(&bytes, &SqlPrompt::default(), &sample())
        .unwrap()
}

/// The example with the first `tables` alone, as it must come out.
fn with_tables(tables: usize) -> anneal_data::Example {
    let sample = sample();
    let context = TABLES[..tables].concat();
    let messages = SqlPrompt::default()
        .conversation(&context, &sample.question, &sample.sql)
        .unwrap();
    encoder(10_000, LengthPolicy::Drop)
        .encode(&bytes, &messages)
        .unwrap()
}

#[test]
fn as_few_tables_as_will_do_are_left_out_and_one_stays() {
    let lengths = [1, 2, 3, 4].map(|tables| with_tables(tables).len());
    let whole = lengths[3];
    let report = |max_length| {
        let mut report = LengthReport::default();
        report.add(&fit(max_length, LengthPolicy::ShortenContext));
        report
    };
    for max_length in lengths[0] - 1..=whole + 1 {
        let fitted = fit(max_length, LengthPolicy::ShortenContext);
        let tables = lengths
            .iter()
            .filter(|&&length| length <= max_length)
            .count();
        let expected = match tables {
            0 => Fitted::TooLong { tokens: whole },
            4 => Fitted::Kept(with_tables(4)),
            _ => Fitted::Shortened {
                example: with_tables(tables),
                tables_dropped: 4 - tables,
                tokens: whole,
            },
        };
        assert_eq!(fitted, expected, "{max_length}");
        assert_eq!(report(max_length).tables_dropped, (4 - tables) % 4);
        assert_eq!(report(max_length).longest, whole);
    }
}

#[test]
fn a_schema_of_many_tables_is_tokenised_few_times() {
    let table = |i: usize| format!("CREATE TABLE table_{i} (id INTEGER, name TEXT);\n");
    let sample = SqlSample {
        context: Some((0..500).map(table).collect()),
        ..sample()
    };
    let wholes = std::cell::Cell::new(0);
    let counted = |text: &str| {
        // Texts up to a border end otherwise.
        wholes.set(wholes.get() + usize::from(text.ends_with("<|im_end|>\n")));
        bytes(text)
    };
    for max_length in [300, 5_000, 20_000] {
        wholes.set(0);
        let encoder = encoder(max_length, LengthPolicy::ShortenContext);
        let fitted = encoder.encode_sql(&counted, &SqlPrompt::default(), &sample);
        let Fitted::Shortened {
            example,
            tables_dropped,
            ..
        } = fitted.unwrap()
        else {
            panic!("{max_length} tokens hold some tables and not all");
        };
        // Once as it came, and 2⁹ is more than 500.
        assert!(wholes.get() <= 10, "{}", wholes.get());
        let next = table(500 - tables_dropped).len();
        assert!(example.len() <= max_length && example.len() + next > max_length);
    }
}

#[test]
fn the_other_policy_drops_the_row_whole() {
    let whole = with_tables(4).len();
    assert_eq!(fit(whole, LengthPolicy::Drop), Fitted::Kept(with_tables(4)));
    let dropped = fit(whole - 1, LengthPolicy::Drop);
    assert_eq!(dropped, Fitted::TooLong { tokens: whole });
    assert_eq!(dropped.into_example(), None);
}

#[test]
fn a_row_without_tables_to_lose_is_dropped() {
    let schema = SqlSample {
        context: Some("pet: name, age; ".repeat(20)),
        ..sample()
    };
    let encoder = encoder(200, LengthPolicy::ShortenContext);
    let fitted = encoder.encode_sql(&bytes, &SqlPrompt::default(), &schema);
    assert!(matches!(fitted.unwrap(), Fitted::TooLong { tokens } if tokens > 320));
    let none = SqlSample {
        context: None,
        ..sample()
    };
    let error = encoder.encode_sql(&bytes, &SqlPrompt::default(), &none);
    assert!(matches!(error, Err(DataError::NoContext)));
}

#[test]
fn a_conversation_is_never_shortened() {
    let turns = |content: &str| [Message::user(content), Message::assistant("SELECT 1")];
    let encoder = encoder(100, LengthPolicy::ShortenContext);
    let fit = |content: &str| {
        encoder
            .encode_conversation(&bytes, &turns(content))
            .unwrap()
    };
    let spare = 100 - fit("").tokens();
    assert!(matches!(fit(&"q".repeat(spare)), Fitted::Kept(example) if example.len() == 100));
    let long = fit(&"q".repeat(spare + 1));
    assert_eq!(long, Fitted::TooLong { tokens: 101 });
}

#[test]
fn the_tail_counts_only_where_it_is_kept() {
    let turns = [Message::user("q"), Message::assistant("SELECT 1")];
    let encode = |max_length, trim| {
        let encoder = encoder(max_length, LengthPolicy::Drop).with_trim_tail(trim);
        encoder
            .encode_conversation(&bytes, &turns)
            .unwrap()
            .tokens()
    };
    let whole = encode(10_000, false);
    assert_eq!(encode(10_000, true), whole - 1);
    let trimmed = encoder(whole - 1, LengthPolicy::Drop).with_trim_tail(true);
    let fitted = trimmed.encode_conversation(&bytes, &turns).unwrap();
    assert!(fitted.example().is_some());
    let kept = encoder(whole - 1, LengthPolicy::Drop);
    let fitted = kept.encode_conversation(&bytes, &turns).unwrap();
    assert!(fitted.example().is_none());
}

#[test]
fn a_maximum_that_nothing_fits_is_refused() {
    for (found, good) in [(0, false), (1, false), (2, true)] {
        let encoder = Encoder::new(ChatTemplate::chatml().unwrap(), found);
        assert_eq!(encoder.is_ok(), good);
        if let Err(error) = encoder {
            assert_eq!(
                error.to_string(),
                format!(
                    "the maximum length must be at least 2 tokens, one to learn and one before it, found {found}"
                )
            );
        }
    }
}
