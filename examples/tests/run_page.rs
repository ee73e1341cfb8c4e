//! The page of a run: its numbers are the run's, hostile text stays text, and what is missing is left out.

use std::collections::BTreeSet;

use anneal_examples::run_report::{
    DataFacts, DataFile, Evaluation, Fact, LeftOut, LossRow, Machine, Reproduce, RunPage, StepRow,
    ValidationRow, page, write_page,
};
use anneal_sql::{Budget, Example, Failure, Hardness, Meta, Origin, Report, Shown};

const HOSTILE: &str = "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\" onclick='x'\u{202e}\0&amp;";

fn report(name: &str, matches: &[bool]) -> Report {
    let examples = matches
        .iter()
        .enumerate()
        .map(|(index, &is_match)| Example {
            index,
            db_id: HOSTILE.into(),
            question: format!("Question {index}? {HOSTILE}"),
            gold: format!("SELECT '{HOSTILE}'"),
            predicted: Some(HOSTILE.into()),
            is_match,
            exact: false,
            normalised: false,
            components: Some(is_match),
            hardness: Some(if index % 2 == 0 {
                Hardness::Easy
            } else {
                Hardness::Extra
            }),
            bird: is_match,
            soft_f1: 0.0,
            subset: false,
            r_ves: None,
            failure: (!is_match).then_some(Failure::UnknownColumn),
            error: (!is_match).then(|| HOSTILE.into()),
            gold_error: None,
            shown: Some(Shown {
                schema: format!("CREATE TABLE {HOSTILE}"),
                database: HOSTILE.into(),
                gold: None,
                predicted: None,
            }),
        });
    let origin = Origin::Folder {
        path: HOSTILE.into(),
    };
    Report::new(
        Meta::new(name, origin, false, &Budget::default()),
        examples.collect(),
    )
}

fn steps(count: u64) -> Vec<StepRow> {
    let step = |step: u64| StepRow {
        step,
        loss: 2.0 / step as f64,
        lr: 1e-3,
        grad_norm: 0.5,
        tokens: 100,
        trained_tokens: 40,
        seconds: 0.5,
        classes: vec![LossRow {
            name: HOSTILE.into(),
            loss: 1.0,
            tokens: 7,
        }],
    };
    (1..=count).map(step).collect()
}

fn full() -> RunPage {
    RunPage {
        title: HOSTILE.into(),
        notes: vec![HOSTILE.into()],
        steps: steps(4),
        validations: vec![ValidationRow {
            step: 4,
            loss: Some(0.5),
            accuracy: Some(0.25),
            questions: Some(40),
        }],
        max_grad_norm: Some(1.0),
        data: DataFacts {
            files: vec![DataFile {
                path: HOSTILE.into(),
                sha256: Some(HOSTILE.into()),
                rows: 6_726,
            }],
            trained_rows: 5_931,
            left_out: vec![LeftOut {
                reason: HOSTILE.into(),
                rows: 12,
            }],
            split: HOSTILE.into(),
            held_out_rows: 781,
            tokens: 1_000,
            trained_tokens: 349,
        },
        evaluation: Evaluation {
            before: Some(report("before", &[false, true, false, false, true, false])),
            after: Some(report("after", &[true, true, true, true, false, false])),
            schemas: [(HOSTILE.into(), HOSTILE.into())].into(),
        },
        numbers: vec![Fact::new(HOSTILE, HOSTILE)],
        settings: serde_json::json!({"lora": {"r": 8, (HOSTILE): HOSTILE}}),
        machine: Some(Machine {
            cpu: Some(HOSTILE.into()),
            os: HOSTILE.into(),
            device: HOSTILE.into(),
            ..Machine::default()
        }),
        versions: vec![Fact::new("anneal", HOSTILE)],
        reproduce: Some(Reproduce {
            command: vec!["finetune".into(), HOSTILE.into()],
            folder: Some(HOSTILE.into()),
            seed: 7,
        }),
        peak_memory_bytes: Some(2_000_000_000),
        ..RunPage::default()
    }
}

/// Every tag of a page, and every attribute's name.
fn markup(html: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut tags, mut attributes) = (BTreeSet::new(), BTreeSet::new());
    for tag in html.split('<').skip(1) {
        let tag = tag.split_once('>').map_or(tag, |(tag, _)| tag);
        let name: String = tag
            .chars()
            .take_while(|c| !c.is_whitespace() && *c != '>')
            .collect();
        tags.insert(name.trim_matches('/').to_owned());
        // Outside of quotes, which hold no quote of their own.
        for outside in tag.split('"').step_by(2) {
            attributes.extend(
                outside
                    .split_whitespace()
                    .filter_map(|word| word.strip_suffix('='))
                    .map(str::to_owned),
            );
        }
    }
    (tags, attributes)
}

#[test]
fn hostile_text_stays_text_wherever_it_stands() {
    let html = page(&full());
    let (tags, attributes) = markup(&html);
    let known = [
        "!doctype",
        "b",
        "bdi",
        "body",
        "br",
        "code",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "figcaption",
        "figure",
        "h1",
        "h2",
        "h3",
        "head",
        "header",
        "html",
        "input",
        "label",
        "line",
        "main",
        "meta",
        "p",
        "path",
        "pre",
        "rect",
        "section",
        "span",
        "style",
        "summary",
        "svg",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "title",
        "tr",
    ];
    let known: BTreeSet<String> = known.map(String::from).into();
    assert_eq!(
        tags.difference(&known).collect::<Vec<_>>(),
        Vec::<&String>::new()
    );
    assert!(
        attributes.contains("aria-label") && attributes.contains("d"),
        "{attributes:?}"
    );
    assert!(
        !attributes
            .iter()
            .any(|name| name.starts_with("on") || name == "src" || name == "href"),
        "{attributes:?}"
    );
    assert_eq!(html.matches("</style>").count(), 1);
    assert!(!html.contains(['\u{202e}', '\0']) && html.contains("U+202E"));
    assert!(html.contains("default-src 'none'"));
    // Each of the places shows it: title, note, path, question, SQL, message, schema, setting, command.
    assert!(
        html.matches("&lt;script&gt;alert(1)&lt;/script&gt;")
            .count()
            > 40
    );
}

#[test]
fn the_numbers_are_those_of_the_run() {
    let html = page(&full());
    // Right: 1 and 4 before, 0 to 3 after. Wilson's interval of 2 in 6, and of 4 in 6, by statsmodels 0.15.0.
    assert!(html.contains("33.3 % → 66.7 %"));
    assert!(html.contains("95 % intervals 9.7 to 70.0 % and 30.0 to 90.3 %, of 6"));
    // Three gained, one lost: 2 · (1 + 4) / 16.
    assert!(html.contains(
        "<b class=\"num\">0.625</b><span class=\"num\">3 gained, 1 lost; mid-p 0.375</span>"
    ));
    for (class, count) in [("gained", 3), ("lost", 1), ("right", 1), ("wrong", 1)] {
        assert_eq!(
            html.matches(&format!("<details class=\"q {class}\">"))
                .count(),
            count,
            "{class}"
        );
    }
    // Losses of 2, 1, 2/3 and 1/2 on an axis from 0 to 2: 0, 150, 200 and 225 from the top.
    let curve = "d=\"M0.00 0.00L333.33 150.00L666.67 200.00L1000.00 225.00\"";
    assert!(html.contains(curve));
    // The validation: a dot at the last step, and its interval (10 of 40: 14.2 to 40.2 %) on an axis to 50.
    assert!(html.contains("d=\"M1000.00 225.00h0\""));
    assert!(
        html.contains(
            "<line class=\"whisker\" x1=\"1000.00\" y1=\"214.88\" x2=\"1000.00\" y2=\"58.84\"/>"
        ),
        "{html}"
    );
    assert!(html.contains("349 (34.9 %)") && html.contains("2.00 GB") && html.contains("lora.r"));
    assert!(html.contains("0 of 4 steps clipped"));
}

#[test]
fn what_is_missing_is_left_out() {
    let empty = page(&RunPage::default());
    for absent in [
        "<figure",
        "Blind test",
        "Questions",
        "NaN",
        "Data</h3>",
        "class=\"tile\"",
    ] {
        assert!(!empty.contains(absent), "{absent}");
    }
    let trained = page(&RunPage {
        steps: steps(3),
        ..RunPage::default()
    });
    assert_eq!(trained.matches("<figure").count(), 5);
    assert!(!trained.contains("Execution accuracy") && !trained.contains(">validation<"));
    let mut run = full();
    run.evaluation.before = None;
    let after = page(&run);
    assert!(
        after.contains("Execution accuracy after")
            && !after.contains("McNemar")
            && !after.contains("still")
    );
    // Other questions before: said, not compared.
    run.evaluation.before = Some(report("before", &[true]));
    let other = page(&run);
    assert!(other.contains("not on the same questions") && !other.contains("McNemar"));
}

#[test]
fn a_step_that_is_not_finite_is_a_gap_and_a_mark_and_survives_json() {
    let mut run = RunPage {
        steps: steps(4),
        ..RunPage::default()
    };
    (run.steps[1].loss, run.steps[2].grad_norm) = (f64::NAN, f64::INFINITY);
    let again: RunPage = serde_json::from_str(&serde_json::to_string(&run).unwrap()).unwrap();
    assert!(again.steps[1].loss.is_nan());
    let html = page(&again);
    assert_eq!(html, page(&run));
    assert!(html.contains("d=\"M0.00 0.00M666.67 200.00L1000.00 225.00\""));
    assert_eq!(html.matches("1 not finite.").count(), 2);
    assert!(!html.contains("NaN") && !html.contains("inf"));
}

#[test]
fn a_line_of_metrics_is_a_step_and_a_page_is_a_file() {
    let line = r#"{"step":3,"epoch":0.1,"loss":1.5,"lr":0.001,"grad_norm":null,"tokens":9,"trained_tokens":4,"tokens_per_second":3.0,"seconds":3.0,"peak_memory_bytes":5}"#;
    let step: StepRow = serde_json::from_str(line).unwrap();
    assert_eq!(
        (step.step, step.loss, step.tokens, step.seconds),
        (3, 1.5, 9, 3.0)
    );
    assert!(step.grad_norm.is_nan() && step.classes.is_empty());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.html");
    write_page(&full(), &path).unwrap();
    assert_eq!(std::fs::read_to_string(path).unwrap(), page(&full()));
}
