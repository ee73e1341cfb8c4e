//! CREATE TABLE text in the dialects that people paste.

mod build;
mod layout;
mod scan;
mod storage;
mod tokens;
mod words;

use sqlparser::ast::Statement as Parsed;
use sqlparser::dialect::{
    BigQueryDialect, ClickHouseDialect, DatabricksDialect, Dialect, DuckDbDialect, GenericDialect,
    HiveDialect, MsSqlDialect, MySqlDialect, OracleDialect, PostgreSqlDialect, RedshiftSqlDialect,
    SQLiteDialect, SnowflakeDialect,
};
use sqlparser::parser::{Parser, ParserError};

use self::build::Builder;
use self::layout::Layout;
use self::scan::Statement;
use self::tokens::Tokens;
use super::{Schema, SchemaError, Table};
use crate::{Budget, Database};

/// The longest text that [`Schema::parse`] reads, in bytes: a dump with its rows.
pub const MAX_SCHEMA_TEXT_BYTES: usize = 64 << 20;

/// The longest statement about tables in it, in bytes.
const MAX_STATEMENT_BYTES: usize = 256 << 10;

/// The most tokens in one column or constraint. A parser's tree may be as deep as an expression has
/// operators, and freeing it takes the stack.
const MAX_ITEM_TOKENS: usize = 4000;

/// In this order, unless a statement has marks of one of them.
const DIALECTS: [&(dyn Dialect + Sync); 13] = [
    &SQLiteDialect {},
    &PostgreSqlDialect {},
    &MySqlDialect {},
    &MsSqlDialect {},
    &SnowflakeDialect,
    &BigQueryDialect {},
    &DuckDbDialect {},
    &OracleDialect {},
    &RedshiftSqlDialect {},
    &DatabricksDialect {},
    &ClickHouseDialect {},
    &HiveDialect {},
    &GenericDialect {},
];

impl Schema {
    /// Reads the tables from SQL text in any of the common dialects: DDL by hand, dumps, SQL Server's scripts.
    ///
    /// Each statement stands alone. It is tried as SQLite, PostgreSQL, MySQL, SQL Server, Snowflake,
    /// BigQuery, DuckDB, Oracle, Redshift, Databricks, ClickHouse, Hive and sqlparser's generic dialect, in
    /// this order; MySQL is first where the statement has an index (`KEY name (…)`) or `AUTO_INCREMENT`, BigQuery where it
    /// has `INT64`, `STRING` or `OPTIONS`. If none takes it, all are tried again without what follows the list
    /// of columns and without words about storage, collation and identity.
    ///
    /// CREATE TABLE makes tables; `ALTER TABLE … ADD` (keys, columns) and `COMMENT ON` add to them; every
    /// other statement is skipped: INSERT, SET, CREATE INDEX, DROP, virtual tables, and tables that a procedure or trigger creates in its body.
    /// Partitions of a table (`PARTITION OF`, `ATTACH PARTITION`) are left out. An ALTER or COMMENT that no dialect takes is
    /// skipped too. Semicolons between tables may be missing.
    ///
    /// Names keep their case and lose database and schema (`public.film` is `film`). Types stay as they are
    /// written; SQLite's six standard ones become capitals, as SQLite itself does it. Comments come from
    /// `COMMENT`, BigQuery's `description`, or `--` and `/* */` beside a column. Expressions (CHECK, DEFAULT)
    /// are not read. SQLite's own tables (`sqlite_…`) are left out.
    ///
    /// # Errors
    /// A CREATE TABLE that no dialect takes, or that names no column; the same table or column twice; a stray quote that hides a CREATE TABLE;
    /// a text without tables. Each but the last names its line.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::Schema;
    /// let schema = Schema::parse(
    ///     "CREATE TABLE `film` (`id` int(11) NOT NULL AUTO_INCREMENT, `title` varchar(20) COMMENT 'as shown', PRIMARY KEY (`id`)) ENGINE=InnoDB;
    ///      INSERT INTO `film` VALUES (1, 'Gilda');",
    /// )?;
    /// let film = &schema.tables[0];
    /// assert_eq!(film.primary_key, ["id"]);
    /// assert_eq!(film.columns[1].declared_type, "varchar(20)");
    /// assert_eq!(film.columns[1].comment.as_deref(), Some("as shown"));
    ///
    /// let error = Schema::parse("SELECT 1;\nCREATE TABLE film (id INT,\n , title TEXT)").unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "statement 2, line 2: no dialect takes this CREATE TABLE: Expected: column name or constraint definition, found: , at Line: 3, Column: 2"
    /// );
    /// # Ok::<(), anneal_sql::SchemaError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        if text.len() > MAX_SCHEMA_TEXT_BYTES {
            return Err(SchemaError::TooLong {
                found: text.len(),
                limit: MAX_SCHEMA_TEXT_BYTES,
            });
        }
        let backslashes = scan::backslashes(text);
        let mut builder = Builder::new(backslashes);
        let statements =
            scan::statements(text, backslashes).map_err(|line| SchemaError::Unclosed { line })?;
        for statement in statements {
            let layout = Layout::of(statement.text, backslashes);
            let place = (statement.number, statement.line);
            if !creates_table(&statement, backslashes) {
                if let Some(partition) = layout.attached() {
                    builder.leave_out(&partition);
                } else if check_size(&statement, &layout).is_ok()
                    && let Ok(parsed) = attempt(&layout.reduced(), &layout)
                        .or_else(|error| attempt(&layout.alter(), &layout).map_err(|_| error))
                {
                    builder.add_to_tables(parsed);
                }
                continue;
            }
            check_size(&statement, &layout)?;
            let parsed = attempt(&layout.reduced(), &layout)
                .or_else(|error| attempt(&layout.reduced_further(), &layout).map_err(|_| error))
                .map_err(|failure| failure.place(&layout, &statement))?;
            if let Parsed::CreateTable(create) = parsed {
                builder.create(&create, &layout, place)?;
            }
        }
        builder.finish()
    }

    /// Reads the schema of a data set's context: as SQLite reads it, or else as [`Schema::parse`] does.
    ///
    /// What SQLite takes is what queries will run on, so its own reading comes first
    /// ([`Database::from_context`], within `budget`); only a text that SQLite refuses is tried in the other dialects.
    /// Its name is not set.
    ///
    /// # Errors
    /// If neither can read it, with both reasons.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Budget, Schema};
    /// let budget = Budget::default();
    /// let schema = Schema::from_context("CREATE TABLE pet (name VARCHAR, age INTEGER)", &budget)?;
    /// assert_eq!(schema.tables[0].columns[1].declared_type, "INTEGER");
    /// let schema = Schema::from_context("CREATE TABLE pet (id serial, tags text[] DEFAULT '{}'::text[])", &budget)?;
    /// assert_eq!(schema.tables[0].columns[1].declared_type, "text[]");
    /// # Ok::<(), anneal_sql::SchemaError>(())
    /// ```
    pub fn from_context(context: &str, budget: &Budget) -> Result<Self, SchemaError> {
        match Database::from_context(context, budget) {
            Ok(database) => Ok(Self::read(&database)?),
            Err(sqlite) => Self::parse(context).map_err(|parser| SchemaError::Neither {
                sqlite,
                parser: Box::new(parser),
            }),
        }
    }
}

/// Adds the comments that stand in the text of a SQLite table.
pub(super) fn table_comments(table: &mut Table, sql: &str) {
    let layout = Layout::of(sql, false);
    table.comment = layout.comment(false);
    let items = layout.columns();
    for column in &mut table.columns {
        column.comment = items.get(&column.name).and_then(|item| item.comment(false));
    }
}

fn creates_table(statement: &Statement<'_>, backslashes: bool) -> bool {
    let words: Vec<&str> = Tokens::new(statement.text, backslashes)
        .filter(|token| token.is_code())
        .take(8)
        .map(|token| token.text)
        .collect();
    scan::is_create_table(&words)
}

fn check_size(statement: &Statement<'_>, layout: &Layout<'_>) -> Result<(), SchemaError> {
    let (number, line) = (statement.number, statement.line);
    let too_large = |found, limit, unit| SchemaError::StatementTooLarge {
        number,
        line,
        found,
        limit,
        unit,
    };
    if statement.text.len() > MAX_STATEMENT_BYTES {
        let found = statement.text.len();
        return Err(too_large(found, MAX_STATEMENT_BYTES, "bytes"));
    }
    let mut longest = layout
        .items
        .iter()
        .map(|item| item.tokens.len())
        .max()
        .unwrap_or(0);
    longest = longest.max(layout.tail.len());
    if layout.list_end.is_none() {
        let tokens = Tokens::new(statement.text, false).filter(|token| token.is_code());
        longest = longest.max(tokens.count());
    }
    match longest > MAX_ITEM_TOKENS {
        true => Err(too_large(
            longest,
            MAX_ITEM_TOKENS,
            "words and signs in one column or constraint",
        )),
        false => Ok(()),
    }
}

/// How the dialect failed that came furthest.
struct Refusal {
    dialect: usize,
    error: ParserError,
}

impl Refusal {
    fn place(self, layout: &Layout<'_>, statement: &Statement<'_>) -> SchemaError {
        // The parser counts lines from the start of what it reads.
        let text = format!("{}{}", "\n".repeat(statement.line - 1), layout.reduced());
        let error = parse(&text, DIALECTS[self.dialect])
            .err()
            .unwrap_or(self.error);
        SchemaError::Statement {
            number: statement.number,
            line: statement.line,
            message: words(error),
        }
    }
}

fn words(error: ParserError) -> String {
    match error {
        ParserError::TokenizerError(words) | ParserError::ParserError(words) => words,
        ParserError::RecursionLimitExceeded => "nested too deeply".into(),
    }
}

/// The statement in the first dialect that takes it.
fn attempt(text: &str, layout: &Layout<'_>) -> Result<Parsed, Refusal> {
    let any = |words: &[&str]| {
        layout
            .items
            .iter()
            .flat_map(|item| &item.tokens)
            .any(|token| words.iter().any(|word| token.is_word(word)))
    };
    let first = if layout.items.iter().any(layout::Item::is_index) || any(&["auto_increment"]) {
        Some(2)
    } else if any(&["int64", "float64", "string", "options"]) {
        Some(5)
    } else {
        None
    };
    let mut furthest: Option<((u64, u64), Refusal)> = None;
    for dialect in first
        .into_iter()
        .chain((0..DIALECTS.len()).filter(|&at| Some(at) != first))
    {
        match parse(text, DIALECTS[dialect]) {
            Ok(parsed) => return Ok(parsed),
            Err(error) => {
                let reached = place_of(&error);
                if furthest
                    .as_ref()
                    .is_none_or(|(before, _)| reached > *before)
                {
                    furthest = Some((reached, Refusal { dialect, error }));
                }
            }
        }
    }
    Err(furthest.map_or(
        Refusal {
            dialect: 0,
            error: ParserError::RecursionLimitExceeded,
        },
        |(_, refusal)| refusal,
    ))
}

fn parse(text: &str, dialect: &dyn Dialect) -> Result<Parsed, ParserError> {
    let mut parser = Parser::new(dialect).try_with_sql(text)?;
    let statement = parser.parse_statement()?;
    match parser.peek_token().token {
        sqlparser::tokenizer::Token::EOF => Ok(statement),
        _ => parser.expected("the end of the statement", parser.peek_token()),
    }
}

/// Line and column in a parser's message; none is the beginning.
fn place_of(error: &ParserError) -> (u64, u64) {
    let (ParserError::TokenizerError(words) | ParserError::ParserError(words)) = error else {
        return (0, 0);
    };
    let place = words.rsplit_once(" at Line: ").and_then(|(_, place)| {
        let (line, column) = place.split_once(", Column: ")?;
        Some((line.parse().ok()?, column.parse().ok()?))
    });
    place.unwrap_or((0, 0))
}
