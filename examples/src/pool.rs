//! Where a command's work runs.

/// The stack of a main thread on Linux, which the pool's threads get too: the
/// parsers recurse.
const STACK: usize = 8 << 20;

/// Runs work on one of rayon's threads.
///
/// A parallel loop that is begun outside the pool sends its caller to sleep and
/// wakes it at the end: twice for each of the some thousand products of a
/// training step. Within the pool the caller takes its share of the work
/// (context switches of a step on two threads: a tenth, `docs/performance.md`).
///
/// ```
/// use anneal_examples::on_pool;
///
/// assert!(on_pool(|| rayon::current_thread_index().is_some()));
/// ```
pub fn on_pool<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    // Whoever has built the pool before has chosen its stacks.
    let _ = rayon::ThreadPoolBuilder::new()
        .stack_size(STACK)
        .build_global();
    let mut result = None;
    rayon::scope(|_| result = Some(work()));
    match result {
        Some(result) => result,
        None => unreachable!("a scope runs its closure or panics"),
    }
}
