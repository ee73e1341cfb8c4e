//! What one query may cost.
//!
//! Operations of SQLite's virtual machine come first because they are the same
//! on every machine and under every load: a verdict that depends on a stopwatch
//! cannot be reproduced. The stopwatch is only the net below.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Operations between two looks at the budget.
///
/// Small, because one operation may take long (`instr` over a large text) and
/// the stopwatch is read only here; one look costs about 30 ns, 100 operations
/// several microseconds.
pub(crate) const STEP: u64 = 100;

/// The most that one query may cost; beyond it the query ends in a typed error.
///
/// The default holds every runnable reference query of Spider's training
/// databases: the costliest takes 32.5 million operations, nine in ten fewer
/// than a thousand. An endless query reaches 100 million within seconds.
///
/// ```
/// let budget = anneal_sql::Budget { rows: 10, ..Default::default() };
/// assert_eq!(budget.rows, 10);
/// assert_eq!(budget.operations, 100_000_000);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// SQLite virtual-machine operations, counted in steps of 100; deterministic
    /// for one database and one SQLite version.
    pub operations: u64,
    /// Rows of the result.
    pub rows: usize,
    /// Bytes of the result: the length of each text and blob, and 8 bytes for every value.
    pub bytes: usize,
    /// Wall time, `None` for no limit. Looked at every 100 operations, and an
    /// operation is never cut in half.
    pub wall: Option<Duration>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            operations: 100_000_000,
            rows: 100_000,
            bytes: 32 << 20,
            wall: Some(Duration::from_secs(10)),
        }
    }
}

/// Which limit of a running query was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tripped {
    /// The operations.
    Operations,
    /// The wall time.
    Time,
}

/// Counts one query's operations; shared between the query and SQLite's progress callback.
#[derive(Debug)]
pub(crate) struct Meter {
    origin: Instant,
    used: AtomicU64,
    limit: AtomicU64,
    /// Nanoseconds after `origin`; `u64::MAX` for never.
    deadline: AtomicU64,
    tripped: AtomicU8,
}

impl Meter {
    /// A meter without limits.
    pub(crate) fn new() -> Self {
        Self {
            origin: Instant::now(),
            used: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            deadline: AtomicU64::new(u64::MAX),
            tripped: AtomicU8::new(0),
        }
    }

    /// Begins a query under `budget`.
    pub(crate) fn start(&self, budget: &Budget) {
        let deadline = budget.wall.map_or(u64::MAX, |wall| {
            nanoseconds(self.origin.elapsed().saturating_add(wall))
        });
        self.used.store(0, Ordering::Relaxed);
        self.limit.store(budget.operations, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::Relaxed);
        self.tripped.store(0, Ordering::Relaxed);
    }

    /// Lifts all limits, for the crate's own queries.
    pub(crate) fn lift(&self) {
        self.limit.store(u64::MAX, Ordering::Relaxed);
        self.deadline.store(u64::MAX, Ordering::Relaxed);
        self.tripped.store(0, Ordering::Relaxed);
    }

    /// One step of operations has run; true when the query must stop.
    pub(crate) fn tick(&self) -> bool {
        let used = self.used.fetch_add(STEP, Ordering::Relaxed) + STEP;
        if used > self.limit.load(Ordering::Relaxed) {
            self.tripped.store(1, Ordering::Relaxed);
            return true;
        }
        let deadline = self.deadline.load(Ordering::Relaxed);
        if deadline != u64::MAX && nanoseconds(self.origin.elapsed()) > deadline {
            self.tripped.store(2, Ordering::Relaxed);
            return true;
        }
        false
    }

    /// What stopped the query, if anything did.
    pub(crate) fn tripped(&self) -> Option<Tripped> {
        match self.tripped.load(Ordering::Relaxed) {
            1 => Some(Tripped::Operations),
            2 => Some(Tripped::Time),
            _ => None,
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meter_trips_on_the_step_that_passes_the_limit() {
        let meter = Meter::new();
        meter.start(&Budget {
            operations: 250,
            wall: None,
            ..Budget::default()
        });
        assert_eq!(
            [meter.tick(), meter.tick(), meter.tick()],
            [false, false, true]
        );
        assert_eq!(meter.tripped(), Some(Tripped::Operations));
        meter.lift();
        assert!(!meter.tick());
        assert_eq!(meter.tripped(), None);
    }

    #[test]
    fn no_time_left_trips_at_once() {
        let meter = Meter::new();
        meter.start(&Budget {
            wall: Some(Duration::ZERO),
            ..Budget::default()
        });
        std::thread::sleep(Duration::from_millis(1));
        assert!(meter.tick());
        assert_eq!(meter.tripped(), Some(Tripped::Time));
    }
}
