//! Numbers as people read them.

/// 1,234,567.
pub(crate) fn whole(count: impl Into<u64>) -> String {
    let digits = count.into().to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// [`whole`] of a count in memory.
pub(crate) fn count(count: usize) -> String {
    whole(count as u64)
}

/// `3 rows`, `1 row`.
pub(crate) fn plural(number: usize, noun: &str) -> String {
    format!(
        "{} {noun}{}",
        count(number),
        if number == 1 { "" } else { "s" }
    )
}

/// A share from 0 to 1 as per cent.
pub(crate) fn percent(share: Option<f64>) -> String {
    share.map_or("–".into(), |share| format!("{:.1} %", 100.0 * share))
}

/// `31.2 to 44.0 %`.
pub(crate) fn interval(ends: Option<[f64; 2]>) -> String {
    ends.map_or("–".into(), |[low, high]| {
        format!("{:.1} to {:.1} %", 100.0 * low, 100.0 * high)
    })
}

/// A difference of shares in points, with its sign.
pub(crate) fn points(difference: Option<f64>) -> String {
    let Some(difference) = difference else {
        return "–".into();
    };
    let sign = match difference {
        d if d > 0.0 => "+",
        d if d < 0.0 => "−",
        _ => "±",
    };
    format!("{sign}{:.1}", 100.0 * difference.abs())
}

/// A probability: three digits, or its order of magnitude.
pub(crate) fn p_value(p: f64) -> String {
    if p >= 0.001 {
        format!("{p:.3}")
    } else {
        format!("{p:.1e}")
    }
}

/// Four digits that matter; very large and small numbers with an exponent.
pub(crate) fn figure(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    if !(1e-3..1e6).contains(&size) {
        return format!("{value:.2e}");
    }
    let decimals = (3 - size.log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

/// Bytes in decimal units.
pub(crate) fn bytes(bytes: u64) -> String {
    let value = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", value / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", value / 1e6),
        _ => format!("{:.2} GB", value / 1e9),
    }
}

/// `3.2 s`, `12.3 min`, `2 h 05 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match seconds {
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 6_000.0 => format!("{:.1} min", s / 60.0),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(
            ["1", "999", "1,000", "12,345,678"],
            [1u32, 999, 1_000, 12_345_678].map(whole)[..]
        );
        assert_eq!(
            (plural(1, "row"), plural(2_000, "row")),
            ("1 row".into(), "2,000 rows".into())
        );
        assert_eq!(
            (percent(Some(0.1234)), percent(None)),
            ("12.3 %".into(), "–".into())
        );
        assert_eq!(
            [points(Some(0.331)), points(Some(-0.02)), points(Some(0.0))],
            ["+33.1", "−2.0", "±0.0"]
        );
        assert_eq!([p_value(0.0314), p_value(1.5e-9)], ["0.031", "1.5e-9"]);
        assert_eq!(
            [0.0, 1.2205830, 0.00123, 1e-4, 215.0, 12_345.6, 2.5e7].map(figure),
            ["0", "1.221", "0.00123", "1.00e-4", "215", "12346", "2.50e7"]
        );
        assert_eq!(
            [bytes(12), bytes(19_537_920), bytes(1_479_106_560)],
            ["12 bytes", "19.5 MB", "1.48 GB"]
        );
        assert_eq!(
            [seconds(3.25), seconds(620.0), seconds(7_500.0)],
            ["3.2 s", "10.3 min", "2 h 05 min"]
        );
    }
}
