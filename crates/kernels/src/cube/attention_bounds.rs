//! Which keys a query sees, inside a kernel.

use burn_cubecl::cubecl::{self, prelude::*};

/// The sizes of an attention and the first key that each query sees.
#[derive(CubeType, CubeLaunch)]
pub(super) struct Bounds {
    /// `[batch, queries]`; without it every query sees the keys from 0 on.
    pub(super) first: ComptimeOption<Box<[i32]>>,
    /// Queries of a row.
    pub(super) queries: usize,
    /// Keys of a row, of which the last is the last query's own.
    pub(super) keys: usize,
}

#[cube]
impl Bounds {
    /// The key that a query stands at: the last that it sees.
    pub(super) fn own(&self, query: usize) -> usize {
        query + self.keys - self.queries
    }

    /// The first key that a query of the row `batch` sees: never one behind its own.
    pub(super) fn first(&self, batch: usize, query: usize) -> usize {
        #[comptime]
        match &self.first {
            ComptimeOption::Some(first) => {
                let first = usize::cast_from(first[batch * self.queries + query]);
                min(first, self.own(query))
            }
            ComptimeOption::None => 0usize.runtime(),
        }
    }

    /// The first key that one of `count` queries from `query` on sees.
    pub(super) fn earliest(&self, batch: usize, query: usize, #[comptime] count: usize) -> usize {
        #[comptime]
        match &self.first {
            ComptimeOption::Some(_) => {
                let mut earliest = self.own(query);
                for at in query..min(query + count, self.queries) {
                    earliest = min(earliest, self.first(batch, at));
                }
                earliest
            }
            ComptimeOption::None => 0usize.runtime(),
        }
    }
}
