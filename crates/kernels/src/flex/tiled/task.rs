//! A group of the output's columns: pack, then run over the rows.

use std::cell::RefCell;
use std::ops::Range;

use super::super::output::Output;
use super::kernel::{Chunk, tile};
use super::pack::{copy_rows, pack_columns};
use super::{DEPTH, PANEL, Rounding, TILE, Term};

/// Parts of a pass at most.
const PARTS: usize = 4;

/// What a thread keeps from task to task.
#[derive(Default)]
struct Buffers {
    weight: Vec<u32>,
    rows: Vec<u32>,
}

thread_local! {
    static BUFFERS: RefCell<Buffers> = RefCell::default();
}

/// A part of a term's depth within a pass.
struct Part<'a> {
    term: &'a Term<'a>,
    depth: Range<usize>,
    /// Where a panel of it begins within the pass's panel, in words.
    offset: usize,
    /// Where its rows of a tile begin, in words.
    rows: usize,
}

impl Part<'_> {
    /// Steps of the micro-kernel: pairs of values in bf16.
    fn steps(&self) -> usize {
        match self.term.rounding {
            Rounding::Exact => self.depth.len(),
            Rounding::Bf16 => self.depth.len().div_ceil(2),
        }
    }

    /// From one copied row to the next, in words: an odd number of cache lines,
    /// so that the rows of a tile do not fall onto the same lines of the cache.
    fn distance(&self) -> usize {
        (self.steps().div_ceil(16) | 1) * 16
    }
}

pub(super) struct Task<'a> {
    pub(super) terms: &'a [Term<'a>],
    pub(super) rows: usize,
    pub(super) columns: Range<usize>,
    pub(super) keep: bool,
}

impl Task<'_> {
    pub(super) fn run(&self, output: Output) {
        BUFFERS.with_borrow_mut(|buffers| {
            let mut keep = self.keep;
            for pass in passes(self.terms) {
                self.pass(&pass, keep, output, buffers);
                keep = true;
            }
        });
    }

    fn pass(&self, parts: &[Part], keep: bool, output: Output, buffers: &mut Buffers) {
        let panels = self.columns.len().div_ceil(PANEL);
        let words = parts.iter().map(Part::steps).sum::<usize>() * PANEL;
        buffers.weight.resize(panels * words, 0);
        for part in parts {
            let depth = part.depth.clone();
            let packed = &mut buffers.weight[part.offset..];
            pack_columns(part.term, depth, self.columns.clone(), packed, words);
        }
        let copied = parts.iter().map(Part::distance).sum::<usize>() * TILE;
        buffers.rows.resize(copied, 0);
        // Tiles of nearly equal height: none is left with a row or two.
        let tiles = self.rows.div_ceil(TILE);
        for index in 0..tiles {
            let rows = self.rows * index / tiles..self.rows * (index + 1) / tiles;
            self.tile(rows, parts, keep, output, buffers, words);
        }
    }

    fn tile(
        &self,
        rows: Range<usize>,
        parts: &[Part],
        keep: bool,
        output: Output,
        buffers: &mut Buffers,
        words: usize,
    ) {
        let Buffers {
            weight,
            rows: copied,
        } = buffers;
        for part in parts {
            let room = &mut copied[part.rows..];
            let depth = part.depth.clone();
            copy_rows(part.term, rows.clone(), depth, room, part.distance());
        }
        for (panel, packed) in weight.chunks_exact(words).enumerate() {
            let mut chunks = [Chunk::default(); PARTS];
            for (chunk, part) in chunks.iter_mut().zip(parts) {
                *chunk = Chunk {
                    rounding: part.term.rounding,
                    steps: part.steps(),
                    a: &copied[part.rows..],
                    distance: part.distance(),
                    b: &packed[part.offset..],
                };
            }
            let chunks = &chunks[..parts.len()];
            let start = self.columns.start + panel * PANEL;
            let width = PANEL.min(self.columns.end - start);
            #[expect(
                unsafe_code,
                reason = "the output has room for these rows and columns, and the columns \
                          are this task's alone"
            )]
            unsafe {
                let corner = output.start.add(rows.start * output.stride + start);
                tile(rows.len(), chunks, corner, output.stride, width, keep);
            }
        }
    }
}

/// Cuts the terms' depths into passes of at most [`DEPTH`].
fn passes<'a>(terms: &'a [Term<'a>]) -> Vec<Vec<Part<'a>>> {
    let mut passes: Vec<Vec<Part>> = vec![Vec::new()];
    let (mut room, mut offset, mut rows) = (DEPTH, 0, 0);
    for term in terms {
        let mut start = 0;
        while start < term.a.columns {
            let full = passes.last().is_some_and(|pass| pass.len() == PARTS);
            // A rest of the room that is not worth a part begins a new pass.
            if full || room < 2 || (room < term.a.columns - start && room < DEPTH / 2) {
                passes.push(Vec::new());
                (room, offset, rows) = (DEPTH, 0, 0);
            }
            let length = room.min(term.a.columns - start);
            let part = Part {
                term,
                depth: start..start + length,
                offset,
                rows,
            };
            offset += part.steps() * PANEL;
            rows += part.distance() * TILE;
            start += length;
            room -= length;
            if let Some(pass) = passes.last_mut() {
                pass.push(part);
            }
        }
    }
    passes
}
