//! Metadata values.

/// A typed metadata value; integers are widened.
///
/// No larger than 24 bytes, so that a list in memory is a small multiple of
/// the list in the file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Bool(bool),
    Text(Box<str>),
    List(Box<[Value]>),
    /// A list of truth values or of one- or two-byte numbers, by its length:
    /// nothing that is read is one, and widening it would take 24 times its room.
    Narrow(usize),
}

impl Value {
    pub(crate) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Unsigned(v) => Some(*v),
            Self::Signed(v) => u64::try_from(*v).ok(),
            _ => None,
        }
    }

    pub(crate) fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Float(v) => Some(*v),
            _ => self.as_u64().map(|v| v as f64),
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(v) => Some(v),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Value]> {
        match self {
            Self::List(v) => Some(v),
            _ => None,
        }
    }

    /// A short form for messages: lists by their length.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::List(list) => format!("a list of {}", list.len()),
            Self::Narrow(count) => format!("a list of {count} (of one or two bytes each)"),
            Self::Text(text) => format!("{:?}", text.chars().take(60).collect::<String>()),
            Self::Unsigned(v) => v.to_string(),
            Self::Signed(v) => v.to_string(),
            Self::Float(v) => v.to_string(),
            Self::Bool(v) => v.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    #[test]
    fn values_are_small_and_numbers_widen() {
        assert!(size_of::<Value>() <= 24);
        assert_eq!(Value::Signed(-1).as_u64(), None);
        assert_eq!(Value::Signed(7).as_u64(), Some(7));
        assert_eq!(Value::Unsigned(7).as_f64(), Some(7.0));
        assert_eq!(Value::Text("7".into()).as_f64(), None);
        assert_eq!(
            Value::Narrow(3).describe(),
            "a list of 3 (of one or two bytes each)"
        );
    }
}
