//! Numbers and texts of the query, and others in their place.

use sqlparser::ast::{Expr, Ident, UnaryOperator, Value};

use super::Edit;

/// Other literals of the query tried at one place.
const SWAPS: usize = 3;

/// A literal of the query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    /// A number with its sign, as written.
    Number(String),
    /// A text, and its quotes: `"…"` where SQLite takes an unknown name for a text.
    Text(String, char),
}

impl Literal {
    /// The literal that `expr` is. `named` tells whether a name in double quotes is a column.
    pub(super) fn read(expr: &Expr, named: impl Fn(&str) -> bool) -> Option<Self> {
        match expr {
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => Some(Self::Number(digits.clone())),
                Value::SingleQuotedString(text) => Some(Self::Text(text.clone(), '\'')),
                _ => None,
            },
            Expr::UnaryOp {
                op: UnaryOperator::Minus,
                expr,
            } => match &**expr {
                Expr::Value(value) => match &value.value {
                    Value::Number(digits, _) => Some(Self::Number(format!("-{digits}"))),
                    _ => None,
                },
                _ => None,
            },
            Expr::Identifier(name) if name.quote_style == Some('"') && !named(&name.value) => {
                Some(Self::Text(name.value.clone(), '"'))
            }
            _ => None,
        }
    }

    pub(super) fn expr(&self) -> Expr {
        let value = match self {
            Self::Number(digits) => Value::Number(digits.clone(), false),
            Self::Text(text, '"') => return Expr::Identifier(Ident::with_quote('"', text)),
            Self::Text(text, _) => Value::SingleQuotedString(text.clone()),
        };
        Expr::Value(value.into())
    }

    /// Literals one edit away: ± 1, a letter more, and others of the same kind among `all`.
    pub(super) fn others(&self, all: &[Self]) -> Vec<(Self, Edit)> {
        let mut others = Vec::new();
        match self {
            Self::Number(digits) => {
                others.extend(shifted(digits).map(|other| (Self::Number(other), Edit::Number)));
            }
            Self::Text(text, quote) => match text.parse::<i64>() {
                Ok(_) => others
                    .extend(shifted(text).map(|other| (Self::Text(other, *quote), Edit::Number))),
                Err(_) => others.push((Self::Text(format!("{text}x"), *quote), Edit::Text)),
            },
        }
        let mut swaps = Vec::new();
        for other in all {
            let fits = matches!(
                (self, other),
                (Self::Number(_), Self::Number(_)) | (Self::Text(..), Self::Text(..))
            );
            let new = other != self && !swaps.contains(&other);
            if fits && new && swaps.len() < SWAPS {
                swaps.push(other);
            }
        }
        others.extend(
            swaps
                .into_iter()
                .map(|other| (other.clone(), Edit::Literal)),
        );
        others
    }

    /// Patterns one edit away from this one: with or without `%` at each end, a letter more inside.
    pub(super) fn patterns(&self) -> Vec<Self> {
        let Self::Text(text, quote) = self else {
            return Vec::new();
        };
        let start = text
            .strip_prefix('%')
            .map_or_else(|| format!("%{text}"), str::to_owned);
        let end = text
            .strip_suffix('%')
            .map_or_else(|| format!("{text}%"), str::to_owned);
        let core = text.trim_end_matches('%');
        let longer = format!("{core}x{}", &text[core.len()..]);
        [start, end, longer]
            .into_iter()
            .map(|other| Self::Text(other, *quote))
            .collect()
    }
}

/// `digits` plus 1 and minus 1; nothing where that is no number of the same kind.
fn shifted(digits: &str) -> impl Iterator<Item = String> {
    let pair = if let Ok(value) = digits.parse::<i64>() {
        [1, -1].map(|step| value.checked_add(step).map(|value| value.to_string()))
    } else {
        let value = digits
            .parse::<f64>()
            .ok()
            .filter(|value| value.abs() < 1e15);
        [1.0, -1.0].map(|step| value.map(|value| format!("{:?}", value + step)))
    };
    pair.into_iter().flatten()
}
