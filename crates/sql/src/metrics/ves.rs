//! BIRD's reward-based valid efficiency score (R-VES): is a correct query also a fast one?
//!
//! Compared against `evaluation/evaluation_ves.py` of bird-bench/mini_dev (commit bb37377).

/// The mean of the time ratios `gold / prediction` without the outliers, `None` if there is no ratio.
///
/// An outlier is not strictly within three standard deviations (of the population) of the mean of all ratios. Where the reference would be
/// left with nothing, because all ratios are equal, this is their mean; the reference divides by zero
/// there and gives no reward.
///
/// ```
/// let mut ratios = vec![1.0, 1.5, 0.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0];
/// ratios.push(100.0); // one run was interrupted
/// assert_eq!(anneal_sql::time_ratio(&ratios), Some(1.0));
/// assert_eq!(anneal_sql::time_ratio(&[2.0, 2.0]), Some(2.0));
/// assert_eq!(anneal_sql::time_ratio(&[]), None);
/// ```
#[must_use]
pub fn time_ratio(ratios: &[f64]) -> Option<f64> {
    let all = mean(ratios)?;
    let squares: Vec<f64> = ratios.iter().map(|ratio| (ratio - all).powi(2)).collect();
    let reach = 3.0 * mean(&squares)?.sqrt();
    let inside = |&ratio: &f64| ratio < all + reach && ratio > all - reach;
    let kept: Vec<f64> = ratios.iter().copied().filter(inside).collect();
    mean(&kept).or(Some(all))
}

/// The reward of a correct prediction whose gold takes `ratio` times as long: 1.25 from 2 on, 1 from 1 on,
/// 0.75 from a half on, 0.5 from a quarter on, 0.25 below; 0 for a ratio of 0, which the reference gives to wrong predictions.
///
/// ```
/// let rewards = [0.0, 0.1, 0.25, 0.5, 1.0, 2.0].map(anneal_sql::r_ves_reward);
/// assert_eq!(rewards, [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]);
/// ```
#[must_use]
pub fn r_ves_reward(ratio: f64) -> f64 {
    match ratio {
        0.0 => 0.0,
        ratio if ratio >= 2.0 => 1.25,
        ratio if ratio >= 1.0 => 1.0,
        ratio if ratio >= 0.5 => 0.75,
        ratio if ratio >= 0.25 => 0.5,
        _ => 0.25,
    }
}

/// R-VES of many predictions: 100 times the mean of the square roots of their rewards, `None` if there
/// is none. Wrong predictions count with a reward of 0.
///
/// ```
/// assert_eq!(anneal_sql::r_ves(&[1.0, 0.25, 0.0]), Some(50.0));
/// ```
#[must_use]
pub fn r_ves(rewards: &[f64]) -> Option<f64> {
    let roots: Vec<f64> = rewards.iter().map(|&reward| reward.sqrt()).collect();
    mean(&roots).map(|mean| 100.0 * mean)
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_go_by_three_deviations() {
        // Mean 1.5, deviation sqrt(0.25): nothing is 1.5 away.
        assert_eq!(time_ratio(&[1.0, 2.0]), Some(1.5));
        // Ten runs at 1 and one at 34: mean 4, deviation sqrt(90) = 9.49; 34 is beyond 4 + 28.46.
        let mut ratios = vec![1.0; 10];
        ratios.push(34.0);
        assert_eq!(time_ratio(&ratios), Some(1.0));
        // Eight runs at 1 and one at 34: mean 4.67, deviation 10.37; 34 is within 4.67 + 31.1.
        let ratios = [vec![1.0; 8], vec![34.0]].concat();
        assert_eq!(time_ratio(&ratios), Some(42.0 / 9.0));
    }

    #[test]
    fn steps_are_closed_below() {
        let below = |x: f64| f64::from_bits(x.to_bits() - 1);
        for (step, at, under) in [
            (2.0, 1.25, 1.0),
            (1.0, 1.0, 0.75),
            (0.5, 0.75, 0.5),
            (0.25, 0.5, 0.25),
        ] {
            assert_eq!((r_ves_reward(step), r_ves_reward(below(step))), (at, under));
        }
    }
}
