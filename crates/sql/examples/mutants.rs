//! How many mutants reference queries have, by edit, and how many of them SQLite prepares.
//!
//!     cargo run --release -p anneal-sql --example mutants -- --questions Q.jsonl [--databases DIR] [--limit N] [--stride N]
//!
//! Each line has `sql` or `answer`, and `db_id` (with `--databases`) or `context`.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::PathBuf;

use anneal_sql::{Budget, Database, Edit, MutateError, Schema, mutants};
use clap::Parser;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value as Json;

#[derive(Parser)]
struct Flags {
    /// JSON lines.
    #[arg(long)]
    questions: PathBuf,
    /// A folder of `<db>/<db>.sqlite`; without it the tables of `context` are made in memory.
    #[arg(long)]
    databases: Option<PathBuf>,
    /// Rows to read at most.
    #[arg(long, default_value_t = usize::MAX)]
    limit: usize,
    /// Read every n-th row.
    #[arg(long, default_value_t = 1)]
    stride: usize,
    /// Print the mutants of the first rows.
    #[arg(long, default_value_t = 0)]
    show: usize,
}

#[derive(Default)]
struct Counts {
    rows: usize,
    contexts: usize,
    golds: usize,
    printed: usize,
    errors: BTreeMap<&'static str, usize>,
    /// Mutants, and those that SQLite prepares, by edit.
    edits: BTreeMap<Edit, (usize, usize)>,
    most: usize,
}

#[allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let file = std::io::BufReader::new(std::fs::File::open(&flags.questions)?);
    let mut counts = Counts::default();
    let mut open: Option<(String, Connection, Schema)> = None;
    for line in file.lines().step_by(flags.stride.max(1)).take(flags.limit) {
        let row: Json = serde_json::from_str(&line?)?;
        let field = |name: &str| row.get(name).and_then(Json::as_str).map(str::to_owned);
        let gold = field("sql")
            .or_else(|| field("answer"))
            .ok_or("a row without sql")?;
        counts.rows += 1;
        let key = match &flags.databases {
            Some(_) => field("db_id").ok_or("a row without db_id")?,
            None => field("context").ok_or("a row without context")?,
        };
        if open.as_ref().is_none_or(|(name, ..)| *name != key) {
            let (connection, database) = match &flags.databases {
                Some(folder) => {
                    let path = folder.join(&key).join(format!("{key}.sqlite"));
                    let connection =
                        Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
                    (connection, Database::open(path)?)
                }
                None => {
                    let connection = Connection::open_in_memory()?;
                    let made = connection.execute_batch(&key);
                    let database = Database::from_context(&key, &Budget::default());
                    let (Ok(()), Ok(database)) = (made, database) else {
                        open = None;
                        counts.contexts += 1;
                        continue;
                    };
                    (connection, database)
                }
            };
            let schema = Schema::read(&database)?;
            open = Some((key, connection, schema));
        }
        let Some((_, connection, schema)) = &open else {
            continue;
        };
        if connection.prepare(&gold).is_err() {
            counts.golds += 1;
            continue;
        }
        match mutants(&gold, schema) {
            Err(error) => {
                if flags.show > 0 {
                    println!("{error}: {gold}");
                }
                *counts.errors.entry(kind(&error)).or_default() += 1;
            }
            Ok(found) => {
                if counts.rows <= flags.show {
                    println!("{gold}");
                }
                let same = same_result(connection, &gold)?;
                if !same && flags.show > 0 {
                    println!("prints as another query: {gold}");
                }
                counts.printed += usize::from(same);
                counts.most = counts.most.max(found.len());
                for mutant in found {
                    let prepared = connection.prepare(&mutant.sql).map(|_| ());
                    if counts.rows <= flags.show {
                        let error = prepared.as_ref().err();
                        println!("  {:?} {} {error:?}", mutant.edit, mutant.sql);
                    }
                    let (all, runs) = counts.edits.entry(mutant.edit).or_default();
                    *all += 1;
                    *runs += usize::from(prepared.is_ok());
                }
            }
        }
    }
    report(&counts);
    Ok(())
}

#[allow(clippy::print_stdout)]
fn report(counts: &Counts) {
    let failed = counts.errors.values().sum::<usize>();
    let mutated = counts.rows - counts.contexts - counts.golds - failed;
    println!(
        "{} rows, {} contexts and {} golds not taken by SQLite, {mutated} golds mutated, errors {:?}",
        counts.rows, counts.contexts, counts.golds, counts.errors
    );
    println!(
        "{} golds print as a query of the same result",
        counts.printed
    );
    let per_gold = |made: usize| made as f64 / mutated as f64;
    let percent = |some: usize, made: usize| 100.0 * some as f64 / made as f64;
    let (mut all, mut runs) = (0, 0);
    for (edit, (made, prepared)) in &counts.edits {
        all += made;
        runs += prepared;
        let share = percent(*prepared, *made);
        println!(
            "{edit:?}: {made}, {:.2} per gold, {share:.2} % prepare",
            per_gold(*made)
        );
    }
    let share = percent(runs, all);
    println!(
        "all: {all}, {:.2} per gold, at most {}, {share:.3} % prepare",
        per_gold(all),
        counts.most
    );
}

fn kind(error: &MutateError) -> &'static str {
    match error {
        MutateError::Statement(_) => "statement",
        MutateError::TooLarge { .. } => "too large",
        MutateError::Parse { .. } => "parse",
        MutateError::NotAQuery { .. } => "not a query",
        MutateError::Unprintable { .. } => "unprintable",
        _ => "other",
    }
}

/// Whether the parsed and printed gold gives the gold's own rows.
fn same_result(connection: &Connection, gold: &str) -> Result<bool, Box<dyn std::error::Error>> {
    let dialect = sqlparser::dialect::SQLiteDialect {};
    let printed = sqlparser::parser::Parser::parse_sql(&dialect, gold)?[0].to_string();
    let rows = |sql: &str| -> rusqlite::Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        let width = statement.column_count();
        let mut rows = statement.raw_query();
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            for column in 0..width {
                found.push(format!("{:?}", row.get_ref(column)?));
            }
        }
        Ok(found)
    };
    Ok(match (rows(gold), rows(&printed)) {
        (Ok(left), Ok(right)) => left == right,
        (Err(left), Err(right)) => left.to_string() == right.to_string(),
        _ => false,
    })
}
