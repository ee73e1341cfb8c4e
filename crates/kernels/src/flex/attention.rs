//! Causal grouped-query attention that never holds all scores.
//!
//! Scores exist for a block of rows of one head at a time, over the keys that
//! the block may see. The backward pass makes them again from the log-sum-exp
//! that each row kept: Dao et al., 2022, <https://arxiv.org/abs/2205.14135>.

use burn::backend::{Flex, tensor::FloatTensor};
use burn::tensor::Shape;
use rayon::prelude::*;

use crate::FirstKeys;

use super::attention_decode;
use super::attention_rows::{Block, delta, probabilities, score_gradients, softmax};
use super::gemm::{Matrix, product};
use super::rows::{Contiguous, Heads, tensor};

/// Query rows of a block: its scores over some hundred keys stay in cache.
const BLOCK: usize = 64;

/// Key heads of all rows that go round evenly among a few threads.
const FEW: usize = 8;

/// What both passes know of the shapes.
#[derive(Clone, Copy)]
struct Plan {
    batch: usize,
    heads: usize,
    kv_heads: usize,
    queries: usize,
    keys: usize,
    width: usize,
}

impl Plan {
    fn new(q: &Heads, k: &Heads) -> Self {
        let [batch, heads, queries, width] = q.dims;
        let [_, kv_heads, keys, _] = k.dims;
        Self {
            batch,
            heads,
            kv_heads,
            queries,
            keys,
            width,
        }
    }

    fn scale(&self) -> f32 {
        (self.width as f32).powf(-0.5)
    }

    /// Tasks that share a key head on the way back: one, or one for each of its
    /// heads where key heads are few. Shapes alone decide, so that sums do not
    /// depend on the number of threads.
    fn parts(&self) -> usize {
        match self.batch * self.kv_heads < FEW {
            true => self.heads / self.kv_heads,
            false => 1,
        }
    }

    /// The blocks of query rows. A block leaves out the keys before the first
    /// that any of its rows sees, so that a packed row costs as much as its
    /// segments do.
    fn blocks<'a>(self, first: Option<&'a [u32]>) -> impl Iterator<Item = Block<'a>> {
        let before = self.keys - self.queries;
        (0..self.queries).step_by(BLOCK).map(move |row| {
            let rows = BLOCK.min(self.queries - row);
            Block::new(row, rows, before + row, first)
        })
    }
}

pub(super) fn forward(
    q: FloatTensor<Flex>,
    k: FloatTensor<Flex>,
    v: FloatTensor<Flex>,
    first: Option<FirstKeys>,
) -> (FloatTensor<Flex>, FloatTensor<Flex>) {
    let (q, k, v) = (Heads::new(q), Heads::new(k), Heads::new(v));
    let plan = Plan::new(&q, &k);
    let Plan {
        batch,
        heads,
        queries,
        width,
        ..
    } = plan;
    let mut output = vec![0.0; batch * heads * queries * width];
    let mut log_sum_exp = vec![0.0; batch * heads * queries];
    if attention_decode::suits(&q) {
        let first = first.as_ref();
        let operands = [&q, &k, &v];
        attention_decode::forward(operands, plan.scale(), first, &mut output, &mut log_sum_exp);
        return results(output, log_sum_exp, plan);
    }
    let tasks = output.par_chunks_mut((queries * width).max(1));
    let tasks = tasks
        .zip(log_sum_exp.par_chunks_mut(queries.max(1)))
        .enumerate();
    tasks.for_each(|(index, (output, log_sum_exp))| {
        let (batch, head) = (index / heads, index % heads);
        let kv_head = head * plan.kv_heads / heads;
        let ((q, q_stride), (k, k_stride)) = (q.head(batch, head), k.head(batch, kv_head));
        let (v, v_stride) = v.head(batch, kv_head);
        let mut scores = vec![0.0; BLOCK.min(queries) * plan.keys];
        for block in plan.blocks(first.as_ref().map(|first| first.row(batch))) {
            let (row, rows, start, keys) = (block.row, block.rows, block.start, block.width());
            let q = Matrix::new(&q[row * q_stride..], rows, width, q_stride);
            let k = Matrix::new(&k[start * k_stride..], keys, width, k_stride);
            let scores = &mut scores[..rows * keys];
            product(scores, keys, false, plan.scale(), q, k.transposed());
            softmax(scores, block, &mut log_sum_exp[row..row + rows]);
            let v = Matrix::new(&v[start * v_stride..], keys, width, v_stride);
            let p = Matrix::new(scores, rows, keys, keys);
            product(&mut output[row * width..], width, false, 1.0, p, v);
        }
    });
    results(output, log_sum_exp, plan)
}

/// The output and the log-sum-exp as tensors.
fn results(
    output: Vec<f32>,
    log_sum_exp: Vec<f32>,
    plan: Plan,
) -> (FloatTensor<Flex>, FloatTensor<Flex>) {
    let Plan {
        batch,
        heads,
        queries,
        width,
        ..
    } = plan;
    (
        tensor(output, Shape::new([batch, heads, queries, width])),
        tensor(log_sum_exp, Shape::new([batch, heads, queries])),
    )
}

/// Gradients of q, k, v, one key head at a time: its group's heads add to one
/// `dk` and one `dv`, so no two threads write the same place. Where key heads
/// are too few to go round evenly, each head adds to a `dk` and a `dv` of its
/// own, which are summed up at the end.
pub(super) fn backward(
    q: FloatTensor<Flex>,
    k: FloatTensor<Flex>,
    v: FloatTensor<Flex>,
    output: FloatTensor<Flex>,
    log_sum_exp: FloatTensor<Flex>,
    grad: FloatTensor<Flex>,
    first: Option<FirstKeys>,
) -> (FloatTensor<Flex>, FloatTensor<Flex>, FloatTensor<Flex>) {
    let (q, k, v) = (Heads::new(q), Heads::new(k), Heads::new(v));
    let (output, grad) = (Heads::new(output), Heads::new(grad));
    let log_sum_exp = Contiguous::new(log_sum_exp);
    let plan = Plan::new(&q, &k);
    let Plan {
        batch,
        heads,
        kv_heads,
        queries,
        keys: all_keys,
        width,
    } = plan;
    let (groups, kv_size) = (heads / kv_heads, (all_keys * width).max(1));
    let parts = plan.parts();
    let mut dq = vec![0.0; batch * heads * queries * width];
    let mut dk = vec![0.0; batch * kv_heads * parts * all_keys * width];
    let mut dv = vec![0.0; batch * kv_heads * parts * all_keys * width];
    let tasks = dq.par_chunks_mut((groups / parts * queries * width).max(1));
    let tasks = tasks
        .zip(dk.par_chunks_mut(kv_size))
        .zip(dv.par_chunks_mut(kv_size))
        .enumerate();
    tasks.for_each(|(index, ((dq, dk), dv))| {
        let (index, part) = (index / parts, index % parts);
        let (batch, kv_head) = (index / kv_heads, index % kv_heads);
        let ((k, k_stride), (v, v_stride)) = (k.head(batch, kv_head), v.head(batch, kv_head));
        let size = BLOCK.min(queries) * all_keys;
        let (mut p, mut ds) = (vec![0.0; size], vec![0.0; size]);
        let mut deltas = vec![0.0; BLOCK.min(queries)];
        for group in 0..groups / parts {
            let head = kv_head * groups + part * (groups / parts) + group;
            let ((q, q_stride), (o, o_stride)) = (q.head(batch, head), output.head(batch, head));
            let (g, g_stride) = grad.head(batch, head);
            let log_sum_exp = &log_sum_exp.values()[(batch * heads + head) * queries..];
            for block in plan.blocks(first.as_ref().map(|first| first.row(batch))) {
                let (row, rows, start, keys) = (block.row, block.rows, block.start, block.width());
                let (p, ds) = (&mut p[..rows * keys], &mut ds[..rows * keys]);
                let q = Matrix::new(&q[row * q_stride..], rows, width, q_stride);
                let g_rows = Matrix::new(&g[row * g_stride..], rows, width, g_stride);
                let k = Matrix::new(&k[start * k_stride..], keys, width, k_stride);
                let v = Matrix::new(&v[start * v_stride..], keys, width, v_stride);
                for (i, value) in deltas[..rows].iter_mut().enumerate() {
                    let at = row + i;
                    *value = delta(&o[at * o_stride..][..width], &g[at * g_stride..][..width]);
                }
                product(p, keys, false, plan.scale(), q, k.transposed());
                probabilities(p, block, &log_sum_exp[row..row + rows]);
                product(ds, keys, false, 1.0, g_rows, v.transposed());
                score_gradients(p, ds, keys, &deltas[..rows]);
                let p = Matrix::new(p, rows, keys, keys);
                let ds = Matrix::new(ds, rows, keys, keys);
                let (dv, dk) = (&mut dv[start * width..], &mut dk[start * width..]);
                product(dv, width, true, 1.0, p.transposed(), g_rows);
                product(dk, width, true, plan.scale(), ds.transposed(), q);
                let dq = &mut dq[(group * queries + row) * width..];
                product(dq, width, false, plan.scale(), ds, k);
            }
        }
    });
    let [dk, dv] = [dk, dv].map(|parted| sum_parts(parted, parts, kv_size));
    let kv = Shape::new([batch, kv_heads, all_keys, width]);
    let dq = tensor(dq, Shape::new([batch, heads, queries, width]));
    (dq, tensor(dk, kv.clone()), tensor(dv, kv))
}

/// Every so many chunks of `size` values as their sum.
fn sum_parts(values: Vec<f32>, parts: usize, size: usize) -> Vec<f32> {
    if parts == 1 {
        return values;
    }
    let mut sums = vec![0.0; values.len() / parts];
    let tasks = sums
        .par_chunks_mut(size)
        .zip(values.par_chunks(parts * size));
    tasks.for_each(|(sums, values)| {
        let (first, others) = values.split_at(size);
        sums.copy_from_slice(first);
        for other in others.chunks_exact(size) {
            sums.iter_mut().zip(other).for_each(|(sum, x)| *sum += x);
        }
    });
    sums
}
