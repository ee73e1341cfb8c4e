//! The result of a query: typed values in rows.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One value of a result.
///
/// Equality is that of results, not of storage: an integer equals a real of the
/// same number (`3 = 3.0`, compared exactly, without a tolerance), NULL equals
/// NULL, text equals text of the same characters, a blob equals a blob of the
/// same bytes, and values of different kinds differ. Python's tuples, which
/// Spider's script compares, follow the same rules.
///
/// ```
/// use anneal_sql::Value;
/// assert_eq!(Value::Integer(3), Value::Real(3.0));
/// assert_ne!(Value::Integer(3), Value::Text("3".into()));
/// assert_ne!(Value::Integer(9_007_199_254_740_993), Value::Real(9_007_199_254_740_992.0));
/// ```
///
/// In JSON: `null`, a number, a string, and a list of bytes for a blob. JSON has no infinity, which SQLite gives for
/// `1e999`: that is `{"real": "Infinity"}` or `{"real": "-Infinity"}`.
///
/// ```
/// use anneal_sql::Value;
/// let values = [Value::Null, Value::Integer(1), Value::Real(1.0), Value::Real(f64::NEG_INFINITY), Value::Blob(vec![0, 255])];
/// let json = serde_json::to_string(&values)?;
/// assert_eq!(json, r#"[null,1,1.0,{"real":"-Infinity"},[0,255]]"#);
/// assert_eq!(serde_json::from_str::<Vec<Value>>(&json)?, values);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub enum Value {
    /// SQL's NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A 64-bit float; SQLite never gives a NaN.
    Real(f64),
    /// Text; bytes that are not UTF-8 have become U+FFFD.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

/// The form of a value in JSON.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Json<T, B> {
    Null,
    Integer(i64),
    Real(f64),
    Text(T),
    Blob(B),
    Infinite { real: Infinity },
}

#[derive(Serialize, Deserialize)]
enum Infinity {
    #[serde(rename = "Infinity")]
    Positive,
    #[serde(rename = "-Infinity")]
    Negative,
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: Json<&str, &[u8]> = match self {
            Self::Null => Json::Null,
            Self::Integer(value) => Json::Integer(*value),
            Self::Real(f64::INFINITY) => Json::Infinite {
                real: Infinity::Positive,
            },
            Self::Real(f64::NEG_INFINITY) => Json::Infinite {
                real: Infinity::Negative,
            },
            Self::Real(value) => Json::Real(*value),
            Self::Text(text) => Json::Text(text),
            Self::Blob(bytes) => Json::Blob(bytes),
        };
        json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Json::<String, Vec<u8>>::deserialize(deserializer)? {
            Json::Null => Self::Null,
            Json::Integer(value) => Self::Integer(value),
            Json::Real(value) => Self::Real(value),
            Json::Text(text) => Self::Text(text),
            Json::Blob(bytes) => Self::Blob(bytes),
            Json::Infinite { real } => Self::Real(match real {
                Infinity::Positive => f64::INFINITY,
                Infinity::Negative => f64::NEG_INFINITY,
            }),
        })
    }
}

/// What equality and hashing look at: one representative for each class of equal values.
#[derive(PartialEq, Eq, Hash)]
enum Key<'a> {
    Null,
    Integer(i64),
    /// The bits of a float that is no 64-bit integer.
    Real(u64),
    Text(&'a str),
    Blob(&'a [u8]),
}

impl Value {
    fn key(&self) -> Key<'_> {
        const TWO_63: f64 = 9_223_372_036_854_775_808.0;
        match self {
            Self::Null => Key::Null,
            Self::Integer(value) => Key::Integer(*value),
            // The cast is exact: the float is whole and in range. -0.0 becomes 0.
            Self::Real(value) if value.fract() == 0.0 && (-TWO_63..TWO_63).contains(value) => {
                Key::Integer(*value as i64)
            }
            Self::Real(value) => Key::Real(value.to_bits()),
            Self::Text(text) => Key::Text(text),
            Self::Blob(bytes) => Key::Blob(bytes),
        }
    }

    /// Bytes that this value takes from a budget.
    pub(crate) fn cost(&self) -> usize {
        8 + match self {
            Self::Text(text) => text.len(),
            Self::Blob(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Value {}

impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

/// The result of a query: column names and rows, in SQLite's order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rows {
    columns: Vec<String>,
    rows: Vec<Vec<Value>>,
}

impl Rows {
    /// A result from its parts.
    ///
    /// # Panics
    /// If a row has another number of values than there are columns.
    #[must_use]
    pub fn new(columns: Vec<String>, rows: Vec<Vec<Value>>) -> Self {
        for (index, row) in rows.iter().enumerate() {
            assert_eq!(
                row.len(),
                columns.len(),
                "values in row {index}, one for each column"
            );
        }
        Self { columns, rows }
    }

    /// The column names as SQLite gives them; names may repeat.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[Vec<Value>] {
        &self.rows
    }

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.columns.len()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_across_types_and_exactly() {
        assert_eq!(Value::Integer(-4), Value::Real(-4.0));
        assert_eq!(Value::Integer(0), Value::Real(-0.0));
        assert_ne!(Value::Real(0.1 + 0.2), Value::Real(0.3));
        // 2^63 as a float is one past the largest integer.
        assert_ne!(Value::Integer(i64::MAX), Value::Real(i64::MAX as f64));
        assert_eq!(Value::Integer(i64::MIN), Value::Real(i64::MIN as f64));
        assert_eq!(Value::Real(f64::INFINITY), Value::Real(f64::INFINITY));
    }

    #[test]
    fn kinds_do_not_mix() {
        assert_eq!(Value::Null, Value::Null);
        assert_ne!(Value::Null, Value::Integer(0));
        assert_ne!(Value::Text("a".into()), Value::Blob(b"a".to_vec()));
        assert_ne!(Value::Text("a".into()), Value::Text("A".into()));
    }

    #[test]
    fn every_value_comes_back_from_json_as_its_own_kind() {
        for value in [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Integer(i64::MAX),
            Value::Real(-0.0),
            Value::Real(3.0),
            Value::Real(0.1 + 0.2),
            Value::Real(1e300),
            Value::Real(5e-324),
            Value::Real(9_223_372_036_854_775_808.0),
            Value::Real(f64::INFINITY),
            Value::Real(f64::NEG_INFINITY),
            Value::Text(String::new()),
            Value::Text("Infinity".into()),
            Value::Text("{\"real\":\"Infinity\"}".into()),
            Value::Blob(vec![]),
            Value::Blob(vec![0, 255]),
        ] {
            let json = serde_json::to_string(&value).unwrap();
            let back: Value = serde_json::from_str(&json).unwrap();
            // Their Debug tells 3 from 3.0, which equality does not.
            assert_eq!(format!("{back:?}"), format!("{value:?}"), "{json}");
        }
        assert!(serde_json::from_str::<Value>(r#"{"real":"NaN"}"#).is_err());
    }

    #[test]
    #[should_panic(expected = "values in row 1")]
    fn a_ragged_result_is_refused() {
        let row = vec![Value::Null];
        let _ = Rows::new(vec!["a".into()], vec![row, vec![]]);
    }
}
