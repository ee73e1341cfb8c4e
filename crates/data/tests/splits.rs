//! Properties of splits: parts are disjoint by key, whatever is added or shuffled; tables never stand
//! on two sides; planted leaks are found, and nothing is reported that is not there.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests may stop right there too"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anneal_data::{
    At, GroupBy, GroupKey, GroupSplit, KeyKind, LeakConfig, Literals, Message, NearConfig, Place,
    Preference, Row, Sample, Shingles, SqlSample, find_leaks, normal_question, normal_sql,
    table_names,
};
use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

fn place(line: usize) -> Place {
    Place {
        file: Path::new("rows.jsonl").into(),
        at: At::Line(line),
    }
}

fn row(line: usize, sample: SqlSample) -> Row {
    Row {
        place: place(line),
        sample: Sample::Sql(sample),
    }
}

/// A row about some of ten tables of some of six databases, either of which it may lack.
fn any_row() -> impl Strategy<Value = SqlSample> {
    let tables = proptest::collection::btree_set(0..10_u8, 0..3);
    (
        proptest::option::of(0..6_u8),
        tables,
        0..20_u8,
        any::<bool>(),
    )
        .prop_map(|(database, tables, question, loud)| {
            let tables: Vec<String> = tables
                .iter()
                .map(|table| match loud {
                    true => format!("CREATE TABLE T{table} (x INT)"),
                    false => format!("create table if not exists \"t{table}\" (x)"),
                })
                .collect();
            SqlSample {
                question: format!("Question {question}?"),
                context: (!tables.is_empty()).then(|| tables.join("; ")),
                db_id: database.map(|database| format!("db{database}")),
                ..SqlSample::default()
            }
        })
}

fn rows(samples: &[SqlSample]) -> Vec<Row> {
    samples
        .iter()
        .cloned()
        .enumerate()
        .map(|(line, sample)| row(line + 1, sample))
        .collect()
}

fn context_tables(row: &Row) -> BTreeSet<String> {
    match &row.sample {
        Sample::Sql(sample) => table_names(sample.context.as_deref().unwrap_or_default()),
        _ => BTreeSet::new(),
    }
}

fn split(by: GroupBy, seed: u64) -> GroupSplit {
    GroupSplit::new(by, &[("validation", 0.3), ("test", 0.2)], seed).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_key_is_on_two_sides_and_no_row_is_lost(
        samples in proptest::collection::vec(any_row(), 0..60),
        seed in any::<u64>(),
    ) {
        let rows = rows(&samples);
        for by in [GroupBy::Database, GroupBy::TableSet, GroupBy::Tables] {
            let keys = by.keys(&rows);
            let (sides, report) = split(by, seed).assign(&rows);
            let mut side_of: BTreeMap<&GroupKey, usize> = BTreeMap::new();
            for (key, &side) in keys.iter().zip(&sides) {
                prop_assert_eq!(*side_of.entry(key).or_insert(side), side);
            }
            let parts = split(by, seed).split(rows.clone());
            prop_assert_eq!(&parts.report, &report);
            for (number, part) in parts.parts.iter().enumerate() {
                let expected: Vec<&Row> = rows.iter().zip(&sides)
                    .filter(|(_, side)| **side == number).map(|(row, _)| row).collect();
                prop_assert_eq!(part.rows.iter().collect::<Vec<_>>(), expected);
                let counted = &report.parts[number];
                prop_assert_eq!(counted.rows, part.rows.len());
                prop_assert_eq!(counted.groups, side_of.values().filter(|side| **side == number).count());
            }
            prop_assert_eq!(report.kinds.values().sum::<usize>(), rows.len());
        }
    }

    #[test]
    fn sides_stay_when_rows_are_added_or_shuffled(
        samples in proptest::collection::vec(any_row(), 1..40),
        more in proptest::collection::vec(any_row(), 0..40),
        order in any::<u64>(),
        seed in any::<u64>(),
    ) {
        let old = rows(&samples);
        let mut all = rows(&more);
        all.extend(old.iter().cloned());
        let mut shuffled: Vec<usize> = (0..old.len()).collect();
        let mut rng = ChaCha8Rng::seed_from_u64(order);
        shuffled.sort_by_cached_key(|_| rng.next_u64());
        for by in [GroupBy::Database, GroupBy::TableSet, GroupBy::Tables] {
            let (sides, _) = split(by, seed).assign(&old);
            let moved: Vec<Row> = shuffled.iter().map(|&at| old[at].clone()).collect();
            let (moved, _) = split(by, seed).assign(&moved);
            let expected: Vec<usize> = shuffled.iter().map(|&at| sides[at]).collect();
            prop_assert_eq!(moved, expected);
            // Components may join, as their documentation says.
            if by != GroupBy::Tables {
                let (grown, _) = split(by, seed).assign(&all);
                prop_assert_eq!(&grown[more.len()..], &sides[..]);
            }
        }
    }

    #[test]
    fn no_table_is_on_two_sides_of_a_split_by_tables(
        samples in proptest::collection::vec(any_row(), 0..60),
        seed in any::<u64>(),
    ) {
        let rows = rows(&samples);
        let (sides, _) = split(GroupBy::Tables, seed).assign(&rows);
        let mut side_of = BTreeMap::new();
        for (row, side) in rows.iter().zip(sides) {
            for table in context_tables(row) {
                prop_assert_eq!(*side_of.entry(table).or_insert(side), side);
            }
        }
        // Components are no larger than need be: joined by chains of rows alone, by brute force.
        let keys = GroupBy::Tables.keys(&rows);
        let mut groups: Vec<BTreeSet<String>> = Vec::new();
        for row in &rows {
            let mut tables = context_tables(row);
            let (touching, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|group| !group.is_disjoint(&tables));
            groups = apart;
            tables.extend(touching.into_iter().flatten());
            groups.push(tables);
        }
        for (row, key) in rows.iter().zip(&keys) {
            let tables = context_tables(row);
            let group = groups.iter().find(|group| !group.is_disjoint(&tables));
            if let Some(group) = group {
                prop_assert_eq!(Some(&key.text), group.first());
            }
        }
    }

    #[test]
    fn what_the_leak_check_reports_is_true_and_nothing_exact_is_missed(
        train in proptest::collection::vec("[abAB ?]{0,8}", 0..30),
        held_out in proptest::collection::vec("[abAB ?]{0,8}", 0..30),
    ) {
        let rows = |texts: &[String]| -> Vec<Row> {
            texts.iter().enumerate().map(|(line, text)| row(line, SqlSample {
                question: text.clone(),
                sql: text.clone(),
                ..SqlSample::default()
            })).collect()
        };
        let shingles = Shingles::Characters(2);
        let near = NearConfig { shingles, threshold: 0.5, bands: 100, rows: 1 };
        let config = LeakConfig { near, examples: 100, ..LeakConfig::default() };
        let report = find_leaks(&rows(&train), &rows(&held_out), &config).unwrap();
        type Normal = fn(&str) -> String;
        let normal_of_sql: Normal = |text| normal_sql(text, Literals::Kept);
        let normal_of_question: Normal = normal_question;
        for (exact, alike, normal) in [
            (&report.questions, &report.near_questions, normal_of_question),
            (&report.sql, &report.near_sql, normal_of_sql),
        ] {
            let trained: Vec<String> = train.iter().map(|text| normal(text)).collect();
            let held: Vec<String> = held_out.iter().map(|text| normal(text)).collect();
            let same = |text: &&String| trained.contains(text);
            prop_assert_eq!(exact.held_out_rows, held.iter().filter(same).count());
            prop_assert_eq!(exact.train_rows, trained.iter().filter(|text| held.contains(text)).count());
            prop_assert_eq!(exact.examples.len(), exact.held_out_rows);
            let best = |text: &String| trained.iter().map(|t| shingles.jaccard(t, text)).fold(0.0, f64::max);
            let truly_near = held.iter().filter(|text| !same(text) && best(text) >= 0.5).count();
            // With 100 bands of one place, a pair at the threshold is missed once in 2¹⁰⁰.
            prop_assert_eq!(alike.held_out_rows, truly_near);
            for example in &alike.examples {
                let (left, right) = (normal(&example.train_text), normal(&example.held_out_text));
                prop_assert_eq!(example.similarity, shingles.jaccard(&left, &right));
                prop_assert!(example.similarity >= 0.5 && left != right);
                prop_assert_eq!(example.similarity, best(&right));
            }
        }
    }
}

#[test]
fn a_row_goes_by_the_next_thing_that_it_has() {
    let sql = |db: Option<&str>, context: Option<&str>| {
        row(
            1,
            SqlSample {
                question: "How  many?".into(),
                db_id: db.map(str::to_owned),
                context: context.map(str::to_owned),
                ..SqlSample::default()
            },
        )
    };
    let user = Message::user("How many?");
    let conversation = vec![
        Message::system("Be brief."),
        user.clone(),
        Message::assistant("3"),
    ];
    let preference = Preference {
        prompt: vec![user],
        ..Preference::default()
    };
    let other = |sample| Row {
        place: place(1),
        sample,
    };
    let rows = [
        sql(Some("pets"), Some("CREATE TABLE b (x); CREATE TABLE a (x)")),
        sql(Some("pets"), None),
        sql(None, Some("CREATE TABLE b (x)")),
        sql(Some(""), Some("no table")),
        other(Sample::Conversation(conversation)),
        other(Sample::Preference(preference)),
        other(Sample::Conversation(vec![
            Message::assistant("Hi!"),
            Message::assistant("You?"),
        ])),
    ];
    let question = (KeyKind::Question, "how many");
    let end = [question, question, question, (KeyKind::Question, "hi you")];
    for (by, start) in [
        (
            GroupBy::Database,
            [
                (KeyKind::Database, "pets"),
                (KeyKind::Database, "pets"),
                (KeyKind::Tables, "b"),
            ],
        ),
        (
            GroupBy::TableSet,
            [
                (KeyKind::Tables, "a\0b"),
                (KeyKind::Database, "pets"),
                (KeyKind::Tables, "b"),
            ],
        ),
        (
            GroupBy::Tables,
            [
                (KeyKind::Tables, "a"),
                (KeyKind::Database, "pets"),
                (KeyKind::Tables, "a"),
            ],
        ),
    ] {
        let keys = by.keys(&rows);
        let found: Vec<_> = keys
            .iter()
            .map(|key| (key.kind, key.text.as_str()))
            .collect();
        assert_eq!(found, [&start[..], &end[..]].concat(), "{by:?}");
    }
}

#[test]
fn the_report_names_groups_that_no_fraction_can_hold() {
    let of = |database: &str| SqlSample {
        db_id: Some(database.into()),
        ..SqlSample::default()
    };
    let mut samples = vec![of("large"); 12];
    samples.extend(vec![of("middle"); 6]);
    samples.extend((0..12).map(|i| of(&format!("small{i}"))));
    let split = GroupSplit::new(GroupBy::Database, &[("test", 0.1)], 3).unwrap();
    let (sides, report) = split.assign(&rows(&samples));
    // A tenth of 30 rows is 3.
    let found: Vec<_> = report
        .too_large
        .iter()
        .map(|group| (group.key.text.as_str(), group.rows))
        .collect();
    assert_eq!(found, [("large", 12), ("middle", 6)]);
    let names: Vec<&str> = split.names().collect();
    assert_eq!(report.too_large[0].part, names[sides[0]]);
    assert_eq!((report.parts[0].wanted, report.parts[1].wanted), (0.9, 0.1));
    let test = sides.iter().filter(|side| **side == 1).count();
    assert_eq!(report.parts[1].got, test as f64 / 30.0);
}

/// A text of `words` words of four letters, drawn from `rng`.
fn text(rng: &mut ChaCha8Rng, words: usize) -> Vec<String> {
    let word = |rng: &mut ChaCha8Rng| -> String {
        (0..4)
            .map(|_| char::from(b'a' + (rng.next_u32() % 26) as u8))
            .collect()
    };
    (0..words).map(|_| word(rng)).collect()
}

#[test]
fn planted_near_duplicates_are_missed_as_rarely_as_stated() {
    const PAIRS: usize = 3000;
    // Few bands, so that misses are common enough to be counted.
    let near = NearConfig {
        bands: 8,
        rows: 5,
        threshold: 0.6,
        ..NearConfig::default()
    };
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    let (mut expected, mut variance) = (0.0, 0.0);
    for line in 0..PAIRS {
        let mut words = text(&mut rng, 24);
        let left = words.join(" ");
        words[5] = text(&mut rng, 1).remove(0);
        words[15] = text(&mut rng, 1).remove(0);
        let right = words.join(" ");
        let found = 1.0 - near.miss_probability(near.shingles.jaccard(&left, &right));
        expected += found;
        variance += found * (1.0 - found);
        for (side, question) in [(&mut train, left), (&mut held_out, right)] {
            side.push(row(
                line,
                SqlSample {
                    question,
                    ..SqlSample::default()
                },
            ));
        }
    }
    let config = LeakConfig {
        near,
        examples: PAIRS,
        ..LeakConfig::default()
    };
    let report = find_leaks(&train, &held_out, &config).unwrap();
    let found = report.near_questions.held_out_rows as f64;
    assert!(
        expected < 0.95 * PAIRS as f64,
        "the test would not see a miss: {expected}"
    );
    // All signatures share their orders, so that the pairs are not quite independent: five deviations.
    assert!(
        (found - expected).abs() < 5.0 * variance.sqrt(),
        "{found} found, {expected} expected"
    );
    for example in &report.near_questions.examples {
        assert_eq!(example.train.at, example.held_out.at);
    }
    assert_eq!(
        report.near_questions.train_rows,
        report.near_questions.held_out_rows
    );
}

#[test]
fn contexts_and_tables_on_both_sides_are_counted() {
    let with = |line, context: &str| {
        row(
            line,
            SqlSample {
                question: format!("{line} {line} {line}"),
                sql: format!("SELECT {line}"),
                context: Some(context.into()),
                ..SqlSample::default()
            },
        )
    };
    let train = [
        with(1, "CREATE TABLE pet (name TEXT)"),
        with(2, "CREATE TABLE city (x); CREATE TABLE Pet (age INT)"),
        with(3, "CREATE TABLE sea (x)"),
    ];
    let held_out = [
        with(11, "create table  \"pet\" (NAME text);"),
        with(12, "CREATE TABLE city (y)"),
        with(13, "CREATE TABLE river (x)"),
    ];
    let report = find_leaks(&train, &held_out, &LeakConfig::default()).unwrap();
    assert_eq!(
        (report.contexts.held_out_rows, report.contexts.train_rows),
        (1, 1)
    );
    assert_eq!(
        (report.tables.held_out_rows, report.tables.train_rows),
        (2, 2)
    );
    let found: Vec<_> = report
        .tables
        .examples
        .iter()
        .map(|pair| (pair.train.at, pair.held_out.at, pair.held_out_text.as_str()))
        .collect();
    let line = At::Line;
    assert_eq!(
        found,
        [(line(1), line(11), "pet"), (line(2), line(12), "city")]
    );
    assert!(!report.is_clean());
    let report = find_leaks(&train[2..], &held_out, &LeakConfig::default()).unwrap();
    assert!(report.is_clean());
    let json = serde_json::to_value(&report.tables).unwrap();
    assert_eq!(
        json,
        serde_json::json!({"held_out_rows": 0, "train_rows": 0, "examples": []})
    );
}

#[test]
fn masked_literals_make_queries_of_one_shape_the_same() {
    let with = |line, sql: &str| {
        row(
            line,
            SqlSample {
                sql: sql.into(),
                ..SqlSample::default()
            },
        )
    };
    let train = [with(1, "SELECT a FROM t WHERE b = 'x'")];
    let held_out = [with(
        2,
        "select a from t where b = 'a quite different text'",
    )];
    for (sql_literals, rows) in [(Literals::Kept, 0), (Literals::Masked, 1)] {
        let config = LeakConfig {
            sql_literals,
            ..LeakConfig::default()
        };
        let report = find_leaks(&train, &held_out, &config).unwrap();
        assert_eq!(report.sql.held_out_rows, rows, "{sql_literals:?}");
    }
}
