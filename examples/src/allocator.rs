//! The allocator of the examples, and how it keeps memory.

/// Tensors are allocated and freed by the thousand in every step; glibc hands
/// large ones back to the system each time, which costs a page fault per 4 KiB
/// on the next use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Makes the allocator keep freed pages for the process's life: a training step
/// frees and takes the same gigabytes again and again, and clearing them anew
/// took a quarter of its time.
pub fn keep_freed_memory() {
    /// `mi_option_purge_delay` of mimalloc 2 and 3; −1 is never. The sys crate
    /// has no name for it.
    const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
    #[expect(unsafe_code, reason = "a C function that stores a number")]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, -1);
    }
}
