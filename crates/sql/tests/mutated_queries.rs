//! 100,000 damaged queries: each ends in a typed verdict, in time, with the file as it was.
//!
//! `ANNEAL_QUERIES` and `ANNEAL_SEED` run another number from another seed.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "helpers of a test; its figures are for the reader"
)]

mod fixture;
#[path = "fixture/mutate.rs"]
mod mutate;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anneal_sql::{Budget, QueryError, Schema, mutants};
use fixture::Fixture;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn kind(error: &QueryError) -> &'static str {
    match error {
        QueryError::Empty => "empty",
        QueryError::SeveralStatements => "several statements",
        QueryError::TooLong { .. } => "too long",
        QueryError::Parameters { .. } => "parameters",
        QueryError::Forbidden { .. } => "forbidden",
        QueryError::Sqlite { .. } => "sqlite",
        QueryError::OverOperations { .. } => "operations",
        QueryError::OverRows { .. } => "rows",
        QueryError::OverBytes { .. } => "bytes",
        QueryError::OverMemory { .. } => "memory",
        QueryError::OverTime { .. } => "time",
        _ => "a new kind",
    }
}

#[test]
fn damaged_queries_end_in_a_verdict_and_change_nothing() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let budget = Budget {
        operations: 5_000,
        rows: 50,
        bytes: 100_000,
        memory: 4 << 20,
        wall: Some(Duration::from_millis(500)),
    };
    let count = setting("ANNEAL_QUERIES", 100_000);
    let mut random = ChaCha8Rng::seed_from_u64(setting("ANNEAL_SEED", 6));
    let mut verdicts = BTreeMap::<&str, usize>::new();
    let mut slowest = (Duration::ZERO, String::new());
    for number in 0..count {
        let sql = mutate::damaged(&mut random);
        let started = Instant::now();
        let verdict = database.query(&sql, &budget);
        let took = started.elapsed();
        *verdicts
            .entry(verdict.as_ref().map_or_else(kind, |_| "rows given"))
            .or_default() += 1;
        if took > slowest.0 {
            slowest = (took, sql.clone());
        }
        // Far beyond the wall time, for a machine under load: a hang is what must not be.
        assert!(took < Duration::from_secs(20), "{took:?} for {sql:?}");
        if verdict.is_ok() && number % 8 == 0 {
            drop(mutants(&sql, &Schema::default()));
        }
        if number % 5_000 == 0 {
            fixture.assert_untouched("a damaged query");
        }
    }
    fixture.assert_untouched("a damaged query");
    // The connection still works, and nothing of the 100,000 sticks to it.
    let rows = database
        .query("SELECT a FROM t", &Budget::default())
        .unwrap();
    assert_eq!(rows.len(), 300);
    eprintln!("{verdicts:?}, slowest {:?}: {:.200}", slowest.0, slowest.1);
    // The damage is of all kinds, and much of it still runs.
    for expected in [
        "rows given",
        "sqlite",
        "forbidden",
        "several statements",
        "operations",
        "rows",
        "bytes",
        "parameters",
    ] {
        assert!(
            verdicts
                .get(expected)
                .is_some_and(|&some| some as u64 * 2_000 >= count),
            "{expected}: {verdicts:?}"
        );
    }
    assert_eq!(verdicts.get("a new kind"), None);
}
