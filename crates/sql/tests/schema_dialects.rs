//! CREATE TABLE text as the systems of this world write it.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use anneal_sql::{
    Budget, Database, ForeignKey, Schema, SchemaError, SchemaForm, SchemaStyle, TypeStyle,
};

/// Tables, columns, keys and foreign keys in short.
fn short(schema: &Schema) -> String {
    let style = SchemaStyle {
        types: TypeStyle::Simple,
        keys: true,
        constraints: true,
        foreign_keys: true,
        ..SchemaForm::CreateTable.style()
    };
    schema.render(&style).replace("; ", "\n")
}

fn types(schema: &Schema) -> Vec<&str> {
    let columns = schema.tables.iter().flat_map(|table| &table.columns);
    columns
        .map(|column| column.declared_type.as_str())
        .collect()
}

fn parse(text: &str) -> Schema {
    let schema = Schema::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    // Whatever it came from, SQLite takes it, with the same names and keys.
    let again = Schema::from_context(&schema.sqlite_text(), &Budget::default())
        .unwrap_or_else(|error| panic!("{error}\n{}", schema.sqlite_text()));
    for (table, again) in schema.tables.iter().zip(&again.tables) {
        let names = |table: &anneal_sql::Table| -> Vec<String> {
            table
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect()
        };
        assert_eq!((&table.name, names(table)), (&again.name, names(again)));
        assert_eq!(table.primary_key, again.primary_key);
        assert_eq!(table.unique, again.unique);
    }
    schema
}

#[test]
fn a_mysql_dump() {
    let schema = parse(
        r"-- MySQL dump 10.13
/*!40101 SET NAMES utf8 */;
DROP TABLE IF EXISTS `order item`;
CREATE TABLE `order item` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT COMMENT 'it''s the \'number\'; yes',
  `state` enum('new','it''s','x;y') CHARACTER SET latin1 COLLATE latin1_bin DEFAULT 'new',
  `price` decimal(10,2) DEFAULT NULL,
  `at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  `buyer` bigint(20) DEFAULT NULL,
  PRIMARY KEY (`id`,`buyer`) USING BTREE,
  UNIQUE KEY `u` (`price`,`at`),
  KEY `k` (`state`(10)),
  FULLTEXT KEY `f` (`state`),
  CONSTRAINT `c` FOREIGN KEY (`buyer`) REFERENCES `shop`.`person` (`id`) ON DELETE CASCADE
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8 COMMENT='what was \n bought';
LOCK TABLES `order item` WRITE;
INSERT INTO `order item` VALUES (1,'it\'s; CREATE TABLE no (x)',NULL,NULL,2);
CREATE TABLE `person` (`id` bigint(20) NOT NULL, `name` varchar(30));
ALTER TABLE `person` ADD PRIMARY KEY (`id`), ADD KEY `n` (`name`), ADD UNIQUE KEY `m` (`name`);
",
    );
    assert_eq!(
        short(&schema),
        r#"CREATE TABLE "order item" (id INTEGER NOT NULL, state TEXT, price REAL, at TEXT NOT NULL, buyer INTEGER, PRIMARY KEY (id, buyer), UNIQUE (price, at), FOREIGN KEY (buyer) REFERENCES person (id))
CREATE TABLE person (id INTEGER NOT NULL PRIMARY KEY, name TEXT, UNIQUE (name))"#
    );
    assert_eq!(
        types(&schema)[..5],
        [
            "int(10) unsigned",
            "enum('new','it''s','x;y')",
            "decimal(10,2)",
            "timestamp",
            "bigint(20)"
        ]
    );
    let table = &schema.tables[0];
    assert_eq!(table.comment.as_deref(), Some("what was \n bought"));
    assert_eq!(
        table.columns[0].comment.as_deref(),
        Some("it's the 'number'; yes")
    );
    assert_eq!(table.columns[1].comment, None);
}

#[test]
fn a_postgresql_dump() {
    let schema = parse(
        r#"--
-- PostgreSQL database dump
--
\restrict abc
SET statement_timeout = 0;
SELECT pg_catalog.set_config('search_path', '', false);
CREATE FUNCTION public.f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN; CREATE TABLE no (x int); END; $$;
CREATE TABLE public."Film" (
    id integer DEFAULT nextval('public.film_id_seq'::regclass) NOT NULL,
    title character varying(255) NOT NULL,
    at timestamp without time zone DEFAULT now() NOT NULL,
    tags text[],
    state character varying DEFAULT 'new'::character varying,
    kind text,
    CONSTRAINT kinds CHECK (((kind)::text = ANY ((ARRAY['a]'::character varying, 'b'::character varying])::text[])))
)
PARTITION BY RANGE (at);
ALTER TABLE public."Film" OWNER TO me;
CREATE TABLE public.shown (film integer, "where" double precision, n bigserial);
CREATE INDEX i ON public.shown USING btree (film);
COMMENT ON TABLE public."Film" IS 'it''s a film';
COMMENT ON COLUMN public."Film".title IS 'as shown';
COPY public.shown (film, "where") FROM stdin;
1	it's; CREATE TABLE no (x int);
\.

ALTER TABLE ONLY public."Film"
    ADD CONSTRAINT pk PRIMARY KEY (id);
ALTER TABLE ONLY public.shown
    ADD CONSTRAINT u UNIQUE (film, n);
ALTER TABLE ONLY public.shown
    ADD CONSTRAINT fk FOREIGN KEY (film) REFERENCES public."Film"(id) ON DELETE SET NULL DEFERRABLE;
"#,
    );
    assert_eq!(
        short(&schema),
        r#"CREATE TABLE Film (id INTEGER NOT NULL PRIMARY KEY, title TEXT NOT NULL, at TEXT NOT NULL, tags TEXT, state TEXT, kind TEXT)
CREATE TABLE shown (film INTEGER, "where" REAL, n TEXT, UNIQUE (film, n), FOREIGN KEY (film) REFERENCES Film (id))"#
    );
    assert_eq!(
        types(&schema),
        [
            "INTEGER",
            "character varying(255)",
            "timestamp without time zone",
            "text[]",
            "character varying",
            "TEXT",
            "INTEGER",
            "double precision",
            "bigserial"
        ]
    );
    assert_eq!(schema.tables[0].comment.as_deref(), Some("it's a film"));
    assert_eq!(
        schema.tables[0].columns[1].comment.as_deref(),
        Some("as shown")
    );
    assert!(schema.sqlite_text().contains("tags TEXT"));
    assert!(schema.sqlite_text().contains("n INTEGER"));
}

#[test]
fn a_sql_server_script() {
    let schema = parse(
        "USE [shop]\nGO\nSET ANSI_NULLS ON\nGO\n/****** Object:  Table [dbo].[Film] ******/\nCREATE TABLE [dbo].[Film](
\t[Film Id] [int] IDENTITY(1,1) NOT NULL,
\t[Title] [nvarchar](max) COLLATE Latin1_General_CI_AS NULL,
\t[Price] [decimal](18, 2) NOT NULL DEFAULT ((0)),
\t[Row] [uniqueidentifier] ROWGUIDCOL NOT NULL,
 CONSTRAINT [PK_Film] PRIMARY KEY CLUSTERED
(
\t[Film Id] ASC
)WITH (PAD_INDEX = OFF, IGNORE_DUP_KEY = OFF) ON [PRIMARY]
) ON [PRIMARY] TEXTIMAGE_ON [PRIMARY]
GO
CREATE TABLE [dbo].[Shown]([Film] [int] NULL)
GO
ALTER TABLE [dbo].[Shown]  WITH CHECK ADD  CONSTRAINT [FK] FOREIGN KEY([Film])
REFERENCES [dbo].[Film] ([Film Id])
GO
ALTER TABLE [dbo].[Shown] CHECK CONSTRAINT [FK]
GO
",
    );
    assert_eq!(
        short(&schema),
        r#"CREATE TABLE Film ("Film Id" INTEGER NOT NULL PRIMARY KEY, Title TEXT, Price REAL NOT NULL, Row TEXT NOT NULL)
CREATE TABLE Shown (Film INTEGER, FOREIGN KEY (Film) REFERENCES Film ("Film Id"))"#
    );
    assert_eq!(
        types(&schema),
        [
            "INT",
            "nvarchar(max)",
            "decimal(18, 2)",
            "uniqueidentifier",
            "INT"
        ]
    );
}

#[test]
fn oracle_bigquery_snowflake_and_duckdb() {
    let schema = parse(
        "CREATE TABLE \"HR\".\"EMP\" (\"ID\" NUMBER(10,0) NOT NULL ENABLE, \"NAME\" VARCHAR2(20 CHAR), born DATE DEFAULT SYSDATE,
           CONSTRAINT \"PK\" PRIMARY KEY (\"ID\") USING INDEX ENABLE) SEGMENT CREATION IMMEDIATE TABLESPACE \"USERS\";
         COMMENT ON COLUMN \"HR\".\"EMP\".\"NAME\" IS 'last name';
         /
         CREATE TABLE dept (id NUMBER GENERATED ALWAYS AS IDENTITY PRIMARY KEY, boss NUMBER REFERENCES emp)\n/\n",
    );
    assert_eq!(
        short(&schema),
        "CREATE TABLE EMP (ID REAL NOT NULL PRIMARY KEY, NAME TEXT, born TEXT)\n\
         CREATE TABLE dept (id REAL PRIMARY KEY, boss REAL, FOREIGN KEY (boss) REFERENCES emp)"
    );
    assert_eq!(
        types(&schema),
        [
            "NUMBER(10,0)",
            "VARCHAR2(20 CHAR)",
            "DATE",
            "NUMBER",
            "NUMBER"
        ]
    );
    assert_eq!(
        schema.tables[0].columns[1].comment.as_deref(),
        Some("last name")
    );

    let schema = parse(
        "CREATE OR REPLACE TABLE `my-project.shop.film` (id INT64 NOT NULL OPTIONS(description=\"its number\"), names ARRAY<STRUCT<a STRING, b INT64>>, title STRING)
         PARTITION BY DATE(at) CLUSTER BY title OPTIONS(description=\"all films\");",
    );
    assert_eq!(
        short(&schema),
        "CREATE TABLE film (id INTEGER NOT NULL, names TEXT, title TEXT)"
    );
    assert_eq!(
        types(&schema),
        ["INT64", "ARRAY<STRUCT<a STRING, b INT64>>", "STRING"]
    );
    assert_eq!(schema.tables[0].comment.as_deref(), Some("all films"));
    assert_eq!(
        schema.tables[0].columns[0].comment.as_deref(),
        Some("its number")
    );
    assert_eq!(
        schema.sqlite_text(),
        "CREATE TABLE film (id INT64 NOT NULL, names TEXT, title TEXT);"
    );

    let schema = parse(
        "create or replace TRANSIENT TABLE DB.PUBLIC.FILM cluster by (ID) (ID NUMBER(38,0) NOT NULL autoincrement, DATA VARIANT COMMENT 'as json') COMMENT='films';
         CREATE TABLE shown (tags VARCHAR[], at TIMESTAMPTZ, pos STRUCT(x INTEGER, y INTEGER), kind ENUM('a', 'b'));",
    );
    assert_eq!(
        short(&schema),
        "CREATE TABLE FILM (ID REAL NOT NULL, DATA TEXT)\n\
         CREATE TABLE shown (tags TEXT, at TEXT, pos TEXT, kind TEXT)"
    );
    assert_eq!(schema.tables[0].comment.as_deref(), Some("films"));
    assert_eq!(
        schema.tables[0].columns[1].comment.as_deref(),
        Some("as json")
    );
}

#[test]
fn sqlite_text_gives_what_sqlite_reads() {
    for text in [
        "CREATE TABLE t (a, b INT, \"c d\" VARCHAR(20) NOT NULL, [e] double  precision, `f` TEXT, 'g' numeric)",
        "CREATE TABLE \"a;b\" (id integer primary key autoincrement, x UNIQUE, y REFERENCES t, z text UNIQUE, UNIQUE (y, x), UNIQUE (x))",
        "CREATE TABLE a (b, A2 INT, PRIMARY KEY (a2 DESC, B COLLATE NOCASE)) WITHOUT ROWID; CREATE TABLE c (x, y, FOREIGN KEY (X, y) REFERENCES a, FOREIGN KEY (y) REFERENCES c (x) ON DELETE CASCADE)",
        "CREATE TABLE t (a INT CHECK (a > 1 AND (a < 3)), b DEFAULT (abs(1)), c AS (a + 1) STORED, d DATE DEFAULT CURRENT_DATE)",
        "CREATE TABLE t (\"quo\"\"te\" TEXT, \"new\nline\" INT, \"é – 漢\" REAL) STRICT",
        "CREATE TABLE t ( -- about t\n a INT, -- first\n /* second\n  * b */\n b INT\n, c INT /* third */, -- again\n d INT -- last\n)",
        "create table main.t(key varchar, year int, text text, date date, type, \"primary\" INT primary key, index_ int)",
        "CREATE TABLE IF NOT EXISTS t (x INT(11), y DECIMAL(5, -2), z UNSIGNED BIG INT, w VARYING CHARACTER(255))",
    ] {
        let database = Database::from_context(text, &Budget::default()).unwrap();
        let read = Schema::read(&database).unwrap();
        assert_eq!(Schema::parse(text).unwrap(), read, "{text}");
    }
}

#[test]
fn comments_belong_to_what_they_stand_beside() {
    let text = "CREATE TABLE t ( -- about t\n a INT, -- first\n -- second\n b INT -- and b\n, c INT /* third */, -- again\n d INT -- last\n)";
    let table = &Schema::parse(text).unwrap().tables[0];
    let comments: Vec<Option<&str>> = table
        .columns
        .iter()
        .map(|column| column.comment.as_deref())
        .collect();
    assert_eq!(table.comment.as_deref(), Some("about t"));
    assert_eq!(
        comments,
        [
            Some("first"),
            Some("second and b"),
            Some("third again"),
            Some("last")
        ]
    );
}

#[test]
fn keys_are_read_in_their_order() {
    let text = "CREATE TABLE t (a, b, c, PRIMARY KEY (c, a), FOREIGN KEY (b, a) REFERENCES u, FOREIGN KEY (c) REFERENCES u (x))";
    let table = &Schema::from_context(text, &Budget::default())
        .unwrap()
        .tables[0];
    assert_eq!(table.primary_key, ["c", "a"]);
    let key = |columns: &[&str], references: &[&str]| ForeignKey {
        columns: columns.iter().map(ToString::to_string).collect(),
        table: "u".into(),
        references: references.iter().map(ToString::to_string).collect(),
    };
    assert_eq!(
        table.foreign_keys,
        [key(&["b", "a"], &[]), key(&["c"], &["x"])]
    );
}

#[test]
fn one_strange_statement_is_named_and_the_others_are_not_spoiled() {
    for (text, message) in [
        ("", "the text creates no table"),
        (
            "SELECT 1; CREATE VIEW v AS SELECT 1",
            "the text creates no table",
        ),
        (
            "CREATE TABLE sqlite_sequence(name,seq)",
            "the text creates no table",
        ),
        (
            "CREATE TABLE a (x INT);\n\n -- b\nCREATE TABLE b (x INT y!)",
            "statement 2, line 4: no dialect takes this CREATE TABLE: ",
        ),
        (
            "CREATE TABLE a AS SELECT 1",
            "statement 1, line 1: table \"a\" has no columns in the text",
        ),
        (
            "CREATE TABLE a (x INT);\nCREATE TABLE s.A (y INT)",
            "statement 2, line 2: table \"A\" is there already",
        ),
        (
            "CREATE TABLE a (x INT, X TEXT)",
            "statement 1, line 1: table \"a\" has the column \"X\" twice",
        ),
    ] {
        let error = Schema::parse(text).unwrap_err().to_string();
        assert!(error.starts_with(message), "{text}: {error}");
    }
    let error =
        Schema::parse("CREATE TABLE a (x INT);\n\nCREATE TABLE b (x INT,\n y!)").unwrap_err();
    let SchemaError::Statement {
        number: 2,
        line: 3,
        message,
    } = &error
    else {
        panic!("{error:?}");
    };
    assert!(message.ends_with("at Line: 4, Column: 3"), "{message}");

    let strange = "CREATE TRIGGER g AFTER INSERT ON a BEGIN SELECT ((((; END; GRANT ALL TO x; ALTER TABLE nobody ADD x INT; COMMENT ON TABLE q IS 'y';";
    let schema = parse(&format!(
        "{strange} CREATE TABLE a (x INT)\nCREATE TABLE b (y INT)"
    ));
    assert_eq!(
        short(&schema),
        "CREATE TABLE a (x INTEGER)\nCREATE TABLE b (y INTEGER)"
    );
}

#[test]
fn a_context_is_read_by_sqlite_first() {
    let budget = Budget::default();
    // For sqlparser's MySQL, `KEY k (1)` would be an index; for SQLite it is a column.
    let schema = Schema::from_context("CREATE TABLE t (a INT, KEY k (1))", &budget).unwrap();
    assert_eq!(schema.tables[0].columns[1].declared_type, "k (1)");
    let schema =
        Schema::from_context("CREATE TABLE t (a INT, KEY k (a)) ENGINE=x", &budget).unwrap();
    assert_eq!(schema.tables[0].columns.len(), 1);
    let error = Schema::from_context("CREATE TABLE t (a INT, +)", &budget).unwrap_err();
    assert!(matches!(error, SchemaError::Neither { .. }));
    assert!(
        error.to_string().starts_with("SQLite does not take the context (statement 1 of the context: near \"+\": syntax error), nor does another dialect (statement 1, line 1: no dialect takes this CREATE TABLE"),
        "{error}"
    );
}
