//! One form for queries that differ only in how they are written.

mod aliases;
mod pieces;
mod quotes;
mod scopes;
mod spelled_out;
mod words;

pub use spelled_out::without_aliases;

use aliases::Change;
use pieces::Piece;

use crate::Schema;

/// `sql` in a form that two ways of writing the same query share.
///
/// - Keywords and names are in lower case, in quotes or not; comments and white space go; so do semicolons at the ends.
/// - `<>` is `!=`, `==` is `=`; INNER before JOIN, OUTER and ASC go.
/// - Texts are in single quotes and keep their case. Between double quotes stands a text after an operator that
///   compares, in a list after IN, and in a function after its first argument; a name elsewhere. `WHERE a = "x"` and `WHERE
///   a = 'x'` are the same, `SELECT "a"` and `SELECT a` too. [`normalised_match`] can use a schema instead.
/// - Numbers of one value are the same, `1.50` and `1.5`; `1.0` is `1` but beside an arithmetic operator, where `5/2.0` is
///   not `5/2`. (In a TEXT column SQLite tells '1.0' from '1', so that a comparison with such a number can differ.)
/// - Table aliases go, with or without AS: the table's name stands for them. A table that is there a second time is
///   `film#2`, so that the two sides of a self join stay apart; a subquery is `#1`. Where a SELECT has one table only, its
///   columns lose the table's name.
/// - A column's alias goes where nothing else in the query has that name; its name does not change the rows. One that
///   ORDER BY or an outer query uses stays.
///
/// Nothing is moved: `a = 1 AND b = 2` is not `b = 2 AND a = 1`. Any text has a normal form, SQL or not; the time
/// grows with its length.
///
/// ```
/// use anneal_sql::normal_form;
/// assert_eq!(
///     normal_form("SELECT T1.Name, COUNT(*) AS n FROM \"Film\" AS T1 WHERE T1.Kind <> \"Silent film\" -- why\n;"),
///     "select name, count(*) from film where kind != 'Silent film'",
/// );
/// assert_eq!(
///     normal_form("SELECT b.name FROM film a INNER JOIN film b ON a.id=b.sequel_of"),
///     "select film#2.name from film join film#2 on film.id = film#2.sequel_of",
/// );
/// ```
#[must_use]
pub fn normal_form(sql: &str) -> String {
    write(sql, None)
}

/// Whether two queries have the same [`normal_form`].
///
/// With a schema, what stands between double quotes is what SQLite takes it for: a name if a table of the query has such a
/// column, a text otherwise.
///
/// ```
/// use anneal_sql::{Column, Schema, Table, normalised_match};
/// assert!(normalised_match("SELECT a FROM t WHERE b = 'X'", "select t.A from T where B=\"X\";", None));
/// assert!(!normalised_match("SELECT a FROM t WHERE b = 'X'", "SELECT a FROM t WHERE b = 'x'", None));
///
/// // Whether "c" is a column is not in the query.
/// let columns = ["b", "c"].map(|name| Column { name: name.into(), ..Column::default() });
/// let table = Table { name: "t".into(), columns: columns.into(), ..Table::default() };
/// let schema = Schema { tables: vec![table], ..Schema::default() };
/// let (gold, predicted) = ("SELECT b FROM t WHERE b = c", "SELECT b FROM t WHERE b = \"c\"");
/// assert!(normalised_match(gold, predicted, Some(&schema)));
/// assert!(!normalised_match(gold, predicted, None));
/// ```
#[must_use]
pub fn normalised_match(gold: &str, predicted: &str, schema: Option<&Schema>) -> bool {
    write(gold, schema) == write(predicted, schema)
}

fn write(sql: &str, schema: Option<&Schema>) -> String {
    let mut pieces = pieces::pieces(sql);
    pieces::whole_numbers(&mut pieces);
    quotes::resolve(&mut pieces, schema);
    let changes = aliases::changes(&pieces);
    let mut text = String::with_capacity(sql.len());
    let mut before: Option<&Piece> = None;
    for (piece, change) in pieces.iter().zip(changes) {
        if change == Change::Drop {
            continue;
        }
        if before.is_some_and(|before| space_between(before, piece)) {
            text.push(' ');
        }
        match change {
            Change::Table(table, number) => push_table(&mut text, table.as_deref(), number),
            Change::Alias => {
                text.push_str("as ");
                push(&mut text, piece);
            }
            _ => push(&mut text, piece),
        }
        before = Some(piece);
    }
    text
}

fn space_between(before: &Piece, piece: &Piece) -> bool {
    let call = matches!(before, Piece::Word(word) if !words::is_keyword(word))
        && *piece == Piece::Mark("(");
    let tight =
        matches!(before, Piece::Mark("(" | ".")) || matches!(piece, Piece::Mark(")" | "," | "."));
    !call && !tight
}

fn push(text: &mut String, piece: &Piece) {
    match piece {
        Piece::Word(word) => text.push_str(word),
        Piece::Name(name) => push_name(text, name),
        Piece::Text(inside) | Piece::Either(inside) => {
            text.push('\'');
            text.push_str(&inside.replace('\'', "''"));
            text.push('\'');
        }
        Piece::Number(number, _) => text.push_str(number),
        Piece::Mark(mark) => text.push_str(mark),
        Piece::Other(other) => text.push(*other),
    }
}

/// A name, in double quotes where it would not be read as one without.
fn push_name(text: &mut String, name: &str) {
    let letter = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    let bare = name.starts_with(letter)
        && name
            .chars()
            .all(|c| letter(c) || c.is_ascii_digit() || c == '$')
        && !words::is_keyword(name);
    if bare {
        text.push_str(name);
    } else {
        text.push('"');
        text.push_str(&name.replace('"', "\"\""));
        text.push('"');
    }
}

fn push_table(text: &mut String, table: Option<&str>, number: usize) {
    match table {
        Some(table) => {
            push_name(text, table);
            if number > 1 {
                text.push_str(&format!("#{number}"));
            }
        }
        None => text.push_str(&format!("#{number}")),
    }
}
