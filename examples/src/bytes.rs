//! Sizes as people write them: `500MB`.

use crate::ExampleError;

/// A number of bytes; `KB`, `MB` and `GB` are powers of a thousand, as
/// transformers' `max_shard_size` has them.
///
/// # Errors
/// [`ExampleError::Setting`] for anything else, and for zero.
pub fn parse_bytes(setting: &'static str, text: &str) -> Result<u64, ExampleError> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let factor = match text[digits.len()..].to_uppercase().as_str() {
        "" | "B" => Some(1),
        "KB" => Some(1_000),
        "MB" => Some(1_000_000),
        "GB" => Some(1_000_000_000),
        _ => None,
    };
    let bytes = digits.parse::<u64>().ok().zip(factor);
    bytes
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| ExampleError::Setting {
            setting,
            found: text.to_owned(),
            expected: "a number of bytes above 0, such as 500MB or 5GB".into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_decimal() {
        let parse = |text| parse_bytes("max-shard-size", text);
        assert_eq!(parse("12").unwrap(), 12);
        assert_eq!(parse("3kb").unwrap(), 3_000);
        assert_eq!(parse("5GB").unwrap(), 5_000_000_000);
        for wrong in ["", "GB", "0", "-1", "1.5GB", "1TB", "20000000000GB"] {
            let message = parse(wrong).unwrap_err().to_string();
            let expected = "expected a number of bytes above 0, such as 500MB or 5GB";
            assert_eq!(message, format!("--max-shard-size is {wrong}; {expected}"));
        }
    }
}
