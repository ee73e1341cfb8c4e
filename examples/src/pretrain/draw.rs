//! Databases drawn from a domain: which tables and columns, their names, their contents.

use anneal_sql::Value;
use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand_chacha::ChaCha8Rng;

use super::domain::{Domain, DomainColumn, DomainTable};
use super::made::{Made, MadeColumn, MadeTable};
use super::words::invented;

/// Where the names of a database come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// The domain's own.
    Own,
    /// Tables and columns of all domains, thrown together.
    Mixed,
    /// Words that do not exist.
    Invented,
}

/// How a name of several words is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `birth_year`
    Snake,
    /// `Birth_Year`
    Capital,
    /// `birthYear`
    Camel,
}

/// The shape of a database.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// The most tables.
    pub tables: usize,
    /// The most columns of a table, keys left out; there are at least two, where the domain has them.
    pub columns: usize,
    /// The most rows of a table; there are at least half as many.
    pub rows: usize,
    /// Whether alternatives are drawn for names and words, or the usual ones taken.
    pub alternatives: bool,
}

impl Case {
    fn write(self, words: &str) -> String {
        let capital = |word: &str| {
            let mut letters = word.chars();
            let first = letters.next().map(|letter| letter.to_ascii_uppercase());
            first.into_iter().chain(letters).collect::<String>()
        };
        let parts: Vec<&str> = words.split('_').collect();
        match self {
            Self::Snake => words.to_owned(),
            Self::Capital => {
                let parts: Vec<String> = parts.into_iter().map(capital).collect();
                parts.join("_")
            }
            Self::Camel => {
                let rest = parts.iter().skip(1).map(|part| capital(part));
                std::iter::once(parts[0].to_owned()).chain(rest).collect()
            }
        }
    }
}

/// Draws databases from a domain; `all` lends its names to [`Naming::Mixed`].
#[derive(Debug)]
pub struct Drawer<'a> {
    /// Every domain.
    pub all: &'a [Domain],
    /// What is drawn.
    pub shape: Shape,
}

impl Drawer<'_> {
    /// A database of `domain` called `name`.
    pub fn draw(
        &self,
        domain: &Domain,
        (naming, case): (Naming, Case),
        name: String,
        random: &mut ChaCha8Rng,
    ) -> Made {
        let chosen = self.choose_tables(domain, random);
        let plain_key = random.random_bool(0.3);
        let mut tables: Vec<(usize, MadeTable, String)> = Vec::new();
        for index in chosen {
            let source = &domain.tables[index];
            let (base, nouns) = self.table_name(source, naming, random);
            // Two tables of one name can't be.
            let taken = |base: &str| tables.iter().any(|(_, _, other)| other == base);
            let base = match taken(&base) {
                true => format!("{base}_{}", tables.len() + 1),
                false => base,
            };
            let key = match plain_key {
                true => case.write("id"),
                false => case.write(&format!("{base}_id")),
            };
            let mut columns = vec![MadeColumn {
                name: key,
                sql_type: "INTEGER",
                phrases: vec!["id".to_owned()],
                reference: None,
            }];
            let mut kinds = Vec::new();
            for column in self.choose_columns(source, naming, random) {
                let made = self.column(&column, naming, case, random);
                if columns.iter().all(|other| !same(&other.name, &made.name)) {
                    columns.push(made);
                    kinds.push(column.kind);
                }
            }
            let parents = tables.iter().filter(|(parent, ..)| {
                let parent = &domain.tables[*parent].names[0];
                source.parents.contains(parent)
            });
            let parents: Vec<(MadeColumn, i64)> = parents
                .map(|(_, parent, base)| {
                    let column = MadeColumn {
                        name: case.write(&format!("{base}_id")),
                        sql_type: "INTEGER",
                        phrases: vec![parent.nouns[0][0].clone()],
                        reference: Some([parent.name.clone(), parent.columns[0].name.clone()]),
                    };
                    (column, parent.rows.len() as i64)
                })
                .collect();
            let low = (self.shape.rows / 2).max(1);
            let count = random.random_range(low..=self.shape.rows.max(low));
            let mut rows: Vec<Vec<Value>> = Vec::with_capacity(count);
            for id in 1..=count {
                let mut row = vec![Value::Integer(id as i64)];
                for (at, kind) in kinds.iter().enumerate() {
                    let mut value = kind.draw(random);
                    // A name is its owner's, if the lists are long enough.
                    for _ in 0..8 {
                        let used = |row: &Vec<Value>| row[at + 1] == value;
                        if !(kind.is_name() && rows.iter().any(used)) {
                            break;
                        }
                        value = kind.draw(random);
                    }
                    row.push(value);
                }
                for (_, of) in &parents {
                    // The smaller of two: some rows are pointed to often, some never.
                    let (a, b) = (random.random_range(1..=*of), random.random_range(1..=*of));
                    row.push(Value::Integer(a.min(b)));
                }
                rows.push(row);
            }
            columns.extend(parents.into_iter().map(|(column, _)| column));
            let table = MadeTable {
                name: case.write(&base),
                nouns,
                columns,
                rows,
            };
            tables.push((index, table, base));
        }
        Made {
            name,
            tables: tables.into_iter().map(|(_, table, _)| table).collect(),
        }
    }

    /// Tables that hang together, in the domain's order.
    fn choose_tables(&self, domain: &Domain, random: &mut ChaCha8Rng) -> Vec<usize> {
        let count = random.random_range(1..=2) + random.random_range(0..=2);
        let count = count.min(self.shape.tables).min(domain.tables.len());
        let mut chosen = vec![random.random_range(0..domain.tables.len())];
        let linked = |a: usize, b: usize| {
            let points = |from: usize, to: usize| {
                let to = &domain.tables[to].names[0];
                domain.tables[from].parents.contains(to)
            };
            points(a, b) || points(b, a)
        };
        while chosen.len() < count {
            let near: Vec<usize> = (0..domain.tables.len())
                .filter(|at| !chosen.contains(at) && chosen.iter().any(|&c| linked(c, *at)))
                .collect();
            match near.choose(random) {
                Some(&next) => chosen.push(next),
                None => break,
            }
        }
        chosen.sort_unstable();
        chosen
    }

    fn choose_columns(
        &self,
        table: &DomainTable,
        naming: Naming,
        random: &mut ChaCha8Rng,
    ) -> Vec<DomainColumn> {
        let most = table.columns.len().min(self.shape.columns);
        let count = random.random_range(most.min(2)..=most);
        if naming == Naming::Mixed {
            let other = || {
                let table = self.all.choose(random)?.tables.choose(random)?;
                table.columns.choose(random).cloned()
            };
            return std::iter::repeat_with(other)
                .take(count)
                .flatten()
                .collect();
        }
        let mut places: Vec<usize> = (0..table.columns.len()).collect();
        // The first column mostly is the name, which most questions are about.
        let keep = usize::from(random.random_bool(0.8));
        places[keep.min(table.columns.len())..].shuffle(random);
        places.truncate(count);
        places.sort_unstable();
        places
            .into_iter()
            .map(|at| table.columns[at].clone())
            .collect()
    }

    fn table_name(
        &self,
        table: &DomainTable,
        naming: Naming,
        random: &mut ChaCha8Rng,
    ) -> (String, Vec<[String; 2]>) {
        match naming {
            Naming::Invented => {
                let word = invented(random);
                let plural = format!("{word}s");
                (word.clone(), vec![[word, plural]])
            }
            Naming::Own => {
                let name = self.pick(&table.names, random);
                (name, table.nouns.clone())
            }
            Naming::Mixed => {
                let other = self.all.choose(random);
                let other = other.and_then(|domain| domain.tables.choose(random));
                let other = other.unwrap_or(table);
                (self.pick(&other.names, random), other.nouns.clone())
            }
        }
    }

    fn column(
        &self,
        column: &DomainColumn,
        naming: Naming,
        case: Case,
        random: &mut ChaCha8Rng,
    ) -> MadeColumn {
        let (base, phrases) = match naming {
            Naming::Invented => {
                let mut base = invented(random);
                if random.random_bool(0.4) {
                    base = format!("{base}_{}", invented(random));
                }
                (base.clone(), vec![base.replace('_', " ")])
            }
            _ => {
                let base = self.pick(&column.names, random);
                let mut phrases = column.phrases.clone();
                // The name itself is the usual phrase, unless the domain has words of its own for it.
                if !phrases.iter().any(|phrase| phrase == "-") {
                    phrases.insert(0, base.replace('_', " "));
                }
                phrases.retain(|phrase| phrase != "-");
                (base, phrases)
            }
        };
        MadeColumn {
            name: case.write(&base),
            sql_type: column.kind.sql_type(),
            phrases,
            reference: None,
        }
    }

    fn pick(&self, names: &[String], random: &mut ChaCha8Rng) -> String {
        match self.shape.alternatives {
            true => names.choose(random).cloned().unwrap_or_default(),
            false => names.first().cloned().unwrap_or_default(),
        }
    }
}

/// SQLite's names do not differ by case alone.
fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}
