//! Contexts: the CREATE TABLE text of a data set's row, hostile ones included.

use anneal_sql::{Budget, ContextError, Database, MAX_SQL_BYTES, QueryError};

fn build(context: &str) -> Result<Database, ContextError> {
    Database::from_context(context, &Budget::default())
}

#[test]
fn tables_of_every_kind_are_built_and_can_be_asked() {
    for (context, sql, columns) in [
        ("CREATE TABLE t (x INT, y VARCHAR(20))", "SELECT * FROM t", 2),
        (";;create table t(x) -- last\n;", "SELECT x FROM T", 1),
        (
            "CREATE TABLE a (id INTEGER PRIMARY KEY AUTOINCREMENT, n TEXT UNIQUE COLLATE NOCASE CHECK (length(n) > 1));
             CREATE TABLE b (a_id INT NOT NULL REFERENCES a(id), z DEFAULT (abs(-1)), g AS (a_id + 1), PRIMARY KEY (a_id, z))",
            "SELECT a.n, b.g FROM a JOIN b ON a.id = b.a_id",
            2,
        ),
        ("CREATE TABLE t (x PRIMARY KEY) WITHOUT ROWID", "SELECT x FROM t", 1),
        ("CREATE TABLE t (x TEXT) STRICT", "SELECT x FROM t", 1),
        ("CREATE TEMP TABLE t (x UNIQUE)", "SELECT x FROM t", 1),
        ("CREATE TABLE IF NOT EXISTS main.\"a;b\" ([c d])", "SELECT [c d] FROM \"a;b\"", 1),
        ("CREATE TABLE t (x); CREATE TABLE IF NOT EXISTS t (y)", "SELECT x FROM t", 1),
    ] {
        let database = build(context).unwrap_or_else(|error| panic!("{context}: {error}"));
        assert_eq!(database.path().to_str(), Some(":memory:"));
        let rows = database.query(sql, &Budget::default()).unwrap();
        assert_eq!((rows.len(), rows.width()), (0, columns), "{context}");
    }
}

#[test]
fn anything_but_a_table_is_refused() {
    for (statement, what) in [
        ("INSERT INTO t VALUES (1)", "INSERT into t"),
        ("UPDATE t SET x = 1", "UPDATE of t"),
        ("DELETE FROM t", "DELETE from t"),
        ("INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)", ""),
        ("DELETE FROM sqlite_master", ""),
        ("DROP TABLE t", "changes of the schema"),
        ("ALTER TABLE t ADD y", "changes of the schema"),
        ("CREATE INDEX i ON t (x)", "changes of the schema"),
        ("CREATE VIEW v AS SELECT 1", "changes of the schema"),
        ("CREATE TRIGGER g AFTER INSERT ON t BEGIN SELECT 1", ""),
        (
            "CREATE VIRTUAL TABLE w USING fts5(x)",
            "changes of the schema",
        ),
        ("CREATE TABLE u AS SELECT x FROM t", "SELECT"),
        ("SELECT x FROM t", "SELECT"),
        ("ATTACH 'other.sqlite' AS other", "ATTACH"),
        ("VACUUM INTO 'other.sqlite'", "ATTACH"),
        ("PRAGMA writable_schema = 1", "PRAGMA writable_schema"),
        ("PRAGMA hard_heap_limit = 0", "PRAGMA hard_heap_limit"),
        ("BEGIN", "transactions"),
        ("SAVEPOINT s", "transactions"),
    ] {
        let error = build(&format!("CREATE TABLE t (x); {statement}")).unwrap_err();
        let ContextError::Statement { number: 2, source } = &error else {
            panic!("{statement}: {error}");
        };
        if !what.is_empty() {
            assert_eq!(
                source,
                &QueryError::Forbidden { what: what.into() },
                "{statement}"
            );
        }
    }
}

#[test]
fn a_context_cannot_open_the_gate_for_the_query() {
    let database = build("CREATE TABLE t (x)").unwrap();
    for sql in [
        "CREATE TABLE u (x)",
        "INSERT INTO t VALUES (1)",
        "SELECT load_extension('x')",
        "PRAGMA table_info(t)",
    ] {
        let error = database.query(sql, &Budget::default()).unwrap_err();
        assert!(
            matches!(
                error,
                QueryError::Forbidden { .. } | QueryError::Sqlite { .. }
            ),
            "{sql}: {error}"
        );
    }
    assert_eq!(
        database
            .query("SELECT * FROM t", &Budget::default())
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn what_does_not_parse_names_the_statement() {
    let long = format!("CREATE TABLE t (x) -- {}", "x".repeat(MAX_SQL_BYTES));
    for (context, message) in [
        ("", "the context: the query is empty"),
        (
            " ; -- CREATE TABLE t (x)",
            "the context: the query is empty",
        ),
        (
            "CREATE TABLE t (x)\0",
            "the context: a NUL character at byte 18",
        ),
        (
            "CREATE TABLE t (x); CREATE TABLE (y)",
            "statement 2 of the context: near \"(\": syntax error",
        ),
        (
            "CREATE TABLE t (x",
            "statement 1 of the context: incomplete input",
        ),
        (
            "CREATE TABLE t (x, X)",
            "statement 1 of the context: duplicate column name: X",
        ),
        (
            "CREATE TABLE t (x); CREATE TABLE T (x)",
            "statement 2 of the context: table T already exists",
        ),
        (
            &long,
            "the context: the query is 65558 bytes long, at most 65536 are read",
        ),
    ] {
        assert_eq!(build(context).unwrap_err().to_string(), message);
    }
}

#[test]
fn many_tables_and_columns_end_in_time() {
    let tables: String = (0..2500)
        .map(|i| format!("CREATE TABLE t{i}(a);"))
        .collect();
    assert!(build(&tables).is_ok());
    let tight = Budget {
        operations: 1000,
        wall: None,
        ..Budget::default()
    };
    let error = Database::from_context(&tables, &tight).unwrap_err();
    assert_eq!(error.verdict(), &QueryError::OverOperations { limit: 1000 });
    let columns: Vec<String> = (0..3000).map(|i| format!("c{i}")).collect();
    let error = build(&format!("CREATE TABLE t ({})", columns.join(","))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "statement 1 of the context: too many columns on t"
    );
    let deep = format!(
        "CREATE TABLE t (x CHECK ({}1{}))",
        "(".repeat(5000),
        ")".repeat(5000)
    );
    assert!(build(&deep).is_err());
}
