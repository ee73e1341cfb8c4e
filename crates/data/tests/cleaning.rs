//! Cleaning: what is set apart is named with its reason, and nothing is lost.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may stop right there too"
)]

use std::path::Path;

use anneal_data::{
    At, Check, Cleaner, Conflicts, DuplicateConfig, Fault, Message, NearConfig, Place, Preference,
    PurgeList, Reason, Record, Row, Sample, SqlSample, TextCheck, count_reasons, remove_duplicates,
    write_set_apart,
};
use proptest::prelude::*;

fn place(line: usize) -> Place {
    Place {
        file: Path::new("rows.jsonl").into(),
        at: At::Line(line),
    }
}

fn row(line: usize, question: &str, context: Option<&str>, sql: &str) -> Row {
    let sample = SqlSample {
        question: question.into(),
        context: context.map(str::to_owned),
        sql: sql.into(),
        ..SqlSample::default()
    };
    Row {
        place: place(line),
        sample: Sample::Sql(sample),
    }
}

fn talk(line: usize, turns: Vec<Message>) -> Row {
    Row {
        place: place(line),
        sample: Sample::Conversation(turns),
    }
}

/// Line and reason of every row set apart.
fn found(rows: Vec<Row>, config: DuplicateConfig) -> Vec<(usize, String, usize)> {
    let line = |place: &Place| match place.at {
        At::Line(line) | At::Row(line) => line,
    };
    let cleaned = remove_duplicates(rows, config).unwrap();
    let reasons = cleaned.set_apart.iter().map(|row| {
        let met = row.fault.met.as_ref().unwrap();
        (
            line(&row.place),
            row.fault.reason.to_string(),
            line(met.place.as_ref().unwrap()),
        )
    });
    reasons.collect()
}

#[test]
fn the_first_fault_sets_a_row_apart_and_order_is_kept() {
    const ODD: Reason = Reason::new("odd line");
    let odd = |row: &Row| match row.place.at {
        At::Line(line) if line % 2 == 1 => Err(Fault::new(ODD, format!("line {line}"))),
        _ => Ok(()),
    };
    let cleaner = Cleaner::default().with("odd", odd).unwrap();
    let cleaner = cleaner.with("text", TextCheck::EmptyAnswer).unwrap();
    let sql = |line| if line % 3 == 0 { "" } else { "SELECT 1" };
    let rows: Vec<Row> = (0..1000)
        .map(|line| row(line, "How many?", None, sql(line)))
        .collect();
    let cleaned = cleaner.clean(rows.clone());
    let kept: Vec<&Row> = rows
        .iter()
        .enumerate()
        .filter(|(i, _)| i % 2 == 0 && i % 3 != 0)
        .map(|(_, row)| row)
        .collect();
    assert_eq!(cleaned.rows.iter().collect::<Vec<_>>(), kept);
    let apart: Vec<Place> = (0..1000)
        .filter(|i| i % 2 == 1 || i % 3 == 0)
        .map(place)
        .collect();
    assert_eq!(
        cleaned
            .set_apart
            .iter()
            .map(|row| row.place.clone())
            .collect::<Vec<_>>(),
        apart
    );
    let counts: Vec<_> = count_reasons(&cleaned.set_apart).into_iter().collect();
    let key = |step: &str, reason: &str| (step.to_owned(), reason.to_owned());
    assert_eq!(
        counts,
        [
            (key("odd", "odd line"), 500),
            (key("text", "empty answer"), 167)
        ]
    );
    let again = Cleaner::default()
        .with("odd", odd)
        .unwrap()
        .with("odd", odd)
        .unwrap_err();
    assert_eq!(again.to_string(), "two cleaning steps are called `odd`");
}

#[test]
fn the_list_is_json_lines() {
    let cleaner = Cleaner::default()
        .with("text", TextCheck::ControlCharacter)
        .unwrap();
    let cleaned = cleaner.clean(vec![row(7, "a\u{1}", None, "SELECT 1")]);
    let mut list = remove_duplicates(
        vec![row(1, "a", None, "b"), row(2, "a", None, "b")],
        DuplicateConfig::default(),
    )
    .unwrap()
    .set_apart;
    list.extend(cleaned.set_apart);
    let mut bytes = Vec::new();
    write_set_apart(&mut bytes, &list).unwrap();
    let expected = concat!(
        r#"{"place":{"file":"rows.jsonl","line":2},"question":"a","step":"duplicates","reason":"duplicate","met":{"place":{"file":"rows.jsonl","line":1},"similarity":1.0}}"#,
        "\n",
        r#"{"place":{"file":"rows.jsonl","line":7},"question":"a\u0001","step":"text","reason":"control character","detail":"U+0001 at character 1 of the question, counted from 0"}"#,
        "\n",
    );
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

#[test]
fn each_text_check_finds_its_own_fault_and_no_other() {
    let good = [
        row(
            1,
            "How many?",
            Some("CREATE TABLE t (x)"),
            "SELECT COUNT(*) FROM t",
        ),
        row(
            1,
            "Line\nfeed and\ttab",
            None,
            "-- why\n (( with a AS (SELECT 1) SELECT * FROM a))",
        ),
        talk(1, vec![Message::user("Hi"), Message::assistant("Hello")]),
        Row {
            place: place(1),
            sample: Sample::Preference(Preference {
                prompt: vec![Message::user("Hi")],
                chosen: vec![Message::assistant("Hello")],
                rejected: vec![Message::assistant("What?")],
            }),
        },
    ];
    for check in TextCheck::ALL {
        for row in &good {
            assert_eq!(check.check(row), Ok(()), "{check:?}");
        }
    }
    let answers = |chosen: &str, rejected: &str| Row {
        place: place(1),
        sample: Sample::Preference(Preference {
            prompt: vec![Message::user("Hi")],
            chosen: vec![Message::assistant(chosen)],
            rejected: vec![Message::assistant(rejected)],
        }),
    };
    use TextCheck as T;
    for (bad, check, detail) in [
        (row(1, " \n", None, "SELECT 1"), T::EmptyQuestion, ""),
        (row(1, "How many?", None, " \t"), T::EmptyAnswer, ""),
        (talk(1, vec![Message::user("Hi")]), T::EmptyAnswer, ""),
        (answers("Hello", " "), T::EmptyAnswer, ""),
        (
            row(1, "How many?", None, "I do not know"),
            T::NoStatement,
            "its first word is \"I\"",
        ),
        (
            row(1, "How many?", None, "SELECTED"),
            T::NoStatement,
            "its first word is \"SELECTED\"",
        ),
        (
            row(1, "How many?", None, "`SELECT` 1"),
            T::NoStatement,
            "its first word is \"\"",
        ),
        (
            row(1, "How many?", None, "SELECT 'é\u{0}'"),
            T::ControlCharacter,
            "U+0000 at character 9 of the answer, counted from 0",
        ),
        (
            talk(
                1,
                vec![Message::user("caf\u{fffd}"), Message::assistant("a")],
            ),
            T::ReplacementCharacter,
            "U+FFFD at character 3 of the user, counted from 0",
        ),
        (
            row(1, "How many?", Some("pets(name)"), "SELECT 1"),
            T::NoTable,
            "",
        ),
        (
            row(1, "select 1?", None, "SELECT 1"),
            T::QuestionIsAnswer,
            "",
        ),
        (answers("Hello", "hi!"), T::QuestionIsAnswer, ""),
    ] {
        for other in T::ALL {
            let expected = if other == check {
                Err(Fault::new(check.reason(), detail))
            } else {
                Ok(())
            };
            // An empty answer is no statement either.
            if (check, other) != (T::EmptyAnswer, T::NoStatement) {
                assert_eq!(other.check(&bad), expected, "{other:?} of {bad:?}");
            }
        }
    }
}

#[test]
fn conflicting_answers_follow_the_policy() {
    // Answers X Y X Y to one question, and another question.
    let rows = || {
        vec![
            row(1, "a", Some("c"), "X"),
            row(2, "a", Some("c"), "Y"),
            row(3, "a", Some("c"), " X "),
            row(4, "a", Some("c"), "Y"),
            row(5, "a", Some("d"), "Y"),
        ]
    };
    let with = |conflicts| {
        found(
            rows(),
            DuplicateConfig {
                conflicts,
                near: None,
            },
        )
    };
    let fault = |line, reason: &str, met| (line, reason.to_owned(), met);
    let conflict = |line, met| fault(line, "conflicting answer", met);
    assert_eq!(
        with(Conflicts::KeepFirst),
        [conflict(2, 1), fault(3, "duplicate", 1), conflict(4, 1)]
    );
    assert_eq!(
        with(Conflicts::DropAll),
        [
            conflict(1, 2),
            conflict(2, 1),
            conflict(3, 2),
            conflict(4, 1)
        ]
    );
    assert_eq!(
        with(Conflicts::KeepAll),
        [fault(3, "duplicate", 1), fault(4, "duplicate", 2)]
    );
}

#[test]
fn near_duplicates_need_the_same_context_and_answer() {
    let long = "What is the name of the youngest pet of the oldest student";
    let rows = || {
        vec![
            row(1, long, Some("c"), "X"),
            row(2, &format!("{long}?"), Some("c"), "X"),
            row(3, &format!("{long}s"), Some("c"), "X"),
            row(4, &format!("{long}s"), Some("d"), "X"),
            row(5, &format!("{long}s"), Some("e"), "Y"),
            // Conversations: the same but for the question, and not.
            talk(
                6,
                vec![
                    Message::system("s"),
                    Message::user(long),
                    Message::assistant("X"),
                ],
            ),
            talk(
                7,
                vec![
                    Message::system("s"),
                    Message::user(format!("{long}s")),
                    Message::assistant("X"),
                ],
            ),
            talk(
                8,
                vec![
                    Message::system("t"),
                    Message::user(format!("{long}s")),
                    Message::assistant("X"),
                ],
            ),
            talk(9, vec![Message::assistant("X")]),
        ]
    };
    let near = Some(NearConfig::default());
    let fault = |line, met| (line, "near duplicate".to_owned(), met);
    for conflicts in [Conflicts::KeepFirst, Conflicts::DropAll, Conflicts::KeepAll] {
        let config = DuplicateConfig { conflicts, near };
        assert_eq!(
            found(rows(), config),
            [fault(2, 1), fault(3, 1), fault(7, 6)]
        );
        assert_eq!(
            found(
                rows(),
                DuplicateConfig {
                    conflicts,
                    near: None
                }
            ),
            []
        );
    }
    // A second answer that stays is something to be near to; one that does not stay is not.
    let rows = || {
        vec![
            row(1, long, None, "X"),
            row(2, long, None, "Y"),
            row(3, &format!("{long}s"), None, "Y"),
        ]
    };
    let config = |conflicts| DuplicateConfig { conflicts, near };
    assert_eq!(found(rows(), config(Conflicts::KeepAll)), [fault(3, 2)]);
    let conflict = |line, met| (line, "conflicting answer".to_owned(), met);
    assert_eq!(
        found(rows(), config(Conflicts::KeepFirst)),
        [conflict(2, 1)]
    );
    assert_eq!(
        found(rows(), config(Conflicts::DropAll)),
        [conflict(1, 2), conflict(2, 1)]
    );
}

#[test]
fn preferences_are_compared_whole() {
    let preference = |line, chosen: &str, rejected: &str| Row {
        place: place(line),
        sample: Sample::Preference(Preference {
            prompt: vec![Message::user("Hi")],
            chosen: vec![Message::assistant(chosen)],
            rejected: vec![Message::assistant(rejected)],
        }),
    };
    let rows = vec![
        preference(1, "a", "b"),
        preference(2, "b", "a"),
        preference(3, "a", "b"),
    ];
    let config = DuplicateConfig {
        conflicts: Conflicts::KeepAll,
        near: None,
    };
    assert_eq!(found(rows, config), [(3, "duplicate".to_owned(), 1)]);
}

#[test]
fn a_purge_names_the_entry_that_was_met() {
    let mut list = PurgeList::new(Some(NearConfig::default())).unwrap();
    let record = |line, json: serde_json::Value| {
        Record::new(
            Path::new("bench.jsonl"),
            At::Line(line),
            json.as_object().unwrap().clone(),
        )
    };
    let question = "What is the name of the youngest pet of the oldest student?";
    list.add_record(
        &record(
            1,
            serde_json::json!({"question": question, "db_id": "pets_1"}),
        ),
        false,
    )
    .unwrap();
    list.add_record(&record(2, serde_json::json!({"db_id": "World_1"})), true)
        .unwrap();
    list.add_question(" ", None);
    list.add_database(" ", None);
    assert_eq!(list.len(), (1, 1));
    let error = list
        .add_record(
            &record(3, serde_json::json!({"db_id": "x", "sql": ""})),
            false,
        )
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "`bench.jsonl` line 3: an entry of a purge list needs `question` or `db_id`; the row has [\"db_id\", \"sql\"]"
    );
    let met = |row: &Row| {
        let fault = list.check(row).unwrap_err();
        let met = fault.met.unwrap();
        (
            fault.reason.to_string(),
            met.place.unwrap().to_string(),
            met.text,
        )
    };
    let exact = row(1, &question.to_uppercase(), None, "SELECT 1");
    let expected = |reason: &str, line, text: &str| {
        (
            reason.to_owned(),
            format!("`bench.jsonl` line {line}"),
            text.to_owned(),
        )
    };
    assert_eq!(
        met(&exact),
        expected("question of the benchmark", 1, question)
    );
    let near = talk(
        1,
        vec![
            Message::user("Hello"),
            Message::user(question.replace("oldest", "eldest")),
        ],
    );
    assert_eq!(
        met(&near),
        expected("nearly a question of the benchmark", 1, question)
    );
    let database = |db_id: &str| {
        let sample = SqlSample {
            question: "Which city?".into(),
            db_id: Some(db_id.into()),
            ..SqlSample::default()
        };
        Row {
            place: place(1),
            sample: Sample::Sql(sample),
        }
    };
    assert_eq!(
        met(&database("world_1")),
        expected("database of the benchmark", 2, "world_1")
    );
    assert_eq!(list.check(&database("pets_1")), Ok(()));
    assert_eq!(list.check(&row(1, "", None, "")), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn removing_duplicates_twice_is_removing_them_once(
        cells in proptest::collection::vec(("[ab]{1,3}", "[cd]?", "[xy]{1,2}"), 0..40),
        conflicts in prop_oneof![
            Just(Conflicts::KeepFirst), Just(Conflicts::DropAll), Just(Conflicts::KeepAll)
        ],
        near in any::<bool>(),
    ) {
        let near = near.then(|| NearConfig {
            shingles: anneal_data::Shingles::Characters(1),
            threshold: 0.5,
            ..NearConfig::default()
        });
        let config = DuplicateConfig { conflicts, near };
        let rows: Vec<Row> = cells.iter().enumerate()
            .map(|(line, (question, context, sql))| row(line, question, Some(context), sql)).collect();
        let once = remove_duplicates(rows.clone(), config).unwrap();
        prop_assert_eq!(once.rows.len() + once.set_apart.len(), rows.len());
        let twice = remove_duplicates(once.rows.clone(), config).unwrap();
        prop_assert_eq!(&twice.rows, &once.rows);
        prop_assert!(twice.set_apart.is_empty());
        if near.is_none() {
            // Against the definition, by brute force.
            let asked = |i: usize| (&cells[i].0, &cells[i].1);
            let stays = |i: usize| match conflicts {
                Conflicts::KeepFirst => (0..i).all(|j| asked(j) != asked(i)),
                Conflicts::KeepAll => (0..i).all(|j| cells[j] != cells[i]),
                Conflicts::DropAll => (0..cells.len())
                    .all(|j| asked(j) != asked(i) || (cells[j] == cells[i] && j >= i)),
            };
            let expected: Vec<&Row> = (0..rows.len()).filter(|&i| stays(i)).map(|i| &rows[i]).collect();
            prop_assert_eq!(once.rows.iter().collect::<Vec<_>>(), expected);
        }
    }
}
