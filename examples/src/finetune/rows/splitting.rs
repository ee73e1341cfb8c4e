//! Which rows training sees, and which it never does.

use std::collections::BTreeSet;

use anneal_data::{
    Check, Fault, GroupBy, GroupKey, GroupSplit, PurgeList, Reason, Row, Sample, SetApart,
    table_names,
};
use rand::SeedableRng;
use rand::seq::SliceRandom;

use super::{context, database};
use crate::ExampleError;
use crate::settings::DataSettings;

/// A row creates a table that a held-out row of another kind creates.
const SHARED_TABLE: Reason = Reason::new("table of a held-out row");
/// A row asks what the user's own held-out rows ask.
const SHARED_QUESTION: Reason = Reason::new("question of a held-out row");

/// The name of this step in [`SetApart::step`].
const STEP: &str = "split";

/// The split does not depend on the run's seed: runs that differ in it are judged on the same rows.
const SPLIT_SEED: u64 = 0;

/// Both sides.
pub(super) struct Sides {
    pub(super) train: Vec<Row>,
    pub(super) held_out: Vec<Row>,
    pub(super) left_out: Vec<SetApart>,
    pub(super) by: &'static str,
}

/// Rows with a database are held out by it, the others by the tables of their context.
///
/// Where all rows are of one database or of one group of tables, they are held out by their question.
///
/// A table of one kind's held-out rows may be in a context of the other kind (sql-create-context is made
/// of Spider, among others): such rows are left out.
pub(super) fn split(settings: &DataSettings, rows: Vec<Row>) -> Result<Sides, ExampleError> {
    let (with, without): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| database(row).is_some());
    let with = by_database(settings, with)?;
    let without = by_tables(settings.hold_out, without)?;
    let by = match (with.held_out.is_empty(), without.held_out.is_empty()) {
        (true, true) => "none",
        (false, true) => with.by,
        (true, false) => without.by,
        (false, false) => "database, or tables where no database is named",
    };
    let (tables_with, tables_without) = (tables(&with.held_out), tables(&without.held_out));
    let mut left_out = Vec::new();
    let mut train = apart(with.train, &tables_without, &mut left_out);
    train.extend(apart(without.train, &tables_with, &mut left_out));
    let mut held_out = with.held_out;
    held_out.extend(without.held_out);
    Ok(Sides {
        train,
        held_out,
        left_out,
        by,
    })
}

/// The user's own held-out rows; rows that ask the same are left out.
pub(super) fn against(rows: Vec<Row>, held_out: Vec<Row>) -> Result<Sides, ExampleError> {
    let mut asked = PurgeList::new(None).map_err(anneal_data::DataError::from)?;
    for row in &held_out {
        asked.add_row(row, false);
    }
    let (mut train, mut left_out) = (Vec::new(), Vec::new());
    for row in rows {
        match asked.check(&row) {
            Ok(()) => train.push(row),
            Err(mut fault) => {
                fault.reason = SHARED_QUESTION;
                left_out.push(SetApart::new(&row, STEP, fault));
            }
        }
    }
    Ok(Sides {
        train,
        held_out,
        left_out,
        by: "file",
    })
}

/// At most so many rows, drawn by seed; those that stay keep their order.
pub(super) fn draw(rows: &mut Vec<Row>, most: usize, seed: u64) {
    if rows.len() <= most {
        return;
    }
    let mut order: Vec<usize> = (0..rows.len()).collect();
    order.shuffle(&mut rand_chacha::ChaCha8Rng::seed_from_u64(seed));
    let drawn: BTreeSet<usize> = order.into_iter().take(most).collect();
    let mut index = 0;
    rows.retain(|_| {
        index += 1;
        drawn.contains(&(index - 1))
    });
}

/// Databases 0, n, 2n … of the sorted list, as [`anneal_data::Split::by_database`] takes them.
fn by_database(settings: &DataSettings, rows: Vec<Row>) -> Result<Sides, ExampleError> {
    let names: BTreeSet<String> = rows
        .iter()
        .filter_map(database)
        .map(str::to_owned)
        .collect();
    match (settings.hold_out_every, names.len()) {
        (0, _) => return Ok(none_held_out(rows)),
        (_, 1) => return by_question(settings.hold_out, rows),
        _ => {}
    }
    let chosen: BTreeSet<String> = names.into_iter().step_by(settings.hold_out_every).collect();
    let (held_out, train) = rows
        .into_iter()
        .partition(|row| database(row).is_some_and(|name| chosen.contains(name)));
    Ok(Sides {
        train,
        held_out,
        left_out: Vec::new(),
        by: "database",
    })
}

/// Groups of rows that share tables, until about this part of the rows is held out.
fn by_tables(part: f64, rows: Vec<Row>) -> Result<Sides, ExampleError> {
    if part == 0.0 {
        return Ok(none_held_out(rows));
    }
    let keys: BTreeSet<GroupKey> = GroupBy::Tables.keys(&rows).into_iter().collect();
    if keys.len() < 2 {
        return by_question(part, rows);
    }
    grouped(GroupBy::Tables, part, rows, |row| row.clone(), "tables")
}

/// Rows of one schema: what is measured then is new questions, not new databases.
fn by_question(part: f64, rows: Vec<Row>) -> Result<Sides, ExampleError> {
    if part == 0.0 {
        return Ok(none_held_out(rows));
    }
    let question_alone = |row: &Row| {
        let mut row = row.clone();
        if let Sample::Sql(sample) = &mut row.sample {
            (sample.db_id, sample.context) = (None, None);
        }
        row
    };
    grouped(GroupBy::Tables, part, rows, question_alone, "question")
}

/// Holds out groups of rows, found by what `seen` leaves of each.
fn grouped(
    by: GroupBy,
    part: f64,
    rows: Vec<Row>,
    seen: impl Fn(&Row) -> Row,
    name: &'static str,
) -> Result<Sides, ExampleError> {
    let split = GroupSplit::new(by, &[("held out", part)], SPLIT_SEED);
    let split = split.map_err(anneal_data::DataError::from)?;
    let seen: Vec<Row> = rows.iter().map(seen).collect();
    let (sides, _) = split.assign(&seen);
    let (mut train, mut held_out) = (Vec::new(), Vec::new());
    for (row, side) in rows.into_iter().zip(sides) {
        match side {
            0 => train.push(row),
            _ => held_out.push(row),
        }
    }
    Ok(Sides {
        train,
        held_out,
        left_out: Vec::new(),
        by: name,
    })
}

fn none_held_out(rows: Vec<Row>) -> Sides {
    Sides {
        train: rows,
        held_out: Vec::new(),
        left_out: Vec::new(),
        by: "none",
    }
}

fn tables(rows: &[Row]) -> BTreeSet<String> {
    let contexts = rows.iter().filter_map(context);
    contexts.flat_map(table_names).collect()
}

/// The rows that create none of `tables`; the others are set apart.
fn apart(rows: Vec<Row>, tables: &BTreeSet<String>, left_out: &mut Vec<SetApart>) -> Vec<Row> {
    if tables.is_empty() {
        return rows;
    }
    let mut kept = Vec::with_capacity(rows.len());
    for row in rows {
        let own = context(&row).map(table_names).unwrap_or_default();
        match own.into_iter().find(|table| tables.contains(table)) {
            None => kept.push(row),
            Some(table) => {
                let fault = Fault::new(SHARED_TABLE, table);
                left_out.push(SetApart::new(&row, STEP, fault));
            }
        }
    }
    kept
}

#[cfg(test)]
mod tests;
