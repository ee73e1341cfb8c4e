//! Labelled pairs judged on generated databases instead of the original ones.
//!
//! Each line of `--pairs` has `db_id`, `gold`, `sql` and the label `match`; `--schemas` maps a `db_id` to
//! CREATE TABLE text. Prints how often the generated databases agree with the label.
//!
//!     cargo run --release -p anneal-sql --example label_agreement -- --pairs labels.jsonl --schemas schemas.json

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use anneal_sql::{Budget, GenerateOptions, Judgement, Schema, generate};
use clap::Parser;
use rayon::prelude::*;
use serde::Deserialize;

#[derive(Parser)]
struct Flags {
    #[arg(long)]
    pairs: PathBuf,
    #[arg(long)]
    schemas: PathBuf,
    #[arg(long, default_value_t = 11)]
    databases: usize,
    /// Prints the pairs labelled as matching that are told apart, by kind.
    #[arg(long)]
    verbose: bool,
}

#[derive(Deserialize)]
struct Pair {
    db_id: String,
    gold: String,
    sql: String,
    kind: String,
    #[serde(rename = "match")]
    matches: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let flags = Flags::parse();
    let text = std::fs::read_to_string(&flags.pairs)?;
    let pairs: Vec<Pair> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let schemas: BTreeMap<String, String> =
        serde_json::from_str(&std::fs::read_to_string(&flags.schemas)?)?;
    let options = GenerateOptions {
        databases: flags.databases,
        ..GenerateOptions::default()
    };
    let verdicts: Vec<Option<bool>> = pairs
        .par_iter()
        .map(|pair| {
            let schema =
                Schema::from_context(schemas.get(&pair.db_id)?, &Budget::default()).ok()?;
            let made = generate(&schema, &pair.gold, &options).ok()?;
            let budget = Budget {
                operations: 5_000_000,
                ..Budget::default()
            };
            Some(made.suite.judge(&pair.gold, &pair.sql, &budget) == Judgement::Correct)
        })
        .collect();
    // Per kind: label and verdict both match, label only, verdict only, neither, no verdict.
    let mut kinds: BTreeMap<&str, [usize; 5]> = BTreeMap::new();
    for (pair, verdict) in pairs.iter().zip(&verdicts) {
        let place = match (pair.matches, verdict) {
            (_, None) => 4,
            (true, Some(true)) => 0,
            (true, Some(false)) => 1,
            (false, Some(true)) => 2,
            (false, Some(false)) => 3,
        };
        for kind in [pair.kind.as_str(), "all"] {
            kinds.entry(kind).or_default()[place] += 1;
        }
        if flags.verbose && (place == 1 || place == 2) {
            let what = if place == 1 {
                "told apart"
            } else {
                "not told apart"
            };
            println!(
                "{what} ({}) {}\n  {}\n  {}",
                pair.kind, pair.db_id, pair.gold, pair.sql
            );
        }
    }
    println!(
        "{:<44} {:>6} {:>10} {:>10} {:>6} {:>6}",
        "kind", "both", "label only", "ours only", "none", "-"
    );
    for (kind, [both, label, ours, none, open]) in kinds {
        println!("{kind:<44} {both:>6} {label:>10} {ours:>10} {none:>6} {open:>6}");
    }
    Ok(())
}
