//! The HTML page: hostile text stays text.

use anneal_sql::{Budget, Example, Failure, Meta, Origin, Preview, Report, Shown, Value};

/// What would break out of the page, or break it, if it were not escaped.
const HOSTILE: [&str; 8] = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "--><img src=x onerror=alert(1)>",
    "\u{2028}\u{2029}\\u003c/script>",
    "{{script}}{{data}}{{",
    "</noscript></pre><b>&amp;'\"`${x}",
    "</SCRIPT >\0\u{1b}[31m\u{202e}",
    "__proto__",
];

fn report(name: &str, skip: usize) -> Report {
    let examples = HOSTILE.iter().enumerate().map(|(index, &text)| Example {
        index,
        db_id: text.into(),
        question: text.into(),
        gold: text.into(),
        predicted: Some(text.into()),
        is_match: index % 2 == skip % 2,
        exact: true,
        normalised: true,
        components: None,
        hardness: None,
        bird: true,
        soft_f1: 0.5,
        subset: true,
        r_ves: None,
        failure: (index % 2 != skip % 2).then_some(Failure::WrongRows),
        error: Some(text.into()),
        gold_error: None,
        shown: Some(Shown {
            schema: text.into(),
            database: text.into(),
            gold: Some(Preview {
                columns: vec![text.into()],
                rows: vec![
                    vec![Value::Text(text.into())],
                    vec![Value::Integer(i64::MAX)],
                ],
                total: 2,
            }),
            predicted: None,
        }),
    });
    let source = Origin::Folder {
        path: HOSTILE[skip % HOSTILE.len()].into(),
    };
    Report::new(
        Meta::new(name, source, false, &Budget::default()),
        examples.collect(),
    )
}

/// The text between a tag and the next `</name`, as an HTML parser cuts a `<script>` or a `<style>` (whose text
/// holds no `<!--`).
fn raw<'a>(page: &'a str, open: &str, close: &str) -> &'a str {
    let (_, rest) = page.split_once(open).expect("the tag opens");
    rest.split_once(close).expect("the tag closes").0
}

#[test]
fn hostile_text_does_not_break_out() {
    let (before, after) = (report(HOSTILE[0], 0), report(HOSTILE[5], 5));
    for page in [after.to_html(), after.to_html_against(&before).unwrap()] {
        let lower = page.to_lowercase();
        for (what, count) in [
            ("<script", 2),
            ("</script", 2),
            ("<style", 1),
            ("</style", 1),
            ("<noscript", 1),
            ("</noscript", 1),
            ("<!--", 0),
            ("<img", 0),
            ("http://", 1), // the name of SVG, in the script
            ("https://", 0),
        ] {
            assert_eq!(lower.matches(what).count(), count, "{what}");
        }
        assert!(!page.contains(['\u{2028}', '\u{2029}', '\0', '\u{1b}']));
        let data = raw(
            &page,
            "<script type=\"application/json\" id=\"data\">",
            "</script>",
        );
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        for (index, text) in HOSTILE.iter().enumerate() {
            let question = &data["questions"][index];
            assert_eq!(question["index"], index);
            for value in [
                &question["db"],
                &question["question"],
                &question["gold"],
                &question["now"]["error"],
            ] {
                assert_eq!(value, text);
            }
            assert_eq!(question["now"]["gold_rows"]["rows"][0][0], *text);
            // Numbers are text: JavaScript would round this one.
            assert_eq!(
                question["now"]["gold_rows"]["rows"][1][0][1],
                "9223372036854775807"
            );
            let schema = question["schema"].as_u64().unwrap() as usize;
            assert_eq!(data["schemas"][schema], *text);
        }
        assert_eq!(data["questions"].as_array().unwrap().len(), HOSTILE.len());
        assert_eq!(data["schemas"].as_array().unwrap().len(), HOSTILE.len());
    }
}

#[test]
fn the_policy_allows_nothing_but_the_pages_own_parts() {
    let page = report("m", 1).to_html();
    let policy = raw(&page, "Content-Security-Policy\" content=\"", "\"");
    let parts: Vec<&str> = policy.split("; ").collect();
    assert_eq!(
        [parts[0], parts[3], parts[4]],
        [
            "default-src 'none'",
            "base-uri 'none'",
            "form-action 'none'"
        ]
    );
    for (part, name) in [(parts[1], "style-src"), (parts[2], "script-src")] {
        let hash = part.strip_prefix(name).unwrap().trim();
        let hash = hash
            .strip_prefix("'sha256-")
            .and_then(|hash| hash.strip_suffix("='"))
            .unwrap();
        assert_eq!(hash.len(), 43, "{part}");
    }
    assert!(!policy.contains("unsafe"));
    // The policy stands before what it governs.
    assert!(page.find("Content-Security-Policy") < page.find("<style>"));
    // The same script on every page, so the same hash; other data do not change it.
    assert_eq!(
        policy,
        raw(
            &report("n", 2).to_html(),
            "Content-Security-Policy\" content=\"",
            "\""
        )
    );
    assert_eq!(page, report("m", 1).to_html());
}

#[test]
fn before_and_after_share_a_page() {
    let page = report("tuned", 1)
        .to_html_against(&report("base", 0))
        .unwrap();
    let data = raw(
        &page,
        "<script type=\"application/json\" id=\"data\">",
        "</script>",
    );
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    assert_eq!(
        (&data["name"], &data["before"]["name"]),
        (&"tuned".into(), &"base".into())
    );
    assert_eq!(data["before"]["all"]["only_first"], 4);
    assert_eq!(data["before"]["all"]["only_second"], 4);
    assert_eq!(
        (
            &data["questions"][0]["now"]["match"],
            &data["questions"][0]["before"]["match"]
        ),
        (&false.into(), &true.into())
    );
    let other = Report::new(report("x", 0).meta().clone(), vec![]);
    assert!(other.to_html_against(&report("y", 0)).is_err());
    assert!(other.to_html().contains("\"questions\":[]"));
}

#[test]
fn long_values_are_cut_and_still_told_apart() {
    let mut examples = report("m", 0).examples()[..1].to_vec();
    let long = |end: &str| Value::Text("ä".repeat(5_000) + end);
    examples[0].shown = Some(Shown {
        schema: String::new(),
        database: String::new(),
        gold: Some(Preview {
            columns: vec![String::new(); 2],
            rows: vec![vec![long("x"), long("y")]],
            total: 1,
        }),
        predicted: Some(Preview {
            columns: vec![String::new(); 3],
            rows: vec![vec![
                Value::Blob(vec![7; 300]),
                Value::Real(3.0),
                Value::Null,
            ]],
            total: 1,
        }),
    });
    let page = Report::new(report("m", 0).meta().clone(), examples).to_html();
    let data = raw(
        &page,
        "<script type=\"application/json\" id=\"data\">",
        "</script>",
    );
    let data: serde_json::Value = serde_json::from_str(data).unwrap();
    let gold = &data["questions"][0]["now"]["gold_rows"]["rows"][0];
    assert_eq!(
        (&gold[0][0], &gold[0][1], &gold[0][2]),
        (&"t".into(), &"ä".repeat(400).into(), &5_001.into())
    );
    assert_eq!(gold[0][1], gold[1][1]);
    assert_ne!(gold[0][3], gold[1][3]);
    let predicted = &data["questions"][0]["now"]["rows"]["rows"][0];
    assert_eq!(
        (&predicted[0][0], &predicted[0][2]),
        (&"b".into(), &300.into())
    );
    assert_eq!(predicted[0][1], format!("x'{}'", "07".repeat(200)));
    assert_eq!(
        (&predicted[1], &predicted[2]),
        (&serde_json::json!(["n", "3.0"]), &serde_json::json!(null))
    );
}
