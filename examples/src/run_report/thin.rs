//! Fewer points with the same look, and running means.

/// A point of a curve: step and value.
pub(super) type Point = (f64, f64);

/// Points that a curve keeps at most, but for its ends and gaps.
const MOST: usize = 1_000;

/// At most about [`MOST`] points. Of each run of neighbours the lowest and the highest stay, in their order, so
/// that no spike is lost; a run with a value that is no number keeps it, as a gap.
pub(super) fn thin(points: &[Point]) -> Vec<Point> {
    thin_to(points, MOST)
}

fn thin_to(points: &[Point], most: usize) -> Vec<Point> {
    if points.len() <= most {
        return points.to_vec();
    }
    let run = (2 * points.len()).div_ceil(most);
    let mut kept = Vec::with_capacity(most + 2);
    for (at, run) in points.chunks(run).enumerate() {
        let mut chosen: Vec<usize> = Vec::with_capacity(5);
        let finite = || {
            run.iter()
                .enumerate()
                .filter(|(_, point)| point.1.is_finite())
        };
        chosen.extend(
            finite()
                .min_by(|a, b| a.1.1.total_cmp(&b.1.1))
                .map(|(i, _)| i),
        );
        chosen.extend(
            finite()
                .max_by(|a, b| a.1.1.total_cmp(&b.1.1))
                .map(|(i, _)| i),
        );
        chosen.extend(run.iter().position(|point| !point.1.is_finite()));
        // The ends of the whole curve.
        chosen.extend((at == 0).then_some(0));
        chosen.extend(((at + 1) * run.len() >= points.len()).then_some(run.len() - 1));
        chosen.sort_unstable();
        chosen.dedup();
        kept.extend(chosen.into_iter().map(|i| run[i]));
    }
    if let (Some(last), Some(end)) = (kept.last(), points.last())
        && last.0 != end.0
    {
        kept.push(*end);
    }
    kept
}

/// Steps that a running mean looks back on: a 25th of the run, between 5 and 200.
pub(super) fn span(steps: usize) -> usize {
    (steps / 25).clamp(5, 200)
}

/// `Σ numerator / Σ denominator` over the last `span` rows, each with its step; rows that are not finite are left
/// out, and where nothing is left there is no point.
///
/// For a loss the rows are (mean · tokens, tokens), so that the result is the mean loss per token over those steps.
pub(super) fn running_mean(rows: &[(f64, [f64; 2])], span: usize) -> Vec<Point> {
    let mut points = Vec::with_capacity(rows.len());
    for (at, &(step, _)) in rows.iter().enumerate() {
        let window = &rows[(at + 1).saturating_sub(span)..=at];
        let finite = window
            .iter()
            .map(|row| row.1)
            .filter(|row| row.iter().all(|v| v.is_finite()));
        let [above, below] = finite.fold([0.0, 0.0], |sum, row| [sum[0] + row[0], sum[1] + row[1]]);
        if below > 0.0 {
            points.push((step, above / below));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_curve_keeps_its_extremes_its_ends_and_its_gaps() {
        let value = |i: usize| match i {
            7_777 => 99.0,
            31_111 => -99.0,
            50_000 => f64::NAN,
            i => (i as f64 * 0.7).sin(),
        };
        let points: Vec<Point> = (0..100_000).map(|i| (i as f64, value(i))).collect();
        let kept = thin(&points);
        assert!((900..=1_003).contains(&kept.len()), "{}", kept.len());
        assert!(kept.is_sorted_by(|a, b| a.0 < b.0));
        for point in [
            (7_777.0, 99.0),
            (31_111.0, -99.0),
            points[0],
            points[99_999],
        ] {
            assert!(kept.contains(&point), "{point:?}");
        }
        assert_eq!(kept.iter().filter(|point| point.1.is_nan()).count(), 1);
        assert_eq!(thin(&points[..1_000]).len(), 1_000);
    }

    #[test]
    fn a_running_mean_weighs_by_tokens_and_leaves_out_what_is_no_number() {
        let rows = [
            (1.0, [2.0 * 10.0, 10.0]),
            (2.0, [f64::NAN, 10.0]),
            (3.0, [0.5 * 30.0, 30.0]),
            (4.0, [0.0, 10.0]),
        ];
        assert_eq!(
            running_mean(&rows, 3),
            [
                (1.0, 2.0),
                (2.0, 2.0),
                (3.0, 35.0 / 40.0),
                (4.0, 15.0 / 40.0)
            ]
        );
        assert_eq!(running_mean(&rows[1..2], 3), []);
        assert_eq!((span(10), span(500), span(1_000_000)), (5, 20, 200));
    }
}
