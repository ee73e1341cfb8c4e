//! Conditions, values, operands and columns.

use super::{Parser, ends_list, is_clause, is_join};
use crate::matching::spider::SpiderError;
use crate::matching::spider::names::Id;
use crate::matching::spider::tree::{
    AGGREGATES, ARITHMETIC, BETWEEN, ColumnUse, Condition, Conditions, Connector, OPERATORS,
    Operand, Value,
};

impl Parser<'_> {
    pub(super) fn conditions(&mut self, tables: &[&str]) -> Result<Conditions, SpiderError> {
        let mut conditions = Conditions::default();
        while self.at < self.tokens.len() {
            conditions.list.push(self.condition(tables)?);
            if self.next_is(|word| ends_list(word) || is_join(word)) {
                break;
            }
            if self.take("and") {
                conditions.connectors.push(Connector::And);
            } else if self.take("or") {
                conditions.connectors.push(Connector::Or);
            } else if self.at < self.tokens.len() {
                // The script reads on here, and takes the next condition for a connector.
                return Err(self.unexpected("AND, OR or the end of the clause"));
            }
        }
        Ok(conditions)
    }

    fn condition(&mut self, tables: &[&str]) -> Result<Condition, SpiderError> {
        let left = self.operand(tables)?;
        let not = self.take("not");
        let operator = self
            .take_one_of(&OPERATORS)
            .ok_or_else(|| self.unexpected("an operator"))?;
        let first = self.value(tables)?;
        let second = if operator == BETWEEN {
            self.expect("and")?;
            self.value(tables)?
        } else {
            Value::None
        };
        Ok(Condition {
            not,
            operator,
            left,
            first,
            second,
        })
    }

    fn value(&mut self, tables: &[&str]) -> Result<Value, SpiderError> {
        let start = self.at;
        let block = self.take("(");
        let word = self.peek().ok_or_else(|| self.unexpected("a value"))?;
        let value = if word == "select" {
            Value::Query(Box::new(self.query()?))
        } else if word.contains('"') {
            self.at += 1;
            Value::Text(word.to_owned())
        } else if let Some(number) = number(word) {
            self.at += 1;
            Value::Number(number)
        } else {
            self.column_value(start, tables)?
        };
        if block {
            self.expect(")")?;
        }
        Ok(value)
    }

    /// A column as a value: everything up to `,`, `)`, AND, a clause or a join belongs to it, OR too, but only its
    /// beginning is read.
    fn column_value(&mut self, start: usize, tables: &[&str]) -> Result<Value, SpiderError> {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let ends = |token: &String| {
            matches!(token.as_str(), "," | ")" | "and") || is_clause(token) || is_join(token)
        };
        let end = self.at + rest.iter().position(ends).unwrap_or(rest.len());
        let all = self.tokens;
        self.tokens = &all[..end];
        self.at = start;
        let column = self.column_use(tables);
        self.tokens = all;
        self.at = end;
        Ok(Value::Column(column?))
    }

    pub(super) fn operand(&mut self, tables: &[&str]) -> Result<Operand, SpiderError> {
        let block = self.take("(");
        let left = self.column_use(tables)?;
        let operator = self.take_one_of(&ARITHMETIC);
        let right = match operator {
            Some(_) => Some(self.column_use(tables)?),
            None => None,
        };
        if block {
            self.expect(")")?;
        }
        Ok(Operand {
            operator: operator.unwrap_or(0),
            left,
            right,
        })
    }

    pub(super) fn column_use(&mut self, tables: &[&str]) -> Result<ColumnUse, SpiderError> {
        let block = self.take("(");
        if let Some(aggregate) = self.take_one_of(&AGGREGATES) {
            self.expect("(")?;
            let distinct = self.take("distinct");
            let column = self.column(tables)?;
            self.expect(")")?;
            // A parenthesis before the aggregate stays open, as in the script.
            return Ok(ColumnUse {
                aggregate,
                column,
                distinct,
            });
        }
        let distinct = self.take("distinct");
        let column = self.column(tables)?;
        if block {
            self.expect(")")?;
        }
        Ok(ColumnUse {
            aggregate: 0,
            column,
            distinct,
        })
    }

    fn column(&mut self, tables: &[&str]) -> Result<Id, SpiderError> {
        let word = self.peek().ok_or_else(|| self.unexpected("a column"))?;
        let found = if word == "*" {
            self.schema.id(word)
        } else if let Some((alias, column)) = word.split_once('.') {
            let table = self.aliases.get(alias).filter(|_| !column.contains('.'));
            table.and_then(|table| self.schema.id(&format!("{table}.{column}")))
        } else {
            self.bare_column(word, tables)
        };
        let Some(id) = found else {
            return Err(SpiderError::UnknownColumn {
                at: self.at,
                found: word.to_owned(),
            });
        };
        self.at += 1;
        Ok(id)
    }

    /// The column of the first table that has it.
    fn bare_column(&self, column: &str, tables: &[&str]) -> Option<Id> {
        for name in tables {
            let table = self.aliases.get(name)?;
            if self.schema.has(table, column)? {
                return self.schema.id(&format!("{table}.{column}"));
            }
        }
        None
    }
}

/// What Python's `float` reads, in ASCII digits.
fn number(word: &str) -> Option<f64> {
    let digit = |at: Option<usize>| {
        at.and_then(|at| word.as_bytes().get(at))
            .is_some_and(u8::is_ascii_digit)
    };
    let between_digits = |(at, _)| digit(usize::checked_sub(at, 1)) && digit(Some(at + 1));
    if !word.contains('_') {
        word.parse().ok()
    } else if word.match_indices('_').all(between_digits) {
        word.replace('_', "").parse().ok()
    } else {
        None
    }
}
