//! Paraphrases: the same question in other words.

use std::collections::HashMap;

use super::{Augment, RowRng};
use crate::{DataError, Record, Row, Sample};

/// Makes a row for each paraphrase that a table has of its question; the SQL stays.
///
/// Questions are looked up by their text, white space at the ends aside. An entry that names a database is
/// for rows of that database alone: one question may stand in several, and a paraphrase may use words
/// of one schema. A paraphrase that is the question itself is left out.
///
/// # Example
/// ```
/// use anneal_data::Paraphrases;
///
/// let mut table = Paraphrases::default();
/// table.add(Some("pets"), "How many dogs?", "How many canines?");
/// table.add(Some("pets"), "How many dogs?", "How many dogs?");
/// assert_eq!(table.len(), 1);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Paraphrases {
    /// By question: the database, where one is named, and the paraphrase.
    by_question: HashMap<String, Vec<(Option<String>, String)>>,
    entries: usize,
    most: Option<usize>,
}

impl Paraphrases {
    /// The table in records with `question`, `paraphrase` and, where it is known, `db_id`, such as
    /// those of Spider-Syn (Gan et al. 2021).
    ///
    /// # Errors
    /// A field that is missing or no text; whatever the records bring.
    pub fn from_records(
        records: impl IntoIterator<Item = Result<Record, DataError>>,
    ) -> Result<Self, DataError> {
        let mut table = Self::default();
        for record in records {
            let record = record?;
            let question = record.text("question", "`question`")?;
            let paraphrase = record.text("paraphrase", "`paraphrase`")?;
            let database = record.optional_text("db_id")?;
            table.add(database.as_deref(), &question, &paraphrase);
        }
        Ok(table)
    }

    /// Adds an entry. One that is there already, or that says what the question says, adds nothing.
    pub fn add(&mut self, database: Option<&str>, question: &str, paraphrase: &str) {
        let (question, paraphrase) = (question.trim(), paraphrase.trim());
        if question == paraphrase || paraphrase.is_empty() {
            return;
        }
        let entry = (database.map(str::to_owned), paraphrase.to_owned());
        let entries = self.by_question.entry(question.to_owned()).or_default();
        if !entries.contains(&entry) {
            entries.push(entry);
            self.entries += 1;
        }
    }

    /// Makes at most `most` rows of a row, drawn from its paraphrases; all of them by default.
    pub fn at_most(mut self, most: usize) -> Self {
        self.most = Some(most);
        self
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.entries
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }
}

impl Augment for Paraphrases {
    fn augment(&self, row: &Row, rng: &mut RowRng) -> Result<Vec<Row>, DataError> {
        let Sample::Sql(sample) = &row.sample else {
            return Ok(Vec::new());
        };
        let entries = self.by_question.get(sample.question.trim());
        let mut found: Vec<&str> = Vec::new();
        for (database, paraphrase) in entries.into_iter().flatten() {
            let fits = database.is_none() || *database == sample.db_id;
            // The same words may stand there for the database and for all.
            if fits && !found.contains(&paraphrase.as_str()) {
                found.push(paraphrase);
            }
        }
        if let Some(most) = self.most.filter(|&most| most < found.len()) {
            rng.shuffle(&mut found);
            found.truncate(most);
        }
        let rows = found.into_iter().map(|paraphrase| {
            let question = paraphrase.to_owned();
            let sample = Sample::Sql(crate::SqlSample {
                question,
                ..sample.clone()
            });
            Row {
                place: row.place.clone(),
                sample,
            }
        });
        Ok(rows.collect())
    }
}
