//! Composed questions: every query runs and answers, every constant is said, odd schemas are survived.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, HashMap, HashSet};

use anneal_sql::{
    Budget, ComposeError, ComposeOptions, Composed, Database, Lexicon, Schema, Shape, SpiderQuery,
    SpiderSchema, TokenClass, Value, compose, sql_spans,
};
use proptest::prelude::*;

const CONCERTS: &str = "
CREATE TABLE Country (CountryCode TEXT PRIMARY KEY, Name TEXT NOT NULL, Population INT);
CREATE TABLE singer (singer_id INTEGER PRIMARY KEY, singer_name TEXT, age INT, net_worth REAL, birth_year INT, country TEXT REFERENCES Country);
CREATE TABLE concert (id INTEGER PRIMARY KEY, title TEXT, held DATE, attendance INT, theme TEXT);
CREATE TABLE singer_in_concert (singer_id INT REFERENCES singer, concert_id INT REFERENCES concert, PRIMARY KEY (singer_id, concert_id));
CREATE TABLE song (id INTEGER PRIMARY KEY, title TEXT, length INT, singer_id INT NOT NULL REFERENCES singer);
INSERT INTO Country VALUES ('FR', 'France', 68), ('DE', 'Germany', 84), ('IT', 'Italy', 59), ('AT', 'Austria', 9);
INSERT INTO singer VALUES (1, 'Joe Sharp', 52, 1.25, 1972, 'FR'), (2, 'Anna Bell', 32, 12.5, 1992, 'FR'), (3, 'Rose O''Hara', 41, 3.75, 1983, 'DE'),
 (4, 'Tim Ray', 27, 0.5, 1997, 'IT'), (5, 'Lena Roy', 43, 7.25, 1981, 'IT'), (6, 'Max Holt', 32, 9.0, 1992, NULL), (7, 'Ida Frey', 60, 2.5, 1964, 'FR');
INSERT INTO concert VALUES (1, 'Auditions', '2014-03-01', 1200, 'Free choice'), (2, 'Super bootcamp', '2015-06-12', 5000, 'Free choice'),
 (3, 'Home Visits', '2015-07-01', 800, 'Party all night'), (4, 'Week One', '2016-01-09', 3000, 'Bleeding love'), (5, 'Finale', '2016-05-30', 3000, 'Party all night');
INSERT INTO singer_in_concert VALUES (1, 1), (1, 2), (2, 2), (3, 3), (5, 3), (5, 4), (2, 4), (1, 4);
INSERT INTO song VALUES (1, 'Sun', 180, 1), (2, 'Gentle Rain', 240, 1), (3, 'Home', 200, 1), (4, 'Rain Again', 210, 2), (5, 'Blue', 150, 3),
 (6, 'Red', 330, 5), (7, 'Green', 170, 5), (8, 'White Night', 205, 4), (9, 'Night', 199, 2);
";

/// A database file with `script` run in it; the folder must live as long.
fn made(script: &str) -> (tempfile::TempDir, Database, Schema) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made.sqlite");
    // Keys that point nowhere are among what is tested.
    let script = format!("PRAGMA foreign_keys = OFF; {script}");
    rusqlite::Connection::open(&path)
        .unwrap()
        .execute_batch(&script)
        .unwrap();
    let database = Database::open(&path).unwrap();
    let schema = Schema::read(&database).unwrap();
    (folder, database, schema)
}

fn options(questions: usize, seed: u64) -> ComposeOptions {
    ComposeOptions {
        questions,
        seed,
        ..ComposeOptions::default()
    }
}

/// Whether the question says the literal: a text without its LIKE marks, a number in digits or letters.
fn says(question: &str, literal: &str) -> bool {
    const LETTERS: [&str; 11] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    ];
    let text = match literal.strip_prefix('\'') {
        Some(rest) => rest[..rest.len() - 1]
            .replace("''", "'")
            .trim_matches('%')
            .to_owned(),
        None => literal.to_owned(),
    };
    let letters = text
        .parse::<usize>()
        .ok()
        .and_then(|number| LETTERS.get(number));
    question.contains(&text) || letters.is_some_and(|word| question.contains(word))
}

/// What holds for all that is composed.
fn check(composed: &[Composed], database: &Database) {
    let mut questions = HashSet::new();
    let mut queries: HashMap<&str, usize> = HashMap::new();
    for Composed {
        question,
        sql,
        shape,
    } in composed
    {
        let rows = database
            .query(sql, &Budget::default())
            .unwrap_or_else(|error| panic!("{error}: {sql}"));
        assert!(
            rows.rows()
                .iter()
                .flatten()
                .any(|value| *value != Value::Null),
            "no answer: {sql}"
        );
        assert!(questions.insert(question), "twice: {question}");
        *queries.entry(sql).or_default() += 1;
        assert!(
            question.ends_with(['?', '.']) && !question.contains("  "),
            "{question}"
        );
        let spans = sql_spans(sql);
        for (at, span) in spans
            .iter()
            .enumerate()
            .filter(|(_, span)| span.class == TokenClass::Literal)
        {
            let literal = &sql[span.range.clone()];
            let limit_one =
                literal == "1" && at > 0 && &sql[spans[at - 1].range.clone()] == "LIMIT";
            assert!(
                limit_one || says(question, literal),
                "{literal} of {sql} is not in {question:?}"
            );
        }
        assert!(!shape.name().is_empty());
    }
    assert!(queries.values().all(|&times| times <= 2));
}

#[test]
fn a_rich_schema_gives_every_shape_with_several_phrasings() {
    let (_folder, database, schema) = made(CONCERTS);
    let mut counts: BTreeMap<Shape, usize> = BTreeMap::new();
    let mut starts: BTreeMap<Shape, HashSet<String>> = BTreeMap::new();
    for seed in 0..6 {
        let composed = compose(&schema, &database, &options(300, seed)).unwrap();
        assert_eq!(composed.len(), 300);
        check(&composed, &database);
        for one in composed {
            *counts.entry(one.shape).or_default() += 1;
            let start: Vec<&str> = one.question.split(' ').take(2).collect();
            starts.entry(one.shape).or_default().insert(start.join(" "));
        }
    }
    for shape in Shape::ALL {
        assert!(counts.contains_key(shape), "{shape} never came");
        assert!(
            starts[shape].len() >= 4 || counts[shape] < 10,
            "{shape}: {:?}",
            starts[shape]
        );
    }
}

#[test]
fn one_seed_is_one_list_and_another_seed_another() {
    let (_folder, database, schema) = made(CONCERTS);
    let write = |seed| compose(&schema, &database, &options(80, seed)).unwrap();
    assert_eq!(write(5), write(5));
    let (one, two) = (write(5), write(6));
    let known: HashSet<&str> = one.iter().map(|one| one.question.as_str()).collect();
    let same = two
        .iter()
        .filter(|two| known.contains(two.question.as_str()))
        .count();
    assert!(same < 40, "{same} of 80 are the same");
}

#[test]
fn weights_choose_the_shapes() {
    let (_folder, database, schema) = made(CONCERTS);
    let weights = [(Shape::JoinGroup, 1), (Shape::Except, 3), (Shape::Top, 0)].into();
    let composed = compose(
        &schema,
        &database,
        &ComposeOptions {
            weights,
            ..options(40, 1)
        },
    )
    .unwrap();
    assert!(
        composed
            .iter()
            .all(|one| matches!(one.shape, Shape::JoinGroup | Shape::Except))
    );
    for one in &composed {
        assert_eq!(
            one.shape == Shape::Except,
            one.sql.contains(" EXCEPT "),
            "{}",
            one.sql
        );
        assert_eq!(
            one.shape == Shape::JoinGroup,
            one.sql.contains(" GROUP BY "),
            "{}",
            one.sql
        );
    }
    let weights = [(Shape::Top, 0)].into();
    assert_eq!(
        compose(
            &schema,
            &database,
            &ComposeOptions {
                weights,
                ..options(1, 1)
            }
        ),
        Err(ComposeError::NoShape)
    );
}

#[test]
fn the_lexicon_has_the_last_word() {
    let (_folder, database, schema) = made(CONCERTS);
    let lexicon = Lexicon::new()
        .table("SINGER", "vocalist", "vocalists")
        .column("singer", "net_worth", "fortune", "fortunes")
        .value(
            "concert",
            "theme",
            Value::Text("Free choice".into()),
            "of the singers' own choosing",
        );
    let composed = compose(
        &schema,
        &database,
        &ComposeOptions {
            lexicon,
            ..options(400, 2)
        },
    )
    .unwrap();
    assert!(
        composed
            .iter()
            .any(|one| one.question.contains("vocalists"))
    );
    assert!(composed.iter().any(|one| one.question.contains("fortune")));
    assert!(
        !composed
            .iter()
            .any(|one| one.question.contains("net worth"))
    );
    let said: Vec<&Composed> = composed
        .iter()
        .filter(|one| one.sql.contains("= 'Free choice'"))
        .collect();
    assert!(!said.is_empty());
    assert!(
        said.iter()
            .all(|one| one.question.contains("of the singers' own choosing"))
    );
}

/// Spider's own grammar reads most of them, at all of its levels.
#[test]
fn queries_have_spiders_levels() {
    let (_folder, database, schema) = made(CONCERTS);
    let spider = SpiderSchema::new(&schema);
    let composed = compose(&schema, &database, &options(300, 9)).unwrap();
    let levels: Vec<_> = composed
        .iter()
        .filter_map(|one| SpiderQuery::parse(&one.sql, &spider).ok())
        .map(|query| query.hardness())
        .collect();
    assert!(levels.len() > 250, "{}", levels.len());
    assert_eq!(levels.iter().collect::<HashSet<_>>().len(), 4);
}

/// Where two rows share the first place, nobody asks for "the one".
#[test]
fn ties_are_not_asked_about() {
    let (_folder, database, schema) = made(
        "CREATE TABLE pet (name TEXT, age INT, kind TEXT);
         INSERT INTO pet VALUES ('Rex', 9, 'dog'), ('Tom', 9, 'cat'), ('Kim', 2, 'dog'), ('Lea', 3, 'cat')",
    );
    let weights: BTreeMap<Shape, u32> =
        [(Shape::Top, 1), (Shape::GroupTop, 1), (Shape::Order, 1)].into();
    let composed = compose(
        &schema,
        &database,
        &ComposeOptions {
            weights,
            ..options(200, 3)
        },
    )
    .unwrap();
    check(&composed, &database);
    assert!(
        composed
            .iter()
            .any(|one| one.sql.ends_with("ORDER BY age LIMIT 1"))
    );
    assert!(
        !composed
            .iter()
            .any(|one| one.sql.ends_with("ORDER BY age DESC LIMIT 1")),
        "two pets are the oldest"
    );
    assert!(
        !composed.iter().any(|one| one.shape == Shape::GroupTop),
        "both kinds have two pets"
    );
    let names_by_age = "SELECT name FROM pet ORDER BY age";
    assert!(
        !composed
            .iter()
            .any(|one| one.sql.starts_with(names_by_age) && one.shape == Shape::Order)
    );
}

#[test]
fn nothing_to_ask_about_is_an_error() {
    let (_folder, database, schema) = made("CREATE TABLE a (x INT); CREATE TABLE b (y TEXT)");
    let error = compose(&schema, &database, &options(10, 0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "none of the 2 tables of the schema has rows in the database: found nothing to ask about"
    );
    let other = Schema::parse("CREATE TABLE elsewhere (x INT)").unwrap();
    assert_eq!(
        compose(&other, &database, &options(10, 0)),
        Err(ComposeError::NoRows { tables: 1 })
    );
}

#[test]
fn odd_schemas_are_survived() {
    let scripts = [
        // One column, one row.
        "CREATE TABLE t (x); INSERT INTO t VALUES (1)",
        // Names that need quotes, words of SQL, braces and marks of the templates.
        "CREATE TABLE \"order\" (\"group\" TEXT, \"from date\" TEXT, \"{t}\" INT, \"a\"\"b\" REAL, \"é\" TEXT, \"%\" INT);
         INSERT INTO \"order\" VALUES ('it''s', '2020-01-01', 1, 1.5, '{c}', 3), ('select', '2021-01-01', 2, 2.5, 'ü', 4), ('x', '2022-02-02', 3, 3.5, 'ü', 4)",
        // Keys in a circle, to itself, to nowhere, of two columns; an empty table.
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b_id INT REFERENCES b, boss_id INT REFERENCES a, n TEXT);
         CREATE TABLE b (id INTEGER PRIMARY KEY, a_id INT REFERENCES a, n TEXT, gone INT REFERENCES nowhere);
         CREATE TABLE c (x INT, y INT, PRIMARY KEY (x, y)); CREATE TABLE d (x INT, y INT, v INT, FOREIGN KEY (x, y) REFERENCES c);
         CREATE TABLE e (z INT REFERENCES a);
         INSERT INTO a VALUES (1, 2, 2, 'p'), (2, 1, 1, 'q'), (3, 1, NULL, 'r'); INSERT INTO b VALUES (1, 1, 'u', 7), (2, 3, 'w', 8);
         INSERT INTO c VALUES (1, 1), (1, 2); INSERT INTO d VALUES (1, 1, 5), (1, 2, 6)",
        // Two keys between two tables, as home and guest.
        "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT, city TEXT); CREATE TABLE game (id INTEGER PRIMARY KEY, home_team_id INT REFERENCES team, away_team_id INT REFERENCES team, score INT);
         INSERT INTO team VALUES (1, 'Reds', 'Bonn'), (2, 'Blues', 'Kiel'), (3, 'Greens', 'Kiel'); INSERT INTO game VALUES (1, 1, 2, 3), (2, 2, 3, 1), (3, 3, 1, 0)",
        // Mixed values, bytes, huge and tiny numbers, NULL everywhere, text with line breaks and quotes.
        "CREATE TABLE m (mixed, bytes BLOB, big INT, small REAL, none TEXT, said TEXT);
         INSERT INTO m VALUES (1, x'00', 9223372036854775807, 1e-300, NULL, 'two' || char(10) || 'lines'), ('a', x'01', -9223372036854775808, 1e300, NULL, 'a \"quoted\" word'), (2.5, NULL, 0, -0.0, NULL, ''), (NULL, NULL, NULL, 9e999, NULL, '%_%')",
        // Names without letters, or the same words.
        "CREATE TABLE \"_\" (\"__\" TEXT, \"?\" INT, user_name TEXT, UserName TEXT); INSERT INTO \"_\" VALUES ('a', 1, 'b', 'c'), ('b', 2, 'd', 'e'); CREATE TABLE dog (n INT); CREATE TABLE dogs (n INT); INSERT INTO dog VALUES (1), (2); INSERT INTO dogs VALUES (3), (4)",
    ];
    for script in scripts {
        let (_folder, database, schema) = made(script);
        for seed in 0..3 {
            let composed = compose(&schema, &database, &options(150, seed)).unwrap();
            assert!(!composed.is_empty(), "{script}");
            check(&composed, &database);
        }
    }
    // A role tells one of two keys from the other.
    let (_folder, database, schema) = made(scripts[3]);
    let composed = compose(&schema, &database, &options(200, 1)).unwrap();
    let joins: Vec<_> = composed
        .iter()
        .filter(|one| one.sql.contains(" JOIN "))
        .collect();
    assert!(!joins.is_empty());
    for one in joins {
        let side = if one.sql.contains("t1.home_team_id = t2.id") {
            "home team"
        } else {
            "away team"
        };
        assert!(one.question.contains(side), "{one:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Any names, any contents.
    #[test]
    fn any_small_database_is_survived(
        names in prop::collection::vec("\\PC{0,6}", 3),
        rows in prop::collection::vec(("\\PC{0,5}", any::<i64>(), -1e6..1e6_f64), 1..6),
        seed in any::<u64>(),
    ) {
        let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
        let names: Vec<String> = names.iter().enumerate().map(|(at, name)| quoted(&format!("{name}{at}"))).collect();
        let mut script = format!("CREATE TABLE t ({} TEXT, {} INT, {} REAL, up REFERENCES t (up));", names[0], names[1], names[2]);
        for (text, integer, real) in &rows {
            script.push_str(&format!("INSERT INTO t VALUES ('{}', {integer}, {real:?}, 1);", text.replace('\'', "''")));
        }
        prop_assume!(!script.contains('\0'));
        let (_folder, database, schema) = made(&script);
        let composed = compose(&schema, &database, &options(40, seed)).unwrap();
        check(&composed, &database);
    }
}
