//! What the machine can do: the matrix products of a training step alone, one large product, and
//! memory. `cargo run --release --example roofline -- --help`.
//!
//! The products are the `gemm` crate's, which burn's CPU backend uses too. Weights lie in memory as
//! a step finds them: the 30 layers' own one after another, none still in cache. A frozen weight costs
//! 2 operations per token forward and 2 for its input's gradient, the head as many; a factor of an
//! adapter costs 2 more for its own gradient. Attention's products, small at these lengths, are left
//! out, so the limit is a little higher than a step could reach.

use std::process::ExitCode;

use anneal_benches::machine::{copied, fastest, large_product, read, values};
use anneal_benches::products::{Layout, Matrix, product};
use anneal_benches::{HIDDEN, INNER, VOCABULARY};
use anneal_examples::{ExampleError, finish, print};
use clap::Parser;
use serde::Serialize;

/// Layers of SmolLM2-135M.
const LAYERS: usize = 30;
const RANK: usize = 16;
/// Key and value columns.
const KV: usize = 192;
/// q, k, v, o, gate, up, down.
const LINEARS: [(usize, usize); 7] = [
    (HIDDEN, HIDDEN),
    (HIDDEN, KV),
    (HIDDEN, KV),
    (HIDDEN, HIDDEN),
    (HIDDEN, INNER),
    (HIDDEN, INNER),
    (INNER, HIDDEN),
];
/// Rows of logits at once.
const HEAD_ROWS: usize = 512;

/// Measures the products of a LoRA step of SmolLM2-135M's shape, and memory.
///
/// RAYON_NUM_THREADS sets the threads.
#[derive(Parser)]
struct Flags {
    /// Sequences of a step
    #[arg(long, default_value_t = 4)]
    batch: usize,
    /// Tokens of a sequence
    #[arg(long, default_value_t = 128)]
    length: usize,
    /// Passes of which the fastest counts
    #[arg(long, default_value_t = 3)]
    passes: usize,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

/// The products of one kind within a step.
#[derive(Serialize, Clone)]
struct Kind {
    name: String,
    /// How the weights lie.
    layout: &'static str,
    gflop: f64,
    seconds: f64,
    gflop_per_second: f64,
}

#[derive(Serialize)]
struct Output {
    threads: usize,
    batch: usize,
    length: usize,
    /// Every kind in its faster layout.
    kinds: Vec<Kind>,
    gflop: f64,
    /// Of the products of one step.
    milliseconds: f64,
    /// The step's limit: its tokens over that time.
    tokens_per_second: f64,
    /// The limit without the adapters' products.
    tokens_per_second_frozen: f64,
    /// One product of 2,048 cubed.
    large_gflop_per_second: f64,
    memory_read_gb_per_second: f64,
    memory_copy_gb_per_second: f64,
}

fn main() -> ExitCode {
    finish(run(&Flags::parse()))
}

fn run(flags: &Flags) -> Result<(), ExampleError> {
    let tokens = (flags.batch * flags.length).max(1);
    let passes = flags.passes.max(1);
    let mut kinds = Vec::new();
    let mut slower = Vec::new();
    for layout in [Layout::Stored, Layout::Turned] {
        let step = Step::new(tokens, layout);
        for (at, kind) in step.measure(passes).into_iter().enumerate() {
            match kinds.get_mut(at) {
                None => kinds.push(kind),
                Some(other) if kind.seconds < other.seconds => {
                    slower.push(std::mem::replace(other, kind));
                }
                Some(_) => slower.push(kind),
            }
        }
    }
    let sum = |kinds: &[Kind]| kinds.iter().map(|kind| kind.seconds).sum::<f64>();
    let seconds = sum(&kinds);
    let frozen = sum(&kinds[..kinds.len() - 1]);
    let output = Output {
        threads: rayon::current_num_threads(),
        batch: flags.batch,
        length: flags.length,
        gflop: kinds.iter().map(|kind| kind.gflop).sum(),
        kinds,
        milliseconds: seconds * 1e3,
        tokens_per_second: tokens as f64 / seconds,
        tokens_per_second_frozen: tokens as f64 / frozen,
        large_gflop_per_second: large_product(passes),
        memory_read_gb_per_second: read(passes),
        memory_copy_gb_per_second: copied(passes),
    };
    if flags.json {
        let json = serde_json::to_string(&output).map_err(ExampleError::json("standard output"))?;
        return print(&format!("{json}\n"));
    }
    print(&text(&output, &slower))
}

fn text(output: &Output, slower: &[Kind]) -> String {
    let line = |kind: &Kind| {
        format!(
            "{:<28} {:<7} {:>7.1} GFLOP {:>8.1} ms {:>7.1} GFLOP/s\n",
            kind.name,
            kind.layout,
            kind.gflop,
            kind.seconds * 1e3,
            kind.gflop_per_second
        )
    };
    let mut text: String = output.kinds.iter().map(line).collect();
    text.push_str("the slower layout:\n");
    text.extend(slower.iter().map(line));
    text.push_str(&format!(
        "2048 x 2048 x 2048: {:.1} GFLOP/s; memory: read {:.1}, copied {:.1} GB/s\n\
         gemm limit of {} x {} on {} threads: {:.1} tokens/s ({:.1} ms, {:.1} GFLOP); without adapters {:.1}\n",
        output.large_gflop_per_second,
        output.memory_read_gb_per_second,
        output.memory_copy_gb_per_second,
        output.batch,
        output.length,
        output.threads,
        output.tokens_per_second,
        output.milliseconds,
        output.gflop,
        output.tokens_per_second_frozen,
    ));
    text
}

/// The operands of a step's products.
struct Step {
    tokens: usize,
    layout: Layout,
    /// By layer and linear.
    weights: Vec<[Vec<f32>; 7]>,
    head: Vec<f32>,
}

impl Step {
    fn new(tokens: usize, layout: Layout) -> Self {
        let weights = (0..LAYERS).map(|layer| LINEARS.map(|(from, to)| values(from * to, layer)));
        Self {
            tokens,
            layout,
            weights: weights.collect(),
            head: values(HIDDEN * VOCABULARY, 7),
        }
    }

    /// The frozen products by shape and direction, the head's, and the adapters' last.
    fn measure(&self, passes: usize) -> Vec<Kind> {
        let rows = self.tokens;
        let input = values(rows * INNER, 1);
        let mut output = vec![0.0; rows * INNER];
        let mut kinds = Vec::new();
        let shapes = [
            (HIDDEN, HIDDEN),
            (HIDDEN, KV),
            (HIDDEN, INNER),
            (INNER, HIDDEN),
        ];
        for (from, to) in shapes {
            let same = |at: &usize| LINEARS[*at] == (from, to);
            let linears: Vec<usize> = (0..LINEARS.len()).filter(same).collect();
            let count = LAYERS * linears.len();
            let operations = 2.0 * (count * rows * from * to) as f64;
            for forward in [true, false] {
                let name = direction(from, to, forward);
                let seconds = fastest(passes, || {
                    for layer in &self.weights {
                        for &at in &linears {
                            let weight = self.layout.matrix(&layer[at], from, to);
                            apply(&mut output, &input, rows, weight, forward);
                        }
                    }
                });
                kinds.push(self.kind(name, operations, seconds));
            }
        }
        let head = self.layout.matrix(&self.head, HIDDEN, VOCABULARY);
        let at_once = rows.min(HEAD_ROWS);
        let logits = values(at_once * VOCABULARY, 3);
        let mut scores = vec![0.0; at_once * VOCABULARY];
        let operations = 2.0 * (rows * HIDDEN * VOCABULARY) as f64;
        for forward in [true, false] {
            let seconds = fastest(passes, || {
                for first in (0..rows).step_by(at_once) {
                    let rows = at_once.min(rows - first);
                    match forward {
                        true => apply(&mut scores, &input, rows, head, forward),
                        false => apply(&mut output, &logits, rows, head, forward),
                    }
                }
            });
            let name = format!("head {}", direction(HIDDEN, VOCABULARY, forward));
            kinds.push(self.kind(name, operations, seconds));
        }
        kinds.push(self.adapters(passes, &input, &mut output));
        kinds
    }

    /// h = x·A, y = h·B; dh = dy·Bᵀ, dB = hᵀ·dy, dx = dh·Aᵀ, dA = xᵀ·dh.
    fn adapters(&self, passes: usize, input: &[f32], output: &mut [f32]) -> Kind {
        let rows = self.tokens;
        let factor = values(INNER * RANK, 5);
        let inner = values(rows * RANK, 6);
        let mut small = vec![0.0; rows.max(INNER) * RANK];
        let mut operations = 0.0;
        for (from, to) in LINEARS {
            operations += (LAYERS * 6 * rows * RANK * (from + to)) as f64;
        }
        let seconds = fastest(passes, || {
            for _ in 0..LAYERS {
                for (from, to) in LINEARS {
                    let (a, b) = (
                        Matrix::new(&factor, from, RANK),
                        Matrix::new(&factor, RANK, to),
                    );
                    let (x, dy) = (Matrix::new(input, rows, from), Matrix::new(input, rows, to));
                    let h = Matrix::new(&inner, rows, RANK);
                    product(&mut small, x, a);
                    product(output, h, b);
                    product(&mut small, dy, b.transposed());
                    product(&mut small, h.transposed(), dy);
                    product(output, h, a.transposed());
                    product(&mut small, x.transposed(), h);
                }
            }
        });
        self.kind("adapters".to_owned(), operations, seconds)
    }

    fn kind(&self, name: String, operations: f64, seconds: f64) -> Kind {
        Kind {
            name,
            layout: self.layout.name(),
            gflop: operations / 1e9,
            seconds,
            gflop_per_second: operations / 1e9 / seconds,
        }
    }
}

fn direction(from: usize, to: usize, forward: bool) -> String {
    match forward {
        true => format!("{from} to {to}"),
        false => format!("{from} to {to}, gradient"),
    }
}

/// A layer's output, or its input's gradient.
fn apply(output: &mut [f32], input: &[f32], rows: usize, weight: Matrix, forward: bool) {
    let weight = if forward { weight } else { weight.transposed() };
    product(output, Matrix::new(input, rows, weight.rows), weight);
}
