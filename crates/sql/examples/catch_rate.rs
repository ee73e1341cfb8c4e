//! How many single-edit wrong queries the generated databases catch.
//!
//! For evenly spaced rows of a file: the gold's databases are generated, the gold is judged against
//! itself, and each mutant against the gold. A mutant that they do not catch counts as wrong, and so as
//! missed, if any database of a reference pool tells it apart: generated ones of other seeds, blind
//! ones made here without looking at the query's structure, and the real database where there is one.
//!
//!     cargo run --release -p anneal-sql --example catch_rate -- --rows rows.json --limit 500

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anneal_sql::{
    Budget, Column, Database, GenerateOptions, Judgement, Rows, Schema, Value, compare, generate,
    judge, mutants, orders,
};
use clap::Parser;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;
use rusqlite::Connection;
use serde::Deserialize;

#[derive(Parser)]
struct Flags {
    /// A JSON array or JSON lines with `context` and `answer` or `sql` (and `db_id`).
    #[arg(long)]
    rows: PathBuf,
    /// How many rows, evenly spaced.
    #[arg(long, default_value_t = 500)]
    limit: usize,
    /// Skips so many rows first.
    #[arg(long, default_value_t = 0)]
    skip: usize,
    #[arg(long, default_value_t = 11)]
    databases: usize,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Databases of the reference pool: half generated, half blind.
    #[arg(long, default_value_t = 100)]
    pool: usize,
    /// A folder of real databases, `DIR/<db_id>/<db_id>.sqlite`, for the pool.
    #[arg(long)]
    databases_dir: Option<PathBuf>,
    /// Prints every missed mutant.
    #[arg(long)]
    verbose: bool,
}

#[derive(Deserialize)]
struct Row {
    context: String,
    #[serde(alias = "answer")]
    sql: String,
    #[serde(default)]
    db_id: Option<String>,
}

#[derive(Default)]
struct Count {
    mutants: usize,
    wrong: usize,
    caught: usize,
}

#[derive(Default)]
struct Found {
    kinds: BTreeMap<String, Count>,
    missed: Vec<(String, String)>,
    refused: Option<String>,
    accepted: bool,
    idle: usize,
    rejected: usize,
    unstable: usize,
    time: Duration,
    no_mutants: Option<String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let text = std::fs::read_to_string(&flags.rows)?;
    let rows: Vec<Row> = match text.trim_start().starts_with('[') {
        true => serde_json::from_str(&text)?,
        false => text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?,
    };
    let step = (rows.len() / flags.limit.max(1)).max(1);
    let rows: Vec<&Row> = rows
        .iter()
        .skip(flags.skip)
        .step_by(step)
        .take(flags.limit)
        .collect();
    let budget = Budget {
        operations: 5_000_000,
        ..Budget::default()
    };
    let all: Vec<Found> = rows
        .par_iter()
        .map(|row| examine(row, &flags, &budget))
        .collect();

    let mut kinds: BTreeMap<&str, Count> = BTreeMap::new();
    for (kind, count) in all.iter().flat_map(|found| &found.kinds) {
        let sum = kinds.entry(kind).or_default();
        sum.mutants += count.mutants;
        sum.wrong += count.wrong;
        sum.caught += count.caught;
    }
    if flags.verbose {
        for (row, found) in rows.iter().zip(&all) {
            for (kind, sql) in &found.missed {
                println!(
                    "missed {kind}\n  gold   {}\n  mutant {sql}\n  {}",
                    row.sql, row.context
                );
            }
            if found.unstable > 0 {
                println!("unstable on {}: {}", found.unstable, row.sql);
            }
            if found.idle * 2 > flags.databases {
                println!("idle on {}: {}", found.idle, row.sql);
            }
        }
        for (row, found) in rows.iter().zip(&all) {
            if let Some(error) = found.refused.as_ref().or(found.no_mutants.as_ref()) {
                println!("refused: {error}: {}", row.sql);
            }
        }
    }
    println!(
        "{:<28} {:>8} {:>8} {:>8} {:>8}",
        "edit", "mutants", "wrong", "caught", "rate"
    );
    let mut total = Count::default();
    for (kind, count) in &kinds {
        print(kind, count);
        total.mutants += count.mutants;
        total.wrong += count.wrong;
        total.caught += count.caught;
    }
    print("all", &total);
    let runs: Vec<&Found> = all.iter().filter(|found| found.refused.is_none()).collect();
    let sum = |of: fn(&Found) -> usize| runs.iter().map(|found| of(found)).sum::<usize>();
    println!(
        "rows {}, golds that run {}, accepted {}",
        all.len(),
        runs.len(),
        runs.iter().filter(|found| found.accepted).count()
    );
    println!(
        "golds without mutants {}",
        runs.iter()
            .filter(|found| found.no_mutants.is_some())
            .count()
    );
    let databases = runs.len() * flags.databases;
    println!(
        "databases {databases}: idle {}, rejected before {}, unstable {}",
        sum(|found| found.idle),
        sum(|found| found.rejected),
        sum(|found| found.unstable)
    );
    println!(
        "rows with an unstable database {}, with a majority idle {}",
        runs.iter().filter(|found| found.unstable > 0).count(),
        runs.iter()
            .filter(|found| found.idle * 2 > flags.databases)
            .count()
    );
    let mut times: Vec<f64> = runs
        .iter()
        .map(|found| found.time.as_secs_f64() * 1e3)
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| {
        times
            .get(((times.len() as f64 - 1.0) * share) as usize)
            .copied()
            .unwrap_or(0.0)
    };
    println!(
        "generation in ms: mean {:.2}, median {:.2}, 95 % {:.2}, most {:.2}",
        times.iter().sum::<f64>() / times.len().max(1) as f64,
        at(0.5),
        at(0.95),
        at(1.0)
    );
    Ok(())
}

fn print(kind: &str, count: &Count) {
    let rate = count.caught as f64 / count.wrong.max(1) as f64;
    println!(
        "{kind:<28} {:>8} {:>8} {:>8} {rate:>8.4}",
        count.mutants, count.wrong, count.caught
    );
}

fn examine(row: &Row, flags: &Flags, budget: &Budget) -> Found {
    let mut found = Found::default();
    let schema = match Schema::from_context(&row.context, budget) {
        Ok(schema) => schema,
        Err(error) => {
            found.refused = Some(error.to_string());
            return found;
        }
    };
    let options = GenerateOptions {
        databases: flags.databases,
        seed: flags.seed,
        ..GenerateOptions::default()
    };
    let started = Instant::now();
    let made = match generate(&schema, &row.sql, &options) {
        Ok(made) => made,
        Err(error) => {
            found.refused = Some(error.to_string());
            return found;
        }
    };
    found.time = started.elapsed();
    // Another text of the same query: the gold's own text is correct without being run.
    let again = row.sql.replacen(' ', "  ", 1);
    found.accepted = made.suite.judge(&row.sql, &again, budget) == Judgement::Correct;
    (found.idle, found.rejected, found.unstable) = (made.idle, made.rejected, made.unstable);
    let all = match mutants(&row.sql, &schema) {
        Ok(all) => all,
        Err(error) => {
            found.no_mutants = Some(error.to_string());
            return found;
        }
    };
    let mut open = Vec::new();
    for mutant in all {
        let count = found.kinds.entry(format!("{:?}", mutant.edit)).or_default();
        match made.suite.judge(&row.sql, &mutant.sql, budget) {
            Judgement::Correct => {
                count.mutants += 1;
                open.push(mutant);
            }
            Judgement::Wrong(_) => {
                count.mutants += 1;
                count.wrong += 1;
                count.caught += 1;
            }
            // A query that does not run is caught without any rows.
            Judgement::PredictionFailed(_) | Judgement::GoldFailed(_) => {}
        }
    }
    if open.is_empty() {
        return found;
    }
    let mut told = vec![false; open.len()];
    let others = GenerateOptions {
        databases: flags.pool / 2,
        seed: flags.seed + 7_777_777,
        ..options
    };
    if let Ok(pool) = generate(&schema, &row.sql, &others) {
        for database in pool.suite.databases() {
            for (mutant, told) in open.iter().zip(&mut told) {
                *told |=
                    pool.unstable == 0 && is_wrong(&judge(database, &row.sql, &mutant.sql, budget));
            }
        }
    }
    let mut random = ChaCha8Rng::seed_from_u64(flags.seed);
    for _ in 0..flags.pool - flags.pool / 2 {
        let Some((connection, gold)) = blind(&schema, &row.context, &row.sql, &mut random) else {
            continue;
        };
        for (mutant, told) in open.iter().zip(&mut told) {
            if !*told {
                *told = run(&connection, &mutant.sql)
                    .is_some_and(|rows| !compare(&gold, &rows, orders(&row.sql)));
            }
        }
    }
    if let (Some(folder), Some(id)) = (&flags.databases_dir, &row.db_id)
        && let Ok(database) = Database::open(folder.join(id).join(format!("{id}.sqlite")))
    {
        for (mutant, told) in open.iter().zip(&mut told) {
            *told |= is_wrong(&judge(&database, &row.sql, &mutant.sql, budget));
        }
    }
    for (mutant, _) in open.into_iter().zip(told).filter(|pair| pair.1) {
        let kind = format!("{:?}", mutant.edit);
        if let Some(count) = found.kinds.get_mut(&kind) {
            count.wrong += 1;
        }
        found.missed.push((kind, mutant.sql));
    }
    found
}

/// A database of rows that know nothing of the query but its words: each cell is a small number, one of the
/// texts or numbers of the query or next to one, or NULL. `None` where the gold depends on the rows' order.
fn blind(
    schema: &Schema,
    context: &str,
    gold: &str,
    random: &mut ChaCha8Rng,
) -> Option<(Connection, Rows)> {
    let mut values: Vec<Value> = Vec::new();
    for (place, part) in gold.split(['\'', '"']).enumerate() {
        if place % 2 == 1 {
            let core = part.trim_matches('%');
            values
                .extend([core.to_owned(), format!("{core}s"), format!("x{core}")].map(Value::Text));
        } else {
            for word in part.split(|c: char| !c.is_ascii_digit() && c != '.') {
                if let Ok(number) = word.parse::<i64>() {
                    values.extend([number, number + 1, number - 1].map(Value::Integer));
                }
            }
        }
    }
    let few = random.random_range(2..6_i64);
    let share = random.random_range(0..60);
    let nulls = [0, 5, 15][random.random_range(0..3)];
    let rows = random.random_range(3..16);
    let mut inserts = Vec::new();
    for table in &schema.tables {
        for _ in 0..rows {
            let cell = |_: &Column| match random.random_range(0..100) {
                dice if dice < nulls => Value::Null,
                dice if dice < nulls + share && !values.is_empty() => {
                    values[random.random_range(0..values.len())].clone()
                }
                _ => Value::Integer(random.random_range(0..few)),
            };
            inserts.push((
                &table.name,
                table.columns.iter().map(cell).collect::<Vec<_>>(),
            ));
        }
    }
    let forward = filled(context, &inserts)?;
    inserts.reverse();
    let reversed = filled(context, &inserts)?;
    let (gold_rows, again) = (run(&forward, gold)?, run(&reversed, gold)?);
    compare(&gold_rows, &again, orders(gold)).then_some((forward, gold_rows))
}

fn filled(context: &str, inserts: &[(&String, Vec<Value>)]) -> Option<Connection> {
    let mut connection = Connection::open_in_memory().ok()?;
    connection.execute_batch(context).ok()?;
    connection
        .execute_batch("PRAGMA foreign_keys = OFF; BEGIN")
        .ok()?;
    for (table, row) in inserts {
        let cells: Vec<String> = row
            .iter()
            .map(|value| match value {
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => format!("'{}'", text.replace('\'', "''")),
                _ => "NULL".into(),
            })
            .collect();
        let sql = format!(
            "INSERT OR IGNORE INTO \"{table}\" VALUES ({})",
            cells.join(",")
        );
        connection.execute(&sql, []).ok()?;
    }
    connection.execute_batch("COMMIT").ok()?;
    let mut steps = 0;
    let stop = move || {
        steps += 1;
        steps > 100_000
    };
    connection.progress_handler(1_000, Some(stop)).ok()?;
    Some(connection)
}

fn run(connection: &Connection, sql: &str) -> Option<Rows> {
    let mut statement = connection.prepare(sql).ok()?;
    let names: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let width = names.len();
    let mut rows = statement.raw_query();
    let mut all = Vec::new();
    while let Some(row) = rows.next().ok()? {
        let mut values = Vec::new();
        for column in 0..width {
            values.push(match row.get_ref(column).ok()? {
                rusqlite::types::ValueRef::Null => Value::Null,
                rusqlite::types::ValueRef::Integer(number) => Value::Integer(number),
                rusqlite::types::ValueRef::Real(number) => Value::Real(number),
                rusqlite::types::ValueRef::Text(text) => {
                    Value::Text(String::from_utf8_lossy(text).into_owned())
                }
                rusqlite::types::ValueRef::Blob(bytes) => Value::Blob(bytes.to_vec()),
            });
        }
        all.push(values);
        if all.len() > 100_000 {
            return None;
        }
    }
    Some(Rows::new(names, all))
}

fn is_wrong(judgement: &Judgement) -> bool {
    matches!(judgement, Judgement::Wrong(_))
}
