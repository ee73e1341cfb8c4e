//! A corpus of hostile SQL: each ends in its typed verdict, and the database's
//! bytes and the folder around it stay as they were.

mod fixture;

use std::path::Path;
use std::time::{Duration, Instant};

use anneal_sql::{Budget, Database, MAX_HEAP_BYTES, MAX_SQL_BYTES, MAX_VALUE_BYTES, QueryError};
use fixture::{Fixture, forbidden};

#[test]
fn everything_but_reading_is_forbidden() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let outside = fixture.folder.path().join("outside.sqlite");
    let outside = outside.display();
    let attach = format!("ATTACH '{outside}' AS outside");
    let vacuum = format!("VACUUM INTO '{outside}'");
    for (sql, what) in [
        ("INSERT INTO t VALUES (1, 'x')", "INSERT into t"),
        ("INSERT INTO t VALUES (1, 'x') RETURNING a", "INSERT into t"),
        ("REPLACE INTO t VALUES (1, 'x')", "INSERT into t"),
        ("UPDATE t SET a = 1", "UPDATE of t"),
        ("DELETE FROM t", "DELETE from t"),
        (
            "WITH x AS (SELECT 1) DELETE FROM t RETURNING a",
            "DELETE from t",
        ),
        (
            "INSERT INTO words(words) VALUES ('rebuild')",
            "INSERT into words",
        ),
        ("CREATE TABLE z (a)", "changes of the schema"),
        ("CREATE TEMP TABLE z AS SELECT 1", "changes of the schema"),
        ("CREATE VIEW z AS SELECT 1", "changes of the schema"),
        (
            "CREATE VIRTUAL TABLE z USING fts5(a)",
            "changes of the schema",
        ),
        ("CREATE INDEX z ON t (a)", "changes of the schema"),
        ("DROP TABLE t", "changes of the schema"),
        ("ALTER TABLE t RENAME TO u", "changes of the schema"),
        (&attach, "ATTACH"),
        ("DETACH main", "DETACH"),
        ("PRAGMA journal_mode = DELETE", "PRAGMA"),
        ("/* x */ pragma data_version", "PRAGMA"),
        ("SELECT * FROM pragma_table_info('t')", "PRAGMA table_info"),
        ("BEGIN EXCLUSIVE", "transactions"),
        ("SAVEPOINT s", "transactions"),
        (&vacuum, "anything but a SELECT"),
        ("VACUUM", "anything but a SELECT"),
        ("REINDEX", "REINDEX"),
        ("EXPLAIN SELECT 1", "EXPLAIN"),
        ("EXPLAIN QUERY PLAN SELECT 1", "EXPLAIN"),
        (
            "SELECT load_extension('evil')",
            "the function load_extension",
        ),
        (
            "SELECT Load_Extension('evil', 'init')",
            "the function load_extension",
        ),
        (
            "SELECT fts3_tokenizer('simple')",
            "the function fts3_tokenizer",
        ),
    ] {
        assert_eq!(
            database.query(sql, &Budget::default()),
            Err(forbidden(what)),
            "{sql}"
        );
        fixture.assert_untouched(sql);
    }
    // A refusal does not stick to the next query, also through virtual tables.
    for (sql, count) in [
        ("SELECT a FROM t", 300),
        ("SELECT * FROM words WHERE words MATCH 'hello'", 1),
        ("SELECT * FROM boxes WHERE low < 2.5", 1),
    ] {
        assert_eq!(
            database.query(sql, &Budget::default()).unwrap().len(),
            count,
            "{sql}"
        );
    }
    fixture.assert_untouched("reading");
}

#[test]
fn sqlite_itself_refuses_shell_functions_traps_and_its_own_tables() {
    let fixture = Fixture::new();
    let database = fixture.open();
    for (sql, message) in [
        ("SELECT readfile('t.sqlite')", "no such function: readfile"),
        ("SELECT writefile('x', 'y')", "no such function: writefile"),
        ("SELECT edit('x')", "no such function: edit"),
        (
            "UPDATE sqlite_schema SET sql = ''",
            "table sqlite_master may not be modified",
        ),
        ("SELECT * FROM trap", "unsafe use of load_extension()"),
    ] {
        let message = message.into();
        let expected = Err(QueryError::Sqlite { message });
        assert_eq!(database.query(sql, &Budget::default()), expected, "{sql}");
    }
    fixture.assert_untouched("a file function");
}

#[test]
fn one_statement_is_read() {
    let fixture = Fixture::new();
    let database = fixture.open();
    for (sql, verdict) in [
        ("SELECT 1; DROP TABLE t", QueryError::SeveralStatements),
        ("SELECT 1; -- x\n SELECT 2;", QueryError::SeveralStatements),
        ("SELECT 1; garbage", QueryError::SeveralStatements),
        ("", QueryError::Empty),
        (" ;; ", QueryError::Empty),
        ("-- only a comment", QueryError::Empty),
        ("/* only */ -- comments\n", QueryError::Empty),
        (
            "SELECT a FROM t WHERE b = ?",
            QueryError::Parameters { count: 1 },
        ),
        ("SELECT :x, @y", QueryError::Parameters { count: 2 }),
    ] {
        assert_eq!(
            database.query(sql, &Budget::default()),
            Err(verdict),
            "{sql}"
        );
    }
    let rows = database
        .query("; /* a */ SELECT ';' ; -- b", &Budget::default())
        .unwrap();
    assert_eq!(rows.len(), 1);
    fixture.assert_untouched("several statements");
}

#[test]
fn endless_queries_end_by_operations() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let budget = Budget {
        operations: 1_000_000,
        wall: None,
        ..Budget::default()
    };
    let exhausted = Err(QueryError::OverOperations { limit: 1_000_000 });
    for sql in [
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c",
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION SELECT x + 1 FROM c) SELECT sum(x) FROM c",
        "SELECT count(*) FROM t, t AS u, t AS v, t AS w",
        "SELECT 1 FROM t WHERE (SELECT count(*) FROM t AS u, t AS v WHERE u.a + v.a = t.b) > 0",
    ] {
        assert_eq!(database.query(sql, &budget), exhausted, "{sql}");
    }
    // The budget is the same on every run, to 100 operations.
    let sql = "SELECT count(*) FROM t, t AS u";
    let passes = |operations| {
        database
            .query(
                sql,
                &Budget {
                    operations,
                    ..budget
                },
            )
            .is_ok()
    };
    let mut low = 0;
    let mut high = 1_000_000;
    while high - low > 100 {
        let middle = (low + high) / 2;
        *(if passes(middle) { &mut high } else { &mut low }) = middle;
    }
    // 90,000 pairs, two operations each (step and next) in the inner loop.
    assert!((180_000..200_000).contains(&high), "{high}");
    assert!((0..5).all(|_| passes(high) && !passes(low)));
    fixture.assert_untouched("an endless query");
}

#[test]
fn slow_operations_end_by_time() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let budget = Budget {
        wall: Some(Duration::from_millis(100)),
        ..Budget::default()
    };
    let late = Err(QueryError::OverTime { limit_ms: 100 });
    let letters = |n: usize| format!("replace(hex(zeroblob({n})), '0', 'a')");
    let quadratic = format!(
        "SELECT sum(instr(x, y || 'b' || a)) FROM t, (SELECT {} AS x, {} AS y)",
        letters(100_000),
        letters(50_000)
    );
    let started = Instant::now();
    assert_eq!(
        database.query(
            "SELECT sum(length(randomblob(200000))) FROM t, t AS u",
            &budget
        ),
        late
    );
    assert_eq!(database.query(&quadratic, &budget), late);
    // Generous: the point is that they end at all (unbounded: minutes).
    assert!(
        started.elapsed() < Duration::from_secs(60),
        "{:?}",
        started.elapsed()
    );
    fixture.assert_untouched("a slow query");
}

#[test]
fn large_values_and_results_end_by_bytes_and_rows() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let value = Err(QueryError::OverBytes {
        limit: MAX_VALUE_BYTES,
    });
    for sql in [
        "SELECT randomblob(1000000000)",
        "SELECT zeroblob(1000000000)",
        "SELECT hex(zeroblob(200000))",
        "SELECT printf('%.*c', 1000000000, 'x')",
        "SELECT replace(hex(zeroblob(100000)), '0', hex(zeroblob(100000)))",
        "SELECT group_concat(hex(zeroblob(1000))) FROM t, t AS u",
        "SELECT json_group_array(hex(zeroblob(1000))) FROM t",
    ] {
        assert_eq!(database.query(sql, &Budget::default()), value, "{sql}");
    }
    let budget = Budget {
        rows: 299,
        bytes: 10_000,
        ..Budget::default()
    };
    let rows = |sql| database.query(sql, &budget).map(|rows| rows.len());
    assert_eq!(
        rows("SELECT a FROM t"),
        Err(QueryError::OverRows { limit: 299 })
    );
    assert_eq!(rows("SELECT a FROM t LIMIT 299"), Ok(299));
    assert_eq!(
        rows("SELECT a, b, a, b, a FROM t"),
        Err(QueryError::OverBytes { limit: 10_000 })
    );
    // A column name of one byte, and 8 bytes beside the blob.
    assert_eq!(rows("SELECT zeroblob(9991) AS x"), Ok(1));
    assert_eq!(
        rows("SELECT zeroblob(9992) AS x"),
        Err(QueryError::OverBytes { limit: 10_000 })
    );
    fixture.assert_untouched("a large value");
}

#[test]
fn large_sorts_end_by_memory_and_harm_no_neighbour() {
    let fixture = Fixture::new();
    let budget = Budget {
        wall: None,
        ..Budget::default()
    };
    let sort =
        "SELECT length(x) FROM (SELECT zeroblob(200000) || t.a AS x FROM t, t AS u ORDER BY x)";
    std::thread::scope(|scope| {
        let bomb = scope.spawn(|| fixture.open().query(sort, &budget));
        let neighbour = scope.spawn(|| {
            let database = fixture.open();
            (0..300).all(|_| {
                database
                    .query("SELECT b FROM t ORDER BY b", &budget)
                    .is_ok_and(|rows| rows.len() == 300)
            })
        });
        let over = QueryError::OverMemory { limit: 128 << 20 };
        assert_eq!(bomb.join().unwrap(), Err(over));
        assert!(neighbour.join().unwrap(), "the neighbour's verdict changed");
    });
    // SQLite's own limit stands above any budget.
    let any = Budget {
        memory: usize::MAX,
        ..budget
    };
    let limit = MAX_HEAP_BYTES;
    assert_eq!(
        fixture.open().query(sort, &any),
        Err(QueryError::OverMemory { limit })
    );
    fixture.assert_untouched("a large sort");
}

#[test]
fn deep_and_long_texts_are_refused_before_they_run() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let literal = format!("SELECT '{}'", "x".repeat(MAX_SQL_BYTES));
    assert_eq!(
        database.query(&literal, &Budget::default()),
        Err(QueryError::TooLong {
            found: MAX_SQL_BYTES + 9,
            limit: MAX_SQL_BYTES
        })
    );
    let doubling = (1..40).fold("WITH c0 AS (SELECT 1 AS x)".to_owned(), |sql, n| {
        let before = n - 1;
        format!("{sql}, c{n} AS (SELECT l.x FROM c{before} AS l, c{before} AS r)")
    });
    for (sql, message) in [
        (
            format!("SELECT {}1{}", "(".repeat(20_000), ")".repeat(20_000)),
            "Recursion limit",
        ),
        (
            format!("SELECT {}1{}", "(SELECT ".repeat(3_000), ")".repeat(3_000)),
            "Recursion limit",
        ),
        (
            format!("SELECT {}1", "NOT ".repeat(10_000)),
            "Recursion limit",
        ),
        (
            format!("SELECT 1{}", "+1".repeat(20_000)),
            "Expression tree is too large (maximum depth 500)",
        ),
        (
            format!("SELECT 1{}", " UNION SELECT 1".repeat(4_000)),
            "too many terms in compound SELECT",
        ),
        (
            format!("SELECT {}a FROM t", "a, ".repeat(3_000)),
            "too many columns in result set",
        ),
        (
            format!("{doubling} SELECT * FROM c39"),
            "VIEWs and/or subqueries nested too deep",
        ),
        (
            format!("SELECT b LIKE '{}' FROM t", "%a".repeat(126)),
            "LIKE or GLOB pattern too complex",
        ),
        (
            "SELECT 1\0; DROP TABLE t".to_owned(),
            "the query has a NUL character at byte 8",
        ),
        (
            "SELECT nowhere FROM t".to_owned(),
            "no such column: nowhere",
        ),
        ("SELEC a FROM t".to_owned(), "near \"SELEC\": syntax error"),
    ] {
        let message = message.to_owned();
        let expected = Err(QueryError::Sqlite { message });
        assert_eq!(
            database.query(&sql, &Budget::default()),
            expected,
            "{:.60}",
            sql
        );
    }
    fixture.assert_untouched("a deep query");
}

#[test]
fn a_path_with_options_in_its_name_is_a_path() {
    let fixture = Fixture::new();
    let odd = fixture.folder.path().join("a b?mode=rwc#%41.sqlite");
    std::fs::copy(fixture.path(), &odd).unwrap();
    let database = Database::open(Path::new(&odd)).unwrap();
    assert_eq!(
        database.query("DELETE FROM t", &Budget::default()),
        Err(forbidden("DELETE from t"))
    );
    assert!(std::fs::read(&odd).unwrap() == fixture.before);
}
