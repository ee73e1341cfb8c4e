//! A query that calls its tables by their own names.

use std::collections::HashMap;
use std::ops::Range;

use super::pieces::{Piece, placed_pieces};
use super::quotes;
use super::scopes::{REACH, Scopes, Source, is_mark, name};

/// The query with the tables' own names where it used aliases for them: `T1.name` is `film.name`.
///
/// All else stays as it is written. `None` where nothing would change, or where the names could not do what the
/// aliases do: a table that stands twice in one FROM, and one in a subquery that would hide the table outside
/// which the subquery speaks of; nor where a query is nested too deep to tell. Aliases of subqueries and of columns stay.
///
/// A model that learns such queries need not remember which of `T1` and `T2` was which table.
///
/// ```
/// use anneal_sql::without_aliases;
/// assert_eq!(
///     without_aliases("SELECT T1.name FROM film AS T1 JOIN role T2 ON T1.id = T2.film_id").as_deref(),
///     Some("SELECT film.name FROM film JOIN role ON film.id = role.film_id"),
/// );
/// assert_eq!(without_aliases("SELECT b.name FROM film a JOIN film b ON a.id = b.sequel_of"), None);
/// assert_eq!(without_aliases("SELECT name FROM film"), None);
/// ```
#[must_use]
pub fn without_aliases(sql: &str) -> Option<String> {
    let (mut pieces, places): (Vec<Piece>, Vec<Range<usize>>) =
        placed_pieces(sql).into_iter().unzip();
    quotes::resolve(&mut pieces, None);
    let scopes = Scopes::of(&pieces);
    let tables: Vec<HashMap<&str, &Source>> = scopes
        .list
        .iter()
        .map(|scope| by_shown_name(&scope.sources, &pieces))
        .collect::<Option<_>>()?;
    // What stands in the place of some bytes, in the order of the text.
    let mut changes: Vec<(Range<usize>, &str)> = Vec::new();
    for source in scopes.list.iter().flat_map(|scope| &scope.sources) {
        if let (Some(table), Some(alias)) = (source.at, source.alias) {
            // With the AS and the space before it.
            changes.push((places[table].end..places[alias].end, ""));
        }
    }
    for at in 0..pieces.len() {
        let first = at == 0 || !is_mark(pieces.get(at - 1), ".");
        let Some(shown) =
            name(pieces.get(at)).filter(|_| first && is_mark(pieces.get(at + 1), "."))
        else {
            continue;
        };
        let around: Vec<usize> = scopes
            .outwards(scopes.of.get(at).copied().flatten())
            .collect();
        let found = around
            .iter()
            .position(|&scope| tables[scope].contains_key(shown));
        let Some(found) = found else {
            // Further out than anyone looks, it may be an alias that is gone.
            if around.len() == REACH {
                return None;
            }
            continue;
        };
        let source = tables[around[found]][shown];
        let (Some(table), Some(_)) = (source.at, source.alias) else {
            continue;
        };
        let same = |other: &Source| other.table == source.table;
        let hides = |&scope: &usize| scopes.list[scope].sources.iter().any(same);
        if around[..found].iter().any(hides) {
            return None;
        }
        changes.push((places[at].clone(), &sql[places[table].clone()]));
    }
    if changes.is_empty() {
        return None;
    }
    changes.sort_by_key(|(place, _)| place.start);
    let mut text = String::with_capacity(sql.len());
    let mut end = 0;
    for (place, instead) in changes {
        text.push_str(sql.get(end..place.start)?);
        text.push_str(instead);
        end = place.end;
    }
    text.push_str(&sql[end..]);
    Some(text)
}

/// A FROM's tables by the names that its columns go by; `None` if the tables' own names would not tell them apart.
fn by_shown_name<'a>(
    sources: &'a [Source],
    pieces: &'a [Piece],
) -> Option<HashMap<&'a str, &'a Source>> {
    let mut shown = HashMap::new();
    for (index, source) in sources.iter().enumerate() {
        let again = |other: &Source| source.table.is_some() && other.table == source.table;
        if sources[..index].iter().any(again) {
            return None;
        }
        let alias = source.alias.and_then(|alias| name(pieces.get(alias)));
        // The alias of a subquery may be a table's name; `main.film` is no column of what is called main.
        let taken = |other: &Source| source.table.is_none() && other.table.as_deref() == alias;
        if alias.is_some() && (sources.iter().any(taken) || alias == Some("main")) {
            return None;
        }
        if let Some(name) = alias.or(source.table.as_deref()) {
            shown.insert(name, source);
        }
    }
    Some(shown)
}
