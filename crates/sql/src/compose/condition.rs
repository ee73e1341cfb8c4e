//! Conditions on a column, as SQL and in words.

use super::pen::{Pen, an, is, literal, who};
use super::world::{ColumnFacts, Kind, TableFacts};
use crate::Value;

/// A condition on one column.
pub(super) struct Condition<'a> {
    pub(super) column: &'a ColumnFacts,
    /// What follows the column: `> 30`.
    test: String,
    /// The column in words: `age`.
    pub(super) property: String,
    /// `is above 30`.
    pub(super) says: String,
    /// `an age above 30`.
    pub(super) with: String,
    /// A test that keeps the same rows if the words can only be read in one way.
    twin: Option<String>,
}

impl Condition<'_> {
    /// As SQL, the column after `alias` (`t1.` or nothing).
    pub(super) fn sql(&self, alias: &str) -> String {
        format!("{alias}{} {}", self.column.sql, self.test)
    }

    /// The other test as SQL.
    pub(super) fn twin(&self, alias: &str) -> Option<String> {
        self.twin
            .as_ref()
            .map(|twin| twin.replace("{c}", &format!("{alias}{}", self.column.sql)))
    }

    /// Whether it is about most rows, or about one that is known by the value: odd in a comparison of groups.
    pub(super) fn is_odd_in_sets(&self) -> bool {
        self.test.starts_with("<>") || (self.column.unique && self.column.kind == Kind::Text)
    }

    /// What is said about the rows: `whose age is above 30`.
    pub(super) fn whose(&self) -> String {
        format!("whose {} {}", self.property, self.says)
    }
}

/// What a condition is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    /// Equal to, other than, above or below a value.
    Compare,
    Between,
    Like,
    In,
}

impl<'a> Pen<'a> {
    /// `whose age is above 30` or `with an age above 30`.
    pub(super) fn clause(&mut self, table: &TableFacts, condition: &Condition<'_>) -> String {
        match self.random.below(5) {
            0..3 => condition.whose(),
            3 => format!("with {}", condition.with),
            _ => format!("{} have {}", who(table), condition.with),
        }
    }

    /// A condition on a column of `table`, not on those of `but`.
    pub(super) fn condition(
        &mut self,
        table: &'a TableFacts,
        test: Test,
        but: &[&ColumnFacts],
    ) -> Option<Condition<'a>> {
        let fits = |column: &ColumnFacts| {
            let asked = match test {
                Test::Between => matches!(column.kind, Kind::Number | Kind::Year | Kind::Date),
                Test::Like => column.kind == Kind::Text,
                Test::In => matches!(column.kind, Kind::Text | Kind::Year),
                Test::Compare => !matches!(column.kind, Kind::Other | Kind::Key),
            };
            asked
                && column.values.len() > 1
                && !but.iter().any(|other| std::ptr::eq(*other, column))
        };
        let column = self.column(table, fits)?;
        match test {
            Test::Between => self.between(column),
            Test::Like => self.like(column),
            Test::In => self.within(column),
            Test::Compare => match column.kind {
                Kind::Text => self.equal(column),
                Kind::Number if self.random.percent(20) => self.equal(column),
                Kind::Year if self.random.percent(40) => self.equal(column),
                _ => self.compare(column),
            },
        }
    }

    fn drawn(&mut self, column: &'a ColumnFacts) -> Option<&'a Value> {
        self.random.one(&column.values).map(|(value, _)| value)
    }

    fn equal(&mut self, column: &'a ColumnFacts) -> Option<Condition<'a>> {
        let value = self.drawn(column)?;
        if matches!(value, Value::Real(_)) {
            return None;
        }
        let said = self.value(column, value);
        let property = column.noun.one.clone();
        let verb = is(&property);
        let text = column.kind == Kind::Text;
        if column.nulls == 0 && column.distinct > 1 && self.random.percent(12) {
            let with = format!("{} other than {said}", an(&property));
            let says = self.say(
                &[
                    "{v} not {x}",
                    "{v} anything but {x}",
                    "{v} different from {x}",
                ],
                &[("v", verb), ("x", &said)],
            );
            return Some(Condition {
                column,
                test: format!("<> {}", literal(value)),
                property,
                says,
                with,
                twin: None,
            });
        }
        let with = if text {
            format!("the {property} {said}")
        } else {
            format!("{} of {said}", an(&property))
        };
        let says = self.say(
            &["{v} {x}", "{v} {x}", "{v} equal to {x}"],
            &[("v", verb), ("x", &said)],
        );
        Some(Condition {
            column,
            test: format!("= {}", literal(value)),
            property,
            says,
            with,
            twin: None,
        })
    }

    fn compare(&mut self, column: &'a ColumnFacts) -> Option<Condition<'a>> {
        let value = self.threshold(column)?;
        let said = self.value(column, &value);
        let property = column.noun.one.clone();
        let (operator, says, with): (&str, &[&str], &str) =
            match (column.kind, self.random.below(6)) {
                (Kind::Number, 0 | 1) => (
                    ">",
                    &[
                        "above {x}",
                        "greater than {x}",
                        "more than {x}",
                        "over {x}",
                        "higher than {x}",
                    ],
                    "above {x}",
                ),
                (Kind::Number, 2 | 3) => (
                    "<",
                    &[
                        "below {x}",
                        "less than {x}",
                        "under {x}",
                        "lower than {x}",
                        "smaller than {x}",
                    ],
                    "below {x}",
                ),
                (Kind::Number, 4) => (
                    ">=",
                    &[
                        "at least {x}",
                        "{x} or more",
                        "greater than or equal to {x}",
                        "no less than {x}",
                    ],
                    "of at least {x}",
                ),
                (Kind::Number, _) => (
                    "<=",
                    &[
                        "at most {x}",
                        "{x} or less",
                        "less than or equal to {x}",
                        "no more than {x}",
                    ],
                    "of at most {x}",
                ),
                (_, 0..3) => (
                    ">",
                    &[
                        "after {x}",
                        "later than {x}",
                        "after {x}",
                        "more recent than {x}",
                    ],
                    "after {x}",
                ),
                _ => (
                    "<",
                    &[
                        "before {x}",
                        "earlier than {x}",
                        "before {x}",
                        "prior to {x}",
                    ],
                    "before {x}",
                ),
            };
        let says = format!("{} {}", is(&property), self.say(says, &[("x", &said)]));
        let with = format!("{} {}", an(&property), self.say(&[with], &[("x", &said)]));
        Some(Condition {
            column,
            test: format!("{operator} {}", literal(&value)),
            property,
            says,
            with,
            twin: None,
        })
    }

    /// A value of the column, a real with at most two places.
    pub(super) fn threshold(&mut self, column: &'a ColumnFacts) -> Option<Value> {
        let value = self.drawn(column)?;
        Some(match value {
            Value::Real(number) => Value::Real((number * 100.0).round() / 100.0),
            value => value.clone(),
        })
    }

    fn between(&mut self, column: &'a ColumnFacts) -> Option<Condition<'a>> {
        let (one, two) = (self.threshold(column)?, self.threshold(column)?);
        let (low, high) = if sorted(&one, &two) {
            (one, two)
        } else {
            (two, one)
        };
        if low == high {
            return None;
        }
        let (a, b) = (self.value(column, &low), self.value(column, &high));
        let (low, high) = (literal(&low), literal(&high));
        let property = column.noun.one.clone();
        let parts = [("a", a.as_str()), ("b", b.as_str())];
        // Whether the ends belong to it is said, or does not matter.
        let (range, twin) = match self.random.percent(50) {
            true => (
                &["between {a} and {b}", "in the range from {a} to {b}"][..],
                Some(format!("{{c}} > {low} AND {{c}} < {high}")),
            ),
            false => (
                &[
                    "between {a} and {b} inclusive",
                    "from {a} up to and including {b}",
                    "at least {a} and at most {b}",
                ][..],
                None,
            ),
        };
        let says = self.say(range, &parts);
        let verb = is(&property);
        let of = if says.starts_with("at ") { "of " } else { "" };
        let with = format!("{} {of}{says}", an(&property));
        Some(Condition {
            column,
            test: format!("BETWEEN {low} AND {high}"),
            says: format!("{verb} {says}"),
            property,
            with,
            twin,
        })
    }

    fn like(&mut self, column: &'a ColumnFacts) -> Option<Condition<'a>> {
        let Value::Text(text) = self.drawn(column)? else {
            return None;
        };
        let parts: Vec<&str> = text
            .split(' ')
            .filter(|word| word.chars().all(|c| c.is_ascii_alphanumeric()))
            .collect();
        let property = column.noun.one.clone();
        let first: String = text
            .chars()
            .take(1)
            .filter(char::is_ascii_alphabetic)
            .collect();
        let (piece, pattern, says): (&str, String, &[&str]) = match self.random.below(3) {
            0 if !first.is_empty() => (
                &first,
                format!("{first}%"),
                &[
                    "starts with the letter {x}",
                    "starts with {x}",
                    "begins with the letter {x}",
                    "begins with {x}",
                ],
            ),
            1 if parts.len() > 1 && text.ends_with(parts[parts.len() - 1]) => {
                let last = parts[parts.len() - 1];
                (last, format!("%{last}"), &["ends with {x}", "ends in {x}"])
            }
            _ => {
                let long: Vec<&str> = parts
                    .iter()
                    .copied()
                    .filter(|word| word.len() > 2)
                    .collect();
                let word = self.random.one(&long)?;
                (
                    word,
                    format!("%{word}%"),
                    &[
                        "contains {x}",
                        "includes {x}",
                        "contains the word {x}",
                        "has {x} in it",
                    ],
                )
            }
        };
        // `word` means a whole one, which the pattern does not.
        let whole = says.len() == 4 && pattern.starts_with('%');
        let says = if whole {
            &[
                "contains {x}",
                "includes {x}",
                "has {x} in it",
                "contains the text {x}",
            ][..]
        } else {
            says
        };
        let quoted = format!("\"{piece}\"");
        let said = self.say(says, &[("x", &quoted)]);
        let with = format!("{} that {said}", an(&property));
        // Letters count in their case only if it makes no difference.
        let twin = Some(format!("{{c}} GLOB '{}'", pattern.replace('%', "*")));
        Some(Condition {
            column,
            test: format!("LIKE '{pattern}'"),
            says: said,
            property,
            with,
            twin,
        })
    }

    fn within(&mut self, column: &'a ColumnFacts) -> Option<Condition<'a>> {
        let mut values: Vec<&Value> = Vec::new();
        let wanted = 2 + self.random.below(2);
        for _ in 0..wanted * 3 {
            let value = self.drawn(column)?;
            if values.len() < wanted && !values.contains(&value) {
                values.push(value);
            }
        }
        if values.len() < 2 {
            return None;
        }
        let said: Vec<String> = values
            .iter()
            .map(|value| self.value(column, value))
            .collect();
        let said = super::english::enumerate(&said, "or");
        let property = column.noun.one.clone();
        let says = self.say(&["either {x}", "one of {x}", "{x}"], &[("x", &said)]);
        let says = if values.len() > 2 {
            says.replacen("either ", "", 1)
        } else {
            says.replacen("one of ", "either ", 1)
        };
        let list: Vec<String> = values.iter().map(|value| literal(value)).collect();
        let with = format!("the {property} {says}");
        Some(Condition {
            column,
            test: format!("IN ({})", list.join(", ")),
            says: format!("{} {says}", is(&property)),
            property,
            with,
            twin: None,
        })
    }
}

fn sorted(one: &Value, two: &Value) -> bool {
    match (one, two) {
        (Value::Text(one), Value::Text(two)) => one < two,
        (Value::Integer(one), Value::Integer(two)) => one < two,
        (one, two) => as_real(one) < as_real(two),
    }
}

fn as_real(value: &Value) -> f64 {
    match value {
        Value::Integer(number) => *number as f64,
        Value::Real(number) => *number,
        _ => 0.0,
    }
}
