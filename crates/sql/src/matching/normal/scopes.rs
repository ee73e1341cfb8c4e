//! Which SELECT each piece belongs to, and what its FROM and its column list define.

use super::pieces::Piece;
use super::words::is_keyword;

/// How many SELECTs outwards a name is looked for. Deeper nesting costs no more time, but keeps its aliases.
pub(super) const REACH: usize = 64;

/// One SELECT.
#[derive(Debug, Default)]
pub(super) struct Scope {
    /// The SELECT around it. It comes before this one in the list.
    pub(super) parent: Option<usize>,
    pub(super) sources: Vec<Source>,
}

/// One table or subquery of a FROM.
#[derive(Debug)]
pub(super) struct Source {
    /// The table's name; `None` for a subquery.
    pub(super) table: Option<String>,
    /// Where the table's name stands.
    pub(super) at: Option<usize>,
    /// Where its alias stands.
    pub(super) alias: Option<usize>,
}

/// A column's alias.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) at: usize,
    /// Whether AS stands before it.
    pub(super) has_as: bool,
}

/// All scopes of a query.
#[derive(Debug, Default)]
pub(super) struct Scopes {
    pub(super) list: Vec<Scope>,
    /// The scope of each piece.
    pub(super) of: Vec<Option<usize>>,
    pub(super) outputs: Vec<Output>,
}

/// The name that a piece is, if it is one.
pub(super) fn name(piece: Option<&Piece>) -> Option<&str> {
    match piece {
        Some(Piece::Name(name)) => Some(name),
        Some(Piece::Word(word)) if !is_keyword(word) => Some(word),
        _ => None,
    }
}

pub(super) fn is_mark(piece: Option<&Piece>, mark: &str) -> bool {
    matches!(piece, Some(Piece::Mark(found)) if *found == mark)
}

pub(super) fn is_word(piece: Option<&Piece>, word: &str) -> bool {
    matches!(piece, Some(Piece::Word(found)) if found == word)
}

/// Where in a SELECT a piece stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Clause {
    #[default]
    Other,
    Columns,
    /// Where a table comes next.
    Table,
    /// Behind a table, where its alias may stand.
    Behind,
    /// In FROM, behind all of that.
    Join,
}

/// One level of parentheses.
#[derive(Debug, Default, Clone, Copy)]
struct Level {
    scope: Option<usize>,
    outer: Option<usize>,
    clause: Clause,
}

impl Scopes {
    /// Reads the pieces once from left to right.
    pub(super) fn of(pieces: &[Piece]) -> Self {
        let mut scopes = Self::default();
        let mut levels: Vec<Level> = Vec::new();
        let mut level = Level::default();
        let mut at = 0;
        while at < pieces.len() {
            let start = at;
            match &pieces[at] {
                Piece::Mark("(") => {
                    let clause = if level.clause == Clause::Table {
                        Clause::Table
                    } else {
                        Clause::Other
                    };
                    levels.push(level);
                    level = Level {
                        scope: level.scope,
                        outer: level.scope,
                        clause,
                    };
                }
                Piece::Mark(")") => {
                    let inside = level;
                    level = levels.pop().unwrap_or_default();
                    if level.clause == Clause::Table {
                        // A subquery in FROM; a join in parentheses has given its own tables.
                        if inside.scope != level.scope {
                            scopes.add(
                                level.scope,
                                Source {
                                    table: None,
                                    at: None,
                                    alias: None,
                                },
                            );
                        }
                        level.clause = Clause::Behind;
                    }
                }
                Piece::Mark(",") if matches!(level.clause, Clause::Behind | Clause::Join) => {
                    level.clause = Clause::Table
                }
                Piece::Word(word) if is_keyword(word) => {
                    scopes.keyword(&mut level, word, pieces, &mut at)
                }
                Piece::Word(_) | Piece::Name(_) => scopes.name(&mut level, pieces, &mut at),
                _ => {}
            }
            at += 1;
            scopes.of.resize(at, level.scope);
            debug_assert!(at > start);
        }
        scopes
    }

    /// A scope and those around it, [`REACH`] at most.
    pub(super) fn outwards(&self, from: Option<usize>) -> impl Iterator<Item = usize> {
        std::iter::successors(from, |&scope| self.list.get(scope)?.parent).take(REACH)
    }

    fn add(&mut self, scope: Option<usize>, source: Source) {
        if let Some(scope) = scope.and_then(|scope| self.list.get_mut(scope)) {
            scope.sources.push(source);
        }
    }

    fn keyword(&mut self, level: &mut Level, word: &str, pieces: &[Piece], at: &mut usize) {
        match word {
            "select" => {
                self.list.push(Scope {
                    parent: level.outer,
                    sources: Vec::new(),
                });
                level.scope = Some(self.list.len() - 1);
                level.clause = Clause::Columns;
            }
            "from"
                if level.clause == Clause::Columns
                    && !is_word(at.checked_sub(1).and_then(|at| pieces.get(at)), "distinct") =>
            {
                level.clause = Clause::Table;
            }
            "join" if matches!(level.clause, Clause::Behind | Clause::Join) => {
                level.clause = Clause::Table
            }
            "as" if name(pieces.get(*at + 1)).is_some() => match level.clause {
                Clause::Behind => {
                    *at += 1;
                    self.alias(level, *at);
                }
                Clause::Columns if ends_column(pieces.get(*at + 2)) => {
                    *at += 1;
                    self.outputs.push(Output {
                        at: *at,
                        has_as: true,
                    });
                }
                _ => {}
            },
            "where" | "group" | "having" | "order" | "limit" | "window" | "union" | "except"
            | "intersect" => {
                level.clause = Clause::Other;
            }
            _ if level.clause == Clause::Behind => level.clause = Clause::Join,
            _ => {}
        }
    }

    fn alias(&mut self, level: &mut Level, at: usize) {
        let scope = level.scope.and_then(|scope| self.list.get_mut(scope));
        if let Some(source) = scope.and_then(|scope| scope.sources.last_mut()) {
            source.alias = Some(at);
        }
        level.clause = Clause::Join;
    }

    fn name(&mut self, level: &mut Level, pieces: &[Piece], at: &mut usize) {
        match level.clause {
            Clause::Table => {
                // Of main.film, the last part is the table.
                while is_mark(pieces.get(*at + 1), ".") && name(pieces.get(*at + 2)).is_some() {
                    *at += 2;
                }
                let table = name(pieces.get(*at)).map(str::to_owned);
                self.add(
                    level.scope,
                    Source {
                        table,
                        at: Some(*at),
                        alias: None,
                    },
                );
                level.clause = Clause::Behind;
            }
            Clause::Behind => self.alias(level, *at),
            Clause::Columns => {
                let previous = at.checked_sub(1).and_then(|at| pieces.get(at));
                let operand = matches!(
                    previous,
                    Some(Piece::Text(_) | Piece::Number(..) | Piece::Mark(")"))
                ) || name(previous).is_some()
                    || is_word(previous, "end");
                if operand && ends_column(pieces.get(*at + 1)) {
                    self.outputs.push(Output {
                        at: *at,
                        has_as: false,
                    });
                }
            }
            _ => {}
        }
    }
}

/// Whether an item of a column list ends before this piece.
fn ends_column(piece: Option<&Piece>) -> bool {
    match piece {
        None | Some(Piece::Mark("," | ")" | ";")) => true,
        Some(Piece::Word(word)) => matches!(
            word.as_str(),
            "from"
                | "where"
                | "group"
                | "having"
                | "order"
                | "limit"
                | "union"
                | "except"
                | "intersect"
                | "window"
        ),
        _ => false,
    }
}
