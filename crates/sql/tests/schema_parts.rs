//! Parts of schemas: samples, descriptions, selections, distractors and budgets.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::cell::Cell;

use anneal_sql::{
    Database, Descriptions, FitError, ForeignKey, LeftOut, LongText, NameError, Samples, Schema,
    SchemaForm, SchemaStyle, Selection, TypeStyle, Value,
};

fn file(sql: &str) -> (tempfile::TempDir, Database) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("films.sqlite");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(sql)
        .unwrap();
    let database = Database::open(&path).unwrap();
    (folder, database)
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

#[test]
fn a_file_is_read_with_all_its_keys() {
    let (_folder, database) = file(
        "CREATE TABLE a (x INT NOT NULL, y TEXT UNIQUE, z, PRIMARY KEY (z, x)) WITHOUT ROWID;
         CREATE TABLE b (p REFERENCES a, q, r, FOREIGN KEY (r, q) REFERENCES a (z, x), UNIQUE (q, p));
         CREATE UNIQUE INDEX i ON b (r); CREATE UNIQUE INDEX j ON b (q) WHERE q > 1; CREATE UNIQUE INDEX k ON b (q + 1); CREATE INDEX l ON b (p);
         CREATE TABLE g (n INT, h AS (n + 1)); CREATE VIEW v AS SELECT 1; CREATE TABLE s (id INTEGER PRIMARY KEY AUTOINCREMENT);",
    );
    let schema = Schema::read(&database).unwrap();
    let names: Vec<&str> = schema
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "g", "s"]);
    let [a, b, g, s] = &schema.tables[..] else {
        panic!()
    };
    assert_eq!(a.primary_key, ["z", "x"]);
    assert_eq!(a.unique, [["y"]]);
    let not_null: Vec<bool> = a.columns.iter().map(|column| column.not_null).collect();
    assert_eq!(not_null, [true, false, true]);
    let key = |columns: &[&str], references: &[&str]| ForeignKey {
        columns: columns.iter().map(ToString::to_string).collect(),
        table: "a".into(),
        references: references.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(
        b.foreign_keys,
        [key(&["p"], &[]), key(&["r", "q"], &["z", "x"])]
    );
    assert_eq!(b.unique, [vec!["q", "p"], vec!["r"]]);
    assert_eq!(g.columns[1].name, "h");
    assert_eq!(s.primary_key, ["id"]);
}

#[test]
fn samples_are_the_most_frequent_values() {
    let (_folder, database) = file(
        "CREATE TABLE film (id INTEGER PRIMARY KEY, genre TEXT, gross REAL, made DATE, seen TEXT, poster BLOB, \"odd \"\"name\" ANY);
         INSERT INTO film VALUES
           (1, 'noir', 2.5, '1946-02-14', '2001-01-02', x'00', 'b'), (2, 'drama', NULL, '1958-05-09', '2002-03-04', x'01', 2),
           (3, 'noir', -1, '', '2000-12-31 10:00', NULL, 'b'), (4, '', 7, NULL, NULL, x'02', NULL),
           (5, 'a very long genre', 'none', '1940-01-01', NULL, NULL, 1.5), (6, 'a very long genre', 7, NULL, NULL, NULL, 'c'),
           (7, 'a very long genre', 0, NULL, NULL, NULL, NULL);",
    );
    let mut schema = Schema::read(&database).unwrap();
    let samples = Samples {
        values: 2,
        max_chars: 10,
        ..Samples::default()
    };
    schema.sample(&database, &samples);
    let found: Vec<Vec<Value>> = schema.tables[0]
        .columns
        .iter()
        .map(|column| column.samples.clone())
        .collect();
    assert_eq!(
        found,
        [
            vec![Value::Integer(1), Value::Integer(2)],
            vec![text("noir"), text("drama")],
            vec![Value::Real(7.0), Value::Real(-1.0)],
            vec![text("1940-01-01"), text("1946-02-14")],
            vec![text("2001-01-02"), text("2002-03-04")],
            vec![],
            vec![text("b"), Value::Real(1.5)],
        ]
    );
    let ranges: Vec<Option<(Value, Value)>> = schema.tables[0]
        .columns
        .iter()
        .map(|column| column.range.clone())
        .collect();
    assert_eq!(
        ranges,
        [
            Some((Value::Integer(1), Value::Integer(7))),
            None,
            Some((Value::Integer(-1), Value::Integer(7))),
            Some((text("1940-01-01"), text("1958-05-09"))),
            Some((text("2000-12-31 10:00"), text("2002-03-04"))),
            None,
            Some((Value::Real(1.5), Value::Integer(2))),
        ]
    );
    let cut = Samples {
        long: LongText::Cut,
        ranges: false,
        ..samples
    };
    schema.sample(&database, &cut);
    let genre = &schema.tables[0].columns[1];
    assert_eq!(genre.samples, [text("a very lon…"), text("noir")]);
    assert_eq!(schema.tables[0].columns[0].range, None);
}

#[test]
fn sampling_keeps_to_its_budget() {
    let (_folder, database) = file(
        "CREATE TABLE big (x INT);
         WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)
         INSERT INTO big SELECT CASE WHEN i < 20 THEN 7 WHEN i < 30 THEN 8 ELSE 9 END FROM n;",
    );
    let mut schema = Schema::read(&database).unwrap();
    let mut found = |operations| {
        let samples = Samples {
            operations,
            rows: 25,
            ..Samples::default()
        };
        schema.sample(&database, &samples);
        let column = &schema.tables[0].columns[0];
        (column.samples.clone(), column.range.is_some())
    };
    let integers = |values: &[i64]| -> Vec<Value> {
        values.iter().map(|&value| Value::Integer(value)).collect()
    };
    assert_eq!(found(10_000_000), (integers(&[9, 7, 8]), true));
    assert_eq!(found(10_000), (integers(&[7, 8]), false));
    assert_eq!(found(100), (vec![], false));
}

#[test]
fn samples_of_what_is_not_there_stay_empty() {
    let (_folder, database) = file("CREATE TABLE a (x); INSERT INTO a VALUES ('v')");
    let mut schema =
        Schema::parse("CREATE TABLE a (x TEXT, y TEXT); CREATE TABLE b (x TEXT)").unwrap();
    schema.tables[0].columns[1].samples = vec![text("old")];
    schema.sample(&database, &Samples::default());
    assert_eq!(schema.tables[0].columns[0].samples, [text("v")]);
    assert!(schema.tables[0].columns[1].samples.is_empty());
    assert!(schema.tables[1].columns[0].samples.is_empty());
}

fn shop() -> Schema {
    Schema::parse(
        "CREATE TABLE person (id INT PRIMARY KEY, name TEXT, mail TEXT UNIQUE);
         CREATE TABLE item (id INT, kind INT, title TEXT, PRIMARY KEY (kind, id));
         CREATE TABLE sale (person INT REFERENCES person, item INT, kind INT, paid REAL, FOREIGN KEY (kind, item) REFERENCES item (kind, id));
         CREATE TABLE note (text TEXT)",
    )
    .unwrap()
}

fn compact(schema: &Schema) -> String {
    let style = SchemaStyle {
        keys: true,
        types: TypeStyle::Omitted,
        ..SchemaForm::Compact.style()
    };
    schema.render(&style)
}

#[test]
fn keys_go_with_their_columns() {
    let shop = shop();
    let kept = shop
        .keep(&[
            Selection::columns("SALE", ["paid", "Person", "kind", "item"]),
            Selection::columns("item", ["title"]),
            Selection::columns("item", ["kind"]),
            Selection::table("person"),
        ])
        .unwrap();
    assert_eq!(
        compact(&kept),
        "person(id PRIMARY KEY, name, mail)\nitem(kind, title)\nsale(person, item, kind, paid)\nsale.person = person.id"
    );
    assert_eq!(kept.tables[0].unique, [["mail"]]);
    // A key to a primary key that is not named goes with that key's column.
    let kept = shop
        .keep(&[
            Selection::table("sale"),
            Selection::columns("person", ["name"]),
        ])
        .unwrap();
    assert_eq!(
        compact(&kept),
        "person(name)\nsale(person, item, kind, paid)"
    );
    assert!(kept.tables[0].unique.is_empty());
    assert_eq!(shop.keep(&[]).unwrap().tables.len(), 0);
    assert_eq!(
        shop.keep(&[Selection::table("items")]),
        Err(NameError::Table {
            name: "items".into(),
            nearest: vec!["item".into()]
        })
    );
    assert_eq!(
        shop.keep(&[Selection::columns("person", ["nam3"])]),
        Err(NameError::Column {
            table: "person".into(),
            name: "nam3".into(),
            nearest: vec!["name".into()]
        })
    );
}

#[test]
fn distractors_come_reproducibly_and_without_clashes() {
    let own = Schema::parse("CREATE TABLE item (x INT); CREATE TABLE z (y INT)").unwrap();
    let other = Schema::parse(
        "CREATE TABLE NOTE (a INT); CREATE TABLE zoo (b INT REFERENCES note, c INT REFERENCES z)",
    )
    .unwrap();
    let others = [shop(), other];
    let all = own.with_distractors(&others, 100, 1);
    let mut names: Vec<String> = all
        .tables
        .iter()
        .map(|table| table.name.to_lowercase())
        .collect();
    let own_order: Vec<&str> = all
        .tables
        .iter()
        .map(|table| table.name.as_str())
        .filter(|name| ["item", "z"].contains(name))
        .collect();
    assert_eq!(own_order, ["item", "z"]);
    names.sort();
    assert_eq!(names, ["item", "note", "person", "sale", "z", "zoo"]);
    // `item` is another table here, and so is `z`.
    let keys = |name: &str| -> Vec<&str> {
        all.table(name)
            .unwrap()
            .foreign_keys
            .iter()
            .map(|key| key.table.as_str())
            .collect()
    };
    assert_eq!(keys("sale"), ["person"]);
    let own_note = all.table("note").unwrap().columns[0].name == "a";
    assert_eq!(keys("zoo"), if own_note { vec!["note"] } else { vec![] });
    assert_eq!(all, own.with_distractors(&others, 100, 1));
    let orders: std::collections::HashSet<String> = (0..20)
        .map(|seed| compact(&own.with_distractors(&others, 2, seed)))
        .collect();
    assert!(orders.len() > 10, "{}", orders.len());
    assert_eq!(own.with_distractors(&others, 2, 3).tables.len(), 4);
    assert_eq!(own.with_distractors(&others, 0, 3), own);
}

/// A schema with something for every step.
fn rich() -> Schema {
    let mut schema = shop();
    schema.description = Some("a shop".into());
    schema.tables[0].comment = Some("who buys".into());
    schema.tables[0].columns[0].range = Some((Value::Integer(1), Value::Integer(9)));
    schema.tables[2].columns[3].range = Some((Value::Integer(2), Value::Integer(8)));
    schema.tables[0].columns[1].samples = vec![text("Ann"), text("Bob")];
    schema.tables[3].columns[0].description = Some("free words".into());
    schema
}

#[test]
fn what_goes_first_is_stated() {
    let schema = rich();
    let style = SchemaForm::Commented.style();
    let needed = [Selection::columns("sale", ["paid"])];
    let count = |text: &str| text.len();
    let table = |name: &str| name.to_owned();
    let order = [
        LeftOut::Ranges {
            table: table("sale"),
        },
        LeftOut::Ranges {
            table: table("person"),
        },
        LeftOut::Samples { kept: 1 },
        LeftOut::Samples { kept: 0 },
        LeftOut::ColumnTexts {
            table: table("note"),
        },
        LeftOut::TableText {
            table: table("person"),
        },
        LeftOut::Description,
        LeftOut::ForeignKeys {
            table: table("sale"),
        },
        LeftOut::Table {
            table: table("note"),
        },
        LeftOut::Table {
            table: table("item"),
        },
        LeftOut::Table {
            table: table("person"),
        },
        LeftOut::Column {
            table: table("sale"),
            column: "kind".into(),
        },
        LeftOut::Column {
            table: table("sale"),
            column: "item".into(),
        },
        LeftOut::Column {
            table: table("sale"),
            column: "person".into(),
        },
    ];
    let whole = schema.render(&style).len();
    let mut seen = 0;
    for limit in (0..=whole).rev() {
        let calls = Cell::new(0);
        let counted = |text: &str| {
            calls.set(calls.get() + 1);
            count(text)
        };
        match schema.fit(&style, limit, &needed, counted) {
            Ok(fitted) => {
                assert!(fitted.count <= limit);
                assert_eq!(fitted.count, fitted.text.len());
                assert_eq!(fitted.text, fitted.schema.render(&style));
                assert_eq!(fitted.left_out, order[..fitted.left_out.len()]);
                assert!(fitted.left_out.len() >= seen);
                assert_eq!(fitted.left_out.is_empty(), limit == whole);
                seen = fitted.left_out.len();
            }
            Err(error) => {
                assert_eq!(seen, order.len());
                let smallest = "CREATE TABLE sale (\n  paid REAL\n);".len();
                assert_eq!(error, FitError::TooSmall { limit, smallest });
                assert!(limit < smallest);
            }
        }
        assert!(calls.get() <= 6, "{} calls at {limit}", calls.get());
    }
    assert_eq!(seen, order.len());
}

#[test]
fn without_needed_tables_the_first_stays() {
    let schema = rich();
    let style = SchemaForm::Compact.style();
    let fitted = schema.fit(&style, 10, &[], str::len).unwrap();
    assert_eq!(fitted.text, "person(id)");
    assert_eq!(
        schema.fit(&style, 9, &[], str::len),
        Err(FitError::TooSmall {
            limit: 9,
            smallest: 10
        })
    );
    assert!(matches!(
        schema.fit(&style, 9, &[Selection::table("x")], str::len),
        Err(FitError::Name(_))
    ));
    assert_eq!(
        Schema::default()
            .fit(&style, 0, &[], str::len)
            .unwrap()
            .text,
        ""
    );
}

#[test]
fn descriptions_join_in() {
    let mut schema = shop();
    let text = "description = \"a shop\"\n[tables.SALE]\ndescription = \"what was bought\"\n[tables.SALE.columns]\nPaid = \"in euros\"\n[tables.note.columns]\n\"text\" = \"free\"\n";
    schema
        .describe(&Descriptions::parse(text).unwrap())
        .unwrap();
    assert_eq!(schema.description.as_deref(), Some("a shop"));
    assert_eq!(
        schema.tables[2].description.as_deref(),
        Some("what was bought")
    );
    assert_eq!(
        schema.tables[2].columns[3].description.as_deref(),
        Some("in euros")
    );
    assert_eq!(
        schema.tables[3].columns[0].description.as_deref(),
        Some("free")
    );

    let before = schema.clone();
    for (text, message) in [
        (
            "description = 'new'\n\n[tables.sales]",
            "line 3: there is no table \"sales\"; the nearest: sale",
        ),
        (
            "[tables.sale.columns]\nitem = 'x'\npayd = 'y'",
            "line 3: table \"sale\" has no column \"payd\"; the nearest: paid",
        ),
    ] {
        let error = schema
            .describe(&Descriptions::parse(text).unwrap())
            .unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    assert_eq!(schema, before);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.toml");
    std::fs::write(&path, "[tables.sale]\ncolumn = 1").unwrap();
    let error = Descriptions::read(&path).unwrap_err().to_string();
    assert_eq!(
        error,
        format!(
            "{}, line 2: unknown field `column`, expected `description` or `columns`",
            path.display()
        )
    );
    assert!(
        Descriptions::parse("a = ")
            .unwrap_err()
            .to_string()
            .starts_with("line 1: ")
    );
    assert!(
        Descriptions::read(folder.path().join("none"))
            .unwrap_err()
            .to_string()
            .contains("none: ")
    );
}

/// A table without columns is no SQL; an empty list beside another one adds nothing.
#[test]
fn an_empty_list_of_columns_is_refused() {
    let schema = Schema::parse("CREATE TABLE a (x INT, y INT)").unwrap();
    let none = Selection::columns("A", [""; 0]);
    assert_eq!(
        schema.keep(std::slice::from_ref(&none)),
        Err(NameError::NoColumns { table: "a".into() })
    );
    let kept = schema
        .keep(&[none, Selection::columns("a", ["y"])])
        .unwrap();
    assert_eq!(kept.tables[0].columns.len(), 1);
}
