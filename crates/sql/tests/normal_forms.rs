//! What two ways of writing one query share, and what stays apart.

use anneal_sql::{
    Budget, Column, Database, Judgement, Schema, Table, judge, normal_form, normalised_match,
    without_aliases,
};
use proptest::prelude::*;

/// Queries with one normal form each.
const SAME: &[(&str, &[&str])] = &[
    (
        "select name from film where year > 1950",
        &[
            "SELECT name FROM film WHERE year > 1950",
            "select NAME\n\tfrom Film -- the table\nwhere Year>1950 ;;",
            "/* a */ SELECT `name` FROM [film] WHERE \"year\" > 1950.0",
            "SELECT T1.name FROM film AS T1 WHERE T1.year > 1950",
            "SELECT f.name FROM film f WHERE f.year > 01950",
            "SELECT film.name FROM film WHERE film.year > 1.95e3",
            "SELECT name AS title FROM film WHERE year > 1950",
            "SELECT name title FROM film WHERE year > 1950",
            "SELECT name AS 'The title' FROM film WHERE year > 1950",
            "SELECT 'T1'.name FROM 'film' AS 'T1' WHERE T1.year > 1950",
        ],
    ),
    (
        "select a from t where b = 'It''s X' and c != 'y' and d in ('v', 'w') and e between 'a' and 'b'",
        &[
            "SELECT a FROM t WHERE b = 'It''s X' AND c <> 'y' AND d IN ('v','w') AND e BETWEEN 'a' AND 'b'",
            "SELECT a FROM t WHERE b == \"It's X\" AND c != \"y\" AND d IN (\"v\", \"w\") AND e BETWEEN \"a\" AND \"b\"",
        ],
    ),
    (
        "select film.name, count(*) from film join role on film.id = role.film group by film.name order by count(*) desc, film.name limit 3",
        &[
            "SELECT T1.name, count(*) FROM film AS T1 JOIN role AS T2 ON T1.id = T2.film GROUP BY T1.name ORDER BY count(*) DESC, T1.name LIMIT 3",
            "SELECT x.name , COUNT ( * ) FROM film x INNER JOIN role y ON x.id = y.film GROUP BY x.name ORDER BY COUNT(*) DESC, x.name ASC LIMIT 3;",
            "select film.name, count(*) from film join role on film.id=role.film group by film.name order by count(*) desc, film.name limit 3",
        ],
    ),
    (
        "select film#2.name from film left join film#2 on film.id = film#2.sequel_of",
        &[
            "SELECT b.name FROM film AS a LEFT JOIN film AS b ON a.id = b.sequel_of",
            "SELECT T2.name FROM film T1 LEFT OUTER JOIN film T2 ON T1.id = T2.sequel_of",
            "SELECT b.name FROM film LEFT JOIN film b ON film.id = b.sequel_of",
        ],
    ),
    (
        "select name from film where exists (select 1 from film#2 where sequel_of = film.id)",
        &[
            "SELECT a.name FROM film AS a WHERE EXISTS (SELECT 1 FROM film AS b WHERE b.sequel_of = a.id)",
        ],
    ),
    (
        "select count(*) from (select name from film group by name) where name like 'A%'",
        &[
            "SELECT COUNT(*) FROM (SELECT name FROM film GROUP BY name) AS t WHERE t.name LIKE \"A%\"",
            "SELECT COUNT(*) AS n FROM (SELECT f.name FROM film f GROUP BY f.name) x WHERE x.name LIKE 'A%'",
        ],
    ),
    (
        "select name, count(*) as n from film group by name order by n",
        &[
            "SELECT name, COUNT(*) AS n FROM film GROUP BY name ORDER BY n ASC",
            "SELECT name, COUNT(*) n FROM film GROUP BY name ORDER BY \"n\"",
        ],
    ),
    (
        "select name from film union select name from play union select title from book",
        &[
            "SELECT T1.name FROM film T1 UNION SELECT T1.name FROM play T1 UNION SELECT T1.title FROM book AS T1",
        ],
    ),
    (
        "select film.name from film, role where film.id = role.film",
        &["SELECT a.name FROM film AS a, role AS b WHERE a.id = b.film"],
    ),
    (
        "select replace(name, 'x', 'Y') || '!' from film",
        &["SELECT replace(name, \"x\", \"Y\") || \"!\" FROM film"],
    ),
    (
        "select cast(a as integer), case when b = 'x' then 'Y' else 'z' end from t",
        &["SELECT CAST(a AS INTEGER), CASE WHEN b = \"x\" THEN \"Y\" ELSE \"z\" END AS c FROM t"],
    ),
    ("", &["", " ; ", "-- nothing"]),
];

/// Queries that mean different things, or might.
const APART: &[(&str, &str)] = &[
    (
        "SELECT a FROM t WHERE b = 'X'",
        "SELECT a FROM t WHERE b = 'x'",
    ),
    ("SELECT a, b FROM t", "SELECT b, a FROM t"),
    (
        "SELECT a FROM t ORDER BY a",
        "SELECT a FROM t ORDER BY a DESC",
    ),
    (
        "SELECT a FROM t ORDER BY a",
        "SELECT a FROM t ORDER BY a ASC ASC",
    ),
    (
        "SELECT a FROM t ORDER BY a DESC",
        "SELECT a FROM t ORDER BY a DESC ASC",
    ),
    ("SELECT DISTINCT a FROM t", "SELECT a FROM t"),
    (
        "SELECT a FROM t JOIN u ON t.x = u.x",
        "SELECT a FROM t LEFT JOIN u ON t.x = u.x",
    ),
    ("SELECT a / 2 FROM t", "SELECT a / 2.0 FROM t"),
    (
        "SELECT a FROM t WHERE b = 1",
        "SELECT a FROM t WHERE b = 1.5",
    ),
    (
        "SELECT a FROM t WHERE b = 1",
        "SELECT a FROM t WHERE b = '1'",
    ),
    (
        "SELECT x.name FROM film x JOIN film y ON x.id = y.of",
        "SELECT y.name FROM film x JOIN film y ON x.id = y.of",
    ),
    (
        "SELECT a.name FROM film a WHERE EXISTS (SELECT 1 FROM film b WHERE b.of = a.id)",
        "SELECT a.name FROM film a WHERE EXISTS (SELECT 1 FROM film b WHERE b.of = b.id)",
    ),
    ("SELECT a AS b, b FROM t", "SELECT a AS c, c FROM t"),
    (
        "SELECT a FROM t UNION SELECT a FROM u",
        "SELECT a FROM t UNION ALL SELECT a FROM u",
    ),
    ("SELECT 'a' FROM t", "SELECT a FROM t"),
    ("SELECT count(a) FROM t", "SELECT count(*) FROM t"),
    (
        "SELECT a FROM t WHERE b < 1",
        "SELECT a FROM t WHERE b <= 1",
    ),
    (
        "SELECT a FROM t WHERE b - -1",
        "SELECT a FROM t WHERE b --1",
    ),
    ("SELECT \"select\" FROM t", "SELECT select FROM t"),
    ("SELECT a b FROM t", "SELECT a.b FROM t"),
    ("SELECT \"a.b\" FROM t", "SELECT a.b FROM t"),
    ("SELECT t.a FROM t JOIN u", "SELECT u.a FROM t JOIN u"),
    ("SELECT a FROM t; SELECT b FROM t", "SELECT a FROM t"),
];

#[test]
fn one_form_for_one_query() {
    for (form, queries) in SAME {
        for query in *queries {
            assert_eq!(normal_form(query), *form, "{query}");
        }
    }
}

#[test]
fn other_queries_have_other_forms() {
    for (one, other) in APART {
        assert_ne!(normal_form(one), normal_form(other), "{one} | {other}");
    }
}

#[test]
fn a_schema_decides_what_double_quotes_hold() {
    let columns = ["b", "Home Town"].map(|name| Column {
        name: name.into(),
        ..Column::default()
    });
    let table = Table {
        name: "t".into(),
        columns: columns.into(),
        ..Table::default()
    };
    let schema = Schema {
        tables: vec![table],
        ..Schema::default()
    };
    let same = |one: &str, other: &str| normalised_match(one, other, Some(&schema));
    assert!(same(
        "SELECT b FROM t WHERE b = \"home town\"",
        "SELECT b FROM t WHERE b = [Home Town]"
    ));
    assert!(same(
        "SELECT b FROM t WHERE b = \"Home\"",
        "SELECT b FROM t WHERE b = 'Home'"
    ));
    assert!(same("SELECT \"x\" FROM t", "SELECT 'x' FROM t"));
    assert!(!same("SELECT \"b\" FROM t", "SELECT 'b' FROM t"));
    // The columns of a table that the query does not name do not count.
    assert!(same(
        "SELECT a FROM u WHERE a = \"b\"",
        "SELECT a FROM u WHERE a = 'b'"
    ));
}

#[test]
fn hostile_text_is_quick() {
    let start = std::time::Instant::now();
    for part in [
        "(",
        "SELECT ",
        "(SELECT a FROM t x WHERE x.a IN ",
        "FROM t AS t, ",
        "a.",
        "\"",
        "((SELECT",
        "x AS y, ",
    ] {
        let text = format!("SELECT a FROM {}", part.repeat(200_000 / part.len()));
        assert!(!normal_form(&text).is_empty());
    }
    // 1.6 MB took 0.1 s when this was written; a form quadratic in the length would take minutes.
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

#[test]
fn a_query_by_its_tables_own_names() {
    for (sql, expected) in [
        (
            "SELECT T1.Name, count(*)\n FROM \"Film\" AS T1 JOIN role AS T2 ON T1.id = T2.film_id WHERE T2.part = 'T1.x' GROUP BY T1.Name",
            "SELECT \"Film\".Name, count(*)\n FROM \"Film\" JOIN role ON \"Film\".id = role.film_id WHERE role.part = 'T1.x' GROUP BY \"Film\".Name",
        ),
        // Each SELECT has its own T1.
        (
            "SELECT T1.a FROM x AS T1 WHERE T1.b IN (SELECT T1.c FROM y AS T1 JOIN z t2 ON T1.d = t2.d) UNION SELECT T1.* FROM w T1",
            "SELECT x.a FROM x WHERE x.b IN (SELECT y.c FROM y JOIN z ON y.d = z.d) UNION SELECT w.* FROM w",
        ),
        // An alias from outside.
        (
            "SELECT a FROM x AS T1 WHERE EXISTS (SELECT 1 FROM y AS T2 WHERE T2.b = T1.b)",
            "SELECT a FROM x WHERE EXISTS (SELECT 1 FROM y WHERE y.b = x.b)",
        ),
        // Aliases of columns and subqueries stay; two tables may exchange their names.
        (
            "SELECT s.n AS m FROM (SELECT T1.n FROM x AS T1) AS s JOIN y AS T2 ON s.n = T2.n",
            "SELECT s.n AS m FROM (SELECT x.n FROM x) AS s JOIN y ON s.n = y.n",
        ),
        (
            "SELECT a.i, b.i FROM b AS a, a AS b",
            "SELECT b.i, a.i FROM b, a",
        ),
        (
            "SELECT \"T1\".\"a\" FROM x AS \"T1\"",
            "SELECT x.\"a\" FROM x",
        ),
    ] {
        let found = without_aliases(sql);
        assert_eq!(found.as_deref(), Some(expected));
        assert_eq!(normal_form(sql), normal_form(expected));
        assert_eq!(without_aliases(expected), None);
    }
    for kept in [
        "SELECT a FROM x",
        "SELECT x.a FROM x JOIN y ON x.b = y.b",
        "SELECT T1.a FROM x AS T1 JOIN x AS T2 ON T1.b = T2.c",
        // The inner x would hide the outer one.
        "SELECT a FROM x AS T1 WHERE b > (SELECT AVG(b) FROM x AS T2 WHERE T2.c = T1.c)",
        "SELECT T1.a FROM (SELECT 1 AS a) AS T1",
        "SELECT x.a, T1.b FROM (SELECT 1 AS a) AS x JOIN x AS T1",
        "",
    ] {
        assert_eq!(without_aliases(kept), None, "{kept}");
    }
}

#[test]
fn a_name_from_far_outside_keeps_the_aliases() {
    let nested = |depth: usize| {
        let open = "(SELECT 1 FROM y WHERE b = ".repeat(depth);
        format!(
            "SELECT a FROM x AS T1 WHERE a = {open}T1.a{}",
            ")".repeat(depth)
        )
    };
    let own = without_aliases(&nested(20)).unwrap();
    assert_eq!(own, nested(20).replace(" AS T1", "").replace("T1.", "x."));
    assert_eq!(without_aliases(&nested(200)), None);
}

#[test]
fn the_tables_own_names_change_no_row() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("d.sqlite");
    let script = "CREATE TABLE x (a INTEGER, b INTEGER); CREATE TABLE y (b INTEGER, c TEXT);
         INSERT INTO x VALUES (1, 2), (3, 4), (5, 2); INSERT INTO y VALUES (2, 'p'), (4, 'q'), (4, 'r');";
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(script)
        .unwrap();
    let database = Database::open(&path).unwrap();
    for sql in [
        "SELECT T1.a, T2.c FROM x AS T1 JOIN y AS T2 ON T1.b = T2.b ORDER BY T1.a, T2.c DESC",
        "SELECT T2.c FROM x AS T1 LEFT JOIN y AS T2 ON T2.b = T1.a GROUP BY T2.c HAVING COUNT(T1.a) > 0",
        "SELECT t.c FROM y t WHERE EXISTS (SELECT 1 FROM x u WHERE u.b = t.b AND u.a > 1)",
        "SELECT T1.a FROM x AS T1 EXCEPT SELECT T1.b FROM y AS T1",
    ] {
        let own = without_aliases(sql).unwrap();
        let judgement = judge(&database, sql, &own, &Budget::default());
        assert_eq!(judgement, Judgement::Correct, "{own}");
    }
}

/// Queries out of words that matter to the rules, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "SELECT", "FROM", "WHERE", "AS", "JOIN", "INNER", "ON", "(", ")", ",", ".", "t", "T1", "a",
        "b", "\"x\"", "'x'", "'", "\"", "[c]", "`d", "=", "<>", "1.0", "2", "/", "IN", "BETWEEN",
        "AND", "UNION", "ORDER", "BY", "ASC", "--", "/*", "*/", ";", "*", "é", "WITH", "CASE",
        "END", "\n", "\u{a0}", "DISTINCT",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..40)
        .prop_map(|words| words.join(" "))
}

proptest! {
    #[test]
    fn every_text_has_a_form(text in "\\PC{0,60}", soup in soup()) {
        // White space before it does not count.
        for text in [&text, &soup] {
            let padded = format!(" \n{text}");
            prop_assert_eq!(normal_form(text), normal_form(&padded));
            // Any text is read to its end.
            if let Some(own) = without_aliases(text) {
                prop_assert!(own != **text);
            }
        }
    }

    /// Letters outside quotes do not count.
    #[test]
    fn case_does_not_count(soup in soup()) {
        if !soup.contains(['\'', '"']) {
            prop_assert_eq!(normal_form(&soup), normal_form(&soup.to_ascii_lowercase()));
        }
    }
}
