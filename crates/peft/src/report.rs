//! What attaching an adapter did.

use std::fmt;

/// The layers that were adapted, and the size of the update.
///
/// Prints as PEFT's `print_trainable_parameters` does.
///
/// ```
/// let report = anneal_peft::AttachReport {
///     adapted: vec!["q_proj".into()],
///     unmatched: vec![],
///     trainable_params: 1_234_567,
///     all_params: 100_000_000,
/// };
/// assert_eq!(
///     report.to_string(),
///     "trainable params: 1,234,567 || all params: 100,000,000 || trainable%: 1.2346"
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachReport {
    /// Paths of the adapted layers, in the module's order.
    pub adapted: Vec<String>,
    /// Names in `target_modules` that match no layer, and in a file's
    /// `modules_to_save` that match no module. PEFT ignores them; so does this
    /// crate, but it says so.
    pub unmatched: Vec<String>,
    /// Number of values that training changes once the adapter is active. What
    /// an embedding and its tied head share counts once; PEFT counts it twice.
    pub trainable_params: usize,
    /// Number of values in the module, the adapter's included.
    pub all_params: usize,
}

impl fmt::Display for AttachReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "trainable params: {} || all params: {} || trainable%: {:.4}",
            thousands(self.trainable_params),
            thousands(self.all_params),
            100.0 * self.trainable_params as f64 / self.all_params as f64,
        )
    }
}

/// The number with a comma before every third digit from the right.
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_separated_from_the_right() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1234567, "1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(thousands(number), text);
        }
    }
}
