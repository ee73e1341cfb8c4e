//! Time as a value that the caller gives, so that tests and resumed runs control it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Tells how long a run has been training, over all its sessions.
pub trait Clock: Debug + Send {
    /// Time since the run began; never decreases.
    fn elapsed(&self) -> Duration;

    /// Makes `elapsed` the time trained so far, which a resumed run reads off its checkpoint.
    fn set_elapsed(&mut self, elapsed: Duration);
}

/// The machine's monotonic clock.
#[derive(Debug)]
pub struct SystemClock {
    before: Duration,
    since: Instant,
}

impl SystemClock {
    /// A clock that starts now, at 0.
    pub fn start() -> Self {
        Self {
            before: Duration::ZERO,
            since: Instant::now(),
        }
    }
}

impl Clock for SystemClock {
    fn elapsed(&self) -> Duration {
        self.before + self.since.elapsed()
    }

    fn set_elapsed(&mut self, elapsed: Duration) {
        self.before = elapsed;
        self.since = Instant::now();
    }
}

/// A clock that moves only when told to; clones share their time.
///
/// ```
/// use anneal_train::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::default();
/// let held_by_the_trainer = clock.clone();
/// clock.advance(Duration::from_secs(3));
/// assert_eq!(held_by_the_trainer.elapsed(), Duration::from_secs(3));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ManualClock {
    time: Arc<Mutex<Duration>>,
}

impl ManualClock {
    /// Moves the time forward.
    pub fn advance(&self, by: Duration) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) += by;
    }
}

impl Clock for ManualClock {
    fn elapsed(&self) -> Duration {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_elapsed(&mut self, elapsed: Duration) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = elapsed;
    }
}
