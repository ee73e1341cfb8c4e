//! Compares anneal-sql's component match with the verdicts of Spider's official scripts.
//!
//! `scripts/spider_pairs.py` makes the pairs, `scripts/spider_oracle.py` the verdicts:
//!
//! ```sh
//! cargo run --release -p anneal-sql --example spider_oracle -- --databases DIR --pairs pairs.jsonl --verdicts verdicts.jsonl
//! ```
//!
//! Prints how many verdicts are the same and each pair where they differ, then Spider's table of our verdicts. The exit
//! status is 1 where a verdict differs.
#![allow(clippy::print_stdout, reason = "a program")]

use std::collections::HashMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anneal_sql::{
    Column, ForeignKey, Hardness, SPIDER_COMPONENTS, Schema, SpiderMatch, SpiderQuery,
    SpiderSchema, SpiderTotals, Table, component_match,
};
use clap::Parser;
use rusqlite::{Connection, OpenFlags};
use serde::Deserialize;

#[derive(Parser)]
struct Arguments {
    /// Folder with <db_id>/<db_id>.sqlite.
    #[arg(long)]
    databases: PathBuf,
    /// JSON lines with db_id, gold, predicted.
    #[arg(long)]
    pairs: PathBuf,
    /// JSON lines of spider_oracle.py.
    #[arg(long)]
    verdicts: PathBuf,
    /// How many differences to print.
    #[arg(long, default_value_t = 20)]
    show: usize,
}

#[derive(Deserialize)]
struct Pair {
    db_id: String,
    gold: String,
    predicted: String,
}

#[derive(Deserialize)]
struct Verdict {
    gold_error: Option<String>,
    hardness: Option<Hardness>,
    parsed: Option<bool>,
    exact: Option<bool>,
    partial: Option<Vec<[f64; 5]>>,
    crash: Option<String>,
}

#[derive(Default)]
struct Counts {
    pairs: usize,
    gold_refused_by_both: usize,
    script_crashed: usize,
    parsed_by_both: usize,
    refused_by_both: usize,
    exact: usize,
    different: usize,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut schemas = HashMap::new();
    let mut counts = Counts::default();
    let mut totals = SpiderTotals::default();
    let mut time = Duration::ZERO;
    let mut verdicts = BufReader::new(File::open(&arguments.verdicts)?).lines();
    for line in BufReader::new(File::open(&arguments.pairs)?).lines() {
        let pair: Pair = serde_json::from_str(&line?)?;
        let verdict = verdicts.next().ok_or("fewer verdicts than pairs")??;
        let verdict: Verdict = serde_json::from_str(&verdict)?;
        if !schemas.contains_key(&pair.db_id) {
            let schema = SpiderSchema::new(&read_schema(&arguments.databases, &pair.db_id)?);
            schemas.insert(pair.db_id.clone(), schema);
        }
        let schema = &schemas[&pair.db_id];
        let start = Instant::now();
        let gold = SpiderQuery::parse(&pair.gold, schema);
        let predicted = SpiderQuery::parse(&pair.predicted.replace(" value ", " 1 "), schema);
        let found = gold
            .as_ref()
            .ok()
            .map(|gold| component_match(gold, predicted.as_ref().ok(), schema));
        time += start.elapsed();
        if let Some(found) = &found {
            totals.add(found);
        }
        counts.pairs += 1;
        let difference = difference(found.as_ref(), predicted.is_ok(), &verdict, &mut counts);
        if let Some(difference) = difference {
            counts.different += 1;
            if counts.different <= arguments.show {
                println!(
                    "{} · {difference}\n  gold: {}\n  pred: {}",
                    pair.db_id, pair.gold, pair.predicted
                );
                println!(
                    "  ours: gold {:?}, predicted {:?}",
                    gold.err(),
                    predicted.err()
                );
            }
        }
    }
    println!(
        "pairs {}, different {}\ngold refused by both {}, crash of the script {}\nprediction parsed by both {}, refused by both {}\nexact matches {}\ntime here {:.3} s",
        counts.pairs,
        counts.different,
        counts.gold_refused_by_both,
        counts.script_crashed,
        counts.parsed_by_both,
        counts.refused_by_both,
        counts.exact,
        time.as_secs_f64(),
    );
    print_totals(&totals);
    Ok(ExitCode::from(u8::from(counts.different > 0)))
}

/// What differs between our verdict and the script's, in words.
fn difference(
    found: Option<&SpiderMatch>,
    parsed: bool,
    verdict: &Verdict,
    counts: &mut Counts,
) -> Option<String> {
    let (found, error) = (found, verdict.gold_error.as_ref());
    let Some(found) = found else {
        counts.gold_refused_by_both += usize::from(error.is_some());
        return error.is_none().then(|| "gold refused here only".to_owned());
    };
    if let Some(error) = error {
        return Some(format!("gold refused by the script only: {error}"));
    }
    if verdict.hardness != Some(found.hardness) {
        return Some(format!(
            "hardness {:?}, script {:?}",
            found.hardness, verdict.hardness
        ));
    }
    if verdict.parsed != Some(parsed) {
        return Some(format!(
            "prediction parsed: {parsed}, script {:?}",
            verdict.parsed
        ));
    }
    counts.parsed_by_both += usize::from(parsed);
    counts.refused_by_both += usize::from(!parsed);
    if let Some(crash) = &verdict.crash {
        counts.script_crashed += 1;
        return Some(format!("the script crashed: {crash}"));
    }
    let partial = verdict.partial.as_deref().unwrap_or_default();
    for ((name, score), script) in SPIDER_COMPONENTS
        .iter()
        .zip(found.scores.list())
        .zip(partial)
    {
        let value = f64::from(u8::from(score.is_match));
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let ours = [
            value,
            value,
            value,
            score.gold as f64,
            score.predicted as f64,
        ];
        if ours != *script {
            return Some(format!("{name}: {ours:?}, script {script:?}"));
        }
    }
    if partial.len() != SPIDER_COMPONENTS.len() || verdict.exact != Some(found.exact) {
        return Some(format!("exact {}, script {:?}", found.exact, verdict.exact));
    }
    counts.exact += usize::from(found.exact);
    None
}

fn print_totals(totals: &SpiderTotals) {
    let levels = [
        Hardness::Easy,
        Hardness::Medium,
        Hardness::Hard,
        Hardness::Extra,
    ];
    let mut columns: Vec<_> = levels.iter().map(|&level| totals.level(level)).collect();
    columns.push(totals.all());
    let row = |name: &str, cells: Vec<String>| {
        println!(
            "{name:20} {}",
            cells
                .iter()
                .map(|cell| format!("{cell:8}"))
                .collect::<String>()
        );
    };
    row(
        "",
        ["easy", "medium", "hard", "extra", "all"]
            .map(str::to_owned)
            .to_vec(),
    );
    row(
        "count",
        columns
            .iter()
            .map(|level| level.count.to_string())
            .collect(),
    );
    row(
        "exact match",
        columns
            .iter()
            .map(|level| format!("{:.3}", level.exact_rate()))
            .collect(),
    );
    for (at, name) in SPIDER_COMPONENTS.iter().enumerate() {
        for (kind, rate) in [
            ("acc", anneal_sql::ComponentTotal::accuracy as fn(&_) -> f64),
            ("rec", anneal_sql::ComponentTotal::recall),
            ("f1", anneal_sql::ComponentTotal::f1),
        ] {
            let cells = columns
                .iter()
                .map(|level| format!("{:.3}", rate(&level.components[at])));
            row(&format!("{name} {kind}"), cells.collect());
        }
    }
}

/// Names and foreign keys, in the order of `PRAGMA foreign_key_list`, as Spider's get_tables.py reads them.
fn read_schema(databases: &Path, name: &str) -> Result<Schema, Box<dyn Error>> {
    let path = databases.join(name).join(format!("{name}.sqlite"));
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut schema = Schema::default();
    let mut tables = connection.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?;
    let tables = tables.query_map([], |row| row.get::<_, String>(0))?;
    for table in tables {
        let mut table = Table {
            name: table?,
            ..Table::default()
        };
        let mut columns =
            connection.prepare("SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid")?;
        let mut primary = Vec::new();
        for column in columns.query_map([&table.name], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?))
        })? {
            let (name, key) = column?;
            if key > 0 {
                primary.push((key, name.clone()));
            }
            table.columns.push(Column {
                name,
                ..Column::default()
            });
        }
        primary.sort();
        table.primary_key = primary.into_iter().map(|(_, name)| name).collect();
        let mut keys = connection
            .prepare("SELECT \"table\", \"from\", \"to\", id FROM pragma_foreign_key_list(?1)")?;
        let mut last = -1;
        for key in keys.query_map([&table.name], |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, String>(1)?,
                row.get::<_, Option<String>>(2)?,
                row.get::<_, i64>(3)?,
            ))
        })? {
            let (target, from, to, id) = key?;
            if id != last {
                table.foreign_keys.push(ForeignKey {
                    columns: Vec::new(),
                    table: target,
                    references: Vec::new(),
                });
                last = id;
            }
            if let Some(key) = table.foreign_keys.last_mut() {
                key.columns.push(from);
                key.references.extend(to);
            }
        }
        schema.tables.push(table);
    }
    Ok(schema)
}
