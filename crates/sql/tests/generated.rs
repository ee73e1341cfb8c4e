//! The mutation test: databases generated from schema and gold must accept the gold and catch wrong queries.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

use anneal_sql::{
    Budget, Column, ForeignKey, GenerateOptions, Generated, Judgement, Schema, Table, Value,
    generate, mutants,
};

/// A table from `name type, …`; a type may end in `!` for NOT NULL.
fn table(name: &str, columns: &str, primary_key: &[&str], foreign: &[(&str, &str, &str)]) -> Table {
    let columns = columns.split(", ").map(|column| {
        let (name, kind) = column.split_once(' ').unwrap_or((column, ""));
        Column {
            name: name.into(),
            declared_type: kind.trim_end_matches('!').into(),
            not_null: kind.ends_with('!'),
            ..Column::default()
        }
    });
    let foreign = foreign.iter().map(|(column, table, there)| ForeignKey {
        columns: vec![(*column).into()],
        table: (*table).into(),
        references: vec![(*there).into()],
    });
    Table {
        name: name.into(),
        columns: columns.collect(),
        primary_key: primary_key.iter().map(|&name| name.into()).collect(),
        foreign_keys: foreign.collect(),
        ..Table::default()
    }
}

fn schema(tables: Vec<Table>) -> Schema {
    Schema {
        tables,
        ..Schema::default()
    }
}

/// Declared keys and foreign keys.
fn school() -> Schema {
    schema(vec![
        table(
            "teacher",
            "id INTEGER, name TEXT!, subject TEXT, salary REAL, hired DATE",
            &["id"],
            &[],
        ),
        table(
            "class",
            "id INTEGER, title TEXT, room VARCHAR(8), seats INT, teacher_id INTEGER",
            &["id"],
            &[("teacher_id", "teacher", "id")],
        ),
        table(
            "pupil",
            "id INTEGER, name TEXT, age INTEGER, town TEXT",
            &["id"],
            &[],
        ),
        table(
            "mark",
            "pupil_id INTEGER!, class_id INTEGER!, points INTEGER, given DATE",
            &[],
            &[("pupil_id", "pupil", "id"), ("class_id", "class", "id")],
        ),
    ])
}

/// No key at all, and text that holds numbers.
fn league() -> Schema {
    schema(vec![
        table(
            "match_results",
            "home VARCHAR, away VARCHAR, score VARCHAR, crowd VARCHAR, week INTEGER, venue VARCHAR",
            &[],
            &[],
        ),
        table(
            "club",
            "club_id INTEGER, name TEXT, city TEXT, founded INTEGER",
            &[],
            &[],
        ),
        table(
            "member",
            "member_id INTEGER, club_id INTEGER, name TEXT, role TEXT, fee REAL",
            &[],
            &[],
        ),
    ])
}

const SCHOOL: [&str; 34] = [
    "SELECT name FROM teacher",
    "SELECT DISTINCT subject FROM teacher",
    "SELECT name, salary FROM teacher WHERE salary > 2000",
    "SELECT count(*) FROM pupil WHERE age >= 12 AND town = 'Ulm'",
    "SELECT avg(age), min(age), max(age) FROM pupil",
    "SELECT max(salary) FROM teacher WHERE subject = 'art'",
    "SELECT name FROM pupil WHERE age BETWEEN 10 AND 14",
    "SELECT name FROM pupil WHERE town IN ('Ulm', 'Bern') OR age < 9",
    "SELECT name FROM pupil WHERE NOT town = 'Ulm'",
    "SELECT title FROM class WHERE title LIKE '%math%'",
    "SELECT title FROM class WHERE room LIKE 'A1%' AND seats <> 20",
    "SELECT title FROM class WHERE teacher_id IS NULL",
    "SELECT name FROM teacher ORDER BY salary DESC",
    "SELECT name FROM teacher ORDER BY salary DESC LIMIT 1",
    "SELECT name, hired FROM teacher ORDER BY hired, name LIMIT 3",
    "SELECT town, count(*) FROM pupil GROUP BY town",
    "SELECT town FROM pupil GROUP BY town HAVING count(*) >= 3",
    "SELECT town, avg(age) FROM pupil WHERE age > 8 GROUP BY town ORDER BY avg(age) DESC",
    "SELECT town FROM pupil GROUP BY town ORDER BY count(*) DESC LIMIT 1",
    "SELECT T1.title, T2.name FROM class AS T1 JOIN teacher AS T2 ON T1.teacher_id = T2.id",
    "SELECT T2.name FROM class AS T1 JOIN teacher AS T2 ON T1.teacher_id = T2.id WHERE T1.seats > 25",
    "SELECT T2.name, count(*) FROM class AS T1 JOIN teacher AS T2 ON T1.teacher_id = T2.id GROUP BY T2.id",
    "SELECT T1.name FROM pupil AS T1 JOIN mark AS T2 ON T1.id = T2.pupil_id JOIN class AS T3 ON T2.class_id = T3.id WHERE T3.title = 'Latin'",
    "SELECT DISTINCT T1.name FROM pupil AS T1 JOIN mark AS T2 ON T1.id = T2.pupil_id WHERE T2.points > 12",
    "SELECT T1.title FROM class AS T1 JOIN mark AS T2 ON T1.id = T2.class_id GROUP BY T1.id HAVING avg(T2.points) > 10",
    "SELECT teacher.name FROM teacher LEFT JOIN class ON class.teacher_id = teacher.id WHERE class.id IS NULL",
    "SELECT name FROM teacher WHERE id NOT IN (SELECT teacher_id FROM class WHERE teacher_id IS NOT NULL)",
    "SELECT name FROM teacher WHERE id IN (SELECT teacher_id FROM class WHERE seats > 20)",
    "SELECT name FROM pupil WHERE age > (SELECT avg(age) FROM pupil)",
    "SELECT name FROM pupil AS p WHERE EXISTS (SELECT 1 FROM mark AS m WHERE m.pupil_id = p.id AND m.points < 5)",
    "SELECT town FROM pupil WHERE age < 10 INTERSECT SELECT town FROM pupil WHERE age > 15",
    "SELECT name FROM pupil EXCEPT SELECT name FROM teacher",
    "SELECT name FROM pupil WHERE age = 11 UNION SELECT name FROM teacher WHERE subject = 'music'",
    "SELECT count(DISTINCT subject) FROM teacher WHERE salary < 3000",
];

const LEAGUE: [&str; 27] = [
    "SELECT score FROM match_results WHERE home = 'north melbourne'",
    "SELECT COUNT(venue) FROM match_results WHERE away = \"carlton\" AND week > 3",
    "SELECT MAX(crowd) FROM match_results WHERE venue = 'mcg'",
    "SELECT SUM(week) FROM match_results WHERE crowd > 20000 AND home = 'essendon'",
    "SELECT MIN(week) FROM match_results WHERE crowd < '12,000'",
    "SELECT AVG(crowd) FROM match_results WHERE home = 'essendon' AND away = 'geelong'",
    "SELECT home FROM match_results WHERE score = \"7\" AND week = 5",
    "SELECT away, score FROM match_results WHERE week <= 2 OR week >= 20",
    "SELECT venue FROM match_results WHERE week <> 4",
    "SELECT home FROM match_results WHERE venue LIKE 'park%'",
    "SELECT home, COUNT(*) FROM match_results GROUP BY home HAVING COUNT(*) > 2",
    "SELECT venue FROM match_results ORDER BY week LIMIT 5",
    "SELECT venue FROM match_results GROUP BY venue ORDER BY COUNT(*) ASC",
    "SELECT name FROM club WHERE founded > 1900 AND city = 'Perth'",
    "SELECT T1.name, T2.name FROM club AS T1 JOIN member AS T2 ON T1.club_id = T2.club_id",
    "SELECT T2.name FROM club AS T1 JOIN member AS T2 ON T1.club_id = T2.club_id WHERE T1.city = 'Perth' AND T2.role = 'coach'",
    "SELECT T1.city, SUM(T2.fee) FROM club AS T1 JOIN member AS T2 ON T1.club_id = T2.club_id GROUP BY T1.city",
    "SELECT T1.city FROM club AS T1 JOIN member AS T2 ON T1.club_id = T2.club_id GROUP BY T1.city HAVING SUM(T2.fee) > 100",
    "SELECT T1.name FROM club AS T1 JOIN member AS T2 ON T1.club_id = T2.club_id GROUP BY T1.club_id, T1.name ORDER BY COUNT(*) DESC LIMIT 1",
    "SELECT name FROM club WHERE NOT club_id IN (SELECT club_id FROM member WHERE role = 'coach')",
    "SELECT city FROM club WHERE founded < 1900 EXCEPT SELECT city FROM club WHERE founded > 1950",
    "SELECT club_id FROM member WHERE role = 'coach' INTERSECT SELECT club_id FROM member WHERE role = 'captain'",
    "SELECT a.name FROM member AS a JOIN member AS b ON a.club_id = b.club_id WHERE b.name = 'Kim' AND a.role = 'coach'",
    "SELECT name FROM member WHERE fee = (SELECT MAX(fee) FROM member)",
    "SELECT role, AVG(fee) FROM member WHERE fee IS NOT NULL GROUP BY role ORDER BY AVG(fee)",
    "SELECT t.city FROM (SELECT city, founded FROM club WHERE founded >= 1880) AS t WHERE t.founded < 1920",
    "WITH young AS (SELECT club_id FROM club WHERE founded > 1990) SELECT name FROM member WHERE club_id IN (SELECT club_id FROM young)",
];

fn golds() -> Vec<(Schema, &'static str)> {
    let school = SCHOOL.iter().map(|gold| (school(), *gold));
    school
        .chain(LEAGUE.iter().map(|gold| (league(), *gold)))
        .collect()
}

fn make(schema: &Schema, gold: &str, databases: usize, seed: u64) -> Generated {
    let options = GenerateOptions {
        databases,
        seed,
        ..GenerateOptions::default()
    };
    generate(schema, gold, &options).unwrap_or_else(|error| panic!("{gold}: {error}"))
}

/// Wrong mutants, those caught, and the kinds of the others. A mutant is wrong if a suite of 60 databases of
/// another seed tells it apart, or the suite under test does.
fn measure(databases: usize, table: &mut BTreeMap<String, [usize; 2]>) -> [usize; 2] {
    let budget = Budget::default();
    let mut sum = [0, 0];
    for (schema, gold) in golds() {
        let made = make(&schema, gold, databases, 0);
        // Another text of the same query: the gold's own text is correct without being run.
        let again = gold.replacen(' ', "  ", 1);
        assert_eq!(
            made.suite.judge(gold, &again, &budget),
            Judgement::Correct,
            "{gold}"
        );
        assert_eq!(
            (made.suite.databases().len(), made.unstable),
            (databases, 0),
            "{gold}"
        );
        let reference = make(&schema, gold, 60, 99);
        for mutant in mutants(gold, &schema).unwrap_or_else(|error| panic!("{gold}: {error}")) {
            let verdict = made.suite.judge(gold, &mutant.sql, &budget);
            let caught = is_wrong(&verdict);
            if !caught && !is_wrong(&reference.suite.judge(gold, &mutant.sql, &budget)) {
                continue;
            }
            let row = table.entry(format!("{:?}", mutant.edit)).or_default();
            for count in [row, &mut sum] {
                count[0] += 1;
                count[1] += usize::from(caught);
            }
        }
    }
    sum
}

#[test]
fn wrong_single_edits_are_caught() {
    let mut tables = [BTreeMap::new(), BTreeMap::new()];
    let five = measure(5, &mut tables[0]);
    let eleven = measure(11, &mut tables[1]);
    println!("{:<20} {:>8} {:>8} {:>8}", "edit", "wrong", "by 11", "by 5");
    for (edit, [wrong, caught]) in &tables[1] {
        println!(
            "{edit:<20} {wrong:>8} {caught:>8} {:>8}",
            tables[0].get(edit).map_or(0, |row| row[1])
        );
    }
    println!("all: 11 databases {eleven:?}, 5 databases {five:?}");
    assert!(eleven[0] > 1_000, "{eleven:?}");
    assert!(eleven[1] as f64 >= 0.98 * eleven[0] as f64, "{eleven:?}");
    assert!(five[1] as f64 >= 0.95 * five[0] as f64, "{five:?}");
}

#[test]
fn golds_find_something_and_not_always_the_same() {
    let budget = Budget::default();
    for (schema, gold) in golds() {
        let made = make(&schema, gold, 11, 3);
        assert!(made.idle <= 4, "{gold}: idle on {}", made.idle);
        let mut results: Vec<_> = made
            .suite
            .databases()
            .iter()
            .map(|one| one.query(gold, &budget).unwrap())
            .collect();
        results.dedup();
        assert!(results.len() >= 7, "{gold}: {} results", results.len());
    }
}

#[test]
fn wrong_queries_that_are_no_single_edits_are_caught() {
    let budget = Budget::default();
    for (gold, wrong) in [
        // A join over the wrong key.
        (
            SCHOOL[19],
            "SELECT T1.title, T2.name FROM class AS T1 JOIN teacher AS T2 ON T1.id = T2.id",
        ),
        // A table of the same shape.
        (SCHOOL[0], "SELECT name FROM pupil"),
        // The wrong group.
        (
            SCHOOL[21],
            "SELECT T2.name, count(*) FROM class AS T1 JOIN teacher AS T2 ON T1.teacher_id = T2.id GROUP BY T2.name",
        ),
        // A join that repeats rows.
        (
            SCHOOL[0],
            "SELECT T1.name FROM teacher AS T1 JOIN class AS T2 ON T1.id = T2.teacher_id",
        ),
        (
            SCHOOL[27],
            "SELECT T1.name FROM teacher AS T1 JOIN class AS T2 ON T1.id = T2.teacher_id WHERE T2.seats > 20",
        ),
        // NOT IN over NULLs.
        (
            SCHOOL[26],
            "SELECT name FROM teacher WHERE id NOT IN (SELECT teacher_id FROM class)",
        ),
        // NOT on the rows of a join instead of on the parents.
        (
            LEAGUE[19],
            "SELECT DISTINCT T1.name FROM club AS T1 JOIN member AS T2 ON T1.club_id = T2.club_id WHERE T2.role <> 'coach'",
        ),
        // AND in one row instead of INTERSECT, and OR.
        (
            LEAGUE[21],
            "SELECT club_id FROM member WHERE role = 'coach' AND role = 'captain'",
        ),
        (
            LEAGUE[21],
            "SELECT DISTINCT club_id FROM member WHERE role = 'coach' OR role = 'captain'",
        ),
        // The largest as the first, although others tie.
        (
            LEAGUE[23],
            "SELECT name FROM member ORDER BY fee DESC LIMIT 1",
        ),
        // The average of averages.
        (
            SCHOOL[4],
            "SELECT avg(a), min(b), max(c) FROM (SELECT avg(age) AS a, min(age) AS b, max(age) AS c FROM pupil GROUP BY town)",
        ),
        // A constant.
        (SCHOOL[13], "SELECT 'amber'"),
    ] {
        let schema = if SCHOOL.contains(&gold) {
            school()
        } else {
            league()
        };
        let made = make(&schema, gold, 11, 0);
        let verdict = made.suite.judge(gold, wrong, &budget);
        assert!(is_wrong(&verdict), "{verdict:?}\n{gold}\n{wrong}");
    }
}

#[test]
fn queries_that_are_equal_under_the_declared_keys_stay_equal() {
    let budget = Budget::default();
    for (gold, same) in [
        ("SELECT id FROM teacher", "SELECT DISTINCT id FROM teacher"),
        (
            "SELECT id, count(*) FROM pupil GROUP BY id",
            "SELECT id, 1 FROM pupil",
        ),
        // mark.pupil_id is NOT NULL and points at a pupil.
        (
            "SELECT points FROM mark",
            "SELECT points FROM mark JOIN pupil ON mark.pupil_id = pupil.id",
        ),
        (
            "SELECT count(name) FROM teacher",
            "SELECT count(*) FROM teacher",
        ),
        (
            "SELECT title FROM class WHERE teacher_id IN (SELECT id FROM teacher)",
            "SELECT title FROM class WHERE teacher_id IS NOT NULL",
        ),
        (
            "SELECT T2.name, count(*) FROM class AS T1 JOIN teacher AS T2 ON T1.teacher_id = T2.id GROUP BY T2.id",
            "SELECT T2.name, count(*) FROM class AS T1 JOIN teacher AS T2 ON T1.teacher_id = T2.id GROUP BY T1.teacher_id",
        ),
    ] {
        let made = make(&school(), gold, 11, 5);
        assert_eq!(
            made.suite.judge(gold, same, &budget),
            Judgement::Correct,
            "{gold}\n{same}"
        );
    }
}

#[test]
fn the_same_call_gives_the_same_rows_and_another_seed_others() {
    let budget = Budget::default();
    let all = |seed| {
        let made = make(&school(), SCHOOL[22], 11, seed);
        let rows = |sql: &str| -> Vec<_> {
            made.suite
                .databases()
                .iter()
                .map(|one| one.query(sql, &budget).unwrap())
                .collect()
        };
        [
            rows("SELECT * FROM pupil"),
            rows("SELECT * FROM mark"),
            rows("SELECT * FROM class"),
        ]
    };
    assert_eq!(all(1), all(1));
    assert_ne!(all(1), all(2));
    // The same on every machine: a first database, written down.
    let made = make(
        &league(),
        "SELECT name FROM club WHERE founded > 1900",
        1,
        0,
    );
    let first = made
        .suite
        .main()
        .query(
            "SELECT count(*), min(founded), max(founded) FROM club",
            &budget,
        )
        .unwrap();
    assert_eq!(first.rows()[0], PINNED);
}

#[test]
fn a_gold_without_a_certain_result_is_told() {
    // Random by nature: nothing helps. A LIMIT without an order is certain once all rows show the same; a
    // table with an INTEGER PRIMARY KEY would keep its order by itself.
    let open = make(&school(), "SELECT random() FROM pupil", 5, 0);
    assert_eq!(open.unstable, 5);
    let helped = make(&school(), "SELECT points FROM mark LIMIT 1", 5, 0);
    assert_eq!(helped.unstable, 0);
    assert!(helped.rejected > 0);
    let budget = Budget::default();
    assert!(is_wrong(&helped.suite.judge(
        "SELECT points FROM mark LIMIT 1",
        "SELECT class_id FROM mark LIMIT 1",
        &budget
    )));
}

fn is_wrong(verdict: &Judgement) -> bool {
    matches!(verdict, Judgement::Wrong(_))
}

const PINNED: [Value; 3] = [Value::Integer(6), Value::Integer(48), Value::Integer(1901)];
