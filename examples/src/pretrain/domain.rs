//! What a domain is: tables with words for them, columns with kinds of values.
//!
//! A domain is not a database. It says what databases of its kind are made of;
//! [`draw`](super::draw) picks tables, columns and names from it.

use super::kind::Kind;

/// A field in which people keep databases: a library, a farm.
#[derive(Debug, Clone, PartialEq)]
pub struct Domain {
    /// Its name, a word.
    pub name: String,
    /// Its tables; a table comes after those that it points to.
    pub tables: Vec<DomainTable>,
}

/// A table that a database of the domain may have.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainTable {
    /// Names that it may have, the usual one first.
    pub names: Vec<String>,
    /// Words for one of its rows and for several, the usual ones first.
    pub nouns: Vec<[String; 2]>,
    /// Its columns without keys.
    pub columns: Vec<DomainColumn>,
    /// The usual names of the tables that it points to.
    pub parents: Vec<String>,
}

/// A column that a table may have.
#[derive(Debug, Clone, PartialEq)]
pub struct DomainColumn {
    /// Names that it may have, the usual one first.
    pub names: Vec<String>,
    /// What its values look like.
    pub kind: Kind,
    /// What people call it besides its name.
    pub phrases: Vec<String>,
}

/// A line of a domain file that is not in its language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {found:?}, expected {expected}")]
pub struct DomainError {
    /// The line, from 1.
    pub line: usize,
    /// What stands there.
    pub found: String,
    /// What would be understood.
    pub expected: &'static str,
}

/// Reads domains from text.
///
/// `== name` begins a domain, and a line each is a table:
/// `names / words / columns and pointers`. Names are separated by `|`, words are
/// `singular, plural` pairs separated by `|`, columns `names:kind [phrase|phrase]`
/// separated by `;`, and `>table` points to a table above. `#` begins a comment.
///
/// ```
/// use anneal_examples::pretrain::parse_domains;
///
/// let text = "== pets\nowner / owner, owners / name:person\npet / pet, pets / age:int(1 20) [years]; >owner";
/// let domains = parse_domains(text)?;
/// assert_eq!(domains[0].tables[1].columns[0].phrases, ["years"]);
/// assert_eq!(domains[0].tables[1].parents, ["owner"]);
/// # Ok::<(), anneal_examples::pretrain::DomainError>(())
/// ```
///
/// # Errors
/// The first line that is not understood.
pub fn parse_domains(text: &str) -> Result<Vec<Domain>, DomainError> {
    let mut domains: Vec<Domain> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let refuse = |found: &str, expected| DomainError {
            line: index + 1,
            found: found.to_owned(),
            expected,
        };
        if let Some(name) = line.strip_prefix("==") {
            domains.push(Domain {
                name: name.trim().to_owned(),
                tables: Vec::new(),
            });
            continue;
        }
        let domain = domains.last_mut();
        let domain = domain.ok_or_else(|| refuse(line, "`== name` before the first table"))?;
        let table = table(line, &refuse)?;
        let known = |parent: &String| domain.tables.iter().any(|t| t.names[0] == *parent);
        if let Some(parent) = table.parents.iter().find(|parent| !known(parent)) {
            return Err(refuse(parent, "a table above"));
        }
        domain.tables.push(table);
    }
    Ok(domains)
}

fn table(
    line: &str,
    refuse: &impl Fn(&str, &'static str) -> DomainError,
) -> Result<DomainTable, DomainError> {
    let mut parts = line.splitn(3, " / ");
    let (Some(names), Some(nouns), Some(columns)) = (parts.next(), parts.next(), parts.next())
    else {
        return Err(refuse(line, "`names / words / columns`"));
    };
    let mut table = DomainTable {
        names: alternatives(names),
        nouns: Vec::new(),
        columns: Vec::new(),
        parents: Vec::new(),
    };
    for pair in nouns.split('|') {
        let (one, many) = pair
            .split_once(',')
            .ok_or_else(|| refuse(pair, "`singular, plural`"))?;
        let pair = [one.trim().to_owned(), many.trim().to_owned()];
        table.nouns.push(pair);
    }
    for part in columns.split(';').map(str::trim) {
        match part.strip_prefix('>') {
            Some(parent) => table.parents.push(parent.to_owned()),
            None => table.columns.push(column(part, refuse)?),
        }
    }
    Ok(table)
}

fn column(
    text: &str,
    refuse: &impl Fn(&str, &'static str) -> DomainError,
) -> Result<DomainColumn, DomainError> {
    let (text, phrases) = match text.split_once('[') {
        None => (text, Vec::new()),
        Some((text, rest)) => {
            let phrases = rest.trim().strip_suffix(']');
            let phrases = phrases.ok_or_else(|| refuse(rest, "`]` at the end"))?;
            (text.trim(), alternatives(phrases))
        }
    };
    let (names, kind) = text
        .split_once(':')
        .ok_or_else(|| refuse(text, "`name:kind`"))?;
    Ok(DomainColumn {
        names: alternatives(names),
        kind: Kind::parse(kind.trim()).ok_or_else(|| refuse(kind, Kind::EXPECTED))?,
        phrases,
    })
}

fn alternatives(text: &str) -> Vec<String> {
    text.split('|').map(|part| part.trim().to_owned()).collect()
}
