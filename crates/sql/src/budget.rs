//! What one query may cost.
//!
//! Operations of SQLite's virtual machine come first because they are the same
//! on every machine and under every load: a verdict that depends on a stopwatch
//! cannot be reproduced. The stopwatch is only the net below.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::heap;

/// Operations between two looks at the budget.
///
/// Small, because SQLite counts the steps of compiling a query the same way, and one of those may
/// take long: 1,900 window functions ended 8 s after the time limit with looks every 100 steps,
/// 0.3 to 1.4 s with looks every 20.
pub(crate) const STEP: u64 = 20;

/// Operations between two looks at SQLite's memory.
const HEAP_STEP: u64 = 5 * STEP;

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
    /// SQLite virtual-machine operations, counted in steps of 20; deterministic
    /// for one database and one SQLite version.
    pub operations: u64,
    /// Rows of the result.
    pub rows: usize,
    /// Bytes of the result: the length of each text and blob, and 8 bytes for every value.
    pub bytes: usize,
    /// Memory inside SQLite while the query runs, in bytes: sorts, temporary tables, the page
    /// cache, values under way. Looked at every 20 operations, so it can be passed by what 20
    /// operations take ([`MAX_VALUE_BYTES`](crate::MAX_VALUE_BYTES) each at worst);
    /// [`MAX_HEAP_BYTES`](crate::MAX_HEAP_BYTES) is never passed, by all threads together.
    ///
    /// SQLite counts its memory once per process. A query is refused only after it has run
    /// alone, while the crate's other queries wait, so the verdict does not depend on
    /// them; a query that needs more than the budget costs everyone that wait.
    pub memory: usize,
    /// Wall time, `None` for no limit. Looked at every 20 operations, where the query's
    /// program jumps back; the calls of one row are never cut in half.
    pub wall: Option<Duration>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            operations: 100_000_000,
            rows: 100_000,
            bytes: 32 << 20,
            memory: 128 << 20,
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
    /// The memory.
    Memory,
}

/// Counts one query's operations; shared between the query and SQLite's progress callback.
#[derive(Debug)]
pub(crate) struct Meter {
    origin: Instant,
    used: AtomicU64,
    limit: AtomicU64,
    /// Nanoseconds after `origin`; `u64::MAX` for never.
    deadline: AtomicU64,
    /// Bytes that SQLite may hold in this process; `usize::MAX` for any number.
    heap: AtomicUsize,
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
            heap: AtomicUsize::new(usize::MAX),
            tripped: AtomicU8::new(0),
        }
    }

    /// Begins a query under `budget`. `others` is the memory that is not the query's.
    ///
    /// With 0 for `others`, as beside other threads, a query that passes would pass
    /// alone too: what it takes is at most what all take. One that fails must be tried alone.
    pub(crate) fn start(&self, budget: &Budget, others: usize) {
        let deadline = budget.wall.map_or(u64::MAX, |wall| {
            nanoseconds(self.origin.elapsed().saturating_add(wall))
        });
        self.used.store(0, Ordering::Relaxed);
        self.limit.store(budget.operations, Ordering::Relaxed);
        self.deadline.store(deadline, Ordering::Relaxed);
        let heap = budget.memory.saturating_add(others);
        self.heap.store(heap, Ordering::Relaxed);
        self.tripped.store(0, Ordering::Relaxed);
    }

    /// Lifts all limits, for the crate's own queries.
    pub(crate) fn lift(&self) {
        self.limit.store(u64::MAX, Ordering::Relaxed);
        self.deadline.store(u64::MAX, Ordering::Relaxed);
        self.heap.store(usize::MAX, Ordering::Relaxed);
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
        // The counter stands behind SQLite's one lock for all threads: it is asked less often than the clock. In
        // between, a query takes at most a few values of `MAX_VALUE_BYTES` more.
        let heap = self.heap.load(Ordering::Relaxed);
        if used.is_multiple_of(HEAP_STEP) && heap != usize::MAX && heap::used() > heap {
            self.tripped.store(3, Ordering::Relaxed);
            return true;
        }
        false
    }

    /// What stopped the query, if anything did.
    pub(crate) fn tripped(&self) -> Option<Tripped> {
        match self.tripped.load(Ordering::Relaxed) {
            1 => Some(Tripped::Operations),
            2 => Some(Tripped::Time),
            3 => Some(Tripped::Memory),
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
        meter.start(
            &Budget {
                operations: 50,
                wall: None,
                ..Budget::default()
            },
            usize::MAX,
        );
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
        meter.start(
            &Budget {
                wall: Some(Duration::ZERO),
                ..Budget::default()
            },
            usize::MAX,
        );
        std::thread::sleep(Duration::from_millis(1));
        assert!(meter.tick());
        assert_eq!(meter.tripped(), Some(Tripped::Time));
    }

    #[test]
    fn memory_trips_beyond_what_is_not_the_querys() {
        let meter = Meter::new();
        let budget = Budget {
            memory: 0,
            wall: None,
            ..Budget::default()
        };
        let connection = rusqlite::Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE t (x)").unwrap();
        meter.start(&budget, heap::used() + (1 << 40));
        assert!((0..10).all(|_| !meter.tick()));
        meter.start(&budget, 0);
        assert_eq!((0..10).position(|_| meter.tick()), Some(4));
        assert_eq!(meter.tripped(), Some(Tripped::Memory));
        drop(connection);
    }
}
