//! What values the columns draw from: the gold's literals and their neighbours, and a few of their own.
//!
//! Columns that are compared, or joined by a foreign key, draw from one pool; all others from pools
//! that hardly overlap, so that a swapped column shows.

use std::collections::HashMap;

use super::expressions::DATES;
use super::random::Random;
use super::shape::Shape;
use super::value::Test;
use super::value::{core, number, stored};
use crate::{Affinity, Schema, Value};

const WORDS: [&str; 36] = [
    "amber", "Basil", "cedar", "Delta", "ember", "Flint", "grove", "Hazel", "iris", "Jade", "kelp",
    "Lotus", "maple", "North", "olive", "Pearl", "quill", "Raven", "sable", "Thorn", "umber",
    "Velvet", "willow", "Xenon", "yarrow", "Zinc", "acorn", "Birch", "coral", "Dune", "elm",
    "Fern", "glade", "Heath", "ivory", "Juniper",
];

/// How a pool's own values look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Numbers,
    Words,
    Dates,
    Bits,
}

/// One pool.
#[derive(Debug)]
struct Pool {
    kind: Kind,
    /// Links that it is in: keys need more values.
    links: usize,
    /// Values from the gold.
    literals: Vec<Value>,
    /// Values of its own, new for every database.
    own: Vec<Value>,
    /// Where its own values begin among those of all pools.
    place: usize,
    /// How many values were made that no other row has.
    fresh: i64,
}

/// All pools, and which column has which.
#[derive(Debug)]
pub(super) struct Pools {
    pools: Vec<Pool>,
    /// By table and column.
    of: Vec<Vec<usize>>,
    affinities: Vec<Vec<Affinity>>,
}

impl Pools {
    /// The pools of a gold; [`Pools::renew`] gives them their own values.
    pub(super) fn new(schema: &Schema, shape: &Shape) -> Self {
        let affinities: Vec<Vec<Affinity>> = schema
            .tables
            .iter()
            .map(|table| table.columns.iter().map(crate::Column::affinity).collect())
            .collect();
        let mut of = classes(schema, shape);
        let mut pools: Vec<Pool> = Vec::new();
        let mut numbered: Vec<(usize, usize)> = Vec::new();
        for (table, columns) in of.iter_mut().enumerate() {
            for (column, class) in columns.iter_mut().enumerate() {
                let kind = kind(schema, shape, table, column);
                match numbered.binary_search_by_key(class, |known| known.0) {
                    Ok(at) => {
                        let pool = &mut pools[numbered[at].1];
                        // A number among the members makes numbers of all.
                        if kind == Kind::Numbers {
                            pool.kind = kind;
                        }
                        *class = numbered[at].1;
                    }
                    Err(at) => {
                        numbered.insert(at, (*class, pools.len()));
                        *class = pools.len();
                        pools.push(Pool {
                            kind,
                            links: 0,
                            place: 0,
                            literals: Vec::new(),
                            own: Vec::new(),
                            fresh: 0,
                        });
                    }
                }
            }
        }
        let mut found = Self {
            pools,
            of,
            affinities,
        };
        for link in &shape.links {
            let (table, column) = shape.place(link.left);
            found.pools[found.of[table][column]].links += 1;
        }
        for atom in &shape.atoms {
            let place = shape.place(atom.slot);
            for value in neighbours(&atom.test) {
                found.add(place, value);
            }
        }
        for (table, column, literal) in &shape.seeds {
            for value in neighbours(&Test::In(vec![literal.clone()])) {
                found.add((*table, *column), value);
            }
        }
        found
    }

    fn add(&mut self, (table, column): (usize, usize), value: Value) {
        let pool = &mut self.pools[self.of[table][column]];
        if pool.literals.len() < 200 {
            pool.literals.push(value);
        }
    }

    /// New own values for the next database, `size` for each pool. With `apart` no two pools of
    /// numbers overlap; otherwise all hold small ones.
    pub(super) fn renew(&mut self, random: &mut Random, size: usize, apart: bool) {
        let turn = random.below(WORDS.len());
        let links: usize = self.pools.iter().map(|pool| pool.links).sum();
        let mut place = 0;
        for pool in &mut self.pools {
            // Long chains of joins over few values would join everything with everything.
            let size = match pool.links {
                0 => size,
                _ => size + 2 * (links - 1).min(8),
            };
            pool.fresh = 0;
            pool.place = place;
            let base = match apart {
                true => (1 + turn + place) as i64,
                false => random.below(4) as i64,
            };
            let word = |step: usize| {
                let at = turn + place + step;
                let word = WORDS[at % WORDS.len()];
                // Beyond the list, words get the number of the round.
                match (place + step) / WORDS.len() {
                    0 => Value::Text(word.into()),
                    round => Value::Text(format!("{word}{round}")),
                }
            };
            pool.own = match pool.kind {
                Kind::Numbers => (0..size as i64)
                    .map(|step| Value::Integer(base + step))
                    .collect(),
                Kind::Words => (0..size).map(word).collect(),
                Kind::Dates => DATES.map(|date| Value::Text(date.into())).to_vec(),
                Kind::Bits => vec![Value::Integer(0), Value::Integer(1)],
            };
            place += size + 1;
        }
    }

    /// A value for a column: one of the gold's `literals` percent of the time, one of its own otherwise;
    /// `skewed` prefers the first of them.
    pub(super) fn draw(
        &self,
        random: &mut Random,
        table: usize,
        column: usize,
        literals: usize,
        skewed: bool,
    ) -> Value {
        let pool = &self.pools[self.of[table][column]];
        let value = if !pool.literals.is_empty() && random.percent(literals) {
            random.one(&pool.literals)
        } else {
            let first = random.below(pool.own.len());
            let second = random.below(pool.own.len());
            pool.own.get(if skewed { first.min(second) } else { first })
        };
        let value = value.cloned().unwrap_or(Value::Integer(1));
        // A half now and then, where the column can hold one.
        match (self.affinities[table][column], value) {
            (Affinity::Real, Value::Integer(number)) if random.percent(40) => {
                Value::Real(number as f64 + 0.5)
            }
            (affinity, value) => stored(&value, affinity),
        }
    }

    /// A value that no row has yet.
    pub(super) fn fresh(&mut self, table: usize, column: usize) -> Value {
        let pool = &mut self.pools[self.of[table][column]];
        pool.fresh += 1;
        let value = match pool.kind {
            Kind::Words => {
                let word = WORDS[pool.place % WORDS.len()];
                Value::Text(format!("{word}-{}", pool.fresh))
            }
            Kind::Dates => Value::Text(format!(
                "20{:02}-03-{:02}",
                30 + pool.fresh / 28 % 60,
                1 + pool.fresh % 28
            )),
            Kind::Numbers | Kind::Bits => {
                Value::Integer(1_000 + 50 * pool.place as i64 + pool.fresh)
            }
        };
        stored(&value, self.affinities[table][column])
    }

    /// A value far below (`high` false) or above all others.
    pub(super) fn extreme(
        &self,
        random: &mut Random,
        table: usize,
        column: usize,
        high: bool,
    ) -> Value {
        let step = random.below(7) as i64;
        let pool = &self.pools[self.of[table][column]];
        let number = |value: &Value| match value {
            Value::Integer(number) => *number,
            Value::Real(number) => *number as i64,
            _ => 0,
        };
        let affinity = self.affinities[table][column];
        let value = match (pool.kind, high) {
            (Kind::Words, true) => Value::Text(format!("zz{step}")),
            (Kind::Words, false) => Value::Text(format!("AA{step}")),
            (Kind::Dates, true) => Value::Text(format!("2090-01-0{}", step + 1)),
            (Kind::Dates, false) => Value::Text(format!("1950-01-0{}", step + 1)),
            // As text, 9… comes last and 0 first.
            (_, true) if affinity == Affinity::Text => Value::Integer(990 + step),
            (_, false) if affinity == Affinity::Text => Value::Integer(0),
            (_, true) => {
                let top = pool
                    .literals
                    .iter()
                    .chain(&pool.own)
                    .map(number)
                    .max()
                    .unwrap_or(0);
                Value::Integer(top.saturating_add(3 + step))
            }
            (_, false) => {
                let low = pool
                    .literals
                    .iter()
                    .chain(&pool.own)
                    .map(number)
                    .min()
                    .unwrap_or(0);
                Value::Integer(low.saturating_sub(3 + step))
            }
        };
        stored(&value, affinity)
    }

    pub(super) fn affinity(&self, table: usize, column: usize) -> Affinity {
        self.affinities[table][column]
    }
}

/// The literals of a test, and the values next to them.
pub(super) fn neighbours(test: &Test) -> Vec<Value> {
    let mut values = Vec::new();
    for literal in test.literals() {
        match &literal {
            Value::Integer(number) => {
                values
                    .extend([0, 0, -1, 1].map(|step| Value::Integer(number.saturating_add(step))));
                values.push(Value::Integer(number.saturating_mul(2)));
            }
            Value::Real(number) => {
                values.extend([0.0, 0.0, -1.0, 1.0].map(|step| Value::Real(number + step)));
                values.push(Value::Real(number * 2.0));
            }
            Value::Text(text) => {
                values.extend([literal.clone(), literal.clone()]);
                if let Some(Value::Integer(inside)) = number(text) {
                    values.extend(
                        [-1, 1].map(|step| Value::Text(inside.saturating_add(step).to_string())),
                    );
                }
                values.push(Value::Text(format!("{text}x")));
                values.push(Value::Text(swapped(text)));
                values.push(Value::Text(format!("a{text}")));
                if matches!(test, Test::Like(_)) {
                    values.push(Value::Text(format!("a{text}x")));
                    // The core in pieces.
                    let half = text.chars().count() / 2;
                    values.push(Value::Text(text.chars().take(half).collect()));
                } else {
                    let mut shorter = text.clone();
                    shorter.pop();
                    values.push(Value::Text(shorter));
                }
            }
            Value::Null | Value::Blob(_) => {}
        }
    }
    if let Test::Like(pattern) = test {
        // `a%b` also takes something between.
        let text = pattern.replace('%', "mid").replace('_', "q");
        values.push(Value::Text(text));
        values.push(Value::Text(core(pattern)));
    }
    if let Test::Between(low, high) = test {
        let (low, high) = (super::value::real(low), super::value::real(high));
        if high - low > 1.0 {
            values.push(Value::Real(((low + high) / 2.0).floor()));
        }
    }
    values.retain(|value| !matches!(value, Value::Text(text) if text.len() > 1_000));
    values
}

/// Upper case for lower case and the reverse.
fn swapped(text: &str) -> String {
    text.chars()
        .map(|c| match c.is_ascii_uppercase() {
            true => c.to_ascii_lowercase(),
            false => c.to_ascii_uppercase(),
        })
        .collect()
}

/// For each column the number of its class: those that share a pool share a number.
fn classes(schema: &Schema, shape: &Shape) -> Vec<Vec<usize>> {
    let mut starts = Vec::with_capacity(schema.tables.len());
    let mut total = 0;
    for table in &schema.tables {
        starts.push(total);
        total += table.columns.len();
    }
    let mut parent: Vec<usize> = (0..total).collect();
    let flat = |place: (usize, usize)| starts[place.0] + place.1;
    for (left, right) in &shape.shared {
        join(&mut parent, flat(*left), flat(*right));
    }
    let place = |table: usize, name: &str| {
        let mut columns = schema.tables[table].columns.iter();
        Some((
            table,
            columns.position(|column| column.name.eq_ignore_ascii_case(name))?,
        ))
    };
    let mut numbers: HashMap<String, usize> = HashMap::new();
    for (table, one) in schema.tables.iter().enumerate() {
        numbers
            .entry(one.name.to_ascii_lowercase())
            .or_insert(table);
    }
    for (table, one) in schema.tables.iter().enumerate() {
        for key in &one.foreign_keys {
            let Some(&target) = numbers.get(&key.table.to_ascii_lowercase()) else {
                continue;
            };
            let names = match key.references.is_empty() {
                true => &schema.tables[target].primary_key,
                false => &key.references,
            };
            for (here, there) in key.columns.iter().zip(names) {
                if let (Some(here), Some(there)) = (place(table, here), place(target, there)) {
                    join(&mut parent, flat(here), flat(there));
                }
            }
        }
    }
    // Keys that nobody declared: the same name in two tables, and it looks like a key.
    let mut named: Vec<(String, usize)> = Vec::new();
    for (table, one) in schema.tables.iter().enumerate() {
        for (column, other) in one.columns.iter().enumerate() {
            let name = other.name.to_lowercase();
            if key_like(&name) && name != "id" {
                named.push((name, flat((table, column))));
            }
        }
    }
    named.sort();
    for pair in named.windows(2) {
        if pair[0].0 == pair[1].0 {
            join(&mut parent, pair[0].1, pair[1].1);
        }
    }
    let columns = |table: usize| 0..schema.tables[table].columns.len();
    (0..schema.tables.len())
        .map(|table| {
            columns(table)
                .map(|column| root(&mut parent, flat((table, column))))
                .collect()
        })
        .collect()
}

/// Whether a column name, in lower case, looks like a key.
pub(super) fn key_like(name: &str) -> bool {
    name.ends_with("id")
        || name.ends_with("_code")
        || name.ends_with("_no")
        || name.ends_with("number")
}

pub(super) fn root(parent: &mut [usize], mut at: usize) -> usize {
    while parent[at] != at {
        parent[at] = parent[parent[at]];
        at = parent[at];
    }
    at
}

pub(super) fn join(parent: &mut [usize], left: usize, right: usize) {
    let (left, right) = (root(parent, left), root(parent, right));
    parent[left.max(right)] = left.min(right);
}

fn kind(schema: &Schema, shape: &Shape, table: usize, column: usize) -> Kind {
    let one = &schema.tables[table].columns[column];
    let declared = one.declared_type.to_ascii_uppercase();
    let name = one.name.to_lowercase();
    if shape.numeric.contains(&(table, column)) {
        return Kind::Numbers;
    }
    if declared.contains("BOOL") {
        return Kind::Bits;
    }
    if declared.contains("DATE")
        || declared.contains("TIME")
        || name == "date"
        || name.ends_with("_date")
    {
        return Kind::Dates;
    }
    match one.affinity() {
        Affinity::Integer | Affinity::Real | Affinity::Numeric => Kind::Numbers,
        Affinity::Text => Kind::Words,
        // Without a type, the gold's literals say what it holds.
        Affinity::Blob => {
            let text = |value: &Value| matches!(value, Value::Text(_));
            let here = |atom: &&super::shape::Atom| shape.place(atom.slot) == (table, column);
            let atoms = shape.atoms.iter().filter(here);
            match atoms
                .flat_map(|atom| atom.test.literals())
                .any(|value| text(&value))
            {
                true => Kind::Words,
                false => Kind::Numbers,
            }
        }
    }
}
