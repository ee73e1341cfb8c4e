//! An output that several tasks write, each its own places.

/// A row-major output that several tasks write, each its own columns.
#[derive(Clone, Copy)]
pub(super) struct Output {
    pub(super) start: *mut f32,
    /// From one row to the next.
    pub(super) stride: usize,
}

#[expect(unsafe_code, reason = "tasks write disjoint columns of one output")]
unsafe impl Sync for Output {}
#[expect(unsafe_code, reason = "tasks write disjoint columns of one output")]
unsafe impl Send for Output {}

impl Output {
    pub(super) fn new(start: *mut f32, stride: usize) -> Self {
        Self { start, stride }
    }

    /// From a row on.
    pub(super) fn at_row(self, row: usize) -> Self {
        Self {
            start: self.start.wrapping_add(row * self.stride),
            ..self
        }
    }

    /// The same rows, from a column on.
    pub(super) fn at_column(self, column: usize) -> Self {
        Self {
            start: self.start.wrapping_add(column),
            ..self
        }
    }
}

/// `rows` rows of `columns` as a new buffer, which is not cleared first.
///
/// # Safety
/// `write` must write every value of them.
#[expect(unsafe_code, reason = "the caller promises that all is written")]
pub(super) unsafe fn written(rows: usize, columns: usize, write: impl FnOnce(Output)) -> Vec<f32> {
    let mut values = Vec::with_capacity(rows * columns);
    write(Output::new(values.as_mut_ptr(), columns));
    unsafe { values.set_len(rows * columns) };
    values
}
