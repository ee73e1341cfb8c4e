//! Reads every context of a data set twice, by SQLite and by sqlparser, and says where they differ.
//!
//!     cargo run --release -p anneal-sql --example schema_contexts -- --contexts rows.json [--databases DIR]
//!
//! `rows.json` is a JSON array of objects with `context`. With `--databases`, the CREATE TABLE text in each `.sqlite` file below
//! DIR is compared with what SQLite makes of it.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anneal_sql::{Budget, Database, Schema, Value};
use clap::Parser;

#[derive(Parser)]
struct Flags {
    #[arg(long)]
    contexts: Option<PathBuf>,
    #[arg(long)]
    databases: Option<PathBuf>,
    /// How many differences to show.
    #[arg(long, default_value_t = 5)]
    show: usize,
}

#[derive(Default)]
struct Counts {
    counts: BTreeMap<&'static str, usize>,
    shown: BTreeMap<&'static str, usize>,
    show: usize,
}

impl Counts {
    fn add(&mut self, what: &'static str, details: impl FnOnce() -> String) {
        *self.counts.entry(what).or_default() += 1;
        let shown = self.shown.entry(what).or_default();
        if *shown < self.show && what.contains('!') {
            *shown += 1;
            say(&format!("{what}: {}", details()));
        }
    }
}

#[allow(clippy::print_stdout)] // The program's answer.
fn say(text: &str) {
    println!("{text}");
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    if let Some(path) = &flags.contexts {
        contexts(path, flags.show)?;
    }
    if let Some(folder) = &flags.databases {
        databases(folder, flags.show)?;
    }
    Ok(())
}

fn contexts(path: &Path, show: usize) -> Result<(), Box<dyn std::error::Error>> {
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&std::fs::read(path)?)?;
    let budget = Budget::default();
    let mut counts = Counts {
        show,
        ..Counts::default()
    };
    let (mut sqlite, mut parser) = (Duration::ZERO, Duration::ZERO);
    let mut distinct = HashSet::new();
    for row in &rows {
        let context = row["context"].as_str().ok_or("a row without context")?;
        distinct.insert(context);
        let start = Instant::now();
        let read = Database::from_context(context, &budget)
            .ok()
            .map(|database| Schema::read(&database));
        sqlite += start.elapsed();
        let start = Instant::now();
        let parsed = Schema::parse(context);
        parser += start.elapsed();
        match (read, parsed) {
            (Some(Ok(read)), Ok(parsed)) if read == parsed => {
                counts.add("both, equal", String::new)
            }
            (Some(Ok(read)), Ok(parsed)) => counts.add("both, different !", || {
                format!("{context}\n  {read:?}\n  {parsed:?}")
            }),
            (Some(Ok(_)), Err(error)) => {
                counts.add("SQLite only !", || format!("{context}\n  {error}"))
            }
            (None, Ok(_)) => counts.add("parser only !", || context.into()),
            (None, Err(error)) => counts.add("neither !", || format!("{context}\n  {error}")),
            (Some(Err(error)), _) => return Err(error.into()),
        }
    }
    say(&format!(
        "{} contexts, {} distinct: {:?}; SQLite {sqlite:.2?}, parser {parser:.2?}",
        rows.len(),
        distinct.len(),
        counts.counts
    ));
    Ok(())
}

fn databases(folder: &Path, show: usize) -> Result<(), Box<dyn std::error::Error>> {
    let mut counts = Counts {
        show,
        ..Counts::default()
    };
    let mut files: Vec<PathBuf> = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        for file in std::fs::read_dir(entry?.path())? {
            files.push(file?.path());
        }
    }
    files.retain(|path| path.extension().is_some_and(|end| end == "sqlite"));
    files.sort();
    for file in files {
        let database = Database::open(&file)?;
        let mut read = Schema::read(&database)?;
        read.name = None;
        let rows = database.query(
            "SELECT sql FROM sqlite_schema WHERE type = 'table' ORDER BY rowid",
            &Budget::default(),
        )?;
        let texts: Vec<&str> = rows
            .rows()
            .iter()
            .filter_map(|row| match &row[0] {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        let text = texts.join(";\n");
        match Schema::parse(&text) {
            Ok(parsed) if parsed == read => counts.add("both, equal", String::new),
            Ok(parsed) => counts.add("both, different !", || {
                let pair = read.tables.iter().zip(&parsed.tables).find(|(a, b)| a != b);
                format!("{}: {pair:#?}", file.display())
            }),
            Err(error) => counts.add("SQLite only !", || format!("{}: {error}", file.display())),
        }
    }
    say(&format!("databases: {:?}", counts.counts));
    Ok(())
}
