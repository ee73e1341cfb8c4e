//! Whether two predictors of the same questions differ: McNemar's test, and the difference with its interval.

use super::rate::wilson;

/// McNemar's exact test: the two-sided p-value, and the mid-p value.
///
/// `b` and `c` are the questions that only the one and only the other got right. If neither is better, each
/// of the b + c = n falls on either side with probability 1/2; with k = min(b, c) and X binomial (n, 1/2):
///
/// - p = min(1, 2 P(X ≤ k));
/// - mid-p = p − P(X = k), and 1 − P(X = k)/2 where b = c: outcomes as extreme as the one seen count half.
///   It is less conservative (Fagerland, Lydersen, Laake 2013, "The McNemar test for binary matched-pairs
///   data: mid-p and asymptotic are better than exact conditional").
///
/// Both are 1 where n = 0. Source: McNemar 1947. Exact but for rounding: relative error below 1e-9 up to
/// n = 1,000,000, compared with `scipy.stats.binomtest`; 0 below 1e-308. Time: O(n).
///
/// ```
/// let (exact, mid) = anneal_sql::mcnemar(1, 7);
/// assert_eq!((exact, mid), (18.0 / 256.0, 10.0 / 256.0));
/// ```
#[must_use]
pub fn mcnemar(b: usize, c: usize) -> (f64, f64) {
    let (n, k) = (b + c, b.min(c));
    if n == 0 {
        return (1.0, 1.0);
    }
    let at_k = central_ratio(n, k);
    // Down from k, each term by the ratio of neighbours: C(n, i - 1) / C(n, i) = i / (n - i + 1).
    let (mut tail, mut term) = (at_k, at_k);
    for i in (1..=k).rev() {
        term *= i as f64 / (n - i + 1) as f64;
        tail += term;
        if term < tail * 1e-18 {
            break;
        }
    }
    if b == c {
        return (1.0, 1.0 - at_k / 2.0);
    }
    ((2.0 * tail).min(1.0), 2.0 * tail - at_k)
}

/// C(n, k) / 2ⁿ: the middle term as a product of factors near 1, then outwards by the ratio of neighbours.
/// Neither overflows, and no logarithm costs digits.
fn central_ratio(n: usize, k: usize) -> f64 {
    let half = n / 2;
    // C(2m, m) / 4ᵐ = ∏ (2i - 1) / 2i. An odd n = 2m + 1 has C(n, m) / 2ⁿ = (2m + 1) / (2m + 2) of that.
    let mut term: f64 = (1..=half)
        .map(|i| (2 * i - 1) as f64 / (2 * i) as f64)
        .product();
    if n % 2 == 1 {
        term *= n as f64 / (n + 1) as f64;
    }
    for i in (k + 1..=half).rev() {
        term *= i as f64 / (n - i + 1) as f64;
    }
    term
}

/// The 95 % interval of the difference of two paired rates, second minus first.
///
/// `table` is \[both right, only the first, only the second, neither\]. Newcombe's method 10: the Wilson
/// intervals of both rates, combined by squares with their correlation φ (whose numerator is lessened by n/2,
/// but not below 0, where it is positive). Source: Newcombe 1998, "Improved confidence intervals for the
/// difference between binomial proportions based on paired data", Statistics in Medicine 17, 2635–2650;
/// compared with the results that the R package contingencytables states for
/// `Newcombe_square_and_add_CI_paired_2x2`.
///
/// `None` for an empty table.
///
/// ```
/// let [low, high] = anneal_sql::paired_interval([59, 6, 16, 80]).unwrap();
/// assert_eq!((format!("{low:.4}"), format!("{high:.4}")), ("0.0046".into(), "0.1186".into()));
/// ```
#[must_use]
pub fn paired_interval(table: [usize; 4]) -> Option<[f64; 2]> {
    let [both, first, second, neither] = table;
    let n = table.iter().sum::<usize>();
    let [low1, high1] = wilson(both + first, n)?;
    let [low2, high2] = wilson(both + second, n)?;
    let [a, b, c, d, n] = [both, first, second, neither, n].map(|count| count as f64);
    let (rate1, rate2) = ((a + b) / n, (a + c) / n);
    let margins = (a + b) * (c + d) * (a + c) * (b + d);
    let excess = a * d - b * c;
    let numerator = if excess > 0.0 {
        (excess - n / 2.0).max(0.0)
    } else {
        excess
    };
    let phi = if margins > 0.0 {
        numerator / margins.sqrt()
    } else {
        0.0
    };
    let combine = |x: f64, y: f64| (x * x - 2.0 * phi * x * y + y * y).max(0.0).sqrt();
    let difference = rate2 - rate1;
    Some([
        (difference - combine(rate2 - low2, high1 - rate1)).max(-1.0),
        (difference + combine(high2 - rate2, rate1 - low1)).min(1.0),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `scipy.stats.binomtest(min(b, c), b + c).pvalue` and `2 * binom.cdf(k, n, 0.5) - binom.pmf(k, n, 0.5)`
    /// (for b = c: `1 - binom.pmf(k, n, 0.5) / 2`) of scipy 1.17.1. The row (121, 59) is also the example of
    /// statsmodels' `mcnemar`.
    #[test]
    fn mcnemar_agrees_with_scipy() {
        for (b, c, exact, mid) in [
            (1, 0, 1.0, 0.5),
            (3, 3, 1.0, 0.84375),
            (1, 7, 0.0703125, 0.0390625),
            (5, 15, 0.04138946533203125, 0.026603698730468753),
            (121, 59, 4.4344492637551645e-06, 3.2666467957745733e-06),
            (10, 0, 0.001953125, 0.0009765625),
            (400, 500, 0.0009564441369189373, 0.0008541955361977088),
            (5_000, 5_300, 0.003215819673645259, 0.003116273688675258),
            (0, 100, 1.5777218104420236e-30, 7.888609052210078e-31),
            (
                49_000,
                51_000,
                2.5887160383468943e-10,
                2.536769446247996e-10,
            ),
            (500_000, 501_500, 0.1341651666841142, 0.13390588892583727),
            (0, 2_000, 0.0, 0.0),
        ] {
            let found = mcnemar(b, c);
            assert_eq!(found, mcnemar(c, b));
            for (found, expected) in [(found.0, exact), (found.1, mid)] {
                assert!(
                    (found - expected).abs() <= 1e-9 * expected,
                    "{b}, {c}: {found} {expected}"
                );
            }
        }
        assert_eq!(mcnemar(0, 0), (1.0, 1.0));
    }

    /// Four digits as contingencytables states them (the first row; its McNemar mid-p is 0.034690); all rows by
    /// the formula in Python with the Wilson intervals of statsmodels 0.15.0.
    #[test]
    fn paired_intervals_agree_with_newcombe() {
        assert_eq!(format!("{:.6}", mcnemar(6, 16).1), "0.034690");
        for (table, low, high) in [
            ([59, 16, 6, 80], -0.11862119563870999, -0.004625113933050047),
            ([1, 7, 1, 12], -0.506920226686141, -0.025559124164859837),
            ([20, 0, 0, 0], -0.16112515805281957, 0.16112515805281957),
            ([0, 9, 5, 0], -0.6731053649289174, 0.2247115379218521),
            (
                [812, 41, 77, 104],
                0.014262980213993498,
                0.05563370600907208,
            ),
            ([3, 6, 4, 2], -0.47589331757082576, 0.25342644452834373),
            ([10, 0, 3, 0], -0.04166559585255475, 0.5025637594672749),
        ] {
            let [found_low, found_high] = paired_interval(table).unwrap();
            assert!(
                (found_low - low).abs() < 1e-14,
                "{table:?}: {found_low} {low}"
            );
            assert!(
                (found_high - high).abs() < 1e-14,
                "{table:?}: {found_high} {high}"
            );
            let [both, first, second, neither] = table;
            let turned = paired_interval([both, second, first, neither]).unwrap();
            assert!((turned[0] + high).abs() < 1e-14 && (turned[1] + low).abs() < 1e-14);
        }
        assert_eq!(paired_interval([0; 4]), None);
    }
}
