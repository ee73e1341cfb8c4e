//! From values to places, and where the marks of an axis stand.

use super::numbers::figure;

/// An axis from `low` to `high`, linear or logarithmic.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    logarithmic: bool,
    /// Values that are named beside the axis.
    marks: Vec<f64>,
}

impl Axis {
    /// From 0, or from below it, to a round number over the largest value.
    pub(super) fn from_zero(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values).unwrap_or((0.0, 1.0));
        let flat = high <= 0.0 && low >= 0.0;
        let high = if flat { 1.0 } else { high.max(0.0) };
        Self::linear(low.min(0.0), high, true, 0.0)
    }

    /// Of steps: exactly from the first to the last, with marks at whole numbers.
    pub(super) fn steps(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values).unwrap_or((0.0, 1.0));
        let high = if high > low { high } else { low + 1.0 };
        Self::linear(low, high, false, 1.0)
    }

    /// Powers of ten around positive values, for those that span orders of magnitude.
    pub(super) fn logarithmic(values: impl Iterator<Item = f64>) -> Self {
        let (low, high) = ends(values.filter(|&value| value > 0.0)).unwrap_or((1.0, 10.0));
        let first = low.log10().floor() as i32;
        let last = (high.log10().ceil() as i32).max(first + 1);
        let every = ((last - first) / 5).max(1) as usize;
        Self {
            low: 10f64.powi(first),
            high: 10f64.powi(last),
            logarithmic: true,
            marks: (first..=last)
                .step_by(every)
                .map(|power| 10f64.powi(power))
                .collect(),
        }
    }

    fn linear(low: f64, high: f64, round_up: bool, least: f64) -> Self {
        // Marks at 1, 2 or 5 times a power of ten, four to eight of them.
        let rough = (high - low) / 4.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = match rough / power {
            ratio if ratio < 2.0 => power,
            ratio if ratio < 5.0 => 2.0 * power,
            _ => 5.0 * power,
        };
        let step = step.max(least);
        let (low, high) = match round_up {
            true => ((low / step).floor() * step, (high / step).ceil() * step),
            false => (low, high),
        };
        let (first, last) = (
            (low / step).ceil() as i64,
            (high / step + 1e-9).floor() as i64,
        );
        Self {
            low,
            high,
            logarithmic: false,
            marks: (first..=last).map(|mark| mark as f64 * step).collect(),
        }
    }

    /// Where a value stands, from 0 at the low end to 1 at the high one; outside values stand at the ends.
    pub(super) fn place(&self, value: f64) -> f64 {
        let place = match self.logarithmic {
            true if value <= 0.0 => 0.0,
            true => (value / self.low).ln() / (self.high / self.low).ln(),
            false => (value - self.low) / (self.high - self.low),
        };
        place.clamp(0.0, 1.0)
    }

    /// Places and names of the marks.
    pub(super) fn marks(&self) -> impl Iterator<Item = (f64, String)> {
        // Marks of one axis read alike: all with an exponent, or none.
        let largest = self
            .marks
            .iter()
            .fold(0.0, |largest: f64, mark| largest.max(mark.abs()));
        let small = !self.logarithmic && largest < 0.01;
        let name = move |mark: f64| match small && mark != 0.0 {
            true => format!("{mark:.1e}").replace(".0e", "e"),
            false => figure(mark),
        };
        self.marks
            .iter()
            .map(move |&mark| (self.place(mark), name(mark)))
    }

    /// Whether it is logarithmic.
    pub(super) fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }
}

/// The smallest and the largest of the finite values.
fn ends(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .fold(None, |ends, value| {
            let (low, high): (f64, f64) = ends.unwrap_or((value, value));
            Some((low.min(value), high.max(value)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(axis: &Axis) -> Vec<String> {
        axis.marks().map(|(_, name)| name).collect()
    }

    #[test]
    fn marks_are_round_and_values_stand_between_them() {
        let axis = Axis::from_zero([0.3, f64::NAN, 1.22, f64::INFINITY].into_iter());
        assert_eq!(
            names(&axis),
            ["0", "0.2", "0.4", "0.6", "0.8", "1", "1.2", "1.4"]
        );
        assert!((axis.place(0.7) - 0.5).abs() < 1e-12);
        assert_eq!((axis.place(0.0), axis.place(9.0)), (0.0, 1.0));
        let axis = Axis::steps([1.0, 69.0].into_iter());
        assert_eq!(names(&axis), ["10", "20", "30", "40", "50", "60"]);
        assert_eq!(
            (axis.place(1.0), axis.place(35.0), axis.place(69.0)),
            (0.0, 0.5, 1.0)
        );
        let axis = Axis::from_zero([1e-3].into_iter());
        assert_eq!(names(&axis), ["0", "2e-4", "4e-4", "6e-4", "8e-4", "1e-3"]);
        let axis = Axis::steps([1.0, 4.0].into_iter());
        assert_eq!(names(&axis), ["1", "2", "3", "4"]);
        // Equal values, and none at all.
        assert_eq!(Axis::steps([5.0].into_iter()).place(5.0), 0.0);
        assert_eq!(Axis::from_zero([0.0, 0.0].into_iter()).place(0.5), 0.5);
        assert!(names(&Axis::from_zero(std::iter::empty())).len() > 2);
    }

    #[test]
    fn a_logarithmic_axis_ends_at_powers_of_ten() {
        let axis = Axis::logarithmic([0.2, 35.0, 0.0, -1.0].into_iter());
        assert_eq!(names(&axis), ["0.1", "1", "10", "100"]);
        assert!((axis.place(1.0) - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(axis.place(0.0), 0.0);
    }
}
