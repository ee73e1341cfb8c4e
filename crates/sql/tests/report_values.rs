//! A report of hostile results: it comes back as it was written, and stays small.

use std::path::Path;

use anneal_sql::{
    Budget, Case, EvaluateOptions, Evaluator, Example, GenerateOptions, Meta, Origin, Preview,
    Report, Rows, Source, Value,
};

/// The examples of some predictions for one gold, over two generated databases.
fn examples(db_id: &str, gold: &str, predicted: &[&str]) -> Vec<Example> {
    let case = |predicted: &&str| Case {
        db_id: db_id.into(),
        question: "?".into(),
        gold: gold.into(),
        predicted: Some((*predicted).into()),
        context: Some("CREATE TABLE film (title TEXT, year INTEGER)".into()),
    };
    let options = EvaluateOptions {
        shown_rows: Some(5),
        ..EvaluateOptions::default()
    };
    let source = Source::Generated(GenerateOptions {
        databases: 2,
        ..GenerateOptions::default()
    });
    let cases: Vec<Case> = predicted.iter().map(case).collect();
    let examples = Evaluator::new(source, options).evaluate(&cases);
    examples.unwrap_or_else(|error| panic!("{error}"))
}

fn report(examples: Vec<Example>) -> Report {
    let origin = Origin::Generated { each: 2, seed: 0 };
    Report::new(
        Meta::new("hostile", origin, false, &Budget::default()),
        examples,
    )
}

#[test]
fn infinities_blobs_and_huge_numbers_come_back() {
    let gold = "SELECT 9e999, -9e999, x'00ff', 9223372036854775807, 1e300, 5e-324 FROM film";
    let report = report(examples("film", gold, &[gold, "SELECT title FROM film"]));
    assert_eq!(report.totals().matches.count, 1);
    let json = report.to_json().unwrap();
    let back = Report::from_json(&json, Path::new("out.json")).unwrap();
    assert_eq!(back, report);
    assert_eq!(back.to_json().unwrap(), json);
    let shown = back.examples()[1].shown.as_ref().unwrap();
    let row = &shown.gold.as_ref().unwrap().rows[0];
    assert_eq!(row[0], Value::Real(f64::INFINITY));
    assert_eq!(row[1], Value::Real(f64::NEG_INFINITY));
    // The page prints them as SQLite does.
    let page = report.to_html();
    assert!(page.contains(r#"["n","Inf"],["n","-Inf"],["b","x'00ff'"]"#));
}

#[test]
fn large_results_do_not_fill_the_report() {
    let predicted = [
        "WITH n(i) AS (VALUES (1), (2), (3), (4), (5), (6)) SELECT zeroblob(200000), i FROM n",
        "WITH n(i) AS (VALUES (1), (2), (3), (4), (5), (6)) SELECT hex(zeroblob(15000)), i FROM n",
        "WITH n(i) AS (VALUES (1), (2), (3), (4), (5), (6)) SELECT 1, i FROM n",
    ];
    let found = examples("film", "SELECT title, year FROM film", &predicted);
    let kept: Vec<(usize, usize)> = found
        .iter()
        .map(|example| {
            let preview = example.shown.as_ref().unwrap().predicted.as_ref().unwrap();
            (preview.rows.len(), preview.total)
        })
        .collect();
    // A row of 200,000 bytes is none; rows of 30,000 characters are two; small ones are all five.
    assert_eq!(kept, [(0, 6), (2, 6), (5, 6)]);
    let json = report(found).to_json().unwrap();
    assert!(json.len() < 100_000, "{} bytes", json.len());
}

#[test]
fn a_preview_ends_before_the_row_that_does_not_fit() {
    let row = |length: usize| vec![Value::Text("x".repeat(length)), Value::Integer(1)];
    // 16 bytes beside each text.
    let fits = (64 << 10) - 16;
    let preview = |lengths: &[usize]| {
        let rows = lengths.iter().map(|&length| row(length)).collect();
        let preview = Preview::of(&Rows::new(vec!["a".into(), "b".into()], rows), 9);
        assert_eq!(preview.total, lengths.len());
        preview.rows.len()
    };
    assert_eq!(preview(&[fits]), 1);
    assert_eq!(preview(&[fits + 1]), 0);
    assert_eq!(preview(&[fits - 16, 0, 0]), 2);
    // What comes after a large row is not shown in its place.
    assert_eq!(preview(&[5, fits, 5]), 1);
}

#[test]
fn questions_without_a_database_are_in_no_row_of_databases() {
    let gold = "SELECT title FROM film";
    let mut all = examples("", gold, &[gold, "SELECT 1"]);
    all.extend(examples("film", gold, &[gold]));
    let report = report(all);
    let databases: Vec<_> = report
        .by_database()
        .iter()
        .map(|(name, scores)| (name.as_str(), scores.matches.count, scores.matches.of))
        .collect();
    assert_eq!(databases, [("film", 1, 1)]);
    assert_eq!(
        (report.totals().matches.count, report.totals().examples),
        (2, 3)
    );
    let page = report.to_html();
    assert!(
        page.contains(r#""by_database":[["film","#),
        "an unnamed database"
    );
}
