//! What the machine can do at most: products and memory, on every thread.

use std::time::Instant;

use rayon::prelude::*;

use crate::products::{Matrix, product};

/// Values that are never subnormal, and never the same for long.
pub fn values(count: usize, seed: usize) -> Vec<f32> {
    (0..count)
        .map(|i| ((i * 7_919 + seed * 31) % 1_009) as f32 / 1_009.0 - 0.45)
        .collect()
}

/// Seconds of the fastest of some passes.
pub fn fastest(passes: usize, mut job: impl FnMut()) -> f64 {
    let seconds = (0..passes).map(|_| {
        let start = Instant::now();
        job();
        start.elapsed().as_secs_f64()
    });
    seconds.fold(f64::INFINITY, f64::min)
}

/// GFLOP/s of one product of 2,048 cubed.
pub fn large_product(passes: usize) -> f64 {
    const SIDE: usize = 2_048;
    let (a, b) = (values(SIDE * SIDE, 1), values(SIDE * SIDE, 2));
    let mut output = vec![0.0; SIDE * SIDE];
    let (a, b) = (Matrix::new(&a, SIDE, SIDE), Matrix::new(&b, SIDE, SIDE));
    let seconds = fastest(passes, || product(&mut output, a, b));
    2.0 * (SIDE * SIDE * SIDE) as f64 / 1e9 / seconds
}

/// Values of the memory measurements: far more than any cache holds.
const FAR: usize = 128 << 20;
/// Values that a thread takes at once.
const PART: usize = 1 << 20;

/// GB/s at which all threads read memory.
pub fn read(passes: usize) -> f64 {
    let far = vec![1.0f32; FAR];
    let seconds = fastest(passes, || {
        let sums = far.par_chunks(PART).map(|part| {
            let lanes = part
                .chunks_exact(64)
                .fold([0.0f32; 64], |mut sums, values| {
                    sums.iter_mut()
                        .zip(values)
                        .for_each(|(sum, value)| *sum += value);
                    sums
                });
            lanes.iter().sum::<f32>()
        });
        std::hint::black_box(sums.sum::<f32>());
    });
    4.0 * FAR as f64 / 1e9 / seconds
}

/// GB/s at which all threads copy memory; bytes read and bytes written count.
pub fn copied(passes: usize) -> f64 {
    let far = vec![1.0f32; FAR];
    let mut to = vec![0.0f32; FAR];
    let seconds = fastest(passes, || {
        let parts = to.par_chunks_mut(PART).zip(far.par_chunks(PART));
        parts.for_each(|(to, from)| to.copy_from_slice(from));
    });
    8.0 * FAR as f64 / 1e9 / seconds
}
