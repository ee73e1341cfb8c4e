//! Cases without data: databases are generated from each one's context.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but not in their helper functions"
)]

use anneal_sql::{
    Budget, Case, EvaluateError, EvaluateOptions, Evaluator, Example, Failure, GenerateError,
    GenerateOptions, GoldPolicy, Hardness, Judgement, Schema, Source, generate, same_rows, soft_f1,
    subset_match, without_distinct,
};

const FILM: &str = "CREATE TABLE film (title VARCHAR, year INTEGER)";
const GOLD: &str = "SELECT title FROM film WHERE year > 1950";
const MADE: GenerateOptions = GenerateOptions {
    databases: 7,
    seed: 3,
    budget: Budget {
        operations: 5_000_000,
        rows: 100_000,
        bytes: 32 << 20,
        memory: 128 << 20,
        wall: None,
    },
};

fn case(context: &str, gold: &str, predicted: &str) -> Case {
    Case {
        question: "Which films are newer than 1950?".into(),
        gold: gold.into(),
        predicted: Some(predicted.into()),
        context: Some(context.into()),
        ..Case::default()
    }
}

fn evaluator(options: EvaluateOptions) -> Evaluator<'static> {
    Evaluator::new(Source::Generated(MADE), options)
}

fn shown() -> EvaluateOptions {
    EvaluateOptions {
        shown_rows: Some(3),
        ..EvaluateOptions::default()
    }
}

/// BIRD's match, the subset match and the mean of soft F1, by running both on each database.
fn measures(made_for: &str, gold: &str, predicted: &str) -> (bool, bool, f64) {
    let schema = Schema::from_context(FILM, &MADE.budget).unwrap();
    let made = generate(&schema, made_for, &MADE).unwrap();
    let databases = made.suite.databases();
    let (mut bird, mut subset, mut f1) = (true, true, 0.0);
    for database in databases {
        let [gold, found] = [gold, predicted].map(|sql| database.query(sql, &MADE.budget));
        let (gold, Ok(found)) = (gold.unwrap(), found) else {
            (bird, subset) = (false, false);
            continue;
        };
        bird &= same_rows(&gold, &found);
        subset &= subset_match(&gold, &found, false);
        f1 += soft_f1(&gold, &found);
    }
    (bird, subset, f1 / databases.len() as f64)
}

fn measured(example: &Example) -> (bool, bool, f64) {
    (example.bird, example.subset, example.soft_f1)
}

#[test]
fn a_verdict_is_that_of_all_generated_databases() {
    let fails_on_some = format!("{GOLD} AND (year <> 1951 OR abs(-9223372036854775807 - 1) > 0)");
    let expected = [
        ("SELECT f.title FROM film AS f WHERE f.year >= 1951", None),
        (
            "SELECT title FROM film WHERE year > 1951",
            Some(Failure::WrongRows),
        ),
        (
            "SELECT title, year FROM film WHERE year > 1950",
            Some(Failure::WrongColumns),
        ),
        (
            "SELECT DISTINCT title FROM film WHERE year > 1950",
            Some(Failure::WrongRows),
        ),
        (
            "SELECT name FROM film WHERE year > 1950",
            Some(Failure::UnknownColumn),
        ),
        (fails_on_some.as_str(), Some(Failure::TypeOrFunction)),
    ];
    let cases = expected.map(|(predicted, _)| case(FILM, GOLD, predicted));
    let examples = evaluator(shown()).evaluate(&cases).unwrap();
    for (example, (predicted, failure)) in examples.iter().zip(expected) {
        assert_eq!(example.failure, failure, "{predicted}");
        assert_eq!(example.is_match, failure.is_none(), "{predicted}");
        assert_eq!(
            measured(example),
            measures(GOLD, GOLD, predicted),
            "{predicted}"
        );
        assert_eq!(example.hardness, Some(Hardness::Easy));
    }
    let [right, near, wide, distinct, unknown, partly] = &examples[..] else {
        panic!("an example for each case")
    };
    assert_eq!(measured(right), (true, true, 1.0));
    assert!(
        near.soft_f1 > 0.0 && near.soft_f1 < 1.0 && !near.bird,
        "{near:?}"
    );
    // More columns, the gold's among them; repeated rows do not count for BIRD.
    assert!(wide.subset && !wide.bird && distinct.bird);
    assert_eq!(measured(unknown), (false, false, 0.0));
    assert!(partly.soft_f1 < 1.0 && !partly.bird && !partly.subset);
    assert_eq!(partly.error.as_deref(), Some("integer overflow"));

    let at = |example: &Example| example.shown.as_ref().unwrap().database.clone();
    assert_eq!(at(right), "generated database 1 of 7");
    assert!(at(near).ends_with(" of 7"), "{}", at(near));
    let schema = &right.shown.as_ref().unwrap().schema;
    assert!(schema.contains("CREATE TABLE film"), "{schema}");
    // The rows that are shown are those that differ.
    let rows = near.shown.as_ref().unwrap();
    assert_ne!(rows.gold, rows.predicted);
}

#[test]
fn distinct_is_left_out_before_databases_are_made() {
    let (gold, predicted) = ("SELECT DISTINCT title FROM film", "SELECT title FROM film");
    let cases = [case(FILM, gold, predicted), case(FILM, predicted, gold)];
    for (ignore_distinct, failure) in [(false, Some(Failure::WrongRows)), (true, None)] {
        let options = EvaluateOptions {
            ignore_distinct,
            ..EvaluateOptions::default()
        };
        let examples = evaluator(options).evaluate(&cases).unwrap();
        for (example, case) in examples.iter().zip(&cases) {
            assert_eq!(example.failure, failure, "{}", case.gold);
            assert!(example.bird);
            // Made for the gold as it is judged, measured with the queries as they stand.
            let made_for = match ignore_distinct {
                true => without_distinct(&case.gold),
                false => case.gold.clone(),
            };
            let predicted = case.predicted.as_deref().unwrap();
            assert_eq!(
                measured(example),
                measures(&made_for, &case.gold, predicted)
            );
        }
    }
}

#[test]
fn what_no_database_can_be_made_for_is_left_out() {
    let cases = [
        case(FILM, GOLD, GOLD),
        case("films and their years", GOLD, GOLD),
        case(FILM, "SELECT director FROM film", "SELECT title FROM film"),
        case("", GOLD, GOLD),
        case(FILM, "Which films?", "SELECT 1"),
    ];
    let options = EvaluateOptions {
        gold: GoldPolicy::LeaveOut,
        ..shown()
    };
    let examples = evaluator(options.clone()).evaluate(&cases).unwrap();
    let reasons: Vec<_> = examples
        .iter()
        .map(|example| example.gold_error.as_deref().unwrap_or_default())
        .collect();
    assert_eq!(reasons[0], "");
    assert!(reasons[1].starts_with("the context: "), "{reasons:?}");
    assert_eq!(reasons[2], "no such column: director");
    assert!(
        !reasons[3].is_empty() && !reasons[4].is_empty(),
        "{reasons:?}"
    );
    for example in &examples[1..] {
        assert_eq!((example.is_match, example.failure), (false, None));
        assert_eq!(measured(example), (false, false, 0.0));
        // Without a schema nobody knows Spider's level.
        assert_eq!((example.hardness, example.components), (None, None));
        let shown = example.shown.as_ref().unwrap();
        assert_eq!((&shown.gold, &shown.predicted), (&None, &None));
    }
    // The texts can still be compared.
    assert!(examples[1].exact && examples[1].normalised && !examples[2].exact);
    let judged = evaluator(options).judge(&cases).unwrap();
    assert_eq!(judged[0], Judgement::Correct);
    assert!(
        judged[1..]
            .iter()
            .all(|judged| matches!(judged, Judgement::GoldFailed(_)))
    );
}

#[test]
fn an_error_is_about_the_lowest_case_for_any_number_of_threads() {
    let good = |n: usize| {
        case(
            FILM,
            &format!("{GOLD} AND year < {}", 1960 + n % 9),
            "SELECT 1",
        )
    };
    let mut cases: Vec<Case> = (0..48).map(good).collect();
    for (at, bad, kind) in [
        (
            41,
            Case {
                context: None,
                ..good(0)
            },
            "no context",
        ),
        (30, case("no tables here", GOLD, GOLD), "context"),
        (22, case(FILM, "SELECT director FROM film", GOLD), "gold"),
        (
            9,
            Case {
                context: None,
                ..good(1)
            },
            "no context",
        ),
        (
            2,
            case(FILM, "SELECT director FROM film", "SELECT 2"),
            "gold",
        ),
    ] {
        cases[at] = bad;
        for threads in [1, 2, 5] {
            let options = EvaluateOptions {
                threads,
                ..EvaluateOptions::default()
            };
            let error = evaluator(options).judge(&cases).unwrap_err();
            let found = match &error {
                EvaluateError::NoContext { .. } => "no context",
                EvaluateError::Context { .. } => "context",
                EvaluateError::Generate {
                    source: GenerateError::Gold { .. },
                    ..
                } => "gold",
                _ => "another",
            };
            assert_eq!(
                (error.case(), found),
                (at, kind),
                "{threads} threads: {error}"
            );
        }
    }

    // What nobody can judge without a context stops the other policy too.
    let options = EvaluateOptions {
        gold: GoldPolicy::LeaveOut,
        ..EvaluateOptions::default()
    };
    let error = evaluator(options).judge(&cases).unwrap_err();
    assert!(
        matches!(error, EvaluateError::NoContext { case: 9 }),
        "{error}"
    );
}

#[test]
fn no_databases_are_an_error_of_the_settings() {
    let source = Source::Generated(GenerateOptions {
        databases: 0,
        ..MADE
    });
    let options = EvaluateOptions {
        gold: GoldPolicy::LeaveOut,
        ..EvaluateOptions::default()
    };
    let cases = [case(FILM, GOLD, GOLD)];
    let error = Evaluator::new(source, options).judge(&cases).unwrap_err();
    let nothing = matches!(
        error,
        EvaluateError::Generate {
            case: 0,
            source: GenerateError::NoDatabases
        }
    );
    assert!(nothing, "{error}");
}

#[test]
fn threads_and_order_change_nothing() {
    let cases: Vec<Case> = (0..40)
        .map(|n| {
            let gold = format!("SELECT title FROM film WHERE year > {}", 1950 + n % 4);
            let predicted = format!("SELECT title FROM film WHERE year > {}", 1950 + n % 3);
            Case {
                db_id: format!("row {}", n % 5),
                ..case(FILM, &gold, &predicted)
            }
        })
        .collect();
    let run = |threads, cases: &[Case]| {
        let options = EvaluateOptions { threads, ..shown() };
        evaluator(options).evaluate(cases).unwrap()
    };
    let examples = run(1, &cases);
    for (n, example) in examples.iter().enumerate() {
        assert_eq!(
            (example.index, example.is_match),
            (n, n % 4 == n % 3),
            "{example:?}"
        );
    }
    for threads in [2, 7] {
        assert_eq!(run(threads, &cases), examples);
    }
    // Nothing is left from one gold to the next: each alone gives the same.
    let alone = run(1, &cases[17..18]).remove(0);
    assert_eq!(Example { index: 17, ..alone }, examples[17]);
}
