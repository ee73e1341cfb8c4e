//! Connected components of names: which tables belong together because some row has both.

use std::collections::{BTreeSet, HashMap};

/// Disjoint sets of names (union by least name, with path halving).
#[derive(Debug, Default)]
pub(super) struct Components {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
    parent: Vec<usize>,
}

impl Components {
    /// Puts `names` into one set, with all that any of them was together with.
    pub(super) fn join(&mut self, names: BTreeSet<String>) {
        let mut first = None;
        for name in names {
            let number = self.number(name);
            let root = self.root(number);
            let into = *first.get_or_insert(root);
            let other = self.root(into);
            // The root is the least name, so that it does not depend on the order of rows.
            let (least, greater) = if self.names[root] < self.names[other] {
                (root, other)
            } else {
                (other, root)
            };
            self.parent[greater] = least;
        }
    }

    /// The least name in the set of `name`.
    pub(super) fn least(&mut self, name: &str) -> Option<&str> {
        let number = *self.numbers.get(name)?;
        let root = self.root(number);
        Some(&self.names[root])
    }

    fn number(&mut self, name: String) -> usize {
        let next = self.names.len();
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.names.push(name);
            self.parent.push(next);
        }
        number
    }

    fn root(&mut self, mut number: usize) -> usize {
        while self.parent[number] != number {
            self.parent[number] = self.parent[self.parent[number]];
            number = self.parent[number];
        }
        number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_join_through_any_shared_name_in_any_order() {
        let rows = [["e", "d"], ["c", "b"], ["x", "y"], ["d", "c"], ["b", "a"]];
        for turn in 0..rows.len() {
            let mut components = Components::default();
            for index in 0..rows.len() {
                let row = rows[(index + turn) % rows.len()];
                components.join(row.map(str::to_owned).into());
            }
            let mut least = |name: &str| components.least(name).map(str::to_owned);
            for name in ["a", "b", "c", "d", "e"] {
                assert_eq!(least(name).as_deref(), Some("a"));
            }
            assert_eq!(least("y").as_deref(), Some("x"));
            assert_eq!(least("z"), None);
        }
    }
}
