//! What SQLite offers besides tables: which of it a query reaches, and how long compiling can take.

mod fixture;

use std::time::{Duration, Instant};

use anneal_sql::{Budget, QueryError};
use fixture::{Fixture, forbidden};

fn sqlite(message: &str) -> QueryError {
    QueryError::Sqlite {
        message: message.into(),
    }
}

#[test]
fn what_reads_only_is_allowed() {
    let fixture = Fixture::new();
    let database = fixture.open();
    for (sql, rows) in [
        // The schema is no secret: the prompt shows it.
        (
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 't'",
            1,
        ),
        ("SELECT count(*) FROM main.sqlite_master", 1),
        ("SELECT name FROM temp.sqlite_schema", 0),
        ("SELECT value FROM json_each('[1, 2]')", 2),
        ("SELECT fullkey FROM json_tree('{\"a\": [1]}')", 3),
        (
            "SELECT highlight(words, 0, '<', '>'), bm25(words), snippet(words, 0, '', '', '', 4) FROM words('hello')",
            1,
        ),
        ("SELECT * FROM words_content", 2),
        ("SELECT rtreecheck('boxes')", 1),
        // A name of WITH hides a table, SQLite's own too.
        ("WITH t AS (SELECT 5 AS a) SELECT a FROM t", 1),
        (
            "WITH sqlite_schema AS (SELECT 5 AS a) SELECT a FROM sqlite_schema",
            1,
        ),
        ("SELECT 1 /* unterminated", 1),
    ] {
        assert_eq!(
            database
                .query(sql, &Budget::default())
                .map(|rows| rows.len()),
            Ok(rows),
            "{sql}"
        );
    }
    fixture.assert_untouched("reading");
}

#[test]
fn what_reaches_further_is_refused() {
    let fixture = Fixture::new();
    let database = fixture.open();
    for (sql, verdict) in [
        (
            "SELECT * FROM pragma_hard_heap_limit",
            forbidden("PRAGMA hard_heap_limit"),
        ),
        (
            "SELECT * FROM pragma_compile_options",
            forbidden("PRAGMA compile_options"),
        ),
        (
            "SELECT * FROM pragma_module_list",
            forbidden("PRAGMA module_list"),
        ),
        ("/**/ -- x\n pRaGmA/**/user_version", forbidden("PRAGMA")),
        ("eXpLaIn QUERY PLAN SELECT 1", forbidden("EXPLAIN")),
        ("EXPLAIN SELECT 1", forbidden("EXPLAIN")),
        (
            "WITH t AS (SELECT 1) INSERT INTO t SELECT 1, 2 RETURNING *",
            forbidden("INSERT into t"),
        ),
        (
            "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END",
            QueryError::SeveralStatements,
        ),
        (
            "CREATE TEMP VIEW v AS SELECT 1",
            forbidden("changes of the schema"),
        ),
        (
            "SELECT sqlite_log(1, 'x')",
            forbidden("the function sqlite_log"),
        ),
        (
            "SELECT json_patch('{}', '{}')",
            forbidden("the function json_patch"),
        ),
        (
            "SELECT * INTO z FROM t",
            sqlite("near \"INTO\": syntax error"),
        ),
        (".load evil", sqlite("near \".\": syntax error")),
        (".shell rm", sqlite("near \".\": syntax error")),
        (
            "SELECT * FROM generate_series(1, 1e9)",
            sqlite("no such table: generate_series"),
        ),
        (
            "SELECT * FROM carray(1, 2)",
            sqlite("no such table: carray"),
        ),
        ("SELECT * FROM fsdir('.')", sqlite("no such table: fsdir")),
        (
            "SELECT * FROM sqlite_dbpage",
            sqlite("no such table: sqlite_dbpage"),
        ),
        (
            "SELECT * FROM bytecode('SELECT 1')",
            sqlite("no such table: bytecode"),
        ),
        ("SELECT 'a' REGEXP 'b'", sqlite("no such function: REGEXP")),
        (
            "SELECT sqlite_drop_column(0, 0, 0)",
            sqlite("no such function: sqlite_drop_column"),
        ),
        (
            "\u{ff33}ELECT 1",
            sqlite("near \"\u{ff33}ELECT\": syntax error"),
        ),
        (
            "SELECT\u{a0}1",
            sqlite("near \"SELECT\u{a0}1\": syntax error"),
        ),
        ("SELECT 'x", sqlite("unrecognized token: \"'x\"")),
        ("SELECT [x", sqlite("unrecognized token: \"[x\"")),
    ] {
        assert_eq!(
            database.query(sql, &Budget::default()),
            Err(verdict),
            "{sql}"
        );
    }
    fixture.assert_untouched("reaching further");
}

#[test]
fn no_query_takes_much_longer_than_its_time() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let budget = Budget {
        wall: Some(Duration::from_millis(300)),
        rows: 3,
        ..Budget::default()
    };
    let list = |count: usize, item: &dyn Fn(usize) -> String| {
        (0..count).map(item).collect::<Vec<_>>().join(", ")
    };
    let text = |n: usize, c: char| format!("replace(hex(zeroblob({n})), '0', '{c}')");
    let (a, b) = (text(100_000, 'a'), text(50_000, 'a'));
    let joined = list(64, &|i| format!("t AS t{i}"));
    let equal = (1..64)
        .map(|i| format!("t{}.a = t{i}.a", i - 1))
        .collect::<Vec<_>>()
        .join(" AND ");
    let sums = |i: usize| format!("a + {i}");
    for (what, sql) in [
        (
            "64 joins",
            format!(
                "SELECT 1 FROM {joined} WHERE {equal} ORDER BY {}",
                list(64, &|i| format!("t{i}.a"))
            ),
        ),
        (
            "natural joins",
            format!("SELECT 1 FROM t {}", "NATURAL JOIN t ".repeat(63)),
        ),
        (
            "a long IN",
            format!(
                "SELECT 1 FROM t WHERE a IN ({})",
                list(21_000, &|_| "1".into())
            ),
        ),
        (
            "grouped and ordered by 1,900",
            format!(
                "SELECT {0} FROM t GROUP BY {0} ORDER BY {0}",
                list(1_900, &sums)
            ),
        ),
        (
            "1,900 windows",
            format!(
                "SELECT {} FROM t",
                list(1_900, &|i| format!("sum(a) OVER (ORDER BY a + {i})"))
            ),
        ),
        (
            "a wide compound",
            format!(
                "{} ORDER BY 1",
                vec![format!("SELECT {} FROM t", list(60, &sums)); 99].join(" UNION ")
            ),
        ),
        (
            "a long MATCH",
            format!(
                "SELECT * FROM words WHERE words MATCH '{}'",
                vec!["a*"; 10_000].join(" OR ")
            ),
        ),
        (
            "instr in a row",
            format!(
                "SELECT {} FROM (SELECT {a} AS x, {b} AS y)",
                list(1_900, &|i| format!("instr(x, y || 'b{i}')"))
            ),
        ),
        (
            "replace in a row",
            format!(
                "SELECT {} FROM (SELECT {a} AS x, {b} AS y)",
                list(1_600, &|i| format!("length(replace(x, y || 'b{i}', ''))"))
            ),
        ),
        (
            "a wide trim",
            format!(
                "SELECT length(ltrim(x, {} || 'a')) FROM (SELECT {a} AS x)",
                text(100_000, 'b')
            ),
        ),
        (
            "LIKE",
            format!(
                "SELECT x LIKE '{}b' FROM (SELECT {a} AS x)",
                "%a".repeat(120)
            ),
        ),
    ] {
        let started = Instant::now();
        let verdict = database.query(&sql, &budget);
        let took = started.elapsed();
        // A tenth of it on an idle machine; eight minutes with SQLite's own `instr`.
        assert!(took < Duration::from_secs(20), "{what}: {took:?}");
        // It was compiled, so the time says something.
        let refused = matches!(
            verdict,
            Err(QueryError::Forbidden { .. } | QueryError::TooLong { .. } | QueryError::Empty)
        );
        assert!(!refused, "{what}: {verdict:?}");
    }
    fixture.assert_untouched("a slow query");
}
