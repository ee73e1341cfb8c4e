//! Both ways against f64, over shapes, strides and threads; and their rounding.

use super::*;
use anneal_testkit::hashed;

/// Rows of `x`, length of a weight row, weight rows, and what lies behind a row
/// of each operand and of the output.
type Shape = (usize, usize, usize, usize);

fn exact(x: &Matrix, weight: &Matrix, row: usize, column: usize) -> f64 {
    let at = |m: &Matrix, row, column| {
        f64::from(m.values[row * m.row_stride + column * m.column_stride])
    };
    (0..x.columns)
        .map(|i| at(x, row, i) * at(weight, i, column))
        .sum()
}

/// Checks a way of multiplying at each place, and that the rest of the output
/// is left alone.
fn check((m, k, n, beyond): Shape, multiply: impl Fn(&mut [f32], usize, Matrix, Matrix)) {
    let (x, weight) = (
        hashed("x", m * (k + beyond)),
        hashed("weight", n * (k + beyond)),
    );
    let x = Matrix::new(&x, m, k, k + beyond);
    let weight = Matrix::new(&weight, n, k, k + beyond).transposed();
    let stride = n + beyond;
    let mut output = vec![7.0; m * stride];
    multiply(&mut output, stride, x, weight);
    // A sum of k products of values within 1, each rounding of 2^-24.
    let bar = 2f64.powi(-24) * (k as f64).sqrt() * 8.0;
    for row in 0..m {
        for column in 0..n {
            let found = f64::from(output[row * stride + column]);
            let error = (found - exact(&x, &weight, row, column)).abs();
            assert!(error <= bar, "{m}x{k}x{n}: {error:e} at {row}, {column}");
        }
        assert!(
            output[row * stride + n..][..beyond]
                .iter()
                .all(|&v| v == 7.0)
        );
    }
}

/// Widths beside a vector, a line, a part and a group of rows.
const SHAPES: [Shape; 9] = [
    (1, 1, 1, 0),
    (1, 63, 9, 3),
    (1, 1_100, 17, 0),
    (2, 15, 8, 1),
    (15, 16, 31, 2),
    (16, 65, 64, 0),
    (17, 128, 65, 5),
    (33, 200, 70, 0),
    (64, 77, 130, 4),
];

#[test]
fn sums_are_right_in_every_shape() {
    for shape in SHAPES {
        check(shape, product);
        check(shape, |output, stride, x, weight| {
            for (row, values) in fresh(x, weight).chunks(weight.columns).enumerate() {
                output[row * stride..][..values.len()].copy_from_slice(values);
            }
        });
    }
}

#[test]
fn sums_are_right_on_several_threads() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build();
    // More tasks than rows divide into, and one row.
    pool.expect("three threads").install(|| {
        check((16, 96, 1_000, 1), product);
        check((40, 64, 1_025, 0), product);
        check((1, 300, 777, 2), product);
        // Fewer rows of the weight than tasks.
        check((3, 16_384, 5, 0), product);
    });
}

/// The twin, whatever the processor has.
fn portable(output: &mut [f32], stride: usize, x: Matrix, weight: Matrix) {
    let rows = Rows {
        values: weight.values,
        stride: weight.column_stride,
        first: 0,
        count: weight.columns,
        length: x.columns,
    };
    let corner = Output::new(output.as_mut_ptr(), stride);
    let panels = Operand::panels(&x);
    for (index, panel) in panels.chunks_exact(x.columns).enumerate() {
        let lanes = LANES.min(x.rows - index * LANES);
        portable::panel(rows, panel, lanes, corner.at_row(index * LANES));
    }
}

#[test]
fn the_portable_twin_is_right_too() {
    for shape in SHAPES {
        check(shape, portable);
    }
}

#[test]
#[should_panic(expected = "the output reaches beyond its slice")]
fn an_output_that_is_too_short_is_refused() {
    let (x, weight) = ([1.0; 4], [1.0; 6]);
    let weight = Matrix::new(&weight, 3, 2, 2).transposed();
    product(&mut [0.0; 5], 3, Matrix::new(&x, 2, 2, 2), weight);
}

#[test]
#[should_panic(expected = "a matrix reaches beyond its slice")]
fn a_weight_that_is_too_short_is_refused() {
    let (x, weight) = ([1.0; 4], [1.0; 5]);
    let weight = Matrix::new(&weight, 3, 2, 2).transposed();
    product(&mut [0.0; 6], 3, Matrix::new(&x, 2, 2, 2), weight);
}

/// The error of a way in units of 2^-24 of the results, as root mean squares.
fn units(m: usize, multiply: impl Fn(&mut [f32], usize, Matrix, Matrix)) -> f64 {
    let (k, n) = (4_096, 96);
    let (x, weight) = (hashed("x", m * k), hashed("weight", n * k));
    let x = Matrix::new(&x, m, k, k);
    let weight = Matrix::new(&weight, n, k, k).transposed();
    let mut output = vec![0.0; m * n];
    multiply(&mut output, n, x, weight);
    let (mut error, mut size) = (0.0, 0.0);
    for (at, found) in output.iter().enumerate() {
        let exact = exact(&x, &weight, at / n, at % n);
        error += (f64::from(*found) - exact).powi(2);
        size += exact * exact;
    }
    (error / size).sqrt() * 2f64.powi(24)
}

#[test]
fn rounding_is_that_of_short_sums() {
    // Each addition rounds by 2^-24/√3 of the sum so far, as a mean square.
    // Over 64 products and then over 64 sums that is √32 twice, as root mean
    // squares 4.6 units together; one running sum has √2048, 26.
    // One row has 64 sums side by side where there is AVX-512.
    for (name, found) in [
        ("sixteen rows", units(16, product)),
        ("one row", units(1, product)),
        ("the twin", units(16, portable)),
    ] {
        assert!(found < 8.0, "{name}: {found} units of 2^-24");
    }
}
