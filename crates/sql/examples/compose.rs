//! Questions with their SQL for a SQLite file, or for each database of a folder.
//!
//!     cargo run --release -p anneal-sql --example compose -- FILE.sqlite [--questions 100] [--seed 0] [--shape NAME]... [--json]
//!     cargo run --release -p anneal-sql --example compose -- --databases DIR [--questions 100] [--limit N] [--summary]
//!
//! With `--json`, each line is an object with `db_id`, `question`, `sql` and `shape`, as training reads it. With
//! `--summary`, counts instead: questions per shape, Spider's levels, tables that gave nothing, time.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anneal_sql::{
    ComposeOptions, Composed, Database, Hardness, Schema, Shape, SpiderQuery, SpiderSchema, compose,
};
use clap::Parser;

#[derive(Parser)]
struct Flags {
    /// A SQLite file.
    file: Option<PathBuf>,
    /// A folder of `<db>/<db>.sqlite`.
    #[arg(long)]
    databases: Option<PathBuf>,
    /// Databases to read at most.
    #[arg(long, default_value_t = usize::MAX)]
    limit: usize,
    /// Questions for each database.
    #[arg(long, default_value_t = 100)]
    questions: usize,
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Only these shapes, by name.
    #[arg(long)]
    shape: Vec<String>,
    #[arg(long)]
    json: bool,
    #[arg(long)]
    summary: bool,
}

#[derive(Default)]
struct Counts {
    databases: usize,
    without: Vec<String>,
    fewer: usize,
    questions: usize,
    shapes: BTreeMap<Shape, usize>,
    levels: BTreeMap<Option<Hardness>, usize>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let mut files: Vec<PathBuf> = flags.file.iter().cloned().collect();
    if let Some(folder) = &flags.databases {
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if let Some(name) = path.file_name() {
                files.push(path.join(name).with_extension("sqlite"));
            }
        }
    }
    files.sort();
    let mut weights = BTreeMap::new();
    for name in &flags.shape {
        let known = Shape::ALL.iter().find(|shape| shape.name() == name);
        weights.insert(
            *known.ok_or_else(|| format!("there is no shape {name:?}"))?,
            1,
        );
    }
    let options = ComposeOptions {
        questions: flags.questions,
        seed: flags.seed,
        weights,
        ..ComposeOptions::default()
    };
    let (mut counts, start, mut out) =
        (Counts::default(), Instant::now(), std::io::stdout().lock());
    for file in files.iter().take(flags.limit) {
        let database = Database::open(file)?;
        let schema = Schema::read(&database)?;
        let name = schema.name.clone().unwrap_or_default();
        counts.databases += 1;
        let composed = match compose(&schema, &database, &options) {
            Ok(composed) => composed,
            Err(error) => {
                counts.without.push(format!("{name}: {error}"));
                continue;
            }
        };
        counts.fewer += usize::from(composed.len() < flags.questions);
        counts.questions += composed.len();
        let spider = SpiderSchema::new(&schema);
        for Composed {
            question,
            sql,
            shape,
        } in composed
        {
            *counts.shapes.entry(shape).or_default() += 1;
            let level = SpiderQuery::parse(&sql, &spider)
                .ok()
                .map(|query| query.hardness());
            *counts.levels.entry(level).or_default() += 1;
            if flags.json {
                writeln!(
                    out,
                    "{}",
                    serde_json::json!({ "db_id": name, "question": question, "sql": sql, "shape": shape })
                )?;
            } else if !flags.summary {
                writeln!(out, "{shape}: {question}\n    {sql}")?;
            }
        }
    }
    if flags.summary {
        let Counts {
            databases,
            without,
            fewer,
            questions,
            shapes,
            levels,
        } = counts;
        let seconds = start.elapsed().as_secs_f64();
        writeln!(
            out,
            "{questions} questions for {databases} databases in {seconds:.1} s; fewer than asked for: {fewer}; none: {without:?}"
        )?;
        for (shape, count) in shapes {
            writeln!(
                out,
                "{shape:<20} {count:>6} {:>5.1} %",
                100.0 * count as f64 / questions as f64
            )?;
        }
        writeln!(
            out,
            "Spider's levels: {levels:?} (None: outside of its grammar)"
        )?;
    }
    Ok(())
}
