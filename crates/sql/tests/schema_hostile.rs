//! Texts that mean harm, and heaps of pieces.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use anneal_sql::{Budget, Database, Schema};
use proptest::prelude::*;

/// Deep, long and endless texts end in an error or a schema, soon and on a small stack.
#[test]
fn hostile_text_ends_soon() {
    let deep = |open: &str, close: &str, count: usize| {
        format!("{}1{}", open.repeat(count), close.repeat(count))
    };
    let mut texts = vec![
        format!("CREATE TABLE t (x INT CHECK ({}))", deep("(", ")", 30_000)),
        format!("CREATE TABLE t (x INT DEFAULT {})", deep("(", ")", 30_000)),
        format!("CREATE TABLE t (x INT DEFAULT {})", deep("(", ")", 45)),
        format!("CREATE TABLE t (x INT DEFAULT {})", deep("f(", ")", 45)),
        format!(
            "CREATE TABLE t (x INT DEFAULT {})",
            deep("CASE WHEN ", " THEN 1 END", 40)
        ),
        format!(
            "CREATE TABLE t (x INT DEFAULT {})",
            deep("(SELECT ", ")", 40)
        ),
        format!("CREATE TABLE t (x {})", deep("ARRAY<", ">", 30_000)),
        format!("CREATE TABLE t (x {})", deep("ARRAY<", ">", 45)),
        format!("CREATE TABLE t (x {})", deep("STRUCT(a ", ")", 45)),
        format!("CREATE TABLE t (x INT {})", "DEFAULT -".repeat(20_000)),
        format!("CREATE TABLE t {}", "(".repeat(200_000)),
        format!("CREATE TABLE t AS SELECT {}", deep("(", ")", 1900)),
        format!("CREATE TABLE t AS SELECT {}1", "1+".repeat(60_000)),
        format!("ALTER TABLE t ADD x INT DEFAULT 1{}", "+1".repeat(60_000)),
        format!("COMMENT ON TABLE {}t IS 'x'", "a.".repeat(60_000)),
        "CREATE TABLE t (x INT".repeat(20_000),
        "CREATE TABLE t (x '".repeat(20_000),
        format!("CREATE TABLE t ({})", "#\n[ $a$ ".repeat(20_000)),
        "$a$ $b$ # go / \\ ".repeat(50_000),
        "\n/ go".repeat(100_000),
        "x#".repeat(200_000),
        format!("CREATE TABLE t ({})", "-- x\n".repeat(100_000)),
    ];
    for operator in [
        "+1",
        "||1",
        " AND 1",
        "::int",
        " COLLATE x",
        " IS NULL",
        "[1]",
        " AT TIME ZONE 'x'",
        " -1",
        " NOT NULL",
        " UNIQUE",
        " IN (1)",
        ".x",
    ] {
        for count in [1300, 3900, 60_000] {
            texts.push(format!(
                "CREATE TABLE t (x INT DEFAULT 1{})",
                operator.repeat(count)
            ));
        }
    }
    let many: Vec<String> = (0..20_000).map(|i| format!("c{i} INT")).collect();
    texts.push(format!("CREATE TABLE t ({})", many.join(",")));
    let tables: Vec<String> = (0..20_000)
        .map(|i| format!("CREATE TABLE t{i} (x INT)"))
        .collect();
    texts.push(tables.join("\n"));
    for text in texts {
        let start = std::time::Instant::now();
        let beginning: String = text.chars().take(60).collect();
        let small = std::thread::Builder::new().stack_size(1 << 20);
        let _ = small
            .spawn(move || Schema::parse(&text).is_ok())
            .unwrap()
            .join()
            .unwrap();
        assert!(
            start.elapsed().as_secs() < 10,
            "{beginning}: {:?}",
            start.elapsed()
        );
    }
}

const WORDS: [&str; 62] = [
    "CREATE TABLE t (",
    "CREATE TABLE IF NOT EXISTS s.u (",
    "ALTER TABLE t ADD ",
    "COMMENT ON COLUMN t.a IS 'x'",
    "(",
    ")",
    ",",
    ";",
    "\n",
    " ",
    "a",
    "b INT",
    "c VARCHAR(20)",
    "'",
    "\"",
    "`",
    "[",
    "]",
    "--",
    "/*",
    "*/",
    "#",
    "$a$",
    "$",
    "\\",
    "é",
    "\0",
    "CHECK (",
    "DEFAULT ",
    "DEFAULT (",
    "AS (",
    "PRIMARY KEY",
    "UNIQUE",
    "FOREIGN KEY (a)",
    "REFERENCES t",
    "REFERENCES u (b)",
    "NOT NULL",
    "CONSTRAINT x",
    "KEY k (a)",
    "COMMENT 'x'",
    "AUTO_INCREMENT",
    "ENGINE=x",
    "GO\n",
    "/\n",
    "COPY t FROM stdin",
    "DELIMITER //\n",
    "<",
    ">",
    "::text",
    "ARRAY[",
    "GENERATED ALWAYS AS IDENTITY (",
    "WITH CHECK ",
    "WITH (",
    "CLUSTER BY (a)",
    "OPTIONS(description=",
    "WITHOUT ROWID",
    "LIKE t",
    "INHERITS (t)",
    "enum('a','b')",
    "1",
    ".",
    "+",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any heap of pieces ends in a schema or an error; a schema has names, and SQLite takes its text.
    #[test]
    fn heaps_of_pieces_end_in_a_schema_or_an_error(pieces in proptest::collection::vec(proptest::sample::select(&WORDS[..]), 1..25)) {
        for text in [pieces.concat(), format!("CREATE TABLE t (a INT, {}", pieces.join(" "))] {
            if let Ok(schema) = Schema::parse(&text) {
                let again = Database::from_context(&schema.sqlite_text(), &Budget::default());
                prop_assert!(again.is_ok(), "{:?}\n{}\n{}", again, text, schema.sqlite_text());
            }
        }
    }
}
