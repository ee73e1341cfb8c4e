//! What dumps hold beside their tables: procedures, triggers, data, partitions, words of one system.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use anneal_sql::{Schema, SchemaError, SchemaForm, Selection, UsedByError};

fn compact(text: &str) -> String {
    let schema = Schema::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    schema.render(&SchemaForm::Compact.style())
}

#[test]
fn what_a_procedure_creates_is_its_own() {
    let mysql = "CREATE TABLE a (x int) ENGINE=InnoDB;\nDELIMITER $$\nCREATE PROCEDURE p()\nBEGIN\n\
        CREATE TABLE no (y int);\nSELECT 'it';\nEND$$\nCREATE TABLE b (z int);\n$$\nDELIMITER ;\nCREATE TABLE c (w int);";
    assert_eq!(compact(mysql), "a(x)\nb(z)\nc(w)");
    let sqlite = "CREATE TABLE a (x);\nCREATE TRIGGER t AFTER INSERT ON a BEGIN\nSELECT CASE WHEN 1 THEN 2 END;\n\
        UPDATE a SET x = 1;\nEND;\nCREATE TABLE b (y);";
    assert_eq!(compact(sqlite), "a(x)\nb(y)");
    // A body without an end hides nothing.
    assert_eq!(
        compact("CREATE TRIGGER t BEGIN x;\nCREATE TABLE b (y);"),
        "b(y)"
    );
}

#[test]
fn sql_server_needs_no_semicolons() {
    let text = "SET ANSI_PADDING ON\nCREATE TABLE a (x int NOT NULL)\nINSERT INTO a VALUES (1)\nCREATE TABLE b (y int)\n\
        ALTER TABLE b ADD FOREIGN KEY (y) REFERENCES a(x)\nIF OBJECT_ID('c') IS NULL\nBEGIN\nCREATE TABLE c (z int FOREIGN KEY REFERENCES a(x))\nEND\nGO\n\
        CREATE PROC p AS\nCREATE TABLE no (a int);\nCREATE TABLE nor (a int);\nGO\n";
    assert_eq!(compact(text), "a(x)\nb(y)\nc(z)\nb.y = a.x\nc.z = a.x");
}

#[test]
fn partitions_are_no_tables_and_foreign_tables_are() {
    let text = "CREATE TABLE r (d date) PARTITION BY RANGE (d);\nCREATE TABLE r_1 (d date);\n\
        ALTER TABLE ONLY public.r ATTACH PARTITION public.r_1 FOR VALUES FROM ('a') TO ('b');\n\
        CREATE FOREIGN TABLE f (id integer NOT NULL) SERVER s;";
    assert_eq!(compact(text), "r(d)\nf(id)");
}

#[test]
fn oracles_and_snowflakes_words() {
    let oracle = "PROMPT Creating it's tables\nCREATE TABLE e (id NUMBER(*,0) CONSTRAINT n NOT NULL ENABLE, v NUMBER GENERATED ALWAYS AS (id*12) VIRTUAL,\n\
        SUPPLEMENTAL LOG DATA (ALL) COLUMNS) TABLESPACE users;\nINSERT INTO e VALUES (q'[it's; ]');\n\
        CREATE TABLE d (id NUMBER, boss NUMBER);\nALTER TABLE d ADD (CONSTRAINT k PRIMARY KEY (id), CONSTRAINT f FOREIGN KEY (boss) REFERENCES e (id));";
    let schema = Schema::parse(oracle).unwrap();
    assert_eq!(
        schema.render(&SchemaForm::Compact.style()),
        "e(id, v)\nd(id, boss)\nd.boss = e.id"
    );
    assert_eq!(schema.tables[1].primary_key, ["id"]);
    let snowflake = "create table c cluster by linear(ID) (ID NUMBER autoincrement start 1 increment 1 noorder, \
        N VARCHAR WITH MASKING POLICY p.m COMMENT 'it''s', primary key (ID) not enforced rely)";
    let schema = Schema::parse(snowflake).unwrap();
    assert_eq!(schema.render(&SchemaForm::Compact.style()), "c(ID, N)");
    assert_eq!(schema.tables[0].columns[1].comment.as_deref(), Some("it's"));
}

#[test]
fn a_stray_quote_is_an_error_and_no_silence() {
    let error = Schema::parse("CREATE TABLE a (x);\nit's\nCREATE TABLE b (y);").unwrap_err();
    assert!(
        matches!(error, SchemaError::Unclosed { line: 2 }),
        "{error}"
    );
}

#[test]
fn what_a_query_uses() {
    let schema = Schema::parse(
        "CREATE TABLE film (id INT PRIMARY KEY, title TEXT, market INT); CREATE TABLE market (code INT, name TEXT); CREATE TABLE pet (x INT)",
    )
    .unwrap();
    let used = |sql: &str| schema.used_by(sql).unwrap();
    assert_eq!(
        used("SELECT count(*) FROM film"),
        [Selection::columns("film", ["id"])]
    );
    assert_eq!(
        used(
            "WITH pet AS (SELECT 1 AS x) SELECT x FROM pet, (SELECT name FROM market) WHERE 1 IN (SELECT MARKET FROM film)"
        ),
        [
            Selection::columns("film", ["market"]),
            Selection::columns("market", ["name"])
        ]
    );
    assert_eq!(
        used("SELECT * FROM market"),
        [Selection::columns("market", ["code", "name"])]
    );
    assert!(matches!(
        schema.used_by("SELECT nothing FROM film"),
        Err(UsedByError::Query(_))
    ));
    assert!(matches!(
        schema.used_by("DROP TABLE film"),
        Err(UsedByError::Query(_))
    ));
}
