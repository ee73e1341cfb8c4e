//! Every database of a folder as text, with its sizes, and the schema text beside that of a file of texts.
//!
//!     cargo run --release -p anneal-sql --example schema_forms -- --databases DIR [--texts schemas.json] [--json out.json]
//!
//! `--texts` is a JSON object of `db_id` and CREATE TABLE text; `--json` writes each schema (with samples) and its
//! M-Schema, for a comparison with other writers of that form.

use std::path::PathBuf;
use std::time::Instant;

use anneal_sql::{Database, Samples, Schema, SchemaForm, schema_text};
use clap::Parser;

#[derive(Parser)]
struct Flags {
    #[arg(long)]
    databases: PathBuf,
    #[arg(long)]
    texts: Option<PathBuf>,
    #[arg(long)]
    json: Option<PathBuf>,
}

#[allow(clippy::print_stdout)] // The program's answer.
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let flags = Flags::parse();
    let texts: Option<serde_json::Value> = match &flags.texts {
        Some(path) => Some(serde_json::from_slice(&std::fs::read(path)?)?),
        None => None,
    };
    let mut ids: Vec<String> = Vec::new();
    for entry in std::fs::read_dir(&flags.databases)? {
        let entry = entry?;
        if entry.path().is_dir() {
            ids.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    ids.sort();
    let (mut equal, mut different) = (0, 0);
    let mut sizes = [0_usize; 4];
    let (mut samples, mut ranges, mut columns) = (0, 0, 0);
    let mut written = Vec::new();
    let start = Instant::now();
    for id in &ids {
        let database = Database::open(flags.databases.join(id).join(format!("{id}.sqlite")))?;
        if let Some(text) = texts.as_ref().and_then(|texts| texts[id].as_str()) {
            match schema_text(&database)? == text {
                true => equal += 1,
                false => different += 1,
            }
        }
        let mut schema = Schema::read(&database)?;
        schema.sample(&database, &Samples::default());
        for (size, form) in sizes.iter_mut().zip([
            SchemaForm::CreateTable,
            SchemaForm::Commented,
            SchemaForm::MSchema,
            SchemaForm::Compact,
        ]) {
            *size += schema.render(&form.style()).len();
        }
        for column in schema.tables.iter().flat_map(|table| &table.columns) {
            columns += 1;
            samples += usize::from(!column.samples.is_empty());
            ranges += usize::from(column.range.is_some());
        }
        let text = schema.render(&SchemaForm::MSchema.style());
        written.push(serde_json::json!({ "schema": schema, "m_schema": text }));
    }
    println!(
        "{} databases in {:.2?}: {columns} columns, {samples} with samples, {ranges} with a range; bytes as \
         CREATE TABLE {}, commented {}, M-Schema {}, compact {}; schema texts: {equal} equal, {different} different",
        ids.len(),
        start.elapsed(),
        sizes[0],
        sizes[1],
        sizes[2],
        sizes[3],
    );
    if let Some(path) = &flags.json {
        std::fs::write(path, serde_json::to_vec(&written)?)?;
    }
    Ok(())
}
