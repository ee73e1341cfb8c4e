//! Files that cannot be used say why; folders of databases judge as suites.

#![allow(
    clippy::unwrap_used,
    reason = "clippy.toml allows it in tests, but not in their helper functions"
)]

use std::path::{Path, PathBuf};

use anneal_sql::{
    Budget, Database, Databases, Difference, Judgement, QueryError, SqlError, Value, judge,
    schema_text,
};
use rusqlite::Connection;

/// A new database file made by `sql`.
fn create(path: &Path, sql: &str) -> PathBuf {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let connection = Connection::open(path).unwrap();
    connection.execute_batch(sql).unwrap();
    connection.close().unwrap();
    path.to_owned()
}

fn message(path: &Path) -> String {
    Database::open(path).unwrap_err().to_string()
}

#[test]
fn unusable_files_are_named_with_their_fault() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let whole = create(
        &at("whole.sqlite"),
        "CREATE TABLE t (a); INSERT INTO t VALUES (zeroblob(9000))",
    );
    let bytes = std::fs::read(&whole).unwrap();

    let missing = at("missing.sqlite");
    assert_eq!(
        message(&missing),
        format!("{}: there is no such database file", missing.display())
    );

    for (name, content, found) in [
        ("empty", &b""[..], "an empty file"),
        ("text", b"CREATE TABLE\nt (a)", "\"CREATE TABLE\\nt (\""),
        ("short", b"SQL", ""),
    ] {
        let path = at(name);
        std::fs::write(&path, content).unwrap();
        let expected = if found.is_empty() {
            format!(
                "{}: the database file is truncated: found 3 bytes, its header promises 100",
                path.display()
            )
        } else {
            format!(
                "{}: not a SQLite database: found {found}, expected a file that begins with \"SQLite format 3\"",
                path.display()
            )
        };
        assert_eq!(message(&path), expected);
    }
    assert!(message(folder.path()).contains("not a SQLite database: found a folder"));

    let cut = at("cut.sqlite");
    std::fs::write(&cut, &bytes[..bytes.len() - 1]).unwrap();
    assert_eq!(
        message(&cut),
        format!(
            "{}: the database file is truncated: found {} bytes, its header promises {}",
            cut.display(),
            bytes.len() - 1,
            bytes.len()
        )
    );

    let mut damaged = bytes.clone();
    damaged[100..200].fill(0xff);
    let path = at("damaged.sqlite");
    std::fs::write(&path, damaged).unwrap();
    assert!(matches!(
        Database::open(&path),
        Err(SqlError::Unreadable { .. })
    ));
    assert!(message(&path).contains("malformed"), "{}", message(&path));
}

#[test]
fn a_write_ahead_file_is_read_when_it_is_whole_and_refused_when_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("wal.sqlite");
    let writer = Connection::open(&path).unwrap();
    writer
        .execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a); INSERT INTO t VALUES (1)")
        .unwrap();
    let found = message(&path);
    assert!(
        found.contains("wal.sqlite-wal holds changes that are not in the database file yet"),
        "{found}"
    );
    writer.close().unwrap();

    let before = std::fs::read(&path).unwrap();
    let database = Database::open(&path).unwrap();
    let rows = database
        .query("SELECT a FROM t", &Budget::default())
        .unwrap();
    assert_eq!(rows.rows(), [[Value::Integer(1)]]);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        1,
        "no -wal or -shm appeared"
    );
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let journal = folder.path().join("wal.sqlite-journal");
    std::fs::write(
        &journal,
        [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7, 0, 0],
    )
    .unwrap();
    assert!(matches!(
        Database::open(&path),
        Err(SqlError::PendingChanges { pending, .. }) if pending == journal
    ));
    // A journal that was played back keeps its file in some modes, with an empty header.
    std::fs::write(&journal, [0; 512]).unwrap();
    assert!(Database::open(&path).is_ok());
}

#[test]
fn text_that_is_not_utf8_is_decoded_lossily() {
    let folder = tempfile::tempdir().unwrap();
    let path = create(
        &folder.path().join("t.sqlite"),
        "CREATE TABLE t (a TEXT); INSERT INTO t VALUES (CAST(x'61ff62' AS TEXT))",
    );
    let rows = Database::open(path)
        .unwrap()
        .query("SELECT a, x'ff' FROM t", &Budget::default())
        .unwrap();
    assert_eq!(
        rows.rows(),
        [[Value::Text("a\u{fffd}b".into()), Value::Blob(vec![0xff])]]
    );
}

#[test]
fn judgements_on_one_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = create(
        &folder.path().join("t.sqlite"),
        "CREATE TABLE t (a INTEGER, b TEXT);
         INSERT INTO t VALUES (1, 'x'), (2, 'y'), (2, 'y'), (3, NULL)",
    );
    let database = Database::open(path).unwrap();
    let verdict =
        |gold: &str, predicted: &str| judge(&database, gold, predicted, &Budget::default());
    assert_eq!(
        verdict(
            "SELECT a, b FROM t",
            "SELECT b, a * 1.0 FROM t ORDER BY a DESC"
        ),
        Judgement::Correct
    );
    assert_eq!(
        verdict("SELECT a FROM t", "SELECT DISTINCT a FROM t"),
        Judgement::Wrong(Difference::Rows {
            found: 3,
            expected: 4
        })
    );
    assert_eq!(
        verdict(
            "SELECT a FROM t ORDER BY a",
            "SELECT a FROM t ORDER BY a DESC"
        ),
        Judgement::Wrong(Difference::Order)
    );
    assert_eq!(
        verdict(
            "SELECT a FROM t WHERE a IN (SELECT a FROM t ORDER BY a)",
            "SELECT a FROM t ORDER BY a DESC"
        ),
        Judgement::Wrong(Difference::Order)
    );
    // Both sides are repaired as Spider's script does.
    assert_eq!(
        verdict(
            "SELECT a FROM t WHERE a > = 3",
            "SELECT a FROM t WHERE a ! = 1 AND b IS NULL"
        ),
        Judgement::Correct
    );
    assert_eq!(
        verdict("SELECT a FROM t", "SELECT c FROM t"),
        Judgement::PredictionFailed(QueryError::Sqlite {
            message: "no such column: c".into()
        })
    );
    // The gold is looked at first, whatever the prediction does.
    assert_eq!(
        verdict("DELETE FROM t", ""),
        Judgement::GoldFailed(QueryError::Forbidden {
            what: "DELETE from t".into()
        })
    );
}

#[test]
fn a_suite_wants_agreement_on_every_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, values: &str| {
        create(
            &folder.path().join("film").join(name),
            &format!("CREATE TABLE film (a INTEGER); INSERT INTO film VALUES {values}"),
        )
    };
    file("film.sqlite", "(1), (2)");
    file("a_first_by_name.sqlite", "(1), (2), (2)");
    std::fs::write(folder.path().join("film/notes.txt"), "no database").unwrap();

    let mut databases = Databases::new(folder.path());
    let suite = databases.open("film").unwrap();
    let names: Vec<_> = suite
        .databases()
        .iter()
        .map(|d| d.path().file_name().unwrap().to_owned())
        .collect();
    assert_eq!(names, ["film.sqlite", "a_first_by_name.sqlite"]);
    let budget = Budget::default();
    let gold = "SELECT a FROM film";
    assert_eq!(
        suite.judge(gold, "SELECT a + 0 FROM film", &budget),
        Judgement::Correct
    );
    let lucky = "SELECT DISTINCT a FROM film";
    assert_eq!(
        judge(suite.main(), gold, lucky, &budget),
        Judgement::Correct
    );
    let wrong = Judgement::Wrong(Difference::Rows {
        found: 2,
        expected: 3,
    });
    assert_eq!(suite.judge(gold, lucky, &budget), wrong);
    let results = suite.gold(gold, &budget).unwrap();
    assert_eq!(results.results().len(), 2);
    assert_eq!(suite.judge_against(&results, lucky, &budget), wrong);

    // A gold that fails on one file of the suite fails, even if the prediction is wrong on the first.
    create(
        &folder.path().join("film/z.sqlite"),
        "CREATE TABLE other (a)",
    );
    let mut databases = Databases::new(folder.path());
    let verdict = databases
        .open("film")
        .unwrap()
        .judge(gold, "SELECT 9", &budget);
    assert_eq!(
        verdict,
        Judgement::GoldFailed(QueryError::Sqlite {
            message: "no such table: film".into()
        })
    );
}

#[test]
fn ids_cannot_leave_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    create(
        &folder.path().join("secret/secret.sqlite"),
        "CREATE TABLE t (a)",
    );
    let inner = folder.path().join("databases");
    std::fs::create_dir(&inner).unwrap();
    let mut databases = Databases::new(&inner);
    for id in [
        "",
        ".",
        "..",
        "../secret",
        "a/b",
        "/etc",
        "..\\secret",
        "C:x",
        "a\0b",
    ] {
        let error = databases.open(id).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("the database id {id:?} is not a plain folder name")
        );
    }
    assert!(
        matches!(databases.open("film"), Err(SqlError::Missing { path }) if path.ends_with("film/film.sqlite"))
    );
}

#[test]
fn many_databases_stay_usable_in_turn() {
    let folder = tempfile::tempdir().unwrap();
    let ids: Vec<String> = (0..70).map(|n| format!("d{n}")).collect();
    for (n, id) in ids.iter().enumerate() {
        create(
            &folder.path().join(id).join(format!("{id}.sqlite")),
            &format!("CREATE TABLE t (a); INSERT INTO t VALUES ({n})"),
        );
    }
    let mut databases = Databases::new(folder.path());
    for (n, id) in ids.iter().chain(&ids).enumerate() {
        let rows = databases
            .open(id)
            .unwrap()
            .main()
            .query("SELECT a FROM t", &Budget::default());
        assert_eq!(rows.unwrap().rows(), [[Value::Integer((n % 70) as i64)]]);
    }
}

#[test]
fn the_schema_text_is_read_back_by_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let path = create(
        &folder.path().join("t.sqlite"),
        "CREATE TABLE `film` (`Film_ID` INT, `Home Town` VARCHAR(9) NOT NULL, `From` DATE, `Year` NUMERIC(4,0), x, b BLOB,
            twice INT GENERATED ALWAYS AS (Film_ID * 2), PRIMARY KEY (`Film_ID`));
         CREATE VIEW seen AS SELECT 1;
         CREATE TABLE \"order\" (id INTEGER PRIMARY KEY AUTOINCREMENT, film REFERENCES film);
         CREATE VIRTUAL TABLE words USING fts5(entry);
         CREATE INDEX i ON film (x);",
    );
    let text = schema_text(&Database::open(path).unwrap()).unwrap();
    assert_eq!(
        text,
        "CREATE TABLE film (Film_ID INTEGER, \"Home Town\" TEXT, \"From\" TEXT, Year REAL, x, b BLOB, twice INTEGER); \
         CREATE TABLE \"order\" (id INTEGER, film); CREATE TABLE words (entry)"
    );
    let copy = create(&folder.path().join("copy.sqlite"), &text);
    assert_eq!(schema_text(&Database::open(copy).unwrap()).unwrap(), text);
}
