//! Witness rows that the gold finds, near misses that it does not, and their repetitions.

use std::cmp::Ordering;

use super::data::{Data, Row};
use super::pools::{Pools, join, neighbours, root};
use super::random::Random;
use super::shape::{Role, Shape, Slot};
use super::style::Style;
use super::value::{Test, order, stored};
use crate::{Affinity, Schema, Value};

/// How a planting departs from a witness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Everything holds.
    Witness,
    /// This atom does not hold: a near miss, on this side of the literal.
    Violate(usize, Option<Ordering>),
    /// This link does not hold: a row beside its partner.
    Break(usize),
    /// This instance has no row: its partners are orphans.
    Omit(usize),
    /// This block is there although it should not be, or the reverse.
    Flip(usize),
    /// Everything holds, and columns that nothing is asked of are NULL.
    Nulls,
}

/// All ways in which a gold can be missed by one change.
pub(super) fn variants(shape: &Shape) -> Vec<Variant> {
    let mut all = vec![Variant::Nulls];
    for (index, atom) in shape.atoms.iter().enumerate() {
        match (&atom.test, atom.negated) {
            (Test::Compare(orders, _), false) => {
                let sides = [Ordering::Less, Ordering::Equal, Ordering::Greater];
                let missed = sides.iter().filter(|side| !orders.contains(side));
                all.extend(missed.map(|&side| Variant::Violate(index, Some(side))));
            }
            (Test::Between(..), false) => {
                all.extend(
                    [Ordering::Less, Ordering::Greater]
                        .map(|side| Variant::Violate(index, Some(side))),
                );
            }
            _ => all.push(Variant::Violate(index, None)),
        }
    }
    all.extend((0..shape.links.len()).map(Variant::Break));
    let per_block = |block: usize| {
        shape
            .instances
            .iter()
            .filter(|one| one.block == block)
            .count()
    };
    let joined =
        (0..shape.instances.len()).filter(|&one| per_block(shape.instances[one].block) > 1);
    all.extend(joined.map(Variant::Omit));
    let inner = (0..shape.blocks.len()).filter(|&block| shape.blocks[block].parent.is_some());
    all.extend(inner.map(Variant::Flip));
    all
}

/// One row for each instance that takes part.
#[derive(Debug, Clone)]
pub(super) struct Planting(Vec<Option<Row>>);

/// What a repetition takes over from the planting that it repeats.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    /// Slots that keep their values.
    pub(super) slots: Vec<Slot>,
    /// Instances whose rows stand already.
    pub(super) held: Vec<usize>,
}

/// Plants rows into one database.
pub(super) struct Planter<'a> {
    pub(super) schema: &'a Schema,
    pub(super) shape: &'a Shape,
    pub(super) pools: &'a mut Pools,
    pub(super) data: &'a mut Data,
    pub(super) random: &'a mut Random,
    pub(super) style: &'a Style,
    /// Groups and outputs shall be many.
    pub(super) many: bool,
}

impl Planter<'_> {
    /// A random row of a table.
    pub(super) fn row(&mut self, table: usize) -> Row {
        let columns = 0..self.schema.tables[table].columns.len();
        columns.map(|column| self.cell(table, column)).collect()
    }

    fn cell(&mut self, table: usize, column: usize) -> Value {
        if self.data.nullable(table, column) && self.random.percent(self.style.nulls) {
            return Value::Null;
        }
        self.pools.draw(
            self.random,
            table,
            column,
            self.style.literals,
            self.style.skewed,
        )
    }

    /// Plants one row into every instance that takes part, and remembers them.
    pub(super) fn plant(&mut self, variant: Variant, base: Option<(&Planting, &Kept)>) -> Planting {
        let active = self.active(variant);
        let shape = self.shape;
        let mut starts = Vec::with_capacity(shape.instances.len());
        let mut total = 0;
        for instance in &shape.instances {
            starts.push(total);
            total += self.schema.tables[instance.table].columns.len();
        }
        let flat = |slot: Slot| starts[slot.instance] + slot.column;
        let mut parent: Vec<usize> = (0..total).collect();
        for (index, link) in shape.links.iter().enumerate() {
            if variant != Variant::Break(index)
                && active[link.left.instance]
                && active[link.right.instance]
            {
                join(&mut parent, flat(link.left), flat(link.right));
            }
        }
        let mut values: Vec<Option<Value>> = vec![None; total];
        let mut linked = vec![false; total];
        for link in &shape.links {
            for slot in [link.left, link.right] {
                linked[root(&mut parent, flat(slot))] = true;
            }
        }
        if let Some((Planting(rows), kept)) = base {
            let held = kept.held.iter().flat_map(|&instance| {
                let width = self.schema.tables[shape.instances[instance].table]
                    .columns
                    .len();
                (0..width).map(move |column| Slot { instance, column })
            });
            for slot in kept.slots.iter().copied().chain(held) {
                if let Some(row) = &rows[slot.instance] {
                    let place = root(&mut parent, flat(slot));
                    values[place].get_or_insert_with(|| row[slot.column].clone());
                }
            }
        }
        let goals = self.goals(variant);
        let mut atoms: Vec<Vec<usize>> = vec![Vec::new(); total];
        for (index, atom) in shape.atoms.iter().enumerate() {
            if active[atom.slot.instance] {
                atoms[root(&mut parent, flat(atom.slot))].push(index);
            }
        }
        let mut rows = vec![None; shape.instances.len()];
        for (instance, one) in shape.instances.iter().enumerate() {
            if !active[instance] {
                continue;
            }
            let width = self.schema.tables[one.table].columns.len();
            let mut row = Vec::with_capacity(width);
            for column in 0..width {
                let slot = Slot { instance, column };
                let place = root(&mut parent, flat(slot));
                if values[place].is_none() {
                    values[place] =
                        Some(self.choose(slot, &atoms[place], &goals, linked[place], variant));
                }
                let value = values[place].clone().unwrap_or(Value::Null);
                row.push(stored(&value, self.pools.affinity(one.table, column)));
            }
            rows[instance] = Some(row);
        }
        for (instance, row) in rows.iter().enumerate() {
            let held = base.is_some_and(|(_, kept)| kept.held.contains(&instance));
            if let Some(row) = row
                && !held
            {
                // A row whose key is there already stands for this one.
                self.data.push(shape.instances[instance].table, row.clone());
            }
        }
        Planting(rows)
    }

    /// Which instances take part.
    fn active(&mut self, variant: Variant) -> Vec<bool> {
        // What a variant changes must be there, and everything around it.
        let mut forced = vec![false; self.shape.blocks.len()];
        let mut around = match variant {
            Variant::Violate(atom, _) => Some(self.shape.atoms[atom].slot.instance),
            Variant::Break(link) => Some(self.shape.links[link].right.instance),
            Variant::Omit(instance) => Some(instance),
            _ => None,
        }
        .map(|instance| self.shape.instances[instance].block);
        while let Some(block) = around {
            forced[block] = true;
            around = self.shape.blocks[block].parent;
        }
        let mut blocks: Vec<bool> = Vec::with_capacity(self.shape.blocks.len());
        for (index, block) in self.shape.blocks.iter().enumerate() {
            let flipped = variant == Variant::Flip(index);
            let wanted = match block.role {
                Role::Needed => !flipped,
                Role::Forbidden => flipped,
                Role::Free => flipped || self.random.percent(60),
            };
            // A block stands after the block around it; common table expressions have none.
            let around = block
                .parent
                .is_none_or(|parent| blocks.get(parent).copied().unwrap_or(true));
            blocks.push((wanted || forced[index]) && around);
        }
        let instances = self.shape.instances.iter().enumerate();
        instances
            .map(|(index, one)| blocks[one.block] && variant != Variant::Omit(index))
            .collect()
    }

    /// For each atom whether it shall hold.
    fn goals(&mut self, variant: Variant) -> Vec<bool> {
        let mut branches: Vec<Vec<usize>> = vec![Vec::new(); self.shape.ors];
        for atom in &self.shape.atoms {
            if let Some((or, branch)) = atom.branch
                && let Some(known) = branches.get_mut(or)
                && !known.contains(&branch)
            {
                known.push(branch);
            }
        }
        let chosen: Vec<Option<usize>> = branches
            .iter()
            .map(|known| self.random.one(known).copied())
            .collect();
        let violated = match variant {
            Variant::Violate(index, _) => self.shape.atoms[index].branch.map(|branch| branch.0),
            _ => None,
        };
        let mut goals = Vec::with_capacity(self.shape.atoms.len());
        for (index, atom) in self.shape.atoms.iter().enumerate() {
            let wanted = match atom.branch {
                None => true,
                // No branch of an OR may hold if the OR shall not.
                Some((or, _)) if violated == Some(or) => self.random.percent(30),
                Some((or, branch)) => match chosen.get(or) {
                    Some(chosen) if *chosen == Some(branch) => true,
                    Some(_) => self.random.percent(25),
                    None => self.random.percent(50),
                },
            };
            let missed = matches!(variant, Variant::Violate(missed, _) if missed == index);
            goals.push(wanted && !missed);
        }
        goals
    }

    /// A value for a class of slots, of which `slot` is one.
    fn choose(
        &mut self,
        slot: Slot,
        atoms: &[usize],
        goals: &[bool],
        linked: bool,
        variant: Variant,
    ) -> Value {
        match atoms.is_empty() {
            true => self.unasked(slot, linked, variant),
            false => self.asked(slot, atoms, goals, variant),
        }
    }

    /// A value for a class that no atom asks anything of.
    fn unasked(&mut self, slot: Slot, linked: bool, variant: Variant) -> Value {
        let (table, column) = self.shape.place(slot);
        let missed = !matches!(variant, Variant::Witness | Variant::Nulls);
        let key = self.data.is_key(table, column);
        let nullable = self.data.nullable(table, column) && !key;
        if nullable
            && !linked
            && variant == Variant::Nulls
            && self.random.percent(self.style.hollow)
        {
            return Value::Null;
        }
        if nullable
            && linked
            && matches!(variant, Variant::Break(_) | Variant::Omit(_))
            && self.random.percent(20)
        {
            return Value::Null;
        }
        let block = &self.shape.blocks[self.shape.instances[slot.instance].block];
        let (low, high) = (block.low.contains(&slot), block.high.contains(&slot));
        // A row that should not count shall change the smallest or largest value if it does; and now and
        // then a row that should.
        if (low || high) && !self.style.flat && self.random.percent(if missed { 75 } else { 20 }) {
            let high = if low && high {
                self.random.percent(50)
            } else {
                high
            };
            return self.pools.extreme(self.random, table, column, high);
        }
        let shown = block.output.contains(&Some(slot)) || block.group.contains(&slot);
        let fresh = match (key, linked, shown) {
            (true, _, _) => 80,
            // What a miss would add must not be there already.
            (_, _, true) if missed => 80,
            (_, true, _) if missed => 75,
            (_, _, true) if self.many => 85,
            // Long chains over few values would join everything with everything.
            (_, true, _) => (30 + 15 * self.shape.links.len()).min(85),
            _ if self.style.apart && block.order.contains(&slot) => 70,
            _ => 0,
        };
        if self.random.percent(fresh) {
            return self.pools.fresh(table, column);
        }
        match linked {
            true => self.pools.draw(self.random, table, column, 0, false),
            false => self.cell(table, column),
        }
    }

    /// A value for which as many atoms as possible do what they shall.
    fn asked(&mut self, slot: Slot, atoms: &[usize], goals: &[bool], variant: Variant) -> Value {
        let (table, column) = self.shape.place(slot);
        let mut candidates: Vec<Value> = Vec::new();
        for &index in atoms {
            let atom = &self.shape.atoms[index];
            candidates.extend(neighbours(&atom.test));
            if matches!(atom.test, Test::Null) && self.data.nullable(table, column) {
                candidates.push(Value::Null);
            }
        }
        self.random.shuffle(&mut candidates);
        for _ in 0..3 {
            let drawn = self.pools.draw(self.random, table, column, 30, false);
            candidates.push(drawn);
        }
        candidates.push(self.pools.fresh(table, column));
        candidates.push(self.pools.extreme(self.random, table, column, true));
        candidates.push(self.pools.extreme(self.random, table, column, false));
        let mut best: Option<(usize, Value)> = None;
        for candidate in candidates {
            let holds = atoms.iter().filter(|&&index| {
                let atom = &self.shape.atoms[index];
                let (table, column) = self.shape.place(atom.slot);
                let affinity = self.pools.affinity(table, column);
                let kept = stored(&candidate, affinity);
                let side = match variant {
                    Variant::Violate(missed, Some(side)) if missed == index => {
                        side_of(&atom.test, &kept, affinity, side)
                    }
                    _ => true,
                };
                side && atom.test.passes(&kept, affinity, atom.negated) == goals[index]
            });
            let count = holds.count();
            if best.as_ref().is_none_or(|best| count > best.0) {
                best = Some((count, candidate));
                if count == atoms.len() {
                    break;
                }
            }
        }
        best.map_or(Value::Null, |best| best.1)
    }

    /// Plants once more beside `planting`: another partner of a row, a row of the same group.
    pub(super) fn repeat(
        &mut self,
        variant: Variant,
        planting: &Planting,
        kept: &Kept,
    ) -> Planting {
        self.plant(variant, Some((planting, kept)))
    }

    /// The slots of a group, and no row.
    pub(super) fn group(&self, block: usize) -> Kept {
        Kept {
            slots: self.shape.blocks[block].group.clone(),
            held: Vec::new(),
        }
    }

    /// What a repetition of this kind keeps: the output, a group, or one row.
    pub(super) fn kept(&mut self, block: usize, kind: Repeat) -> Kept {
        let one = &self.shape.blocks[block];
        let members: Vec<usize> = (0..self.shape.instances.len())
            .filter(|&instance| self.shape.instances[instance].block == block)
            .collect();
        let mut slots: Vec<Slot> = match kind {
            Repeat::Output => one
                .output
                .iter()
                .flatten()
                .chain(&one.order)
                .copied()
                .collect(),
            Repeat::Group | Repeat::PartOfGroup => one.group.clone(),
            Repeat::Values => one.group.iter().chain(&one.aggregated).copied().collect(),
            Repeat::Row => Vec::new(),
        };
        if kind == Repeat::PartOfGroup && slots.len() > 1 {
            let gone = self.random.below(slots.len());
            slots.remove(gone);
        }
        let mut held: Vec<usize> = match kind {
            Repeat::Row => self.random.one(&members).copied().into_iter().collect(),
            _ => members
                .iter()
                .copied()
                .filter(|instance| slots.iter().any(|slot| slot.instance == *instance))
                .collect(),
        };
        // Something must be new.
        if held.len() >= members.len() || (kind != Repeat::Row && self.random.percent(40)) {
            held.clear();
        }
        Kept { slots, held }
    }
}

/// Whether a stored value lies on this side of what it is tested for.
fn side_of(test: &Test, value: &Value, affinity: Affinity, side: Ordering) -> bool {
    let literal = match (test, side) {
        (Test::Compare(_, literal), _)
        | (Test::Between(literal, _), Ordering::Less)
        | (Test::Between(_, literal), _) => literal,
        _ => return true,
    };
    order(value, &stored(literal, affinity)) == Some(side)
}

/// What repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Repeat {
    /// The columns that are selected.
    Output,
    /// The columns that are grouped by.
    Group,
    /// All but one of them.
    PartOfGroup,
    /// The columns that are grouped by, and those inside aggregates.
    Values,
    /// One table's row, with new partners in the others.
    Row,
}
