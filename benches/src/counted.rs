//! The examples' allocator, and how many bytes it has handed out.
//!
//! What a bench that reports memory sets as its global allocator. It counts
//! over all threads: matrix products take buffers on rayon's.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use mimalloc::MiMalloc;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// mimalloc, and two counters.
#[derive(Debug)]
pub struct Counted;

fn grow(bytes: usize) {
    PEAK.fetch_max(LIVE.fetch_add(bytes, Relaxed) + bytes, Relaxed);
}

fn shrink(bytes: usize) {
    LIVE.fetch_sub(bytes, Relaxed);
}

#[expect(
    unsafe_code,
    reason = "an allocator is an unsafe trait; this one adds up sizes and calls mimalloc"
)]
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { MiMalloc.alloc(layout) }
    }

    // Not through `alloc`: fresh pages are zero already.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        grow(layout.size());
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        shrink(layout.size());
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Old and new live side by side while their contents are copied.
        grow(size);
        shrink(layout.size());
        unsafe { MiMalloc.realloc(pointer, layout, size) }
    }
}

/// The most bytes that live at once during some work, above those that live
/// before it. Zero where [`Counted`] is not the global allocator.
pub fn peak_bytes(work: impl FnOnce()) -> usize {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    work();
    PEAK.load(Relaxed).saturating_sub(before)
}

/// Makes the allocator keep freed pages, as the examples do: a pass frees and
/// takes the same megabytes again and again.
pub fn keep_freed_memory() {
    /// `mi_option_purge_delay` of mimalloc 2 and 3; −1 is never.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    #[expect(unsafe_code, reason = "a C function that stores a number")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, -1);
    }
}
