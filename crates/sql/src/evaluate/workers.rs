//! Threads that take pieces of work, each with its own connections.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::plan::{Group, pieces};
use super::{Case, EvaluateError};

/// Runs `work` on every group of cases, over `threads` threads; the outputs in the order of the cases.
///
/// Each thread makes a state of its own with `state`. `work` gives one output for each case of its
/// group. The error with the lowest case is returned, whichever thread meets it first: once there is an error, only groups
/// that could have an earlier one are still run. `progress` is told how many cases are done.
pub(super) fn run<S, T: Send>(
    cases: &[Case],
    threads: usize,
    progress: &(dyn Fn(usize, usize) + Sync),
    state: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &Group) -> Result<Vec<T>, EvaluateError> + Sync,
) -> Result<Vec<T>, EvaluateError> {
    let pieces = pieces(cases);
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = if threads == 0 { available() } else { threads };
    let next = AtomicUsize::new(0);
    let done = AtomicUsize::new(0);
    let earliest = AtomicUsize::new(usize::MAX);
    let failed: Mutex<Option<EvaluateError>> = Mutex::new(None);

    let worker = || {
        let mut state = state();
        let mut outputs: Vec<(usize, T)> = Vec::new();
        while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
            for group in piece {
                let first = group.iter().min().copied().unwrap_or_default();
                if first >= earliest.load(Ordering::Relaxed) {
                    continue;
                }
                match work(&mut state, group) {
                    Ok(found) => outputs.extend(group.iter().copied().zip(found)),
                    Err(error) => {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        if error.case() < earliest.load(Ordering::Relaxed) {
                            earliest.store(error.case(), Ordering::Relaxed);
                            *failed = Some(error);
                        }
                    }
                }
                let before = done.fetch_add(group.len(), Ordering::Relaxed);
                progress(before + group.len(), cases.len());
            }
        }
        outputs
    };
    let outputs: Vec<(usize, T)> = if threads == 1 || pieces.len() < 2 {
        worker()
    } else {
        std::thread::scope(|scope| {
            let started: Vec<_> = (0..threads.min(pieces.len()))
                .map(|_| scope.spawn(worker))
                .collect();
            let joined = started.into_iter().flat_map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            });
            joined.collect()
        })
    };
    if let Some(error) = failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    let mut outputs = outputs;
    outputs.sort_unstable_by_key(|&(index, _)| index);
    Ok(outputs.into_iter().map(|(_, output)| output).collect())
}
