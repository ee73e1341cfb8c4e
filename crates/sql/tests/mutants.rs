//! Single edits of a query: which ones, in which order, and none that is no change.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but not in their helper functions"
)]

use anneal_sql::{Column, Edit, MAX_MUTANTS, MutateError, Schema, Table, mutants};
use proptest::prelude::*;
use rusqlite::Connection;

fn table(name: &str, columns: &[(&str, &str)]) -> Table {
    let column = |(name, kind): &(&str, &str)| Column {
        name: (*name).into(),
        declared_type: (*kind).into(),
        ..Column::default()
    };
    Table {
        name: name.into(),
        columns: columns.iter().map(column).collect(),
        ..Table::default()
    }
}

fn schema() -> Schema {
    let film = [
        ("id", "INT"),
        ("title", "TEXT"),
        ("year", "INT"),
        ("Home Town", "TEXT"),
        ("kind", "TEXT"),
    ];
    let cast = [("film_id", "INT"), ("actor", "TEXT"), ("order", "INT")];
    Schema {
        tables: vec![table("film", &film), table("cast", &cast)],
        ..Schema::default()
    }
}

fn connection() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection
        .execute_batch(
            "CREATE TABLE film (id INT, title TEXT, year INT, \"Home Town\" TEXT, kind TEXT);
             CREATE TABLE \"cast\" (film_id INT, actor TEXT, \"order\" INT);",
        )
        .unwrap();
    connection
}

/// The mutants of `sql` by one edit.
fn by(sql: &str, edit: Edit) -> Vec<String> {
    let found = mutants(sql, &schema()).unwrap();
    found
        .into_iter()
        .filter(|mutant| mutant.edit == edit)
        .map(|mutant| mutant.sql)
        .collect()
}

#[test]
fn all_mutants_of_one_query_in_order() {
    let found = mutants("select title from film where year > 1950 -- old", &schema()).unwrap();
    let found: Vec<_> = found
        .iter()
        .map(|mutant| (mutant.edit, mutant.sql.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (
                Edit::Distinct,
                "SELECT DISTINCT title FROM film WHERE year > 1950"
            ),
            (
                Edit::SelectColumn,
                "SELECT \"Home Town\" FROM film WHERE year > 1950"
            ),
            (
                Edit::SelectColumn,
                "SELECT kind FROM film WHERE year > 1950"
            ),
            (
                Edit::SelectColumn,
                "SELECT year FROM film WHERE year > 1950"
            ),
            (Edit::SelectColumn, "SELECT id FROM film WHERE year > 1950"),
            (
                Edit::SelectAdded,
                "SELECT title, id FROM film WHERE year > 1950"
            ),
            (Edit::WhereDropped, "SELECT title FROM film"),
            (Edit::Comparison, "SELECT title FROM film WHERE year = 1950"),
            (
                Edit::Comparison,
                "SELECT title FROM film WHERE year <> 1950"
            ),
            (Edit::Comparison, "SELECT title FROM film WHERE year < 1950"),
            (
                Edit::Comparison,
                "SELECT title FROM film WHERE year <= 1950"
            ),
            (
                Edit::Comparison,
                "SELECT title FROM film WHERE year >= 1950"
            ),
            (Edit::WhereColumn, "SELECT title FROM film WHERE id > 1950"),
            (
                Edit::WhereColumn,
                "SELECT title FROM film WHERE \"Home Town\" > 1950"
            ),
            (
                Edit::WhereColumn,
                "SELECT title FROM film WHERE kind > 1950"
            ),
            (
                Edit::WhereColumn,
                "SELECT title FROM film WHERE title > 1950"
            ),
            (Edit::Number, "SELECT title FROM film WHERE year > 1951"),
            (Edit::Number, "SELECT title FROM film WHERE year > 1949"),
        ]
    );
}

#[test]
fn each_kind_of_edit() {
    for (edit, sql, expected) in [
        (
            Edit::Negation,
            "SELECT id FROM film WHERE kind IS NULL",
            &["SELECT id FROM film WHERE kind IS NOT NULL"][..],
        ),
        (
            Edit::Negation,
            "SELECT id FROM film WHERE year NOT BETWEEN 1 AND 2 AND EXISTS (SELECT 1 FROM film)",
            &[
                "SELECT id FROM film WHERE year BETWEEN 1 AND 2 AND EXISTS (SELECT 1 FROM film)",
                "SELECT id FROM film WHERE year NOT BETWEEN 1 AND 2 AND NOT EXISTS (SELECT 1 FROM film)",
            ],
        ),
        (
            Edit::Text,
            "SELECT id FROM film WHERE title LIKE '%it''s%'",
            &[
                "SELECT id FROM film WHERE title LIKE 'it''s%'",
                "SELECT id FROM film WHERE title LIKE '%it''s'",
                "SELECT id FROM film WHERE title LIKE '%it''sx%'",
            ],
        ),
        // A name that is no column is a text, and stays in its quotes.
        (
            Edit::Text,
            "SELECT id FROM film WHERE kind = \"noir\"",
            &["SELECT id FROM film WHERE kind = \"noirx\""],
        ),
        (
            Edit::Number,
            "SELECT id FROM film WHERE id = '7' OR id > -1 OR id < 0",
            &[
                "SELECT id FROM film WHERE id = '8' OR id > -1 OR id < 0",
                "SELECT id FROM film WHERE id = '6' OR id > -1 OR id < 0",
                "SELECT id FROM film WHERE id = '7' OR id > 0 OR id < 0",
                "SELECT id FROM film WHERE id = '7' OR id > -2 OR id < 0",
                "SELECT id FROM film WHERE id = '7' OR id > -1 OR id < 1",
                "SELECT id FROM film WHERE id = '7' OR id > -1 OR id < -1",
            ],
        ),
        (
            Edit::Literal,
            "SELECT id FROM film WHERE kind = 'a' AND title = \"b\"",
            &[
                "SELECT id FROM film WHERE kind = \"b\" AND title = \"b\"",
                "SELECT id FROM film WHERE kind = 'a' AND title = 'a'",
            ],
        ),
        (
            Edit::Aggregate,
            "SELECT MAX(year) FROM film",
            &[
                "SELECT COUNT(year) FROM film",
                "SELECT SUM(year) FROM film",
                "SELECT AVG(year) FROM film",
                "SELECT MIN(year) FROM film",
            ],
        ),
        (
            Edit::CountArgument,
            "SELECT count(DISTINCT kind) FROM film",
            &["SELECT COUNT(*) FROM film"],
        ),
        (
            Edit::CountArgument,
            "SELECT COUNT(*) FROM film AS a JOIN \"cast\" AS b ON a.id = b.film_id",
            &[
                "SELECT COUNT(a.id) FROM film AS a JOIN \"cast\" AS b ON a.id = b.film_id",
                "SELECT COUNT(a.title) FROM film AS a JOIN \"cast\" AS b ON a.id = b.film_id",
            ],
        ),
        (
            Edit::AggregateDistinct,
            "SELECT COUNT(DISTINCT kind), SUM(year), MIN(id) FROM film",
            &[
                "SELECT COUNT(kind), SUM(year), MIN(id) FROM film",
                "SELECT COUNT(DISTINCT kind), SUM(DISTINCT year), MIN(id) FROM film",
            ],
        ),
        (
            Edit::ConditionDropped,
            "SELECT id FROM film WHERE id = 1 AND (year = 2 OR year = 3)",
            &[
                "SELECT id FROM film WHERE id = 1",
                "SELECT id FROM film WHERE (year = 2 OR year = 3)",
                "SELECT id FROM film WHERE id = 1 AND (year = 2)",
                "SELECT id FROM film WHERE id = 1 AND (year = 3)",
            ],
        ),
        (
            Edit::AndOr,
            "SELECT id FROM film WHERE id = 1 AND year = 2",
            &["SELECT id FROM film WHERE id = 1 OR year = 2"],
        ),
        (
            Edit::HavingDropped,
            "SELECT kind FROM film GROUP BY kind HAVING COUNT(*) > 1",
            &["SELECT kind FROM film GROUP BY kind"],
        ),
        // Without groups this HAVING would be an error.
        (
            Edit::GroupDropped,
            "SELECT kind FROM film GROUP BY kind HAVING COUNT(*) > 1",
            &[],
        ),
        (
            Edit::GroupDropped,
            "SELECT kind, COUNT(*) FROM film GROUP BY kind",
            &["SELECT kind, COUNT(*) FROM film"],
        ),
        (
            Edit::GroupTermDropped,
            "SELECT kind FROM film GROUP BY kind, year",
            &[
                "SELECT kind FROM film GROUP BY year",
                "SELECT kind FROM film GROUP BY kind",
            ],
        ),
        (
            Edit::OrderDirection,
            "SELECT id FROM film ORDER BY year, id DESC",
            &[
                "SELECT id FROM film ORDER BY year DESC, id DESC",
                "SELECT id FROM film ORDER BY year, id ASC",
            ],
        ),
        (
            Edit::LimitChanged,
            "SELECT id FROM film ORDER BY id LIMIT 2 OFFSET 1",
            &[
                "SELECT id FROM film ORDER BY id LIMIT 3 OFFSET 1",
                "SELECT id FROM film ORDER BY id LIMIT 1 OFFSET 1",
            ],
        ),
        (
            Edit::LimitChanged,
            "SELECT id FROM film LIMIT 1",
            &["SELECT id FROM film LIMIT 2"],
        ),
        (
            Edit::OffsetChanged,
            "SELECT id FROM film ORDER BY id LIMIT 1, 2",
            &[
                "SELECT id FROM film ORDER BY id LIMIT 2",
                "SELECT id FROM film ORDER BY id LIMIT 2 OFFSET 2",
                "SELECT id FROM film ORDER BY id LIMIT 2 OFFSET 0",
            ],
        ),
        (
            Edit::SelectDropped,
            "SELECT id, year FROM film",
            &["SELECT year FROM film", "SELECT id FROM film"],
        ),
    ] {
        assert_eq!(by(sql, edit), expected, "{edit:?} of {sql}");
    }
}

#[test]
fn joins_and_set_operations() {
    let join = "SELECT a.title FROM film AS a JOIN \"cast\" AS b ON a.id = b.film_id";
    assert_eq!(
        by(join, Edit::JoinKind),
        ["SELECT a.title FROM film AS a LEFT JOIN \"cast\" AS b ON a.id = b.film_id"]
    );
    // `a` is selected from; only `b` can go.
    assert_eq!(
        by(join, Edit::JoinDropped),
        ["SELECT a.title FROM film AS a"]
    );
    assert_eq!(
        by(join, Edit::JoinColumn),
        [
            "SELECT a.title FROM film AS a JOIN \"cast\" AS b ON a.year = b.film_id",
            "SELECT a.title FROM film AS a JOIN \"cast\" AS b ON a.title = b.film_id",
            "SELECT a.title FROM film AS a JOIN \"cast\" AS b ON a.\"Home Town\" = b.film_id",
            "SELECT a.title FROM film AS a JOIN \"cast\" AS b ON a.kind = b.film_id",
            "SELECT a.title FROM film AS a JOIN \"cast\" AS b ON a.id = b.\"order\"",
            "SELECT a.title FROM film AS a JOIN \"cast\" AS b ON a.id = b.actor",
        ]
    );
    let used = format!("{join} WHERE actor = 'x' ORDER BY b.\"order\"");
    assert_eq!(by(&used, Edit::JoinDropped), [""; 0]);

    let except = "SELECT id FROM film EXCEPT SELECT film_id FROM \"cast\"";
    assert_eq!(
        by(except, Edit::SetOperator),
        [
            "SELECT id FROM film UNION SELECT film_id FROM \"cast\"",
            "SELECT id FROM film INTERSECT SELECT film_id FROM \"cast\"",
        ]
    );
    assert_eq!(
        by(except, Edit::SetSide),
        ["SELECT id FROM film", "SELECT film_id FROM \"cast\""]
    );
    assert_eq!(
        by(except, Edit::SetSwapped),
        ["SELECT film_id FROM \"cast\" EXCEPT SELECT id FROM film"]
    );
    assert_eq!(by(except, Edit::SetAll), [""; 0]);
    assert_eq!(
        by("SELECT id FROM film UNION ALL SELECT 1", Edit::SetAll),
        ["SELECT id FROM film UNION SELECT 1"]
    );
}

#[test]
fn edits_that_cannot_change_a_result_are_left_out() {
    for (edit, sql) in [
        (Edit::Distinct, "SELECT COUNT(*) FROM film"),
        (
            Edit::Distinct,
            "SELECT id FROM film UNION SELECT film_id FROM \"cast\"",
        ),
        (
            Edit::SelectColumn,
            "SELECT 1 FROM film WHERE EXISTS (SELECT actor FROM \"cast\")",
        ),
        (
            Edit::OrderDropped,
            "SELECT 1 FROM film WHERE id IN (SELECT film_id FROM \"cast\" ORDER BY actor)",
        ),
        (Edit::SelectColumn, "SELECT 1"),
        // The table `film` here is the one of WITH, whose columns are unknown.
        (
            Edit::SelectColumn,
            "WITH film AS (SELECT 1 AS id) SELECT id FROM film",
        ),
    ] {
        assert_eq!(by(sql, edit), [""; 0], "{edit:?} of {sql}");
    }
    // In IN only the set of rows counts, not the outer query's DISTINCT.
    let sql = "SELECT id FROM film WHERE id IN (SELECT film_id FROM \"cast\")";
    assert_eq!(
        by(sql, Edit::Distinct),
        ["SELECT DISTINCT id FROM film WHERE id IN (SELECT film_id FROM \"cast\")"]
    );
}

#[test]
fn the_same_alias_in_two_subqueries_is_two_tables() {
    let sql = "SELECT t.actor FROM \"cast\" AS t WHERE t.film_id IN (SELECT t.id FROM film AS t)";
    let found = by(sql, Edit::SelectColumn);
    assert!(
        found.contains(&sql.replace("SELECT t.id", "SELECT t.year")),
        "{found:?}"
    );
    assert!(
        found.contains(&sql.replace("SELECT t.actor", "SELECT t.film_id")),
        "{found:?}"
    );
    assert_eq!(found.len(), 2 + 4);
    let connection = connection();
    for mutant in mutants(sql, &schema()).unwrap() {
        connection.prepare(&mutant.sql).unwrap();
    }
}

#[test]
fn what_cannot_be_mutated_says_why() {
    let error = |sql: &str| mutants(sql, &schema()).unwrap_err();
    assert!(matches!(
        error(""),
        MutateError::Statement(anneal_sql::QueryError::Empty)
    ));
    assert!(matches!(
        error("SELECT 1; SELECT 2"),
        MutateError::Statement(anneal_sql::QueryError::SeveralStatements)
    ));
    assert!(matches!(
        error("SELECT FROM WHERE"),
        MutateError::Parse { .. }
    ));
    assert_eq!(
        error("DROP TABLE film"),
        MutateError::NotAQuery {
            found: "DROP".into()
        }
    );
    for (sql, unit) in [
        (format!("SELECT '{}'", "x".repeat(20_000)), "bytes"),
        (format!("SELECT 1{}", "+1".repeat(3_000)), "tokens"),
        (format!("SELECT 1{}", "+1".repeat(300)), "levels"),
    ] {
        let MutateError::TooLarge { unit: found, .. } = error(&sql) else {
            panic!("{unit}");
        };
        assert_eq!(found, unit);
    }
    let parentheses = format!("SELECT {}1{}", "(".repeat(400), ")".repeat(400));
    assert!(matches!(error(&parentheses), MutateError::Parse { .. }));
}

#[test]
fn there_are_at_most_so_many() {
    let many = vec!["id < 7"; 90].join(" OR ");
    let sql = format!("SELECT id FROM film WHERE {many} GROUP BY id HAVING {many}");
    assert_eq!(mutants(&sql, &schema()).unwrap().len(), MAX_MUTANTS);
}

proptest! {
    /// Whatever runs on SQLite has mutants that run, all different and none the query itself.
    #[test]
    fn mutants_run_and_differ(
        column in prop::sample::select(vec!["id", "title", "\"Home Town\"", "COUNT(*)", "f.year"]),
        filter in prop::sample::select(vec!["", " WHERE id = 1 AND kind LIKE '%a'", " WHERE year > (SELECT MAX(\"order\") FROM \"cast\")", " WHERE id NOT IN (SELECT film_id FROM \"cast\" AS f)"]),
        group in prop::sample::select(vec!["", " GROUP BY kind", " GROUP BY kind, id HAVING COUNT(*) >= 2"]),
        tail in prop::sample::select(vec!["", " ORDER BY id DESC LIMIT 3", " LIMIT 1 OFFSET 2"]),
    ) {
        let sql = format!("SELECT {column} FROM film AS f{filter}{group}{tail}");
        let connection = connection();
        connection.prepare(&sql).unwrap();
        let found = mutants(&sql, &schema()).unwrap();
        prop_assert_eq!(&found, &mutants(&sql, &schema()).unwrap());
        let mut seen = std::collections::HashSet::from([sql.clone()]);
        for mutant in found {
            prop_assert!(connection.prepare(&mutant.sql).is_ok(), "{:?} {}", mutant.edit, mutant.sql);
            prop_assert!(seen.insert(mutant.sql.clone()), "{} twice", mutant.sql);
        }
    }

    /// No text makes it panic.
    #[test]
    fn any_text_ends(words in prop::collection::vec(prop::sample::select(vec![
        "SELECT", "a", "(", ")", ",", "FROM", "film", "WHERE", "=", "1", "'x'", "\"y\"", "UNION", "NOT", "IN",
        "ORDER", "BY", "CASE", "WHEN", "THEN", "END", "WITH", "AS", "JOIN", "ON", "*", "-", "LIMIT", "EXISTS", "COUNT",
    ]), 0..40)) {
        let _ = mutants(&words.join(" "), &schema());
    }
}
