//! What can be wrong with packing and with the widths of rows, one variant per failure.

/// What can be wrong with packing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PackError {
    /// Rows that hold nothing.
    #[error("the capacity of a packed row must be at least 1 token")]
    Capacity,
    /// A streaming packer that never sees an example.
    #[error("the window of a streaming packer must be at least 1 example")]
    Window,
    /// An example that fits into no row: packing never cuts one.
    #[error(
        "example {example} has {tokens} tokens and a packed row holds {capacity}: raise the capacity, or lower the maximum length"
    )]
    TooLong {
        /// The example's index, from 0.
        example: usize,
        /// Its tokens.
        tokens: usize,
        /// Tokens of a row.
        capacity: usize,
    },
    /// An example without a token: a segment that no row could show.
    #[error("example {example} has no token")]
    NoToken {
        /// The example's index, from 0.
        example: usize,
    },
    /// The list of widths is out of order.
    #[error("`buckets` must be widths from 1 that ascend, found {found:?}")]
    Buckets {
        /// The list.
        found: Vec<usize>,
    },
    /// An example is wider than every bucket.
    #[error(
        "example {example} has {tokens} tokens and the widest bucket is {widest}: add a wider bucket, or lower the maximum length"
    )]
    OverBuckets {
        /// The example's index, from 0.
        example: usize,
        /// Its tokens.
        tokens: usize,
        /// The last of the buckets.
        widest: usize,
    },
    /// Full rows would be wider than every bucket.
    #[error("`capacity` is {capacity} and the widest bucket is {widest}; it may be at most that")]
    CapacityOverBuckets {
        /// Tokens of a row.
        capacity: usize,
        /// The last of the buckets.
        widest: usize,
    },
    /// A full row alone would be over the limit of a micro-batch.
    #[error(
        "`capacity` is {capacity}, padded to {width}, and `micro_tokens` is {micro_tokens}; a row may be at most that"
    )]
    CapacityTooWide {
        /// Tokens of a row.
        capacity: usize,
        /// The width of a full row.
        width: usize,
        /// The limit.
        micro_tokens: usize,
    },
}
