//! Spider's component match and levels, compared with verdicts that the official script gave (`tests/spider/README.md`).

use anneal_sql::{
    Column, ForeignKey, Hardness, MAX_SPIDER_DEPTH, SPIDER_COMPONENTS, Schema, SpiderError,
    SpiderQuery, SpiderSchema, SpiderTotals, Table, spider_match,
};
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct TablesJson {
    table_names_original: Vec<String>,
    column_names_original: Vec<(i64, String)>,
    foreign_keys: Vec<(usize, usize)>,
}

#[derive(Deserialize)]
struct Pair {
    note: String,
    gold: String,
    predicted: String,
}

#[derive(Deserialize)]
struct Verdict {
    gold_error: Option<String>,
    hardness: Option<Hardness>,
    parsed: Option<bool>,
    exact: Option<bool>,
    partial: Option<Vec<[u8; 5]>>,
}

/// The schema of the file, its foreign keys one by one in their order.
fn schema() -> Schema {
    let json: TablesJson =
        serde_json::from_str(include_str!("spider/schema.json")).expect("the schema is JSON");
    let table = |name: &String| Table {
        name: name.clone(),
        ..Table::default()
    };
    let mut tables: Vec<Table> = json.table_names_original.iter().map(table).collect();
    let place = |at: usize| {
        let (table, column) = &json.column_names_original[at];
        (
            usize::try_from(*table).expect("a key names a column"),
            column.clone(),
        )
    };
    for (table, name) in &json.column_names_original {
        if let Ok(table) = usize::try_from(*table) {
            tables[table].columns.push(Column {
                name: name.clone(),
                ..Column::default()
            });
        }
    }
    for &(from, to) in &json.foreign_keys {
        let ((table, column), (target, reference)) = (place(from), place(to));
        tables[table].foreign_keys.push(ForeignKey {
            columns: vec![column],
            table: json.table_names_original[target].clone(),
            references: vec![reference],
        });
    }
    Schema {
        tables,
        ..Schema::default()
    }
}

#[test]
fn verdicts_are_those_of_the_script() {
    let schema = schema();
    let names = SpiderSchema::new(&schema);
    let pairs = include_str!("spider/pairs.jsonl").lines();
    let verdicts = include_str!("spider/verdicts.jsonl").lines();
    let mut count = 0;
    for (pair, verdict) in pairs.zip(verdicts) {
        let pair: Pair = serde_json::from_str(pair).unwrap();
        let verdict: Verdict = serde_json::from_str(verdict).unwrap();
        count += 1;
        let found = spider_match(&pair.gold, &pair.predicted, &schema);
        assert_eq!(
            found.is_none(),
            verdict.gold_error.is_some(),
            "{}",
            pair.note
        );
        let Some(found) = found else { continue };
        assert_eq!(Some(found.hardness), verdict.hardness, "{}", pair.note);
        assert_eq!(Some(found.exact), verdict.exact, "{}", pair.note);
        let predicted = pair.predicted.replace(" value ", " 1 ");
        let parsed = SpiderQuery::parse(&predicted, &names).is_ok();
        assert_eq!(Some(parsed), verdict.parsed, "{}", pair.note);
        let partial = verdict.partial.unwrap();
        assert_eq!(partial.len(), SPIDER_COMPONENTS.len());
        for ((name, score), script) in SPIDER_COMPONENTS
            .iter()
            .zip(found.scores.list())
            .zip(partial)
        {
            let value = u8::from(score.is_match);
            let counts = [score.gold, score.predicted].map(|count| u8::try_from(count).unwrap());
            assert_eq!(
                [value, value, value, counts[0], counts[1]],
                script,
                "{} {name}",
                pair.note
            );
        }
    }
    assert_eq!(count, include_str!("spider/verdicts.jsonl").lines().count());
    assert_eq!(count, include_str!("spider/pairs.jsonl").lines().count());
}

#[test]
fn a_foreign_key_without_columns_means_the_primary_key() {
    let mut schema = schema();
    let gold = "SELECT T2.film_id FROM film AS T1 JOIN role AS T2 ON T1.film_id = T2.film_id";
    let predicted = "SELECT T1.film_id FROM film AS T1 JOIN role AS T2 ON T1.film_id = T2.film_id";
    let exact = |schema: &Schema| spider_match(gold, predicted, schema).map(|found| found.exact);
    assert_eq!(exact(&schema), Some(true));
    let role = schema.tables.iter_mut().find(|table| table.name == "Role");
    for key in role.into_iter().flat_map(|role| &mut role.foreign_keys) {
        key.references.clear();
    }
    assert_eq!(exact(&schema), Some(false));
    let film = schema.tables.iter_mut().find(|table| table.name == "Film");
    film.into_iter()
        .for_each(|film| film.primary_key = vec!["film_id".into()]);
    assert_eq!(exact(&schema), Some(true));
}

#[test]
fn errors_name_the_place() {
    let names = SpiderSchema::new(&schema());
    let error = |sql: &str| SpiderQuery::parse(sql, &names).unwrap_err();
    assert_eq!(
        error("SELECT title FROM movie"),
        SpiderError::UnknownTable {
            at: 3,
            found: "movie".into()
        }
    );
    assert_eq!(
        error("SELECT title FROM film WHERE year <> 1"),
        SpiderError::UnknownColumn {
            at: 7,
            found: ">".into()
        }
    );
    assert_eq!(
        error("SELECT title FROM film WHERE year 1"),
        SpiderError::Unexpected {
            at: 6,
            found: "1".into(),
            expected: "an operator"
        }
    );
    assert_eq!(error("SELECT 'it's'"), SpiderError::OddQuotes { found: 3 });
    assert_eq!(
        error("SELECT a FROM film AS role"),
        SpiderError::AliasIsTable {
            alias: "role".into()
        }
    );
    assert_eq!(
        error(&"x".repeat(70_000)),
        SpiderError::TooLong {
            found: 70_000,
            limit: 65_536
        }
    );
    // The script takes the second condition for a connector; it is no SQL.
    assert_eq!(
        error("SELECT title FROM film WHERE year = 1 gross = 2"),
        SpiderError::Unexpected {
            at: 8,
            found: "gross".into(),
            expected: "AND, OR or the end of the clause"
        }
    );
}

#[test]
fn depth_has_a_limit() {
    let names = SpiderSchema::new(&schema());
    let parts: [(&str, &str, &str); 3] = [
        (
            "SELECT title FROM film WHERE year IN (",
            "SELECT year FROM film",
            ")",
        ),
        ("SELECT year FROM film UNION ", "SELECT year FROM film", ""),
        ("SELECT count(*) FROM (", "SELECT year FROM film", ")"),
    ];
    for (open, inside, close) in parts {
        let nested = |levels: usize| {
            format!(
                "{}{inside}{}",
                open.repeat(levels - 1),
                close.repeat(levels - 1)
            )
        };
        let deepest = SpiderQuery::parse(&nested(MAX_SPIDER_DEPTH), &names).unwrap();
        assert!(deepest.judge(&nested(MAX_SPIDER_DEPTH), &names).exact);
        assert_eq!(
            SpiderQuery::parse(&nested(MAX_SPIDER_DEPTH + 1), &names).unwrap_err(),
            SpiderError::TooDeep {
                limit: MAX_SPIDER_DEPTH
            }
        );
    }
    let (open, close) = ("(".repeat(60_000), "(SELECT * FROM ".repeat(4_000));
    assert!(SpiderQuery::parse(&open, &names).is_err());
    assert!(SpiderQuery::parse(&close, &names).is_err());
}

#[test]
fn totals_are_those_of_the_script() {
    let schema = schema();
    let mut totals = SpiderTotals::default();
    let gold = "SELECT title FROM film WHERE year > 1 AND gross > 2";
    for predicted in [
        gold,
        "SELECT title FROM film WHERE year > 1 OR gross > 2",
        "no SQL",
        "SELECT year FROM film",
    ] {
        totals.add(&spider_match(gold, predicted, &schema).unwrap());
    }
    let level = totals.level(Hardness::Medium);
    assert_eq!(level, totals.all());
    assert_eq!((level.count, level.exact, level.exact_rate()), (4, 1, 0.25));
    assert_eq!(totals.level(Hardness::Easy).count, 0);
    let rates = |at: usize| {
        let component = level.components[at];
        (component.accuracy(), component.recall(), component.f1())
    };
    // SELECT: three predictions have one, two are right; four golds have one.
    assert_eq!(
        rates(0),
        (2.0 / 3.0, 0.5, 2.0 * (2.0 / 3.0) * 0.5 / (0.5 + 2.0 / 3.0))
    );
    // WHERE: two predictions have one, both are right, AND or OR.
    assert_eq!(rates(2), (1.0, 0.5, 2.0 / 3.0));
    // AND/OR, where sizes change sides: the two without WHERE count as predictions with, golds without it.
    assert_eq!(rates(7), (0.25, 0.5, 2.0 * 0.25 * 0.5 / 0.75));
    // No set operation anywhere: the script prints an F1 of 1.
    assert_eq!(rates(8), (0.0, 0.0, 1.0));
}

/// Queries out of words of the grammar, in any order.
fn soup() -> impl Strategy<Value = String> {
    let words = [
        "SELECT",
        "DISTINCT",
        "title",
        "year",
        ",",
        "count",
        "(",
        ")",
        "*",
        "FROM",
        "film",
        "AS",
        "T1",
        "T1.title",
        "JOIN",
        "role",
        "ON",
        "=",
        "WHERE",
        ">",
        "1",
        "'x'",
        "AND",
        "OR",
        "NOT",
        "IN",
        "BETWEEN",
        "LIKE",
        "GROUP",
        "BY",
        "HAVING",
        "ORDER",
        "DESC",
        "LIMIT",
        "UNION",
        "EXCEPT",
        ";",
        "max",
        "-",
        "none",
        "value",
        "film.year",
        "\"",
        "!",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 0..30)
        .prop_map(|words| words.join(" "))
}

proptest! {
    /// Whatever the text is, there is an answer, and a query that parses matches itself.
    #[test]
    fn any_text_is_judged(text in "\\PC{0,60}", soup in soup(), start in prop::sample::select(vec!["", "SELECT title FROM film ", "SELECT title FROM film WHERE "])) {
        let names = SpiderSchema::new(&schema());
        let gold = SpiderQuery::parse("SELECT title FROM film WHERE year = 1", &names).unwrap();
        for text in [text, soup.clone(), format!("{start}{soup}")] {
            let found = gold.judge(&text, &names);
            prop_assert_eq!(found.hardness, Hardness::Easy);
            prop_assert!(!found.exact || found.scores.list().iter().all(|score| score.is_match));
            if let Ok(query) = SpiderQuery::parse(&text, &names) {
                prop_assert!(anneal_sql::component_match(&query, Some(&query), &names).exact);
            }
        }
    }
}
