//! Any text as a query on a small database: a verdict, in time, and the file as it was.
//! The same text is also parsed and mutated.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use anneal_sql::{Budget, Database, Schema, mutants};
use libfuzzer_sys::fuzz_target;

/// The database's path and its bytes.
fn fixture() -> &'static (PathBuf, Vec<u8>) {
    static FIXTURE: OnceLock<(PathBuf, Vec<u8>)> = OnceLock::new();
    FIXTURE.get_or_init(|| {
        let name = format!("anneal-fuzz-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder for the database");
        let path = folder.join("t.sqlite");
        rusqlite::Connection::open(&path)
            .and_then(|connection| {
                connection.execute_batch(
                    "CREATE TABLE t (a INTEGER, b TEXT);
                     INSERT INTO t VALUES (1, 'one'), (2, 'two'), (3, NULL);
                     CREATE VIRTUAL TABLE words USING fts5(x);
                     INSERT INTO words VALUES ('hello world');
                     CREATE VIRTUAL TABLE boxes USING rtree(id, low, high);
                     INSERT INTO boxes VALUES (1, 2, 3);",
                )
            })
            .expect("a database");
        let bytes = std::fs::read(&path).expect("the database");
        (path, bytes)
    })
}

thread_local! {
    static DATABASE: Database = Database::open(&fixture().0).expect("the database opens");
}

fuzz_target!(|sql: &str| {
    let budget = Budget {
        operations: 20_000,
        rows: 100,
        bytes: 100_000,
        memory: 16 << 20,
        wall: Some(Duration::from_secs(1)),
    };
    DATABASE.with(|database| drop(database.query(sql, &budget)));
    drop(mutants(sql, &Schema::default()));
    let (path, before) = fixture();
    assert!(std::fs::read(path).is_ok_and(|bytes| bytes == *before), "the file changed");
});
