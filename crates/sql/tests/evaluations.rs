//! Many cases judged at once: order, threads, errors, and everything that is said about one case.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but not in their helper functions"
)]

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use anneal_sql::{
    Budget, Case, EvaluateError, EvaluateOptions, Evaluator, Failure, GoldPolicy, Judgement,
    Source, SqlError,
};
use rusqlite::Connection;

fn create(folder: &Path, db_id: &str, file: &str, sql: &str) {
    std::fs::create_dir_all(folder.join(db_id)).unwrap();
    let path = folder.join(db_id).join(file);
    Connection::open(path).unwrap().execute_batch(sql).unwrap();
}

/// Two databases; the second has a suite of two files.
fn databases() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pets = "CREATE TABLE pet (id INTEGER, name TEXT, age REAL);
        INSERT INTO pet VALUES (1, 'Rex', 3), (2, 'Mimi', 5), (3, 'Rex', 7.5)";
    create(folder.path(), "pets", "pets.sqlite", pets);
    let film =
        "CREATE TABLE film (title TEXT, year INTEGER); INSERT INTO film VALUES ('Gilda', 1946)";
    create(folder.path(), "film", "film.sqlite", film);
    let more = format!("{film}, ('Vertigo', 1958), ('Gilda', 1958)");
    create(folder.path(), "film", "more.sqlite", &more);
    folder
}

fn case(db_id: &str, gold: &str, predicted: &str) -> Case {
    Case {
        db_id: db_id.into(),
        question: format!("{gold}?"),
        gold: gold.into(),
        predicted: Some(predicted.into()),
        context: None,
    }
}

fn evaluator(folder: &Path, options: EvaluateOptions) -> Evaluator<'static> {
    Evaluator::new(Source::Folder(folder.into()), options)
}

#[test]
fn every_failure_is_told_with_its_words() {
    let folder = databases();
    let names = "SELECT name FROM pet ORDER BY id";
    let film = "SELECT title FROM film";
    let expected = [
        (
            case("pets", names, "SELECT name FROM pet ORDER BY id;"),
            None,
            None,
        ),
        (
            case("pets", names, "I do not know"),
            Some(Failure::NotSql),
            Some("near \"I\": syntax error"),
        ),
        (
            case("pets", names, "SELECT name FROM"),
            Some(Failure::DoesNotParse),
            Some("incomplete input"),
        ),
        (
            case("pets", names, "SELECT name FROM dog"),
            Some(Failure::UnknownTable),
            Some("no such table: dog"),
        ),
        (
            case("pets", names, "SELECT name, id FROM pet"),
            Some(Failure::WrongColumns),
            Some("2 columns, expected 1"),
        ),
        (
            case("pets", names, "SELECT name FROM pet WHERE id < 3"),
            Some(Failure::WrongRows),
            Some("2 rows, expected 3"),
        ),
        (
            case("pets", names, "SELECT name FROM pet ORDER BY name"),
            Some(Failure::WrongOrder),
            Some("the rows are in another order"),
        ),
        (
            case("pets", names, "SELECT name FROM pet WHERE id > 3"),
            Some(Failure::Empty),
            Some("no row, expected 3"),
        ),
        // Right by chance on the main database, wrong on the other of its suite.
        (
            case("film", film, "SELECT title FROM film WHERE year < 1950"),
            Some(Failure::WrongRows),
            Some("1 row, expected 3"),
        ),
    ];
    let cases: Vec<Case> = expected.iter().map(|(case, ..)| case.clone()).collect();
    let options = EvaluateOptions {
        shown_rows: Some(2),
        ..EvaluateOptions::default()
    };
    let examples = evaluator(folder.path(), options).evaluate(&cases).unwrap();
    assert_eq!(examples.len(), expected.len());
    for (index, (example, (case, failure, error))) in examples.iter().zip(&expected).enumerate() {
        let gold = &case.predicted;
        assert_eq!((example.index, &example.predicted), (index, gold));
        assert_eq!(
            (example.failure, example.error.as_deref()),
            (*failure, *error),
            "{gold:?}"
        );
        assert_eq!(example.is_match, failure.is_none());
    }
    // BIRD's and sql-eval's measures are those of the main database.
    let chance = &examples[8];
    assert!(chance.bird && chance.subset && chance.soft_f1 == 1.0);
    let shown = chance.shown.as_ref().unwrap();
    assert_eq!(shown.database, "more.sqlite");
    let counts = |preview: &Option<anneal_sql::Preview>| {
        let preview = preview.as_ref().unwrap();
        (preview.rows.len(), preview.total)
    };
    assert_eq!(
        (counts(&shown.gold), counts(&shown.predicted)),
        ((2, 3), (1, 1))
    );
    // One of two rows' worth: the column is there, and another.
    assert!(!examples[4].bird && examples[4].subset);
    assert!(examples[1].shown.as_ref().unwrap().predicted.is_none());
    assert!(examples[0].exact && !examples[6].exact);
}

#[test]
fn distinct_is_ignored_for_the_verdict_only() {
    let folder = databases();
    let cases = [case(
        "pets",
        "SELECT COUNT(DISTINCT name) FROM pet",
        "SELECT COUNT(name) FROM pet",
    )];
    for (ignore_distinct, expected) in [(false, false), (true, true)] {
        let options = EvaluateOptions {
            ignore_distinct,
            ..EvaluateOptions::default()
        };
        let example = evaluator(folder.path(), options)
            .evaluate(&cases)
            .unwrap()
            .remove(0);
        assert_eq!((example.is_match, example.bird), (expected, false));
        assert_eq!(example.soft_f1, 0.0);
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let folder = databases();
    let cases: Vec<Case> = (0..200)
        .map(|n| {
            let (db_id, table, column) =
                [("pets", "pet", "name"), ("film", "film", "title")][n % 2];
            let gold = format!("SELECT {column}, {} FROM {table}", n % 7);
            case(
                db_id,
                &gold,
                &format!("SELECT {}, {column} FROM {table}", n % 5),
            )
        })
        .collect();
    let done = AtomicUsize::new(0);
    let judged = |threads| {
        let options = EvaluateOptions {
            threads,
            ..EvaluateOptions::default()
        };
        let count = |at: usize, all: usize| {
            assert_eq!(all, 200);
            done.fetch_max(at, Ordering::Relaxed);
        };
        let source = Source::Folder(folder.path().into());
        let evaluator = Evaluator::new(source, options).on_progress(count);
        (
            evaluator.judge(&cases).unwrap(),
            evaluator.evaluate(&cases).unwrap(),
        )
    };
    let (judgements, examples) = judged(1);
    assert_eq!(done.load(Ordering::Relaxed), 200);
    for (n, (judgement, example)) in judgements.iter().zip(&examples).enumerate() {
        assert_eq!(*judgement == Judgement::Correct, n % 7 == n % 5, "{n}");
        assert_eq!((example.index, example.is_match), (n, n % 7 == n % 5));
    }
    for threads in [0, 2, 3, 9] {
        assert_eq!(
            judged(threads),
            (judgements.clone(), examples.clone()),
            "{threads} threads"
        );
    }
}

#[test]
fn the_first_case_without_a_database_or_a_gold_is_named() {
    let folder = databases();
    let good = || case("pets", "SELECT 1", "SELECT 1");
    let mut cases: Vec<Case> = (0..60).map(|_| good()).collect();
    cases[57] = case("birds", "SELECT 1", "SELECT 1");
    cases[40] = case("film", "SELECT year FROM movie", "SELECT 1");
    cases[31] = case("pets", "SELECT owner FROM pet", "SELECT 2");
    cases[45] = case("pets", "SELECT owner FROM pet", "SELECT 1");
    for threads in [1, 4] {
        let options = |gold| EvaluateOptions {
            threads,
            gold,
            ..EvaluateOptions::default()
        };
        let error = evaluator(folder.path(), options(GoldPolicy::Fail))
            .judge(&cases)
            .unwrap_err();
        assert!(
            matches!(error, EvaluateError::Gold { case: 31, .. }),
            "{error}"
        );
        let message = error.to_string();
        assert!(
            message.starts_with("the gold query does not run on "),
            "{message}"
        );
        assert!(
            message.ends_with("pets.sqlite: no such column: owner"),
            "{message}"
        );

        let leave_out = evaluator(folder.path(), options(GoldPolicy::LeaveOut));
        let error = leave_out.judge(&cases).unwrap_err();
        let missing = |error: &EvaluateError| {
            matches!(
                error,
                EvaluateError::Database {
                    case: 57,
                    source: SqlError::Missing { .. }
                }
            )
        };
        assert!(missing(&error), "{error}");
        let examples = leave_out.evaluate(&cases[..57]).unwrap();
        let failed = |index: &usize| examples[*index].gold_error.is_some();
        assert_eq!((0..57).filter(failed).collect::<Vec<_>>(), [31, 40, 45]);
        assert_eq!(
            examples[40].gold_error.as_deref(),
            Some("no such table: movie")
        );
        assert_eq!((examples[40].is_match, examples[40].failure), (false, None));
    }
}

#[test]
fn a_missing_prediction_is_no_sql_and_nothing_is_no_error() {
    let folder = databases();
    let nobody = "SELECT name FROM pet WHERE id = 9";
    let missing = Case {
        predicted: None,
        ..case("pets", nobody, "")
    };
    let evaluator = evaluator(folder.path(), EvaluateOptions::default());
    let example = evaluator.evaluate(&[missing]).unwrap().remove(0);
    assert_eq!(
        (example.is_match, example.failure),
        (false, Some(Failure::NotSql))
    );
    assert_eq!(example.predicted, None);
    assert_eq!(evaluator.judge(&[]).unwrap(), []);
}

#[test]
fn queries_are_timed_where_bird_matches() {
    let folder = databases();
    let slow = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT max(i) FROM n";
    let cases = [
        case("pets", slow, "SELECT 100000"),
        case("pets", "SELECT 100000", slow),
        case("pets", "SELECT 1", "SELECT 2"),
    ];
    let options = EvaluateOptions {
        time_queries: Some(11),
        budget: Budget {
            wall: None,
            ..Budget::default()
        },
        ..EvaluateOptions::default()
    };
    let examples = evaluator(folder.path(), options).evaluate(&cases).unwrap();
    let rewards: Vec<_> = examples.iter().map(|example| example.r_ves).collect();
    // A hundredfold difference in work, and of eleven runs one that is interrupted is an outlier.
    assert_eq!(rewards, [Some(1.25), Some(0.25), Some(0.0)]);
}
