//! Files whose schema uses the functions that the crate replaces or adds stay readable.

use anneal_sql::{Budget, Database, Rows, Value};

#[test]
fn views_generated_columns_and_indices_may_use_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.sqlite");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(
            "CREATE TABLE t (
                 x TEXT CHECK (instr(x, '!') = 0),
                 short TEXT AS (trim(x, '-')),
                 kept TEXT AS (replace(x, 'a', 'e')) STORED
             );
             CREATE INDEX part ON t (replace(x, '-', '')) WHERE instr(x, 'n') > 0;
             CREATE VIEW v AS SELECT ltrim(x, '-') AS l, rtrim(x, '-') AS r FROM t;
             INSERT INTO t VALUES ('-ann-'), ('-bo');",
        )
        .unwrap();
    let database = Database::open(&path).unwrap();
    let ask = |sql: &str| -> Rows {
        let rows = database.query(sql, &Budget::default());
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    };
    let text = |text: &str| Value::Text(text.into());
    assert_eq!(
        ask("SELECT short, kept FROM t").rows(),
        [[text("ann"), text("-enn-")], [text("bo"), text("-bo")]]
    );
    assert_eq!(
        ask("SELECT l, r FROM v").rows(),
        [[text("ann-"), text("-ann")], [text("bo"), text("-bo")]]
    );
    let indexed =
        "SELECT x FROM t INDEXED BY part WHERE replace(x, '-', '') = 'ann' AND instr(x, 'n') > 0";
    assert_eq!(ask(indexed).rows(), [[text("-ann-")]]);
}

#[test]
fn queries_may_use_mathematical_functions() {
    let database = Database::from_context(
        "CREATE TABLE t (x REAL, root REAL AS (sqrt(x)))",
        &Budget::default(),
    )
    .unwrap();
    let ask = |sql: &str| database.query(sql, &Budget::default());
    assert!(ask("SELECT root, power(x, 2) FROM t").unwrap().is_empty());
    let rows = ask("SELECT sqrt(49), ceil(1.2), pow(2, 10), floor(-0.5), mod(7, 4)").unwrap();
    let expected = [7.0, 2.0, 1024.0, -1.0, 3.0].map(Value::Real);
    assert_eq!(rows.rows(), [expected]);
    assert!(ask("SELECT sqrt(1, 2)").is_err());
}
