//! How often labelled pairs of queries are the same text or have the same normal form, by kind of pair.
//!
//! ```sh
//! cargo run --release -p anneal-sql --example matching_labels -- labels.jsonl
//! ```
//!
//! Each line has gold, sql, kind, and match: whether both queries give the same rows. Pairs with one normal form and
//! different rows are printed: there the normal form is wrong, or one of the two is no SQL.
#![allow(clippy::print_stdout, reason = "a program")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::time::Instant;

use anneal_sql::{exact_match, normal_form, normalised_match};
use serde::Deserialize;

#[derive(Deserialize)]
struct Pair {
    gold: String,
    sql: String,
    kind: String,
    #[serde(rename = "match")]
    is_match: bool,
}

#[derive(Default)]
struct Count {
    pairs: usize,
    same_rows: usize,
    exact: usize,
    normalised: usize,
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the file of labels")?;
    let mut kinds: BTreeMap<String, Count> = BTreeMap::new();
    let mut bytes = 0;
    let start = Instant::now();
    for line in BufReader::new(File::open(path)?).lines() {
        let pair: Pair = serde_json::from_str(&line?)?;
        bytes += pair.gold.len() + pair.sql.len();
        let normalised = normalised_match(&pair.gold, &pair.sql, None);
        if normalised && !pair.is_match {
            println!(
                "one form, other rows ({}): {}\n  {}\n  {}",
                pair.kind,
                normal_form(&pair.gold),
                pair.gold,
                pair.sql
            );
        }
        let count = kinds.entry(pair.kind).or_default();
        count.pairs += 1;
        count.same_rows += usize::from(pair.is_match);
        count.exact += usize::from(exact_match(&pair.gold, &pair.sql));
        count.normalised += usize::from(normalised);
    }
    println!(
        "{:34}{:>8}{:>11}{:>8}{:>12}",
        "kind", "pairs", "same rows", "exact", "normalised"
    );
    for (kind, count) in &kinds {
        println!(
            "{kind:34}{:>8}{:>11}{:>8}{:>12}",
            count.pairs, count.same_rows, count.exact, count.normalised
        );
    }
    println!("{bytes} bytes in {:.3} s", start.elapsed().as_secs_f64());
    Ok(())
}
