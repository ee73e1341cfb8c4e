//! Who is on which side.

use std::collections::BTreeSet;
use std::path::Path;

use anneal_data::{At, Place, SqlSample};

use super::*;
use crate::settings::GivenSettings;

fn settings(more: &str) -> DataSettings {
    let text = format!("model = \"m\"\ndata = [\"d\"]\noutput = \"o\"\n{more}");
    let given = GivenSettings::from_toml("run.toml".as_ref(), &text).unwrap();
    given.resolve().unwrap().data
}

fn row(line: usize, db_id: Option<&str>, tables: &[&str], question: &str) -> Row {
    let tables = tables
        .iter()
        .map(|table| format!("CREATE TABLE {table} (x)"));
    Row {
        place: Place {
            file: Path::new("rows.jsonl").into(),
            at: At::Line(line),
        },
        sample: Sample::Sql(SqlSample {
            question: question.to_owned(),
            context: Some(tables.collect::<Vec<_>>().join("; ")),
            sql: "SELECT 1".to_owned(),
            db_id: db_id.map(str::to_owned),
            ..SqlSample::default()
        }),
    }
}

fn databases(rows: &[Row]) -> BTreeSet<&str> {
    rows.iter().filter_map(database).collect()
}

#[test]
fn databases_are_held_out_as_the_library_does() {
    let rows: Vec<Row> = (0..30)
        .map(|i| row(i, Some(&format!("db{:02}", i % 7)), &["t"], "?"))
        .collect();
    let sides = split(&settings("hold_out_every = 3\n"), rows).unwrap();
    assert_eq!(databases(&sides.held_out), ["db00", "db03", "db06"].into());
    assert_eq!(
        databases(&sides.train),
        ["db01", "db02", "db04", "db05"].into()
    );
    assert_eq!(sides.train.len() + sides.held_out.len(), 30);
    assert_eq!(sides.by, "database");
}

#[test]
fn rows_without_a_database_are_held_out_by_their_tables() {
    let name = |i: usize| format!("table_{i}");
    let rows: Vec<Row> = (0..400)
        .map(|i| row(i, None, &[&name(i % 100)], "?"))
        .collect();
    let sides = split(&settings("hold_out = 0.25\n"), rows).unwrap();
    let (train, held) = (tables(&sides.train), tables(&sides.held_out));
    assert!(train.is_disjoint(&held));
    assert_eq!(train.len() + held.len(), 100);
    // 100 groups, each held out by a chance of a quarter: 13 is nearly three standard deviations.
    assert!(held.len().abs_diff(25) < 13, "{}", held.len());
    assert_eq!(sides.by, "tables");
    // The seed of a run does not decide it.
    let none = split(&settings("hold_out = 0\n"), sides.held_out).unwrap();
    assert!(none.held_out.is_empty());
}

#[test]
fn one_schema_is_held_out_by_question() {
    let ask = |i: usize| format!("Which {i}?");
    for db_id in [None, Some("shop")] {
        let rows: Vec<Row> = (0..200)
            .map(|i| row(i, db_id, &["a", "b"], &ask(i % 50)))
            .collect();
        let sides = split(&settings("hold_out = 0.3\n"), rows).unwrap();
        let questions = |rows: &[Row]| -> BTreeSet<String> {
            let question = |row: &Row| match &row.sample {
                Sample::Sql(sample) => sample.question.clone(),
                _ => String::new(),
            };
            rows.iter().map(question).collect()
        };
        let (train, held) = (questions(&sides.train), questions(&sides.held_out));
        assert!(train.is_disjoint(&held), "{db_id:?}");
        assert!(!train.is_empty() && !held.is_empty(), "{db_id:?}");
        // A held-out row keeps its schema.
        assert!(sides.held_out.iter().all(|row| context(row).is_some()));
        assert_eq!(sides.by, "question");
    }
}

#[test]
fn a_held_out_table_is_not_learned_from_another_file() {
    let mut rows: Vec<Row> = ["pets", "shops"]
        .iter()
        .map(|name| row(0, Some(name), &[&format!("{name}_table")], "?"))
        .collect();
    rows.push(row(1, None, &["PETS_table", "x"], "?"));
    rows.push(row(2, None, &["other"], "?"));
    rows.push(row(3, None, &["shops_table"], "?"));
    let sides = split(&settings("hold_out_every = 2\nhold_out = 0\n"), rows).unwrap();
    assert_eq!(databases(&sides.held_out), ["pets"].into());
    assert_eq!(sides.train.len(), 3);
    assert_eq!(sides.left_out.len(), 1);
    assert_eq!(sides.left_out[0].place.at, At::Line(1));
    assert_eq!(sides.left_out[0].fault.reason, SHARED_TABLE);
}

#[test]
fn questions_of_one_s_own_held_out_file_are_not_learned() {
    let rows = vec![
        row(1, Some("a"), &["t"], "How many pets?"),
        row(2, Some("a"), &["t"], "Which pets?"),
    ];
    let own = vec![row(1, Some("a"), &["t"], "how many pets")];
    let sides = against(rows, own).unwrap();
    assert_eq!((sides.train.len(), sides.held_out.len()), (1, 1));
    assert_eq!(sides.left_out[0].fault.reason, SHARED_QUESTION);
}

#[test]
fn rows_are_drawn_by_seed_and_keep_their_order() {
    let all: Vec<Row> = (0..50).map(|i| row(i, None, &["t"], "?")).collect();
    let drawn = |most, seed| {
        let mut rows = all.clone();
        draw(&mut rows, most, seed);
        rows
    };
    assert_eq!(drawn(60, 1), all);
    let ten = drawn(10, 1);
    assert_eq!(ten.len(), 10);
    let line = |row: &Row| match row.place.at {
        At::Line(line) | At::Row(line) => line,
    };
    assert!(ten.is_sorted_by_key(line));
    assert_eq!(drawn(10, 1), ten);
    assert_ne!(drawn(10, 2), ten);
}
