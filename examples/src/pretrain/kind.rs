//! Kinds of values, and values of them.

use anneal_sql::Value;
use rand::Rng;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;

use super::words::{self, WORDS};

/// What the values of a column look like.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// One of a list of words, by the list's name in `words`.
    Word(&'static [&'static str]),
    /// `Anna Bell`.
    Person,
    /// `Silver Harbour`.
    Title,
    /// `Brook Street`.
    Street,
    /// `Bell & Sons`.
    Company,
    /// `Park Hall`.
    Place,
    /// `K47`.
    Code,
    /// `2019-03-14`.
    Date,
    /// A year in a range.
    Year(i64, i64),
    /// A whole number in a range.
    Int(i64, i64),
    /// A number with one decimal in a range.
    Real(i64, i64),
    /// One of the words given.
    Of(Vec<String>),
}

impl Kind {
    /// For messages.
    pub(super) const EXPECTED: &'static str =
        "a kind: person, title, date, int(1 9), of(a|b) or another of Kind";

    /// `person`, `int(1 9)`, `of(red|green)`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, inside) = match text.split_once('(') {
            None => (text, ""),
            Some((name, inside)) => (name, inside.strip_suffix(')')?),
        };
        let range = || {
            let (low, high) = inside.split_once(' ')?;
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            (low < high).then_some((low, high))
        };
        Some(match name {
            "person" => Self::Person,
            "title" => Self::Title,
            "street" => Self::Street,
            "company" => Self::Company,
            "place" => Self::Place,
            "code" => Self::Code,
            "date" => Self::Date,
            "year" => range().map(|(low, high)| Self::Year(low, high))?,
            "int" => range().map(|(low, high)| Self::Int(low, high))?,
            "real" => range().map(|(low, high)| Self::Real(low, high))?,
            "of" => Self::Of(inside.split('|').map(str::to_owned).collect()),
            _ => Self::Word(WORDS.iter().find(|(list, _)| *list == name)?.1),
        })
    }

    /// The type that the column is declared with.
    pub fn sql_type(&self) -> &'static str {
        match self {
            Self::Year(..) | Self::Int(..) => "INTEGER",
            Self::Real(..) => "REAL",
            _ => "TEXT",
        }
    }

    /// Whether the values are names, of which each row should have its own.
    pub fn is_name(&self) -> bool {
        matches!(
            self,
            Self::Person | Self::Title | Self::Street | Self::Company | Self::Place | Self::Code
        )
    }

    /// A value.
    pub fn draw(&self, random: &mut ChaCha8Rng) -> Value {
        let mut pick = |list: &[&'static str]| list.choose(random).copied().unwrap_or_default();
        let text = match self {
            Self::Word(list) => pick(list).to_owned(),
            Self::Person => format!("{} {}", pick(words::FIRST), pick(words::LAST)),
            Self::Title => format!("{} {}", pick(words::ADJECTIVE), pick(words::NOUN)),
            Self::Street => format!("{} {}", pick(words::LAST), pick(words::WAY)),
            Self::Company => format!("{} {}", pick(words::LAST), pick(words::TRADE)),
            Self::Place => format!("{} {}", pick(words::ADJECTIVE), pick(words::BUILDING)),
            Self::Code => {
                let letter = char::from(random.random_range(b'A'..=b'Z'));
                format!("{letter}{}", random.random_range(10..100))
            }
            Self::Date => {
                let year = random.random_range(2008..2024);
                let month = random.random_range(1..=12);
                format!("{year}-{month:02}-{:02}", random.random_range(1..=28))
            }
            &Self::Year(low, high) | &Self::Int(low, high) => {
                return Value::Integer(random.random_range(low..=high));
            }
            &Self::Real(low, high) => {
                return Value::Real(random.random_range(low * 10..=high * 10) as f64 / 10.0);
            }
            Self::Of(list) => list.choose(random).cloned().unwrap_or_default(),
        };
        Value::Text(text)
    }
}
