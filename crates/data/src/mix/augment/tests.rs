//! Hooks on rows.

use std::path::Path;

use super::*;
use crate::{At, Message, Record, Sample, SqlSample};

fn row(line: usize, question: &str, context: Option<&str>) -> Row {
    let sample = SqlSample {
        question: question.to_owned(),
        context: context.map(str::to_owned),
        sql: "SELECT 1".to_owned(),
        db_id: Some("pets".to_owned()),
        difficulty: None,
        flaw: None,
    };
    Row {
        place: Record::new(Path::new("rows.jsonl"), At::Line(line), Default::default()).place,
        sample: Sample::Sql(sample),
    }
}

fn sql(row: &Row) -> &SqlSample {
    match &row.sample {
        Sample::Sql(sample) => sample,
        other => panic!("{other:?}"),
    }
}

fn context(row: &Row) -> &str {
    sql(row).context.as_deref().unwrap()
}

fn augmenter<H: Augment>(hook: H, originals: Originals) -> Augmenter<H> {
    let config = AugmentConfig {
        name: "test".to_owned(),
        seed: 5,
        originals,
    };
    Augmenter::new(config, hook)
}

#[test]
fn paraphrases_of_a_question_in_its_database() {
    let mut table = Paraphrases::default();
    table.add(Some("pets"), "How many dogs?", "How many canines?");
    table.add(None, "How many dogs? ", "Count the dogs.");
    table.add(None, "How many dogs?", "How many canines?");
    table.add(Some("zoo"), "How many dogs?", "How many inmates?");
    table.add(None, "How many dogs?", " How many dogs?");
    assert_eq!(table.len(), 4);
    let rows = vec![
        row(1, "How many dogs?", None),
        row(2, "How many cats?", None),
    ];
    let questions = |originals| {
        let (rows, report) = augmenter(table.clone(), originals)
            .rows(rows.clone(), 0)
            .unwrap();
        let questions: Vec<String> = rows.iter().map(|row| sql(row).question.clone()).collect();
        (questions, report)
    };
    let (kept, report) = questions(Originals::Keep);
    assert_eq!(
        kept,
        [
            "How many dogs?",
            "How many canines?",
            "Count the dogs.",
            "How many cats?"
        ]
    );
    assert_eq!(
        report,
        AugmentReport {
            rows_in: 2,
            augmented: 1,
            made: 2,
            rows_out: 4
        }
    );
    let (replaced, report) = questions(Originals::Replace);
    assert_eq!(
        replaced,
        ["How many canines?", "Count the dogs.", "How many cats?"]
    );
    assert_eq!(report.rows_out, 3);
    let one = augmenter(table.clone().at_most(1), Originals::Replace);
    // Which one is drawn depends on the row; over 40 rows both are.
    let drawn: std::collections::BTreeSet<String> = (0..40)
        .flat_map(|line| one.row(row(line, "How many dogs?", None), 0).unwrap().0)
        .map(|row| sql(&row).question.clone())
        .collect();
    assert_eq!(drawn.len(), 2);
}

#[test]
fn a_table_of_paraphrases_from_records() {
    let record = |line, json: &str| {
        let fields = serde_json::from_str(json).unwrap();
        Ok(Record::new(Path::new("syn.jsonl"), At::Line(line), fields))
    };
    let good = record(
        1,
        r#"{"db_id": "pets", "question": "Dogs?", "paraphrase": "Canines?"}"#,
    );
    assert_eq!(Paraphrases::from_records([good]).unwrap().len(), 1);
    let bad = record(7, r#"{"question": "Dogs?", "sql": "SELECT 1"}"#);
    assert_eq!(
        Paraphrases::from_records([bad]).unwrap_err().to_string(),
        "`syn.jsonl` line 7: no field `paraphrase`; the row has [\"question\", \"sql\"]"
    );
}

#[test]
fn distractors_have_new_names_and_random_places() {
    let rows = vec![
        row(1, "a", Some("CREATE TABLE a (x INT)")),
        row(
            2,
            "b",
            Some("CREATE TABLE b (x INT); CREATE TABLE \"A\" (y INT)"),
        ),
        row(3, "c", Some("CREATE TABLE c (x INT)")),
        row(4, "none", None),
    ];
    let hook = DistractorTables::new(&rows, 2);
    assert_eq!(hook.pool(), 4);
    let made = augmenter(hook, Originals::Replace);
    let mut firsts = 0;
    for line in 0..60 {
        let base = row(line, "a", Some("CREATE TABLE a (x INT)"));
        let (rows, count) = made.row(base, 0).unwrap();
        assert_eq!((rows.len(), count), (1, 1));
        // Whatever the order: a itself, b and c, and never the other table of a's name.
        let mut tables: Vec<&str> = context(&rows[0]).split("; ").collect();
        firsts += usize::from(tables[0] == "CREATE TABLE a (x INT)");
        tables.sort_unstable();
        assert_eq!(
            tables,
            [
                "CREATE TABLE a (x INT)",
                "CREATE TABLE b (x INT)",
                "CREATE TABLE c (x INT)"
            ]
        );
    }
    // A third of the time it stays first: 20 of 60, standard deviation 3.7.
    assert!((9..=31).contains(&firsts), "{firsts}");
    // Without a context there is nothing to distract from, and the row stays.
    let (kept, report) = made.rows(vec![row(4, "none", None)], 0).unwrap();
    assert_eq!((kept.len(), report.made), (1, 0));
}

#[test]
fn where_too_few_tables_are_left_those_are_added() {
    let rows = vec![
        row(
            1,
            "a",
            Some("CREATE TABLE a (x INT);\nCREATE TABLE b (x INT);"),
        ),
        row(2, "c", Some("CREATE TABLE a (x INT)")),
    ];
    let made = augmenter(DistractorTables::new(&rows, 5), Originals::Keep);
    let (out, report) = made.rows(rows, 0).unwrap();
    // The first has both names already; the second gets b.
    assert_eq!((report.augmented, report.made, out.len()), (1, 1, 3));
    assert!(context(&out[2]).contains("CREATE TABLE b (x INT)"));
}

#[test]
fn tables_change_places_and_other_statements_do_not() {
    let base =
        "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\nCREATE TABLE b (x);\nCREATE TABLE c (x);";
    let made = augmenter(ShuffledTables, Originals::Replace);
    let mut orders = std::collections::BTreeSet::new();
    for line in 0..80 {
        let (rows, count) = made.row(row(line, "q", Some(base)), 0).unwrap();
        let statements: Vec<&str> = context(&rows[0]).split('\n').collect();
        assert_eq!(statements[1], "INSERT INTO a VALUES (1);");
        assert_eq!(count == 0, context(&rows[0]) == base);
        orders.insert(context(&rows[0]).to_owned());
    }
    // All 3! orders, the one that there was among them as the original.
    assert_eq!(orders.len(), 6);
    let (_, one) = made
        .row(row(1, "q", Some("CREATE TABLE a (x)")), 0)
        .unwrap();
    assert_eq!(one, 0);
}

#[test]
fn a_row_is_made_alike_wherever_it_stands_and_anew_every_epoch() {
    let base: Vec<Row> = (0..30)
        .map(|line| {
            let context: Vec<String> = (0..6).map(|t| format!("CREATE TABLE t{t} (x)")).collect();
            row(line, "q", Some(&context.join("; ")))
        })
        .collect();
    let made = augmenter(ShuffledTables, Originals::Replace);
    let (forward, _) = made.rows(base.clone(), 0).unwrap();
    let (mut backward, _) = made.rows(base.iter().rev().cloned().collect(), 0).unwrap();
    backward.reverse();
    assert_eq!(forward, backward);
    assert_ne!(made.rows(base.clone(), 1).unwrap().0, forward);
    // The folder of the file does not matter; the seed and the name do.
    let mut moved = base.clone();
    for row in &mut moved {
        row.place.file = Path::new("elsewhere/rows.jsonl").into();
    }
    let contexts =
        |rows: &[Row]| -> Vec<String> { rows.iter().map(|r| context(r).into()).collect() };
    assert_eq!(
        contexts(&made.rows(moved, 0).unwrap().0),
        contexts(&forward)
    );
    for (name, seed) in [("other", 5), ("test", 6)] {
        let config = AugmentConfig {
            name: name.to_owned(),
            seed,
            originals: Originals::Replace,
        };
        let other = Augmenter::new(config, ShuffledTables);
        assert_ne!(other.rows(base.clone(), 0).unwrap().0, forward);
    }
}

#[test]
fn rows_without_sql_are_left_alone_and_failures_name_their_place() {
    let mut talk = row(3, "q", None);
    talk.sample = Sample::Conversation(vec![Message::user("hello")]);
    let mut table = Paraphrases::default();
    table.add(None, "hello", "hi");
    for (rows, made) in [
        augmenter(ShuffledTables, Originals::Replace)
            .row(talk.clone(), 0)
            .unwrap(),
        augmenter(DistractorTables::new([], 1), Originals::Replace)
            .row(talk.clone(), 0)
            .unwrap(),
        augmenter(table, Originals::Replace)
            .row(talk.clone(), 0)
            .unwrap(),
    ] {
        assert_eq!((rows, made), (vec![talk.clone()], 0));
    }
    let fail = |_: &Row, _: &mut RowRng| Err(DataError::NoContext);
    let error = augmenter(fail, Originals::Keep).row(talk, 0).unwrap_err();
    assert_eq!(
        error.to_string(),
        "augmentation `test` of `rows.jsonl` line 3: no `context`, and no schema was given in its place"
    );
}
