//! Which column a name means: through aliases, subqueries in FROM, common table expressions.

use super::shape::Slot;

/// What a name was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// A column of a table.
    Slot(Slot),
    /// A computed column of a subquery.
    Computed,
}

impl Found {
    pub(super) fn slot(self) -> Option<Slot> {
        match self {
            Self::Slot(slot) => Some(slot),
            Self::Computed => None,
        }
    }
}

/// Something in a FROM, with its columns. Names are in lower case, as SQLite compares them.
#[derive(Debug, Clone)]
pub(super) struct Relation {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Found)>,
}

impl Relation {
    pub(super) fn find(&self, name: &str) -> Option<Found> {
        let column = self.columns.iter().find(|column| column.0 == name)?;
        Some(column.1)
    }
}

/// The relations of one SELECT, and the names that its select list gives.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    pub(super) relations: Vec<Relation>,
    pub(super) aliases: Vec<(String, Found)>,
}

impl Scope {
    pub(super) fn find(&self, qualifier: Option<&str>, name: &str) -> Option<Found> {
        let fits = |relation: &&Relation| qualifier.is_none_or(|wanted| relation.name == wanted);
        self.relations
            .iter()
            .filter(fits)
            .find_map(|relation| relation.find(name))
            .or_else(|| {
                let mut aliases = self.aliases.iter();
                let alias = aliases.find(|alias| qualifier.is_none() && alias.0 == name)?;
                Some(alias.1)
            })
    }
}
