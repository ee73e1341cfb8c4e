//! Judges pairs of SQL, compares the verdicts with labels, and says how fast it was.
//!
//! A pair is a JSON line with `db_id`, `gold` and `sql`; with `match` and `match_ignoring_distinct`, the
//! verdict is compared with the one of the two that is asked for.
//!
//!     cargo run --release -p anneal-sql --example judge_pairs -- --pairs labels.jsonl --databases DIR --threads 1

#![allow(clippy::print_stdout, reason = "a program for the command line")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use anneal_sql::{Case, EvaluateOptions, Evaluator, GoldPolicy, Judgement, Source};
use clap::Parser;
use serde_json::{Value, json};

#[derive(Parser)]
struct Args {
    /// JSON lines with `db_id`, `gold` and `sql`.
    #[arg(long)]
    pairs: PathBuf,
    /// A folder with `<db_id>/<db_id>.sqlite`.
    #[arg(long)]
    databases: PathBuf,
    /// 0 for all.
    #[arg(long, default_value_t = 1)]
    threads: usize,
    /// Take DISTINCT out of both queries.
    #[arg(long)]
    ignore_distinct: bool,
    /// Find out everything about each pair, not only the verdict.
    #[arg(long)]
    full: bool,
    /// Write each pair with its verdict.
    #[arg(long)]
    out: Option<PathBuf>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let text = fs::read_to_string(&args.pairs)?;
    let pairs: Vec<Value> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let field = |pair: &Value, name: &str| pair[name].as_str().unwrap_or_default().to_owned();
    let cases: Vec<Case> = pairs
        .iter()
        .map(|pair| Case {
            db_id: field(pair, "db_id"),
            question: field(pair, "question"),
            gold: field(pair, "gold"),
            predicted: Some(field(pair, "sql")),
            context: None,
        })
        .collect();
    let options = EvaluateOptions {
        ignore_distinct: args.ignore_distinct,
        threads: args.threads,
        gold: GoldPolicy::LeaveOut,
        ..EvaluateOptions::default()
    };
    let evaluator = Evaluator::new(Source::Folder(args.databases), options);
    let start = Instant::now();
    if args.full {
        evaluator.evaluate(&cases)?;
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{} pairs in {seconds:.3} s, {:.0} a second, all measures",
            cases.len(),
            cases.len() as f64 / seconds
        );
        return Ok(());
    }
    let judgements = evaluator.judge(&cases)?;
    let seconds = start.elapsed().as_secs_f64();

    let label = if args.ignore_distinct {
        "match_ignoring_distinct"
    } else {
        "match"
    };
    let (mut same, mut others, mut lines) = (0, Vec::new(), String::new());
    for ((pair, case), judgement) in pairs.iter().zip(&cases).zip(&judgements) {
        let correct = *judgement == Judgement::Correct;
        match pair[label].as_bool() {
            Some(expected) if expected == correct => same += 1,
            Some(_) => others.push((pair, judgement)),
            None => {}
        }
        let mut line = pair.clone();
        line["ours"] = json!(correct);
        line["judgement"] = serde_json::to_value(judgement)?;
        line["failure"] =
            serde_json::to_value(judgement.failure(case.predicted.as_deref().unwrap_or_default()))?;
        lines.push_str(&format!("{line}\n"));
    }
    for (pair, judgement) in others.iter().take(20) {
        println!(
            "other than `{label}`: {judgement:?}\n  {}\n  {}",
            pair["gold"], pair["sql"]
        );
    }
    if let Some(path) = args.out {
        fs::write(path, lines)?;
    }
    println!(
        "{} pairs in {seconds:.3} s, {:.0} a second, {} threads; {same} as labelled, {} otherwise",
        cases.len(),
        cases.len() as f64 / seconds,
        args.threads,
        others.len()
    );
    Ok(())
}
