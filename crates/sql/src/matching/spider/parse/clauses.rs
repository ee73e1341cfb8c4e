//! The clauses of a query.

use super::{Parser, ends_list, is_clause};
use crate::matching::spider::SpiderError;
use crate::matching::spider::error::MAX_SPIDER_DEPTH;
use crate::matching::spider::names::Id;
use crate::matching::spider::tree::{
    AGGREGATES, Connector, Direction, Query, SetOperation, Source,
};

impl<'a> Parser<'a> {
    pub(super) fn query(&mut self) -> Result<Query, SpiderError> {
        if self.depth == MAX_SPIDER_DEPTH {
            return Err(SpiderError::TooDeep {
                limit: MAX_SPIDER_DEPTH,
            });
        }
        self.depth += 1;
        let query = self.query_at_depth();
        self.depth -= 1;
        query
    }

    fn query_at_depth(&mut self) -> Result<Query, SpiderError> {
        let mut query = Query::default();
        let block = self.take("(");
        // FROM is read first, because it says which tables bare columns belong to.
        let start = self.at;
        let tables = self.from(&mut query)?;
        let after_from = std::mem::replace(&mut self.at, start);
        self.select(&mut query, &tables)?;
        self.at = after_from;
        if self.take("where") {
            query.filter = self.conditions(&tables)?;
        }
        self.group_by(&mut query, &tables)?;
        if self.take("having") {
            query.having = self.conditions(&tables)?;
        }
        self.order_by(&mut query, &tables)?;
        if self.take("limit") {
            if self.peek().is_none() {
                return Err(self.unexpected("a number"));
            }
            self.at += 1;
            query.limit = true;
        }
        while self.take(";") {}
        if block {
            self.expect(")")?;
        }
        while self.take(";") {}
        let operation = match self.peek() {
            Some("intersect") => SetOperation::Intersect,
            Some("except") => SetOperation::Except,
            Some("union") => SetOperation::Union,
            _ => return Ok(query),
        };
        self.at += 1;
        query.set = Some((operation, Box::new(self.query()?)));
        Ok(query)
    }

    /// Reads FROM; returns the names of its tables.
    fn from(&mut self, query: &mut Query) -> Result<Vec<&'a str>, SpiderError> {
        let rest = self.tokens.get(self.at..).unwrap_or_default();
        let Some(found) = rest.iter().position(|token| token == "from") else {
            self.at = self.tokens.len();
            return Err(self.unexpected("from"));
        };
        self.at += found + 1;
        let mut tables = Vec::new();
        while self.at < self.tokens.len() {
            let block = self.take("(");
            if self.peek() == Some("select") {
                query.from.push(Source::Query(Box::new(self.query()?)));
            } else {
                self.take("join");
                let (id, name) = self.table()?;
                query.from.push(Source::Table(id));
                tables.push(name);
            }
            if self.take("on") {
                let on = self.conditions(&tables)?;
                if !query.joins.list.is_empty() {
                    query.joins.connectors.push(Connector::And);
                }
                query.joins.list.extend(on.list);
                query.joins.connectors.extend(on.connectors);
            }
            if block {
                self.expect(")")?;
            }
            if self.next_is(ends_list) {
                break;
            }
        }
        Ok(tables)
    }

    fn table(&mut self) -> Result<(Id, &'a str), SpiderError> {
        let word = self.peek().ok_or_else(|| self.unexpected("a table"))?;
        let name = self.aliases.get(word).copied();
        let Some((name, id)) = name.and_then(|name| Some((name, self.schema.id(name)?))) else {
            return Err(SpiderError::UnknownTable {
                at: self.at,
                found: word.to_owned(),
            });
        };
        let aliased = self
            .tokens
            .get(self.at + 1)
            .is_some_and(|next| next == "as");
        self.at += if aliased { 3 } else { 1 };
        Ok((id, name))
    }

    fn select(&mut self, query: &mut Query, tables: &[&str]) -> Result<(), SpiderError> {
        self.expect("select")?;
        query.distinct = self.take("distinct");
        while self.peek().is_some_and(|word| !is_clause(word)) {
            let aggregate = self.take_one_of(&AGGREGATES).unwrap_or(0);
            query.select.push((aggregate, self.operand(tables)?));
            self.take(",");
        }
        Ok(())
    }

    fn group_by(&mut self, query: &mut Query, tables: &[&str]) -> Result<(), SpiderError> {
        if !self.take("group") {
            return Ok(());
        }
        self.expect("by")?;
        while self.peek().is_some_and(|word| !ends_list(word)) {
            query.group_by.push(self.column_use(tables)?);
            if !self.take(",") {
                break;
            }
        }
        Ok(())
    }

    fn order_by(&mut self, query: &mut Query, tables: &[&str]) -> Result<(), SpiderError> {
        if !self.take("order") {
            return Ok(());
        }
        self.expect("by")?;
        let mut direction = Direction::Ascending;
        let mut operands = Vec::new();
        while self.peek().is_some_and(|word| !ends_list(word)) {
            operands.push(self.operand(tables)?);
            if self.take("desc") {
                direction = Direction::Descending;
            } else if self.take("asc") {
                direction = Direction::Ascending;
            }
            if !self.take(",") {
                break;
            }
        }
        query.order_by = Some((direction, operands));
        Ok(())
    }
}
