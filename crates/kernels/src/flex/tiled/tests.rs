//! Sums against f64, whatever the shapes and orders; rounding against a twin by hand.

use super::*;
use anneal_testkit::hashed;

/// A matrix of values within ±1, in one of the two orders, inside longer lines.
struct Drawn {
    values: Vec<f32>,
    rows: usize,
    columns: usize,
    by_columns: bool,
}

impl Drawn {
    fn new(name: &str, rows: usize, columns: usize, by_columns: bool) -> Self {
        let lines = if by_columns { columns } else { rows };
        let values = hashed(name, lines * (rows + columns - lines + 3));
        Self {
            values,
            rows,
            columns,
            by_columns,
        }
    }

    fn matrix(&self) -> Matrix<'_> {
        match self.by_columns {
            true => Matrix::new(&self.values, self.columns, self.rows, self.rows + 3).transposed(),
            false => Matrix::new(&self.values, self.rows, self.columns, self.columns + 3),
        }
    }
}

fn at(matrix: &Matrix, row: usize, column: usize) -> f32 {
    matrix.values[row * matrix.row_stride + column * matrix.column_stride]
}

/// As `f32::to_bits` would be cut by hand: the twin of the rounding.
fn to_bf16(value: f32) -> f32 {
    let below = f32::from_bits(value.to_bits() & 0xffff_0000);
    let above = f32::from_bits((value.to_bits() & 0xffff_0000).wrapping_add(0x1_0000));
    let (down, up) = ((value - below).abs(), (above - value).abs());
    let even = below.to_bits() >> 16 & 1 == 0;
    if down < up || (down == up && even) {
        below
    } else {
        above
    }
}

/// The sums in f64, with the rounding of the operands.
fn expected(terms: &[Term], row: usize, column: usize) -> f64 {
    let round = |term: &Term, value| match term.rounding {
        Rounding::Exact => f64::from(value),
        Rounding::Bf16 => f64::from(to_bf16(value)),
    };
    let sums = terms.iter().map(|term| {
        let products = (0..term.a.columns).map(|i| {
            let (a, b) = (at(&term.a, row, i), at(&term.b, i, column));
            round(term, a) * round(term, b)
        });
        products.sum::<f64>()
    });
    sums.sum()
}

/// Checks every value of a product, and that nothing else was written.
fn check(terms: &[Term], keep: bool) {
    let (m, n) = (terms[0].a.rows, terms[0].b.columns);
    let stride = n + 5;
    let before = hashed("before", m * stride);
    let mut output = before.clone();
    product(&mut output, stride, keep, terms);
    let depth: usize = terms.iter().map(|term| term.a.columns).sum();
    for row in 0..m {
        for column in 0..stride {
            let index = row * stride + column;
            if column >= n {
                assert_eq!(output[index], before[index], "written beside row {row}");
                continue;
            }
            let kept = if keep { f64::from(before[index]) } else { 0.0 };
            let expected = expected(terms, row, column) + kept;
            let error = (f64::from(output[index]) - expected).abs();
            // Each of the depth's additions rounds a sum of about √depth / 3.
            let allowed = 2f64.powi(-24) * (depth as f64 + 2.0);
            assert!(
                error <= allowed,
                "[{row}, {column}] of {m} x {depth} x {n}: {} for {expected}",
                output[index]
            );
        }
    }
}

fn roundings() -> impl Iterator<Item = Rounding> {
    [Rounding::Exact, Rounding::Bf16]
        .into_iter()
        .filter(|&rounding| available(rounding))
}

#[test]
fn odd_shapes_in_either_order_are_the_sums_of_their_products() {
    for rounding in roundings() {
        for (m, k, n) in [
            (1, 1, 1),
            (14, 16, 32),
            (15, 33, 33),
            (37, 70, 95),
            (29, 31, 64),
            (64, 128, 16),
        ] {
            for by_columns in [false, true] {
                let a = Drawn::new("a", m, k, false);
                let b = Drawn::new("b", k, n, by_columns);
                let term = Term {
                    a: a.matrix(),
                    b: b.matrix(),
                    rounding,
                };
                check(&[term], false);
                check(&[term], true);
            }
        }
    }
}

#[test]
fn depth_beyond_one_pass_and_columns_beyond_one_task_add_up() {
    for rounding in roundings() {
        let (m, k, n) = (43, 2 * DEPTH + 77, 321);
        let (a, b) = (Drawn::new("a", m, k, false), Drawn::new("b", k, n, true));
        let term = Term {
            a: a.matrix(),
            b: b.matrix(),
            rounding,
        };
        check(&[term], false);
    }
}

#[test]
fn terms_of_different_depth_and_rounding_share_one_output() {
    for rounding in roundings() {
        let (m, n) = (45, 100);
        let (x, weight) = (Drawn::new("x", m, 75, false), Drawn::new("w", 75, n, true));
        let (hidden, b) = (Drawn::new("h", m, 5, false), Drawn::new("b", 5, n, false));
        let terms = [
            Term {
                a: x.matrix(),
                b: weight.matrix(),
                rounding,
            },
            Term {
                a: hidden.matrix(),
                b: b.matrix(),
                rounding: Rounding::Exact,
            },
        ];
        check(&terms, false);
        check(&terms, true);
    }
}

#[test]
fn values_are_rounded_to_nearest_and_ties_to_even() {
    if !available(Rounding::Bf16) {
        return;
    }
    let values = [
        1.0 + 1.0 / 256.0,
        1.0 + 3.0 / 256.0,
        -1.0 - 1.0 / 256.0,
        3.1,
        -2.7e-20,
        1e30,
    ];
    for value in values {
        // A row of 40, so that vectors and the rest are both met.
        let a = vec![value; 40];
        let b = vec![1.0; 40 * 40];
        let mut output = vec![0.0; 40];
        let term = Term {
            a: Matrix::new(&a, 1, 40, 40),
            b: Matrix::new(&b, 40, 40, 40),
            rounding: Rounding::Bf16,
        };
        product(&mut output, 40, false, &[term]);
        let expected = f64::from(to_bf16(value)) * 40.0;
        for found in output {
            assert!(
                (f64::from(found) / expected - 1.0).abs() < 1e-6,
                "{found} for {expected}"
            );
        }
    }
    assert_eq!(to_bf16(1.0 + 1.0 / 256.0), 1.0);
    assert_eq!(to_bf16(1.0 + 3.0 / 256.0), 1.0 + 4.0 / 256.0);
}

#[test]
#[should_panic(expected = "the output reaches beyond its slice")]
fn an_output_too_short_is_refused() {
    let values = [0.0; 64 * 64];
    let a = Matrix::new(&values, 64, 64, 64);
    let term = Term {
        a,
        b: a,
        rounding: Rounding::Exact,
    };
    product(&mut [0.0; 64 * 64 - 1], 64, false, &[term]);
}

#[test]
fn rounding_is_that_of_sums_in_parts() {
    if !available(Rounding::Exact) {
        return;
    }
    let (m, k, n) = (28, 4_096, 96);
    let (a, b) = (Drawn::new("x", m, k, false), Drawn::new("w", k, n, true));
    let term = Term {
        a: a.matrix(),
        b: b.matrix(),
        rounding: Rounding::Exact,
    };
    let mut output = vec![0.0; m * n];
    product(&mut output, n, false, &[term]);
    let (mut error, mut size) = (0.0, 0.0);
    for (index, found) in output.iter().enumerate() {
        let exact = expected(&[term], index / n, index % n);
        error += (f64::from(*found) - exact).powi(2);
        size += exact * exact;
    }
    // Each addition rounds by 2^-24/√3 of the sum so far: √64 over a part of
    // 128 and √16 over 32 parts, 5.2 units together; one running sum has 26.
    let units = (error / size).sqrt() * 2f64.powi(24);
    assert!(units < 9.0, "{units} units of 2^-24");
}
