//! Reports: their numbers, their way to JSON and back, and comparisons of two.

use std::path::Path;

use anneal_sql::{
    Budget, Comparison, ComparisonError, Example, Failure, Hardness, Meta, Origin, Paired, Preview,
    Rate, Report, ReportError, Shown, Value,
};
use serde_json::json;

fn meta(name: &str) -> Meta {
    let source = Origin::Folder {
        path: "databases".into(),
    };
    Meta::new(name, source, true, &Budget::default())
}

/// An example that matches, or fails in a way.
fn example(index: usize, db_id: &str, failure: Option<Failure>) -> Example {
    let is_match = failure.is_none();
    Example {
        index,
        db_id: db_id.into(),
        question: format!("question {index}"),
        gold: "SELECT 1".into(),
        predicted: Some("SELECT 2".into()),
        is_match,
        exact: false,
        normalised: is_match,
        components: None,
        hardness: None,
        bird: is_match,
        soft_f1: f64::from(u8::from(is_match)),
        subset: is_match,
        r_ves: None,
        failure,
        error: None,
        gold_error: None,
        shown: None,
    }
}

/// Eight examples: four right, one wrong, two that do not run, one whose gold does not run.
fn eight() -> Vec<Example> {
    use Failure::{NotSql, UnknownColumn, WrongRows};
    let failures = [
        None,
        None,
        Some(WrongRows),
        Some(UnknownColumn),
        None,
        Some(NotSql),
        None,
        Some(WrongRows),
    ];
    let databases = ["b", "a", "a", "b", "a", "a", "a", "c"];
    let mut examples: Vec<Example> = (0..8)
        .map(|index| example(index, databases[index], failures[index]))
        .collect();
    for (index, hardness) in [
        (0, Hardness::Easy),
        (2, Hardness::Easy),
        (3, Hardness::Extra),
        (7, Hardness::Hard),
    ] {
        examples[index].hardness = Some(hardness);
    }
    examples[0].exact = true;
    examples[1].components = Some(true);
    examples[2].components = Some(false);
    examples[2].soft_f1 = 0.1 + 0.2;
    examples[2].subset = true;
    examples[4].r_ves = Some(1.25);
    examples[6].r_ves = Some(0.5);
    examples[7].gold_error = Some("no such table: x".into());
    examples
}

#[test]
fn counts_leave_out_what_has_no_gold() {
    let report = Report::new(meta("m"), eight());
    let totals = report.totals();
    assert_eq!(
        (totals.examples, totals.judged, totals.gold_failed),
        (8, 7, 1)
    );
    assert_eq!(
        (totals.correct, totals.wrong, totals.prediction_failed),
        (4, 1, 2)
    );
    assert_eq!(totals.matches, Rate::new(4, 7));
    assert_eq!(totals.execution_accuracy, Some(4.0 / 7.0));
    assert_eq!(
        (
            totals.exact.count,
            totals.normalised.count,
            totals.bird.count
        ),
        (1, 4, 4)
    );
    assert_eq!(
        (totals.components, totals.subset, totals.runs),
        (Rate::new(1, 2), Rate::new(5, 7), Rate::new(5, 7))
    );
    assert_eq!(
        (totals.soft_f1.mean, totals.soft_f1.of),
        (Some((4.0 + (0.1 + 0.2)) / 7.0), 7)
    );
    // As BIRD's script: 100 times the mean of the square roots.
    let rewards = anneal_sql::r_ves(&[1.25, 0.5]);
    assert_eq!((totals.r_ves.mean, totals.r_ves.of), (rewards, 2));
    let failures: Vec<_> = report
        .failures()
        .iter()
        .map(|(key, rate)| (*key, rate.count, rate.of))
        .collect();
    use Failure::{NotSql, UnknownColumn, WrongRows};
    assert_eq!(
        failures,
        [(NotSql, 1, 7), (UnknownColumn, 1, 7), (WrongRows, 1, 7)]
    );
}

#[test]
fn groups_are_ordered_and_add_up() {
    let report = Report::new(meta("m"), eight());
    let by_hardness: Vec<_> = report
        .by_hardness()
        .iter()
        .map(|(key, s)| (*key, s.matches.count, s.matches.of, s.gold_failed))
        .collect();
    use Hardness::{Easy, Extra, Hard};
    assert_eq!(
        by_hardness,
        [(Easy, 1, 2, 0), (Hard, 0, 0, 1), (Extra, 0, 1, 0)]
    );
    let by_database: Vec<_> = report
        .by_database()
        .iter()
        .map(|(key, s)| (&**key, s.matches.count, s.matches.of))
        .collect();
    assert_eq!(by_database, [("a", 3, 5), ("b", 1, 2), ("c", 0, 0)]);
}

#[test]
fn the_document_has_the_promised_keys() {
    let mut examples = eight();
    examples[3].predicted = None;
    let json = Report::new(meta("m"), examples).to_json().unwrap();
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let keys: Vec<_> = value
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        keys,
        [
            "meta",
            "totals",
            "by_hardness",
            "by_database",
            "failures",
            "examples"
        ]
    );
    let totals = &value["totals"];
    assert_eq!(totals["match"]["count"], json!(4));
    assert_eq!(totals["match"]["of"], json!(7));
    assert_eq!(totals["match"]["rate"], json!(4.0 / 7.0));
    assert_eq!(
        totals["match"]["interval"],
        json!(anneal_sql::wilson(4, 7).unwrap())
    );
    assert_eq!(totals["execution_accuracy"], json!(4.0 / 7.0));
    let counts = [
        "correct",
        "wrong",
        "prediction_failed",
        "gold_failed",
        "judged",
    ]
    .map(|key| totals[key].as_u64());
    assert_eq!(counts, [4, 1, 2, 1, 7].map(Some));
    assert_eq!(value["failures"]["unknown_column"]["count"], json!(1));
    assert_eq!(value["by_hardness"]["extra"]["match"]["of"], json!(1));
    assert_eq!(
        value["meta"]["databases"],
        json!({"kind": "folder", "path": "databases"})
    );
    assert_eq!(value["meta"]["ignore_distinct"], json!(true));
    let third = &value["examples"][3];
    for (key, expected) in [
        ("match", json!(false)),
        ("exact", json!(false)),
        ("normalised", json!(false)),
        ("hardness", json!("extra")),
        ("failure", json!("unknown_column")),
        ("predicted", json!(null)),
    ] {
        assert_eq!(third[key], expected, "{key}");
    }
    assert_eq!(
        (
            &value["examples"][0]["match"],
            &value["examples"][0]["failure"]
        ),
        (&json!(true), &json!(null))
    );
}

#[test]
fn a_report_comes_back_as_it_was() {
    let mut examples = eight();
    examples[2].soft_f1 = 1.0 / 3.0;
    examples[2].error = Some("no such column: \"x\"\n\u{2028}</script>".into());
    examples[2].shown = Some(Shown {
        schema: "CREATE TABLE t (a)".into(),
        database: "t 2".into(),
        gold: Some(Preview {
            columns: vec!["a".into(), "a".into()],
            rows: vec![
                vec![Value::Integer(i64::MIN), Value::Real(0.1)],
                vec![Value::Null, Value::Blob(vec![0, 255])],
            ],
            total: 900,
        }),
        predicted: None,
    });
    let report = Report::new(meta("m \u{1b}[31m"), examples);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.json");
    report.write(&path).unwrap();
    let read = Report::read(&path).unwrap();
    assert_eq!(read, report);
    assert_eq!(
        read.to_json().unwrap(),
        std::fs::read_to_string(&path).unwrap()
    );

    let mut lines = Vec::new();
    report.write_lines(&mut lines).unwrap();
    let lines = String::from_utf8(lines).unwrap();
    assert!(lines.ends_with('\n'));
    let examples: Vec<Example> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(examples, report.examples());
}

#[test]
fn errors_name_the_file_and_the_place() {
    let path = Path::new("out.json");
    let text = Report::new(meta("m"), eight()).to_json().unwrap();
    // The examples begin on line 8, one a line.
    let broken = text.replacen("\"question\":\"question 2\"", "\"question\":2", 1);
    let message = Report::from_json(&broken, path).unwrap_err().to_string();
    assert!(
        message.starts_with(
            "out.json: not a report: invalid type: integer `2`, expected a string at line 10 "
        ),
        "{message}"
    );
    let edited = text.replacen("\"match\":true", "\"match\":false", 1);
    let error = Report::from_json(&edited, path).unwrap_err();
    assert_eq!(
        error.to_string(),
        "out.json: `totals.match.count` says 4, the examples say 3"
    );
    let lines: Vec<&str> = text.lines().collect();
    let cut = [&lines[..13], &["{}]}"]].concat().join("\n");
    assert!(matches!(
        Report::from_json(&cut, path),
        Err(ReportError::Json { .. })
    ));
    let missing = Report::read(Path::new("no/such/report.json")).unwrap_err();
    assert!(
        missing.to_string().starts_with("no/such/report.json: "),
        "{missing}"
    );
}

#[test]
fn a_report_of_nothing_says_so() {
    let report = Report::new(meta("m"), vec![]);
    assert_eq!(
        report.totals().matches,
        Rate {
            count: 0,
            of: 0,
            rate: None,
            interval: None
        }
    );
    assert!(report.failures().is_empty() && report.by_database().is_empty());
    let back = Report::from_json(&report.to_json().unwrap(), Path::new("x")).unwrap();
    assert_eq!(back, report);
    let text = report.to_text();
    assert!(text.contains("0 questions, 0 judged\n"), "{text}");
    let comparison = Comparison::of(&report, &report).unwrap();
    assert_eq!(
        (
            comparison.all.difference,
            comparison.all.interval,
            comparison.all.p_mid
        ),
        (None, None, 1.0)
    );
    assert!(comparison.to_text().contains("0 questions\n"));
}

#[test]
fn the_text_is_short_aligned_and_harmless() {
    let mut examples = Vec::new();
    for index in 0..400 {
        use Failure::*;
        const ALL: [Failure; 9] = [
            NotSql,
            DoesNotParse,
            UnknownTable,
            UnknownColumn,
            Forbidden,
            WrongColumns,
            WrongRows,
            WrongOrder,
            Empty,
        ];
        let mut one = example(
            index,
            &format!("d{}\u{1b}[2J\u{202e}", index % 30),
            ALL.get(index % 12).copied(),
        );
        one.hardness = [
            Hardness::Easy,
            Hardness::Medium,
            Hardness::Hard,
            Hardness::Extra,
        ]
        .get(index % 5)
        .copied();
        one.components = Some(true);
        one.r_ves = Some(1.0);
        examples.push(one);
    }
    let text = Report::new(meta("m"), examples).to_text();
    assert_eq!(text.lines().count(), 29, "{text}");
    assert!(
        text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}'),
        "{text}"
    );
    assert!(
        text.contains("\nexecution                      99     400   24.8 %   20.8 to 29.2 %\n"),
        "{text}"
    );
    assert!(text.contains("\n  3 other classes "), "{text}");
    assert!(text.contains("\\u{1b}[2J"), "{text}");
}

#[test]
fn a_comparison_counts_pairs() {
    let before = Report::new(meta("base"), eight());
    let mut examples = eight();
    // 2 and 3 gained, 0 lost; 5 fails otherwise; 7 has no gold.
    examples[2] = Example {
        hardness: Some(Hardness::Easy),
        ..example(2, "a", None)
    };
    examples[3] = Example {
        hardness: Some(Hardness::Extra),
        ..example(3, "b", None)
    };
    examples[0] = Example {
        hardness: Some(Hardness::Easy),
        ..example(0, "b", Some(Failure::WrongOrder))
    };
    examples[5].failure = Some(Failure::WrongRows);
    examples[7].is_match = true;
    let after = Report::new(meta("tuned"), examples);
    let comparison = Comparison::of(&before, &after).unwrap();
    assert_eq!(comparison.left_out, 1);
    assert_eq!(comparison.all, Paired::new([3, 1, 2, 1]));
    assert_eq!(
        (comparison.all.first, comparison.all.second),
        (Rate::new(4, 7), Rate::new(5, 7))
    );
    assert_eq!(
        (comparison.all.difference, comparison.all.p_exact),
        (Some(1.0 / 7.0), 1.0)
    );
    assert_eq!(
        comparison.by_hardness[&Hardness::Easy],
        Paired::new([0, 1, 1, 0])
    );
    assert_eq!(
        comparison.by_hardness.keys().collect::<Vec<_>>(),
        [&Hardness::Easy, &Hardness::Extra]
    );
    let changed: Vec<_> = comparison
        .changed
        .iter()
        .map(|change| (change.index, change.second.is_match))
        .collect();
    assert_eq!(changed, [(0, false), (2, true), (3, true)]);
    assert_eq!(
        comparison.changed[0].second.failure,
        Some(Failure::WrongOrder)
    );
    assert_eq!(
        comparison.changed[2].first.failure,
        Some(Failure::UnknownColumn)
    );
    let json = serde_json::to_string(&comparison).unwrap();
    assert_eq!(
        serde_json::from_str::<Comparison>(&json).unwrap(),
        comparison
    );
    let text = comparison.to_text();
    assert!(
        text.contains("both right 3, only the first 1, only the second 2, neither 1"),
        "{text}"
    );
    assert!(
        text.contains("\n- #0 b: question 0\n+ #2 a: question 2\n+ #3 b: question 3\n"),
        "{text}"
    );
}

#[test]
fn a_report_against_itself_shows_no_difference() {
    let report = Report::new(meta("m"), eight());
    let comparison = Comparison::of(&report, &report).unwrap();
    let all = &comparison.all;
    assert_eq!(
        (all.both, all.only_first, all.only_second, all.neither),
        (4, 0, 0, 3)
    );
    assert_eq!(
        (all.difference, all.p_exact, all.p_mid),
        (Some(0.0), 1.0, 1.0)
    );
    let [low, high] = all.interval.unwrap();
    assert!(low < 0.0 && (low + high).abs() < 1e-15, "{low} {high}");
    assert!(comparison.changed.is_empty());
}

#[test]
fn other_questions_are_refused_by_their_place() {
    let first = Report::new(meta("m"), eight());
    let second = |change: fn(&mut Vec<Example>)| {
        let mut examples = eight();
        change(&mut examples);
        Comparison::of(&first, &Report::new(meta("n"), examples)).unwrap_err()
    };
    assert_eq!(
        second(|e| drop(e.pop())),
        ComparisonError::Length {
            first: 8,
            second: 7
        }
    );
    let message = second(|e| e[4].gold.push('!')).to_string();
    assert_eq!(
        message,
        "example 4: `gold` is \"SELECT 1\" in the first report and \"SELECT 1!\" in the second"
    );
    let place = |error| match error {
        ComparisonError::Differs {
            position, field, ..
        } => (position, field),
        other => panic!("{other}"),
    };
    assert_eq!(place(second(|e| e[1].db_id.push('x'))), (1, "db_id"));
    assert_eq!(place(second(|e| e[7].question.push('x'))), (7, "question"));
    assert_eq!(place(second(|e| e[0].index = 9)), (0, "index"));
    // The first place, also where the lengths differ.
    assert_eq!(place(second(|e| drop(e.remove(4)))), (4, "question"));
}
