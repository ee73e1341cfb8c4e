//! A vectorisable exponential.
//!
//! libm's is scalar: a softmax or SiLU spends most of its time in it.

/// `eˣ` for `x ≤ 88`; zero below −87.
///
/// `eˣ = 2ⁿ·eʳ` with `n = round(x / ln 2)` and `|r| ≤ ln 2 / 2`; `eʳ` by its
/// Taylor polynomial of degree 7, whose remainder is below 5e-9. Branch-free,
/// so that a loop over it becomes vector instructions.
#[inline(always)]
pub(super) fn exp(x: f32) -> f32 {
    // Splitting ln 2 keeps the low bits of `x − n·ln 2` (Cody and Waite).
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding and subtracting 1.5·2²³ rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = clamped - n * LN_2_HIGH - n * LN_2_LOW;
    let mut p = 1.0 / 5040.0;
    for c in [
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = p * r + c;
    }
    // `n` stands in the low bits of the shifted number; as an exponent it is
    // biased by 127. A conversion to an integer would check for overflow.
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23));
    if x < -87.0 { 0.0 } else { p * power }
}

#[cfg(test)]
mod tests {
    use super::exp;

    #[test]
    fn agrees_with_libm_to_a_few_units_in_the_last_place() {
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            let expected = f64::from(x).exp();
            let relative = (f64::from(exp(x)) - expected).abs() / expected;
            assert!(relative < 4e-7, "exp({x}) is off by {relative:e}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert_eq!(exp(f32::MIN), 0.0);
    }
}
