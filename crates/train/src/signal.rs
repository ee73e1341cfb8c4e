//! A wish to stop, from Ctrl-C, a process manager or the program itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::error::{Result, TrainError};

/// Asks a run to finish its step, save a checkpoint and end. Clones are the same signal.
///
/// # Example
/// ```
/// use anneal_train::StopSignal;
///
/// let stop = StopSignal::new();
/// let held_by_the_run = stop.clone();
/// stop.raise();
/// assert!(held_by_the_run.is_raised());
/// ```
#[derive(Clone, Debug, Default)]
pub struct StopSignal {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    raised: Arc<AtomicBool>,
    listens: bool,
}

impl Drop for Shared {
    /// Nobody would see the flag any more: the next Ctrl-C must end the process.
    fn drop(&mut self) {
        if !self.listens {
            return;
        }
        let listening = listening();
        let again = listening
            .as_ref()
            .is_some_and(|l| l.held.strong_count() > 0);
        if !again {
            self.raised.store(true, Ordering::SeqCst);
        }
    }
}

/// The flag of the handlers, which are registered once in a process and stay, and who looks at it.
///
/// With a flag each, that of an earlier signal would stay up, and end the process for a later one.
struct Listening {
    raised: Arc<AtomicBool>,
    held: Weak<Shared>,
}

static LISTENING: Mutex<Option<Listening>> = Mutex::new(None);

fn listening() -> MutexGuard<'static, Option<Listening>> {
    LISTENING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets Ctrl-C and SIGTERM put up a flag that is down, and end the process where it is up.
fn register() -> Result<Arc<AtomicBool>> {
    let raised = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        // The order matters: the first signal finds the flag down and puts it up, the second
        // finds it up and does what the signal does without a handler.
        flag::register_conditional_default(signal, raised.clone())
            .and_then(|_| flag::register(signal, raised.clone()))
            .map_err(|source| {
                raised.store(true, Ordering::SeqCst);
                TrainError::Signal { signal, source }
            })?;
    }
    Ok(raised)
}

impl StopSignal {
    /// A signal that only [`raise`](Self::raise) raises.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that Ctrl-C and SIGTERM raise; a second of them ends the process at once.
    ///
    /// A process has one: while it is held, another call gives a clone of it. When the last clone is
    /// dropped, Ctrl-C and SIGTERM end the process again.
    ///
    /// # Errors
    /// [`TrainError::Signal`] where the system refuses the handler.
    pub fn listen() -> Result<Self> {
        let mut listening = listening();
        let raised = match listening.as_ref() {
            None => register()?,
            Some(earlier) => {
                if let Some(shared) = earlier.held.upgrade() {
                    return Ok(Self { shared });
                }
                earlier.raised.clone()
            }
        };
        raised.store(false, Ordering::SeqCst);
        let shared = Arc::new(Shared {
            raised: raised.clone(),
            listens: true,
        });
        let held = Arc::downgrade(&shared);
        *listening = Some(Listening { raised, held });
        Ok(Self { shared })
    }

    /// Asks to stop.
    pub fn raise(&self) {
        self.shared.raised.store(true, Ordering::SeqCst);
    }

    /// Whether someone asked to stop.
    pub fn is_raised(&self) -> bool {
        self.shared.raised.load(Ordering::SeqCst)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn one_may_listen_again() {
        let first = StopSignal::listen().unwrap();
        let clone = StopSignal::listen().unwrap();
        clone.raise();
        assert!(first.is_raised());
        drop((first, clone));
        let second = StopSignal::listen().unwrap();
        assert!(!second.is_raised());
        // The flag of the first, up still, would end this process here.
        signal_hook::low_level::raise(SIGTERM).unwrap();
        assert!(second.is_raised());
    }
}
