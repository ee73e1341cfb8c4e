//! Schemas and golds that make trouble: typed errors, no panic, no endless work.

use anneal_sql::{
    Budget, Column, GenerateError, GenerateOptions, Judgement, Schema, Table, generate,
};

/// A table from `name type, …`.
fn table(name: &str, columns: &str) -> Table {
    let columns = columns.split(", ").map(|column| {
        let (name, kind) = column.split_once(' ').unwrap_or((column, ""));
        Column {
            name: name.into(),
            declared_type: kind.into(),
            ..Column::default()
        }
    });
    Table {
        name: name.into(),
        columns: columns.collect(),
        ..Table::default()
    }
}

fn schema(tables: Vec<Table>) -> Schema {
    Schema {
        tables,
        ..Schema::default()
    }
}

fn school() -> Schema {
    schema(vec![table(
        "pupil",
        "id INTEGER, name TEXT, age INTEGER, town TEXT",
    )])
}

#[test]
fn what_cannot_be_made_is_a_typed_error() {
    let options = GenerateOptions::default();
    let error = |schema: &Schema, gold: &str, options: &GenerateOptions| {
        generate(schema, gold, options).unwrap_err()
    };
    assert!(matches!(
        error(&schema(vec![]), "SELECT 1", &options),
        GenerateError::NoTables
    ));
    let none = GenerateOptions {
        databases: 0,
        ..options
    };
    assert!(matches!(
        error(&school(), "SELECT 1", &none),
        GenerateError::NoDatabases
    ));
    let twice = schema(vec![table("t", "a INT"), table("t", "a INT")]);
    let message = error(&twice, "SELECT 1", &options).to_string();
    assert!(message.contains("already exists"), "{message}");
    let message = error(&school(), "SELECT colour FROM pupil", &options).to_string();
    assert_eq!(message, "the gold query: no such column: colour");
    for attack in [
        "DROP TABLE pupil",
        "SELECT 1; SELECT 2",
        "PRAGMA table_info(pupil)",
        "ATTACH 'x' AS y",
    ] {
        assert!(
            matches!(
                error(&school(), attack, &options),
                GenerateError::Gold { .. }
            ),
            "{attack}"
        );
    }
}

#[test]
fn hostile_schemas_and_golds_end() {
    // A type that would close the table, names with quotes, more columns than a query has parameters.
    let mut odd = table(
        "a\"; DROP TABLE b; --",
        "x INT); DROP TABLE b; --, \"q\" TEXT",
    );
    odd.columns[1].name = "it's \"quoted\"".into();
    let wide: Vec<String> = (0..300).map(|column| format!("c{column} INT")).collect();
    let odd = schema(vec![odd, table("b", &wide.join(", "))]);
    let made = generate(
        &odd,
        "SELECT c299 FROM b WHERE c7 > 3",
        &GenerateOptions {
            databases: 3,
            ..GenerateOptions::default()
        },
    )
    .unwrap();
    let budget = Budget::default();
    let judge = |sql: &str| {
        made.suite
            .judge("SELECT c299 FROM b WHERE c7 > 3", sql, &budget)
    };
    assert!(matches!(
        judge("SELECT c298 FROM b WHERE c7 > 3"),
        Judgement::Wrong(_)
    ));

    let many: Vec<Table> = (0..400)
        .map(|n| table(&format!("t{n}"), "id INT, x TEXT, y REAL"))
        .collect();
    let many = schema(many);
    let chain: Vec<String> = (1..60)
        .map(|n| format!("JOIN t{n} ON t{n}.id = t0.id"))
        .collect();
    let joined = format!("SELECT count(*) FROM t0 {}", chain.join(" "));
    let ors: Vec<String> = (0..400).map(|n| format!("x = 'w{n}'")).collect();
    let long = format!("SELECT id FROM t0 WHERE {}", ors.join(" OR "));
    let nested = format!(
        "SELECT id FROM t0 WHERE {}x = 'a'{}",
        "(".repeat(90),
        ")".repeat(90)
    );
    let ctes = (1..40).map(|n| {
        format!(
            ", q{n} AS (SELECT a.id FROM q{0} AS a JOIN q{0} AS b ON a.id = b.id)",
            n - 1
        )
    });
    let ctes = format!(
        "WITH q0 AS (SELECT id FROM t0){} SELECT 1",
        ctes.collect::<String>()
    );
    let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000) SELECT i FROM n".to_owned();
    for gold in [joined, long, nested, ctes, endless] {
        let options = GenerateOptions {
            databases: 2,
            ..GenerateOptions::default()
        };
        match generate(&many, &gold, &options) {
            Ok(made) => assert_eq!(
                // Another text of the same query, so that it is run.
                made.suite
                    .judge(&gold, &gold.replacen(' ', "  ", 1), &budget),
                Judgement::Correct,
                "{gold}"
            ),
            Err(error) => assert!(
                matches!(error, GenerateError::Gold { .. }),
                "{gold}: {error}"
            ),
        }
    }
}

/// Before the walk over a gold had a bound, ten levels of the first took 41 s, and each level more 7 times that.
#[test]
fn nesting_costs_no_exponential_time() {
    let many = (0..2_000).map(|n| table(&format!("t{n}"), "id INT, x TEXT"));
    let many = schema(many.collect());
    let small = school();
    let mut compared = "id".to_owned();
    let mut between = "id".to_owned();
    for _ in 0..14 {
        compared = format!("(SELECT ({compared}) = 1)");
        between = format!("({between} BETWEEN (id) AND (age))");
    }
    let compared = format!("SELECT {compared} FROM pupil");
    let between = format!("SELECT {between} FROM pupil");
    let doubled: String = (1..40)
        .map(|n| format!(", q{n} AS (SELECT * FROM q{0} AS a JOIN q{0} AS b)", n - 1))
        .collect();
    let doubled = format!("WITH q0 AS (SELECT * FROM pupil){doubled} SELECT name FROM pupil");
    let crowd = "q AS a, ".repeat(7_000);
    let crowd = format!(
        "WITH q AS (SELECT * FROM pupil), r AS (SELECT * FROM {crowd}q AS a) SELECT name FROM pupil"
    );
    let options = GenerateOptions {
        databases: 2,
        ..GenerateOptions::default()
    };
    for (schema, gold) in [
        (&small, compared.as_str()),
        (&small, &between),
        (&small, &doubled),
        (&small, &crowd),
        (&many, "SELECT x FROM t7 WHERE id > 3"),
    ] {
        let gold_start: String = gold.chars().take(60).collect();
        let began = std::time::Instant::now();
        let made = generate(schema, gold, &options);
        // Seconds in the worst case; a doubling at each level would take days.
        assert!(began.elapsed().as_secs() < 120, "{gold_start}");
        assert!(
            matches!(made, Ok(_) | Err(GenerateError::Gold { .. })),
            "{gold_start}: {:?}",
            made.err()
        );
    }
}

/// A stack as small as this leaves an unoptimised build its usual 2 MiB.
#[test]
fn deep_golds_need_little_stack() {
    let deep = |text: &str, count| text.repeat(count);
    let golds = [
        format!("SELECT {}id{} FROM pupil", deep("abs(", 44), deep(")", 44)),
        format!("SELECT id FROM pupil WHERE {}id = 1", deep("NOT ", 44)),
        format!("SELECT {}1 FROM pupil", deep("id + ", 480)),
        format!(
            "SELECT id FROM pupil WHERE {}id = 2",
            deep("id = 1 AND ", 490)
        ),
        format!(
            "SELECT id FROM pupil WHERE {}id = 2",
            deep("id = 1 OR ", 490)
        ),
    ];
    let work = move || {
        for gold in golds {
            let options = GenerateOptions {
                databases: 1,
                ..GenerateOptions::default()
            };
            generate(&school(), &gold, &options).unwrap();
        }
    };
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    thread.spawn(work).unwrap().join().unwrap();
}
