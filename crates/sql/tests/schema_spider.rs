//! Spider's `tables.json`, with every fault named.
#![allow(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use anneal_sql::{Schema, SchemaForm, SchemaStyle, TypeStyle, spider_schemas};

const SPIDER: &str = r#"[{"db_id": "shop", "table_names_original": ["Person", "sale_2"], "table_names": ["person", "what was sold"],
  "column_names_original": [[-1, "*"], [0, "ID"], [0, "Nm"], [1, "Person_ID"], [1, "No"], [1, "at"], [1, "ok"], [1, "x"]],
  "column_names": [[-1, "*"], [0, "id"], [0, "name"], [1, "person id"], [1, "number"], [1, "at"], [1, "ok"], [1, "x"]],
  "column_types": ["text", "number", "text", "number", "number", "time", "boolean", "others"],
  "primary_keys": [1, [3, 4]], "foreign_keys": [[3, 1]]}]"#;

fn spider(text: &str) -> Result<Schema, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tables.json");
    std::fs::write(&path, text).unwrap();
    let prefix = format!("{}: ", path.display());
    match spider_schemas(&path) {
        Ok(mut schemas) => Ok(schemas.remove("shop").unwrap()),
        Err(error) => Err(error.to_string().replace(&prefix, "")),
    }
}

#[test]
fn spiders_tables_are_read() {
    let schema = spider(SPIDER).unwrap();
    let style = SchemaStyle {
        types: TypeStyle::Declared,
        ..SchemaForm::Commented.style()
    };
    assert_eq!(schema.name.as_deref(), Some("shop"));
    assert_eq!(
        schema.render(&style),
        "CREATE TABLE Person (\n  ID NUMERIC PRIMARY KEY,\n  Nm TEXT -- name\n);
CREATE TABLE sale_2 ( -- what was sold\n  Person_ID NUMERIC,\n  No NUMERIC, -- number\n  at DATETIME,\n  ok BOOLEAN,\n  x,
  PRIMARY KEY (Person_ID, No),\n  FOREIGN KEY (Person_ID) REFERENCES Person (ID)\n);"
    );
}

#[test]
fn faults_in_spiders_tables_are_named() {
    for (from, to, message) in [
        (
            r#""primary_keys": [1,"#,
            r#""primary_keys": [9,"#,
            r#"db_id "shop", primary_keys[0]: found column 9, expected one of 8 columns"#,
        ),
        (
            "[3, 4]]",
            "[3, 0]]",
            r#"db_id "shop", primary_keys[1]: found column 0, which is `*`, expected a table's column"#,
        ),
        (
            "[[3, 1]]",
            "[[3, 8]]",
            r#"db_id "shop", foreign_keys[0]: found column 8, expected one of 8 columns"#,
        ),
        (
            r#"[0, "Nm"]"#,
            r#"[2, "Nm"]"#,
            r#"db_id "shop", column_names_original[2]: found table 2, expected one of 2 tables, or -1"#,
        ),
        (
            r#"[0, "Nm"]"#,
            r#"[0, "Id"]"#,
            r#"db_id "shop", column_names_original[2]: found "Id" again, expected each column once"#,
        ),
        (
            r#""sale_2"]"#,
            r#""PERSON"]"#,
            r#"db_id "shop", table_names_original[1]: found "PERSON" again, expected each table once"#,
        ),
        (
            r#", "others""#,
            "",
            r#"db_id "shop", column_types: found 7 entries, expected 8"#,
        ),
        (
            "[[3, 1]]}]",
            r#"[]}, {"db_id": "shop", "table_names_original": [], "column_names_original": []}]"#,
            r#"db_id "shop", db_id: found it twice, expected each once"#,
        ),
    ] {
        let broken = SPIDER.replacen(from, to, 1);
        assert_ne!(broken, SPIDER, "{from}");
        assert_eq!(spider(&broken).unwrap_err(), message);
    }
    assert!(
        spider("[{}]")
            .unwrap_err()
            .starts_with("missing field `db_id` at line 1 column 3")
    );
}
