//! How one database of a suite differs from the others, and how it is filled.

use std::cmp::Ordering;

use super::data::{Data, Row};
use super::plant::{Planter, Planting, Repeat, Variant, variants};
use super::pools::Pools;
use super::random::Random;
use super::shape::{Role, Shape};
use super::value::Test;
use crate::{Schema, Value};

/// Rows of all tables together; a gold and schema of usual size need a tenth.
const MAX_ROWS: usize = 2_000;

/// Cells of the tables that the gold does not touch.
const MAX_OTHER_CELLS: usize = 4_000;

/// What makes a gold depend on the order of insertion, and what is done about it, one level more each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Care {
    /// Nothing: ties are left to chance.
    None,
    /// Columns of ORDER BY hold no value twice.
    Order,
    /// Columns of GROUP BY determine the row as well.
    Groups,
    /// Nothing but one witness.
    Witness,
    /// One row at most in each table.
    One,
}

/// The make of one database.
#[derive(Debug, Clone)]
pub(super) struct Style {
    /// Random rows of each table that the gold touches.
    pub(super) rows: usize,
    /// Witnesses.
    pub(super) witnesses: usize,
    /// Near misses of each kind, in percent: 250 gives two or three.
    pub(super) misses: usize,
    /// NULLs in percent of the cells that may be NULL.
    pub(super) nulls: usize,
    /// How often a cell takes one of the gold's literals, in percent.
    pub(super) literals: usize,
    /// Values of its own in each pool.
    pub(super) pool: usize,
    /// First values of a pool are more frequent.
    pub(super) skewed: bool,
    /// Pools do not overlap, and what is ordered by hardly repeats.
    pub(super) apart: bool,
    /// Undeclared keys are kept too.
    pub(super) keys: bool,
    /// Few values, none far off: sums and averages meet what they are compared with.
    pub(super) flat: bool,
    /// How much of a row of NULLs is NULL, in percent.
    pub(super) hollow: usize,
    /// Which near miss decides between groups.
    contest: usize,
    /// Some rows stand twice.
    pub(super) duplicates: bool,
    pub(super) care: Care,
}

impl Style {
    /// The style of database `index` of `total`: seeded and planted ones in turn, the last one naive.
    pub(super) fn new(random: &mut Random, index: usize, total: usize, care: Care) -> Self {
        let naive = total > 2 && index + 1 == total;
        let planted = index.is_multiple_of(2);
        let mut style = Self {
            rows: match (naive, planted) {
                (true, _) => 6 + random.below(6),
                (false, true) => random.below(4),
                (false, false) => 8 + random.below(7),
            },
            witnesses: match (naive, planted) {
                (true, _) => 1,
                (false, true) => 1 + random.below(3),
                (false, false) => 2 + random.below(3),
            },
            misses: match (naive, planted) {
                (true, _) => 0,
                (false, true) => 100,
                (false, false) => 50,
            },
            nulls: [0, 6, 12, 6][random.below(4)],
            literals: if naive { 15 } else { 45 },
            pool: 3 + random.below(4),
            skewed: random.percent(50),
            apart: index % 4 < 2,
            keys: index.is_multiple_of(3),
            hollow: [75, 100][random.below(2)],
            flat: !planted && random.percent(25),
            contest: index / 2 + random.below(2) * total,
            duplicates: random.percent(70),
            care,
        };
        if style.flat {
            style.pool = 1 + random.below(2);
        }
        if care >= Care::Groups {
            style.keys = true;
        }
        style
    }

    /// The rows of a database.
    pub(super) fn fill(
        &self,
        schema: &Schema,
        shape: &Shape,
        pools: &mut Pools,
        random: &mut Random,
    ) -> Data {
        let mut data = Data::new(schema, self.keys);
        if self.care >= Care::Order {
            for slot in shape.blocks.iter().flat_map(|block| &block.order) {
                let (table, column) = shape.place(*slot);
                data.make_key(table, column);
            }
        }
        if self.care >= Care::Order {
            // A scalar subquery takes any of its rows: let there be one.
            for atom in &shape.atoms {
                let block = &shape.blocks[shape.instances[atom.slot.instance].block];
                let scalar = block.parent.is_some()
                    && block.role == Role::Free
                    && block.aggregated.is_empty();
                if scalar && matches!(atom.test, Test::Compare([Ordering::Equal], _)) {
                    let (table, column) = shape.place(atom.slot);
                    data.make_key(table, column);
                }
            }
        }
        if self.care >= Care::Groups {
            for block in &shape.blocks {
                for slot in block.group.iter().filter(|_| block.group.len() == 1) {
                    let (table, column) = shape.place(*slot);
                    data.make_key(table, column);
                }
            }
        }
        pools.renew(random, self.pool, self.apart);
        let mut planter = Planter {
            schema,
            shape,
            pools,
            data: &mut data,
            random,
            style: self,
            many: false,
        };
        match self.care {
            Care::Witness | Care::One => drop(planter.plant(Variant::Witness, None)),
            _ => {
                self.plant_all(&mut planter);
                self.add_random(&mut planter);
            }
        }
        if self.care == Care::One {
            data.tables.iter_mut().for_each(|rows| rows.truncate(1));
        }
        self.finish(schema, shape, pools, &mut data, random);
        data
    }

    fn plant_all(&self, planter: &mut Planter<'_>) {
        let shape = planter.shape;
        let reach = shape
            .blocks
            .iter()
            .filter_map(|block| block.limit)
            .max()
            .unwrap_or(0);
        let mut witnesses = self.witnesses;
        if (1..=40).contains(&reach) && planter.random.percent(60) {
            planter.many = reach > 1;
            witnesses = witnesses.max(reach + planter.random.below(3));
        }
        let mut plantings = Vec::new();
        for _ in 0..witnesses {
            plantings.push(planter.plant(Variant::Witness, None));
        }
        planter.many = false;
        let all = variants(shape);
        for block in 0..shape.blocks.len() {
            self.repeat(planter, block, &plantings);
            if !shape.blocks[block].group.is_empty() {
                self.plant_groups(planter, block, &all);
            }
        }
        for &variant in &all {
            // A gold with very many conditions has some of them in each database.
            let percent = self.misses.min(self.misses * 40 / all.len().max(1));
            if planter.random.percent(percent) {
                planter.plant(variant, None);
            }
        }
    }

    /// The output repeats, one row meets several partners.
    fn repeat(&self, planter: &mut Planter<'_>, block: usize, plantings: &[Planting]) {
        let shape = planter.shape;
        let mut kinds = vec![Repeat::Output, Repeat::Values];
        if shape.blocks[block].group.len() > 1 {
            kinds.push(Repeat::PartOfGroup);
        }
        if shape
            .instances
            .iter()
            .filter(|one| one.block == block)
            .count()
            > 1
        {
            kinds.push(Repeat::Row);
        }
        for kind in kinds {
            if planter.random.percent(60)
                && let Some(planting) = planter.random.one(plantings)
            {
                for _ in 0..=planter.random.below(2) {
                    let kept = planter.kept(block, kind);
                    planter.repeat(Variant::Witness, planting, &kept);
                }
            }
        }
    }

    /// Groups whose size or sum is about what HAVING wants, or about that of the group that comes first.
    /// Beside them groups with rows that should not count, and would tip the balance if they did.
    fn plant_groups(&self, planter: &mut Planter<'_>, block: usize, all: &[Variant]) {
        let one = &planter.shape.blocks[block];
        let mut sizes: Vec<usize> = Vec::new();
        for &count in one
            .counts
            .iter()
            .filter(|count| (0..=20).contains(*count))
            .take(3)
        {
            let count = count as usize;
            sizes.extend([count.saturating_sub(1), count, count + 1]);
        }
        let wanted = sizes.iter().copied().max();
        if wanted.is_none() {
            // Larger than what stands there already.
            let size = if self.misses > 50 { 3 } else { 1 } + planter.random.below(2);
            sizes.extend([size, size + 1]);
            if one.limit.is_some() && self.care >= Care::Groups {
                // One group that no other equals.
                sizes.push(size + 4 + planter.random.below(3));
            }
        }
        sizes.retain(|&size| size > 0);
        let group = planter.group(block);
        let mut smallest = None;
        for &size in &sizes {
            let first = planter.plant(Variant::Witness, None);
            for _ in 1..size {
                let kept = planter.kept(block, Repeat::Group);
                planter.repeat(Variant::Witness, &first, &kept);
            }
            smallest.get_or_insert(first);
        }
        let (Some(smallest), Some(&variant)) = (smallest, all.get(self.contest % all.len().max(1)))
        else {
            return;
        };
        if self.misses == 0 {
            return;
        }
        let most = sizes.iter().copied().max().unwrap_or(1);
        match planter.random.percent(60) {
            // The smallest group and more of them than the next has.
            true => {
                for _ in 0..2 + planter.random.below(2) {
                    planter.repeat(variant, &smallest, &group);
                }
            }
            // A group of nothing else: where a key is missing, all that lack it are one.
            false => {
                let first = planter.plant(variant, None);
                for _ in 0..most {
                    planter.repeat(variant, &first, &group);
                }
            }
        }
    }

    fn add_random(&self, planter: &mut Planter<'_>) {
        let tables = planter.schema.tables.len();
        let uses = planter.shape.uses(tables);
        let mut cells = 0;
        for (table, &is_used) in uses.iter().enumerate() {
            let width = planter.schema.tables[table].columns.len();
            let mut rows = self.rows;
            if !is_used {
                rows = 3.min(MAX_OTHER_CELLS.saturating_sub(cells) / width.max(1));
                cells += rows * width;
            }
            for _ in 0..rows {
                if planter.data.tables[table].len() >= MAX_ROWS {
                    break;
                }
                let row = planter.row(table);
                planter.data.push_fresh(planter.pools, table, row);
            }
        }
        if self.duplicates {
            for table in 0..tables {
                let row = planter.random.one(&planter.data.tables[table]).cloned();
                if let Some(row) = row {
                    planter.data.push(table, row);
                }
            }
        }
    }

    fn finish(
        &self,
        schema: &Schema,
        shape: &Shape,
        pools: &mut Pools,
        data: &mut Data,
        random: &mut Random,
    ) {
        let mut fixed: Vec<Vec<bool>> = schema
            .tables
            .iter()
            .map(|table| vec![false; table.columns.len()])
            .collect();
        let slots = shape.links.iter().flat_map(|link| [link.left, link.right]);
        for slot in slots.chain(shape.atoms.iter().map(|atom| atom.slot)) {
            let (table, column) = shape.place(slot);
            fixed[table][column] = true;
        }
        let style = self;
        data.repair(random, &fixed, |random, table| -> Row {
            let columns = 0..schema.tables[table].columns.len();
            columns
                .map(|column| pools.draw(random, table, column, style.literals, style.skewed))
                .collect()
        });
        if self.care >= Care::Groups {
            self.determine(shape, data);
        }
        for rows in &mut data.tables {
            random.shuffle(rows);
        }
    }

    /// Rows of one group agree in the columns that are selected beside the group's key.
    fn determine(&self, shape: &Shape, data: &mut Data) {
        for block in &shape.blocks {
            let Some(&key) = block.group.first() else {
                continue;
            };
            let slots = block.output.iter().flatten().chain(&block.order);
            for slot in
                slots.filter(|slot| slot.instance == key.instance && !block.group.contains(slot))
            {
                let (table, column) = shape.place(*slot);
                let rows = &mut data.tables[table];
                for at in 1..rows.len() {
                    let first =
                        (0..at).find(|&first| rows[first][key.column] == rows[at][key.column]);
                    if let Some(first) = first {
                        let value: Value = rows[first][column].clone();
                        rows[at][column] = value;
                    }
                }
            }
        }
    }
}
