//! The memory budget: it ends a query, beside other threads as alone, and only that query.

mod fixture;

use anneal_sql::{Budget, Database, MAX_VALUE_BYTES, QueryError};
use fixture::Fixture;

const LIMIT: usize = 8 << 20;

fn budget() -> Budget {
    Budget {
        memory: LIMIT,
        bytes: 1 << 20,
        wall: None,
        ..Budget::default()
    }
}

/// Queries that fill memory in one way each; all of them need far more than 8 MiB.
const BOMBS: [(&str, &str); 8] = [
    (
        "a sort",
        "SELECT length(x) FROM (SELECT zeroblob(50000) || t.a AS x FROM t, t AS u ORDER BY x)",
    ),
    (
        "groups",
        "SELECT count(*) FROM (SELECT 1 FROM t, t AS u GROUP BY hex(zeroblob(5000)) || t.a || u.a)",
    ),
    (
        "distinct",
        "SELECT count(DISTINCT hex(zeroblob(5000)) || t.a || '-' || u.a) FROM t, t AS u",
    ),
    (
        "a recursive queue",
        "WITH RECURSIVE c(x) AS (SELECT hex(zeroblob(5000)) UNION ALL SELECT x || '0' FROM c, t LIMIT 900000) SELECT count(*) FROM c",
    ),
    (
        "a materialised table",
        "WITH c AS MATERIALIZED (SELECT zeroblob(50000) AS x FROM t, t AS u) SELECT count(l.x) FROM c AS l, c AS r",
    ),
    (
        "a window",
        "SELECT count(y) FROM (SELECT first_value(x) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS y \
         FROM (SELECT hex(zeroblob(5000)) AS x FROM t, t AS u))",
    ),
    (
        "a set",
        "SELECT count(*) FROM t WHERE a IN (SELECT randomblob(20000) FROM t, t AS u)",
    ),
    (
        "a union",
        "SELECT count(*) FROM (SELECT randomblob(9000) FROM t UNION SELECT randomblob(9000) FROM t UNION SELECT randomblob(9000) FROM t, t AS u)",
    ),
];

/// Queries that build one huge value.
const VALUES: [&str; 5] = [
    "SELECT printf('%.*c', 1000000000, 'x')",
    "SELECT zeroblob(1000000000)",
    "SELECT group_concat(hex(zeroblob(1000))) FROM t, t AS u",
    "SELECT json_group_array(hex(zeroblob(1000))) FROM t",
    "SELECT replace(hex(zeroblob(100000)), '0', hex(zeroblob(100000)))",
];

/// A sort that needs about `rows` times 50,000 bytes.
fn sort(rows: usize) -> String {
    format!(
        "SELECT length(x) FROM (SELECT zeroblob(50000) || a AS x FROM t LIMIT {rows}) ORDER BY x"
    )
}

fn check(database: &Database) {
    for (what, sql) in BOMBS {
        let verdict = database.query(sql, &budget());
        assert_eq!(
            verdict,
            Err(QueryError::OverMemory { limit: LIMIT }),
            "{what}"
        );
    }
    let limit = MAX_VALUE_BYTES;
    for sql in VALUES {
        let verdict = database.query(sql, &budget());
        assert_eq!(verdict, Err(QueryError::OverBytes { limit }), "{sql}");
    }
    for _ in 0..5 {
        assert_eq!(
            database.query(&sort(100), &budget()).map(|rows| rows.len()),
            Ok(100)
        );
        let verdict = database.query(&sort(250), &budget());
        assert_eq!(verdict, Err(QueryError::OverMemory { limit: LIMIT }));
    }
}

#[test]
fn memory_ends_a_query_and_only_that_one_also_beside_others() {
    let fixture = Fixture::new();
    check(&fixture.open());
    // The same verdicts while three other threads do the same.
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| check(&fixture.open()));
        }
    });
    fixture.assert_untouched("a bomb");
    // At the most the budget and what 20 operations take, by each thread; without the
    // budget these queries take the whole of MAX_HEAP_BYTES.
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let peak = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
        assert!(peak < 200 << 10, "{peak} KiB");
    }
}
