//! Aliases taken away: tables go by their own names, columns by none.

use std::collections::{HashMap, HashSet};

use super::pieces::Piece;
use super::scopes::{Scopes, is_mark, is_word, name};
use super::words::is_keyword;

/// What becomes of a piece.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    Keep,
    Drop,
    /// The n-th appearance of a table, from 1; without a name for a subquery.
    Table(Option<String>, usize),
    /// A column's alias that needs its AS.
    Alias,
}

/// What becomes of each piece.
pub(super) fn changes(pieces: &[Piece]) -> Vec<Change> {
    let scopes = Scopes::of(pieces);
    let mut changes = vec![Change::Keep; pieces.len()];
    let tables = tables(pieces, &scopes, &mut changes);
    qualifiers(pieces, &scopes, &tables, &mut changes);
    outputs(pieces, &scopes, &mut changes);
    for at in 0..pieces.len() {
        let next_is_join = is_word(pieces.get(at + 1), "join");
        match &pieces[at] {
            Piece::Word(word) if word == "asc" && is_default_order(pieces, at) => {
                changes[at] = Change::Drop
            }
            Piece::Word(word) if next_is_join && matches!(word.as_str(), "inner" | "outer") => {
                changes[at] = Change::Drop;
            }
            _ => {}
        }
    }
    changes
}

/// Whether the ASC there ends a term of ORDER BY: not in `ASC ASC`, which is no SQL, nor as a name.
fn is_default_order(pieces: &[Piece], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| pieces.get(at));
    let operand = match before {
        Some(Piece::Mark(mark)) => *mark == ")",
        Some(Piece::Word(word)) => !is_keyword(word) || matches!(word.as_str(), "end" | "null"),
        Some(_) => true,
        None => false,
    };
    let next_ends = match pieces.get(at + 1) {
        None | Some(Piece::Mark("," | ")" | ";")) => true,
        Some(Piece::Word(word)) => {
            matches!(
                word.as_str(),
                "limit" | "nulls" | "union" | "except" | "intersect" | "rows" | "range" | "groups"
            )
        }
        _ => false,
    };
    operand && next_ends
}

/// For each scope, what its aliases (or bare tables) stand for.
type Known = Vec<HashMap<String, (Option<String>, usize)>>;

/// Numbers the tables by name: the first film is film, a second one in reach is the second.
fn tables(pieces: &[Piece], scopes: &Scopes, changes: &mut [Change]) -> Known {
    let mut counts: Vec<HashMap<Option<&str>, usize>> = Vec::new();
    let mut known = Known::new();
    for scope in &scopes.list {
        let mut own: HashMap<Option<&str>, usize> = HashMap::new();
        let mut names = HashMap::new();
        for source in &scope.sources {
            let table = source.table.as_deref();
            let number = own.get(&table).copied().unwrap_or_else(|| {
                // The parent's counts are those of its own tables and of all around it.
                scopes
                    .outwards(scope.parent)
                    .find_map(|outer| counts.get(outer)?.get(&table).copied())
                    .unwrap_or(0)
            }) + 1;
            own.insert(table, number);
            let entry = (source.table.clone(), number);
            let shown = source
                .alias
                .and_then(|alias| name(pieces.get(alias)))
                .or(table);
            if let Some(shown) = shown {
                names.entry(shown.to_owned()).or_insert(entry.clone());
            }
            if let Some(at) = source.at {
                changes[at] = Change::Table(entry.0, entry.1);
            }
            if let Some(alias) = source.alias {
                changes[alias] = Change::Drop;
                if is_word(alias.checked_sub(1).and_then(|at| pieces.get(at)), "as") {
                    changes[alias - 1] = Change::Drop;
                }
            }
        }
        counts.push(own);
        known.push(names);
    }
    known
}

/// `alias.column`: the table's name for the alias, or the column alone where its SELECT has only that table.
fn qualifiers(pieces: &[Piece], scopes: &Scopes, known: &Known, changes: &mut [Change]) {
    for at in 0..pieces.len() {
        let free = changes[at] == Change::Keep && (at == 0 || !is_mark(pieces.get(at - 1), "."));
        let Some(alias) = name(pieces.get(at)).filter(|_| free && is_mark(pieces.get(at + 1), "."))
        else {
            continue;
        };
        let own = scopes.of.get(at).copied().flatten();
        let found = scopes
            .outwards(own)
            .find_map(|scope| Some((scope, known.get(scope)?.get(alias)?)));
        let Some((scope, (table, number))) = found else {
            continue;
        };
        let alone = scopes
            .list
            .get(scope)
            .is_some_and(|scope| scope.sources.len() == 1);
        if alone && Some(scope) == own {
            changes[at] = Change::Drop;
            changes[at + 1] = Change::Drop;
        } else {
            changes[at] = Change::Table(table.clone(), *number);
        }
    }
}

/// A column's alias goes where nothing else in the query has its name.
fn outputs(pieces: &[Piece], scopes: &Scopes, changes: &mut [Change]) {
    let mut seen = HashSet::new();
    let mut repeated = HashSet::new();
    for piece in pieces {
        if let Some(name) = name(Some(piece))
            && !seen.insert(name)
        {
            repeated.insert(name);
        }
    }
    for output in &scopes.outputs {
        let used = name(pieces.get(output.at)).is_some_and(|name| repeated.contains(name));
        if used && !output.has_as {
            changes[output.at] = Change::Alias;
        } else if !used {
            changes[output.at] = Change::Drop;
            if output.has_as {
                changes[output.at - 1] = Change::Drop;
            }
        }
    }
}
