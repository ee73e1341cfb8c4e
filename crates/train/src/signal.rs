//! A wish to stop, from Ctrl-C, a process manager or the program itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
        if self.listens {
            self.raised.store(true, Ordering::SeqCst);
        }
    }
}

impl StopSignal {
    /// A signal that only [`raise`](Self::raise) raises.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that Ctrl-C and SIGTERM raise; a second of them ends the process at once.
    ///
    /// When the last clone is dropped, Ctrl-C and SIGTERM end the process again.
    ///
    /// # Errors
    /// [`TrainError::Signal`] where the system refuses the handler.
    pub fn listen() -> Result<Self> {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // The order matters: the first signal finds the flag down and puts it up, the second
            // finds it up and does what the signal does without a handler.
            flag::register_conditional_default(signal, raised.clone())
                .and_then(|_| flag::register(signal, raised.clone()))
                .map_err(|source| TrainError::Signal { signal, source })?;
        }
        Ok(Self {
            shared: Arc::new(Shared {
                raised,
                listens: true,
            }),
        })
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
