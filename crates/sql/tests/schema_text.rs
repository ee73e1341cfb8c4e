//! Schemas as text: the forms spelled out, and hostile names that must stay where they belong.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use anneal_sql::{
    Budget, Column, Database, ForeignKey, Schema, SchemaForm, SchemaStyle, Table, TypeStyle, Value,
    schema_text,
};
use proptest::prelude::*;

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

/// Two tables with everything that a schema can say.
fn films() -> Schema {
    let mut schema = Schema::parse(
        "CREATE TABLE film ( -- what was shown
           id INTEGER PRIMARY KEY, -- its number
           \"Home Town\" VARCHAR(20) NOT NULL, gross DECIMAL(9,2), made DATE, x, UNIQUE (made, gross));
         CREATE TABLE shown (film INT REFERENCES film, market INT, PRIMARY KEY (market, film))",
    )
    .unwrap();
    schema.name = Some("films".into());
    schema.description = Some("Films and\nmarkets".into());
    let columns = &mut schema.tables[0].columns;
    columns[0].samples = (1..=5).map(Value::Integer).collect();
    columns[0].range = Some((Value::Integer(1), Value::Integer(90)));
    columns[1].samples = vec![text("Paris"), text("St. John's, Antigua"), text("Ulm]")];
    columns[1].description = Some("where the director was born".into());
    columns[2].range = Some((Value::Real(0.5), Value::Real(2e6)));
    columns[3].samples = vec![text("1958-05-09"), text("1946-02-14")];
    schema
}

#[test]
fn create_table_text() {
    let style = SchemaForm::CreateTable.style();
    assert_eq!(
        films().render(&style),
        r#"CREATE TABLE film (id INTEGER, "Home Town" TEXT, gross REAL, made TEXT, x); CREATE TABLE shown (film INTEGER, market INTEGER)"#
    );
    let style = SchemaStyle {
        types: TypeStyle::Declared,
        keys: true,
        constraints: true,
        foreign_keys: true,
        ..style
    };
    assert_eq!(
        films().render(&style),
        r#"CREATE TABLE film (id INTEGER PRIMARY KEY, "Home Town" VARCHAR(20) NOT NULL, gross DECIMAL(9,2), made DATE, x, UNIQUE (made, gross)); CREATE TABLE shown (film INT, market INT, PRIMARY KEY (market, film), FOREIGN KEY (film) REFERENCES film)"#
    );
}

#[test]
fn commented_text() {
    assert_eq!(
        films().render(&SchemaForm::Commented.style()),
        r#"-- Films and markets
CREATE TABLE film ( -- what was shown
  id INTEGER PRIMARY KEY, -- its number; examples: 1, 2, 3; range: 1 to 90
  "Home Town" TEXT, -- where the director was born; examples: 'Paris', 'St. John''s, Antigua', 'Ulm]'
  gross REAL, -- range: 0.5 to 2000000.0
  made TEXT, -- examples: '1958-05-09', '1946-02-14'
  x
);
CREATE TABLE shown (
  film INTEGER,
  market INTEGER,
  PRIMARY KEY (market, film),
  FOREIGN KEY (film) REFERENCES film
);"#
    );
}

#[test]
fn m_schema_text() {
    let style = SchemaForm::MSchema.style();
    assert_eq!(
        films().render(&style),
        "【DB_ID】 films
【Schema】
# Films and markets
# Table: film, what was shown
[
(id:INTEGER, its number, Primary Key, Examples: [1, 2, 3]),
(Home Town:VARCHAR, where the director was born, Examples: [Paris, 'St. John''s, Antigua', 'Ulm]']),
(gross:DECIMAL),
(made:DATE, Examples: [1958-05-09]),
(x)
]
# Table: shown
[
(film:INT, Primary Key),
(market:INT, Primary Key)
]
【Foreign keys】
shown.film=film.id"
    );
    let mut schema = films();
    schema.tables.truncate(1);
    let shown = |samples: &[&str]| {
        let mut schema = schema.clone();
        schema.tables[0].columns.truncate(2);
        schema.tables[0].columns[1].samples = samples.iter().map(|sample| text(sample)).collect();
        let lines = schema.render(&style);
        lines
            .lines()
            .nth(6)
            .unwrap()
            .replace("(Home Town:VARCHAR, where the director was born", "")
    };
    // XiYan-SQL's rules for long values and addresses.
    assert_eq!(shown(&["a", "twenty-one characters"]), ", Examples: [a])");
    assert_eq!(shown(&["a", &"x".repeat(51)]), ")");
    assert_eq!(
        shown(&["a", "b", "c", &"x".repeat(51)]),
        ", Examples: [a, b, c])"
    );
    assert_eq!(shown(&["a", "b@c.de"]), ")");
    assert_eq!(shown(&["a", "see http://b"]), ")");
    assert_eq!(shown(&["", "b"]), ", Examples: [b])");
}

#[test]
fn compact_text() {
    assert_eq!(
        films().render(&SchemaForm::Compact.style()),
        "film(id, \"Home Town\", gross, made, x)\nshown(film, market)\nshown.film = film.id"
    );
    let style = SchemaStyle {
        types: TypeStyle::Simple,
        keys: true,
        foreign_keys: false,
        ..SchemaForm::Compact.style()
    };
    assert_eq!(
        films().render(&style),
        "film(id INTEGER PRIMARY KEY, \"Home Town\" TEXT, gross REAL, made TEXT, x)\nshown(film INTEGER, market INTEGER, PRIMARY KEY (market, film))"
    );
}

#[test]
fn switches_take_things_away() {
    let style = SchemaStyle {
        keys: false,
        foreign_keys: false,
        comments: false,
        descriptions: false,
        samples: 1,
        ranges: false,
        ..SchemaForm::Commented.style()
    };
    assert_eq!(
        films().render(&style),
        "CREATE TABLE film (\n  id INTEGER, -- examples: 1\n  \"Home Town\" TEXT, -- examples: 'Paris'\n  gross REAL,\n  made TEXT, -- examples: '1958-05-09'\n  x\n);\nCREATE TABLE shown (\n  film INTEGER,\n  market INTEGER\n);"
    );
}

#[test]
fn the_schema_of_a_file_is_as_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("films.sqlite");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE b (x INT PRIMARY KEY, \"from\" enum, z bigserial, w INTERVAL, e BLOB, n NUMERIC(4)) WITHOUT ROWID;
             CREATE TABLE a (y); CREATE VIEW v AS SELECT 1; CREATE VIRTUAL TABLE f USING fts5(body);",
        )
        .unwrap();
    let database = Database::open(&path).unwrap();
    assert_eq!(
        schema_text(&database).unwrap(),
        "CREATE TABLE b (x INTEGER, \"from\" REAL, z TEXT, w INTEGER, e BLOB, n REAL); CREATE TABLE a (y); CREATE TABLE f (body)"
    );
    assert_eq!(
        Schema::read(&database).unwrap().name.as_deref(),
        Some("films")
    );
}

#[test]
fn hostile_words_stay_in_their_line() {
    let evil = "x\n); DROP TABLE film; --\r\u{2028}*/ 【Foreign keys】\0";
    let mut schema = films();
    schema.name = Some(evil.into());
    schema.description = Some(evil.into());
    schema.tables.truncate(1);
    let table = &mut schema.tables[0];
    table.comment = Some(evil.into());
    table.description = Some(evil.into());
    for column in &mut table.columns {
        column.comment = Some(evil.into());
        column.description = Some(evil.to_owned() + "2");
        column.samples = vec![text(evil), Value::Blob(vec![0]), Value::Null];
        column.range = Some((text(evil), text(evil)));
        column.declared_type = evil.into();
    }
    let lines = |form: SchemaForm| schema.render(&form.style()).lines().count();
    assert_eq!(lines(SchemaForm::CreateTable), 1);
    assert_eq!(lines(SchemaForm::Commented), 1 + 1 + 5 + 1);
    assert_eq!(lines(SchemaForm::MSchema), 3 + 1 + 1 + 5 + 1);
    assert_eq!(lines(SchemaForm::Compact), 1);
    let m_schema = schema.render(&SchemaForm::MSchema.style());
    let sections: Vec<&str> = m_schema
        .lines()
        .filter(|line| line.contains('【') && !line.contains("Examples: ['"))
        .collect();
    assert_eq!(
        sections,
        [
            "【DB_ID】 x ); DROP TABLE film; -- */ [Foreign keys]",
            "【Schema】"
        ]
    );
    let again = Database::from_context(
        &schema.render(&SchemaForm::Commented.style()),
        &Budget::default(),
    );
    assert_eq!(Schema::read(&again.unwrap()).unwrap().tables.len(), 1);
}

const ODD: [char; 24] = [
    'a', 'B', '_', '1', ' ', '"', '\'', '`', '[', ']', '(', ')', ',', ';', '-', '/', '*', '\n',
    '\r', '\t', '\\', 'é', '漢', '$',
];

/// Names of odd characters, some of them keywords.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => proptest::collection::vec(proptest::sample::select(&ODD[..]), 1..8).prop_map(|letters| letters.into_iter().collect()),
        1 => proptest::sample::select(&["select", "key", "TABLE", "check", "primary", "constraint", "", "rowid"][..]).prop_map(str::to_owned),
    ]
}

fn schemas() -> impl Strategy<Value = Schema> {
    let column = (
        name(),
        0..6_usize,
        any::<bool>(),
        proptest::option::of(name()),
        proptest::option::of(name()),
    );
    let table = (
        name(),
        proptest::collection::vec(column, 1..6),
        any::<u8>(),
        name(),
    );
    proptest::collection::vec(table, 1..4).prop_map(|tables| {
        let mut names = std::collections::HashSet::new();
        let mut schema = Schema::default();
        for (index, (name, columns, bits, comment)) in tables.into_iter().enumerate() {
            let mut table = Table {
                name: if names.insert(name.to_ascii_lowercase()) {
                    name
                } else {
                    format!("{name}{index}")
                },
                comment: Some(comment.clone()),
                ..Table::default()
            };
            names.insert(table.name.to_ascii_lowercase());
            for (index, (mut name, kind, not_null, comment, sample)) in
                columns.into_iter().enumerate()
            {
                if table
                    .columns
                    .iter()
                    .any(|column| column.name.eq_ignore_ascii_case(&name))
                {
                    name = format!("{name}{index}x");
                }
                table.columns.push(Column {
                    name,
                    declared_type: [
                        "",
                        "INT",
                        "VARCHAR(20)",
                        "DECIMAL(5,2)",
                        "DOUBLE PRECISION",
                        "DATE",
                    ][kind]
                        .into(),
                    not_null,
                    comment: comment.clone(),
                    description: comment.map(|comment| comment + "!"),
                    samples: sample.iter().map(|sample| text(sample)).collect(),
                    range: sample.map(|sample| (text(&sample), Value::Real(1.5))),
                });
            }
            let some: Vec<String> = table
                .columns
                .iter()
                .enumerate()
                .filter(|(at, _)| bits >> at & 1 == 1)
                .map(|(_, column)| column.name.clone())
                .collect();
            match bits % 3 {
                0 => table.primary_key = some,
                1 if !some.is_empty() => table.unique = vec![some],
                2 if !some.is_empty() => {
                    table.foreign_keys = vec![ForeignKey {
                        references: some.iter().rev().cloned().collect(),
                        columns: some,
                        table: comment,
                    }];
                }
                _ => {}
            }
            schema.tables.push(table);
        }
        schema
    })
}

/// What must survive: everything but comments, descriptions and values.
fn bare(schema: &Schema) -> Schema {
    let mut schema = schema.clone();
    for table in &mut schema.tables {
        table.comment = None;
        for column in &mut table.columns {
            (column.comment, column.description, column.range) = (None, None, None);
            column.samples.clear();
        }
    }
    schema
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rendered, built by SQLite and read again: the same schema, and sqlparser reads the same.
    #[test]
    fn odd_schemas_survive_their_text(schema in schemas()) {
        for form in [SchemaForm::CreateTable, SchemaForm::Commented] {
            let style = SchemaStyle {
                types: TypeStyle::Declared,
                keys: true,
                constraints: true,
                foreign_keys: true,
                samples: 2,
                ranges: true,
                ..form.style()
            };
            let text = schema.render(&style);
            let database = Database::from_context(&text, &Budget::default());
            let database = match database {
                Ok(database) => database,
                Err(error) => return Err(TestCaseError::fail(format!("{error}\n{text}"))),
            };
            let read = Schema::read(&database).unwrap();
            prop_assert_eq!(bare(&read), bare(&schema), "{}", text);
            let parsed = Schema::parse(&text);
            prop_assert!(parsed.is_ok(), "{:?}\n{}", parsed, text);
            prop_assert_eq!(parsed.unwrap(), read, "{}", text);
        }
        // The forms that are no SQL keep to their lines.
        let columns: usize = schema.tables.iter().map(|table| table.columns.len()).sum();
        let style = SchemaStyle { foreign_keys: false, ..SchemaForm::MSchema.style() };
        prop_assert_eq!(schema.render(&style).lines().count(), 2 + 3 * schema.tables.len() + columns);
    }
}
