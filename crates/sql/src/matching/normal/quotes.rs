//! Whether what stands between quotes is a name or a text.

use std::collections::HashSet;

use super::pieces::Piece;
use super::words::{compares, is_keyword};
use crate::Schema;

/// Turns every [`Piece::Either`] into a name or a text, and texts that stand for names into names.
///
/// Beside a period, after FROM, JOIN, UPDATE and INTO, and after AS (but not in a CAST), both quotes hold names: SQLite reads
/// `'t'.a` and `AS 'x'` so. Elsewhere single quotes hold a text, and double quotes hold
///
/// - with a schema, what SQLite takes it for: a name if a table of the query has such a column, or the query defines such a
///   name with AS; otherwise a text;
/// - without a schema, a text after an operator that compares or joins texts (`=`, `<`, LIKE, BETWEEN and its AND, `||`, THEN,
///   ELSE, IS …), in a list after IN or VALUES, and as an argument of a function after the first; a name elsewhere, as in
///   SELECT, GROUP BY and ORDER BY and to the left of an operator.
pub(super) fn resolve(pieces: &mut [Piece], schema: Option<&Schema>) {
    let known = schema.map(|schema| names(pieces, schema));
    let mut state = State::default();
    for at in 0..pieces.len() {
        let dot = |piece: Option<&Piece>| piece == Some(&Piece::Mark("."));
        let beside_dot = dot(pieces.get(at + 1)) || (at > 0 && dot(pieces.get(at - 1)));
        let previous = at.checked_sub(1).and_then(|before| pieces.get(before));
        let names_follow = matches!(previous, Some(Piece::Word(word))
            if matches!(word.as_str(), "from" | "join" | "as" | "update" | "into"));
        let is_name = beside_dot || names_follow;
        let text_here = state.expects_text(previous);
        let piece = &mut pieces[at];
        match piece {
            Piece::Either(text) => {
                let folded = text.to_lowercase();
                let name = is_name
                    || known
                        .as_ref()
                        .map_or(!text_here, |known| known.contains(&folded));
                *piece = if name {
                    Piece::Name(folded)
                } else {
                    Piece::Text(std::mem::take(text))
                };
            }
            Piece::Text(text) if is_name => *piece = Piece::Name(text.to_lowercase()),
            _ => {}
        }
        state.step(
            &pieces[at],
            at.checked_sub(1).and_then(|before| pieces.get(before)),
        );
    }
}

/// The columns of the tables that the query names, and what stands after AS.
fn names(pieces: &[Piece], schema: &Schema) -> HashSet<String> {
    let text = |piece: &Piece| match piece {
        Piece::Word(text) | Piece::Name(text) => Some(text.clone()),
        Piece::Either(text) | Piece::Text(text) => Some(text.to_lowercase()),
        _ => None,
    };
    let words: HashSet<String> = pieces.iter().filter_map(text).collect();
    let tables = schema
        .tables
        .iter()
        .filter(|table| words.contains(&table.name.to_lowercase()));
    let mut names: HashSet<String> = tables
        .flat_map(|table| {
            table
                .columns
                .iter()
                .map(|column| column.name.to_lowercase())
        })
        .collect();
    let aliases = pieces
        .windows(2)
        .filter(|pair| pair[0] == Piece::Word("as".into()));
    names.extend(aliases.filter_map(|pair| text(&pair[1])));
    names
}

/// What the tokens before say about a double-quoted one.
#[derive(Default)]
struct State {
    /// For each open parenthesis, whether it is a list after IN, or the arguments of a function.
    lists: Vec<Option<List>>,
    /// Whether the next AND belongs to a BETWEEN.
    between: bool,
    /// Whether that AND was the last piece.
    after_between: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum List {
    Values,
    Arguments,
}

impl State {
    fn expects_text(&self, previous: Option<&Piece>) -> bool {
        let list = self.lists.last().copied().flatten();
        match previous {
            Some(Piece::Mark("=" | "!=" | "<" | ">" | "<=" | ">=" | "||" | "->" | "->>")) => true,
            Some(Piece::Mark("(")) => list == Some(List::Values),
            Some(Piece::Mark(",")) => list.is_some(),
            Some(Piece::Word(word)) => compares(word) || (word == "and" && self.after_between),
            _ => false,
        }
    }

    fn step(&mut self, piece: &Piece, previous: Option<&Piece>) {
        self.after_between = false;
        match piece {
            Piece::Mark("(") => self.lists.push(match previous {
                Some(Piece::Word(word)) if matches!(word.as_str(), "in" | "values") => {
                    Some(List::Values)
                }
                Some(Piece::Word(word)) if !is_keyword(word) => Some(List::Arguments),
                _ => None,
            }),
            Piece::Mark(")") => {
                self.lists.pop();
            }
            Piece::Word(word) if word == "select" => {
                // IN (SELECT …) and EXISTS (SELECT …) are no lists.
                if let Some(list) = self.lists.last_mut() {
                    *list = None;
                }
            }
            Piece::Word(word) if word == "between" => self.between = true,
            Piece::Word(word) if word == "and" => {
                self.after_between = std::mem::take(&mut self.between)
            }
            _ => {}
        }
    }
}
