//! A gold that sqlparser does not read, token by token: SQLite runs more than it parses.

use super::shape::{Block, Instance, Role, Shape, Slot};
use super::value::number;
use crate::lexer::{Kind, Token, tokens};
use crate::{Schema, Value};

/// The shape as far as tokens show it: the tables that are named, and for each literal the column
/// named last before it. There are no atoms: nothing is known of what the query wants.
pub(super) fn read(schema: &Schema, gold: &str) -> Shape {
    let mut shape = Shape::default();
    let code: Vec<Token<'_>> = tokens(gold).filter(Token::is_code).collect();
    let names: Vec<String> = code
        .iter()
        .map(|token| name(token).to_lowercase())
        .collect();
    for (table, one) in schema.tables.iter().enumerate() {
        if names.contains(&one.name.to_lowercase()) {
            shape.instances.push(Instance { table, block: 0 });
        }
    }
    shape.blocks.push(Block::new(None, Role::Needed));
    let find = |name: &str| -> Option<Slot> {
        shape
            .instances
            .iter()
            .enumerate()
            .find_map(|(instance, one)| {
                let mut columns = schema.tables[one.table].columns.iter();
                let column = columns.position(|column| column.name.to_lowercase() == name)?;
                Some(Slot { instance, column })
            })
    };
    let mut last = None;
    let mut seeds = Vec::new();
    for (token, name) in code.iter().zip(&names) {
        let literal = match token.kind {
            Kind::Quoted if token.text.starts_with('\'') => Some(Value::Text(token.unquoted())),
            Kind::Quoted | Kind::Word => match find(name) {
                Some(slot) => {
                    last = Some(slot);
                    None
                }
                None if token.text.starts_with('"') => Some(Value::Text(token.unquoted())),
                None => number(token.text),
            },
            _ => None,
        };
        if let (Some(literal), Some(slot)) = (literal, last) {
            seeds.push((shape.instances[slot.instance].table, slot.column, literal));
        }
    }
    shape.seeds = seeds;
    shape
}

fn name(token: &Token<'_>) -> String {
    match token.kind {
        Kind::Quoted => token.unquoted(),
        _ => token.text.to_owned(),
    }
}
