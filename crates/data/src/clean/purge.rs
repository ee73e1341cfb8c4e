//! The purge list: a benchmark's questions and databases, whose rows must not be learned.

use std::collections::{BTreeMap, HashMap};

use super::{Check, CleanError, Fault, Met, Reason};
use crate::split::digest::{Digest, digest};
use crate::split::near::NearIndex;
use crate::split::row_text;
use crate::{NearConfig, Place, Record, Row, SplitError, normal_question};

/// The row asks a question of the benchmark.
pub const BENCHMARK_QUESTION: Reason = Reason::new("question of the benchmark");
/// The row asks nearly a question of the benchmark.
pub const NEAR_BENCHMARK_QUESTION: Reason = Reason::new("nearly a question of the benchmark");
/// The row is about a database of the benchmark.
pub const BENCHMARK_DATABASE: Reason = Reason::new("database of the benchmark");

/// The questions and databases of benchmarks; as a [`Check`], it sets apart the rows that meet one.
///
/// Questions are compared in their normal form ([`normal_question`]) and, where near duplicates are
/// asked for, by their shingles. Of a conversation every user turn is compared, whole: a question
/// within a longer prompt is not found. A row's fault names the entry that it met, the most alike first.
///
/// ```
/// # use std::path::Path;
/// # use anneal_data::{At, Check, Place, PurgeList, Row, Sample, SqlSample};
/// let mut list = PurgeList::new(None)?;
/// list.add_question("How many pets are there?", None);
/// list.add_database("world_1", None);
/// let row = |question: &str, db_id: &str| Row {
///     place: Place { file: Path::new("rows.jsonl").into(), at: At::Line(1) },
///     sample: Sample::Sql(SqlSample { question: question.into(), db_id: Some(db_id.into()), ..SqlSample::default() }),
/// };
/// let reason = |row: &Row| list.check(row).map_err(|fault| fault.reason.to_string());
/// assert_eq!(reason(&row("how many pets are there", "pets")).unwrap_err(), "question of the benchmark");
/// assert_eq!(reason(&row("Which city?", "World_1")).unwrap_err(), "database of the benchmark");
/// assert!(reason(&row("Which city?", "pets")).is_ok());
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct PurgeList {
    questions: HashMap<Digest, usize>,
    entries: Vec<(String, Option<Place>)>,
    near: Option<NearIndex>,
    databases: BTreeMap<String, Option<Place>>,
}

impl PurgeList {
    /// An empty list; `near` also removes near duplicates of its questions.
    ///
    /// # Errors
    /// [`SplitError::Near`] for useless settings.
    pub fn new(near: Option<NearConfig>) -> Result<Self, SplitError> {
        Ok(Self {
            questions: HashMap::new(),
            entries: Vec::new(),
            near: near.map(NearIndex::new).transpose()?,
            databases: BTreeMap::new(),
        })
    }

    /// Adds a question; one that says nothing (no character that counts) is left out, for it would meet
    /// every row without a question.
    pub fn add_question(&mut self, question: &str, place: Option<Place>) {
        let normal = normal_question(question);
        if normal.is_empty() {
            return;
        }
        let next = self.entries.len();
        if *self.questions.entry(digest(&[&normal])).or_insert(next) < next {
            return;
        }
        self.entries.push((question.to_owned(), place));
        if let Some(index) = &mut self.near {
            let sketch = index.sketch(&normal, 0);
            index.insert(sketch);
        }
    }

    /// Adds a database, compared without case; an empty name is left out.
    pub fn add_database(&mut self, db_id: &str, place: Option<Place>) {
        let db_id = db_id.trim().to_lowercase();
        if !db_id.is_empty() {
            self.databases.entry(db_id).or_insert(place);
        }
    }

    /// Adds a row of a benchmark: what it asks, and its database if `databases`.
    pub fn add_row(&mut self, row: &Row, databases: bool) {
        for question in row_text::questions(row) {
            self.add_question(question, Some(row.place.clone()));
        }
        if let Some(db_id) = row_text::database(row).filter(|_| databases) {
            self.add_database(db_id, Some(row.place.clone()));
        }
    }

    /// Adds a record with `question`, `db_id` (which counts only if `databases`), or both.
    ///
    /// # Errors
    /// [`crate::DataError::FieldType`], and [`CleanError::PurgeEntry`] if nothing in it can be met.
    pub fn add_record(&mut self, record: &Record, databases: bool) -> Result<(), crate::DataError> {
        let place = Some(record.place.clone());
        let question = record.optional_text("question")?;
        let db_id = record.optional_text("db_id")?.filter(|_| databases);
        if question.is_none() && db_id.is_none() {
            let found = record.fields.keys().cloned().collect();
            let place = record.place.clone();
            return Err(CleanError::PurgeEntry { place, found }.into());
        }
        if let Some(question) = question {
            self.add_question(&question, place.clone());
        }
        if let Some(db_id) = db_id {
            self.add_database(&db_id, place);
        }
        Ok(())
    }

    /// Distinct questions and databases on the list.
    pub fn len(&self) -> (usize, usize) {
        (self.entries.len(), self.databases.len())
    }

    /// Whether nothing is on the list.
    pub fn is_empty(&self) -> bool {
        self.len() == (0, 0)
    }

    fn met(&self, entry: usize, similarity: f64) -> Met {
        let (text, place) = &self.entries[entry];
        Met {
            place: place.clone(),
            text: text.clone(),
            similarity,
        }
    }
}

impl Check for PurgeList {
    fn check(&self, row: &Row) -> Result<(), Fault> {
        if let Some(db_id) = row_text::database(row)
            && let Some(place) = self.databases.get(&db_id.trim().to_lowercase())
        {
            let met = Met {
                place: place.clone(),
                text: db_id.to_owned(),
                similarity: 1.0,
            };
            return Err(Fault::met(BENCHMARK_DATABASE, met));
        }
        let normal: Vec<String> = row_text::questions(row)
            .into_iter()
            .map(normal_question)
            .collect();
        for question in &normal {
            if let Some(&entry) = self.questions.get(&digest(&[question])) {
                return Err(Fault::met(BENCHMARK_QUESTION, self.met(entry, 1.0)));
            }
        }
        let Some(index) = &self.near else {
            return Ok(());
        };
        let found = normal
            .iter()
            .flat_map(|question| index.matches(&index.sketch(question, 0)));
        // The first of the most alike.
        let best = found.reduce(|best, next| {
            if next.jaccard > best.jaccard {
                next
            } else {
                best
            }
        });
        match best {
            None => Ok(()),
            Some(best) => Err(Fault::met(
                NEAR_BENCHMARK_QUESTION,
                self.met(best.entry, best.jaccard),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{At, Message, Sample, SqlSample};

    fn row(line: usize, question: &str, db_id: &str) -> Row {
        Row {
            place: Place {
                file: std::path::Path::new("rows.jsonl").into(),
                at: At::Line(line),
            },
            sample: Sample::Sql(SqlSample {
                question: question.to_owned(),
                db_id: Some(db_id.to_owned()),
                ..SqlSample::default()
            }),
        }
    }

    #[test]
    fn a_benchmark_s_rows_purge_by_every_question_and_by_database_where_asked() {
        let asked = row(7, "How many dogs?", "Pets");
        let turns = vec![
            Message::user("How many cats?"),
            Message::assistant("SELECT 2"),
            Message::user("And birds?"),
        ];
        let two = Row {
            sample: Sample::Conversation(turns),
            ..row(8, "", "")
        };
        let list = |databases| {
            let mut list = PurgeList::new(None).unwrap();
            list.add_row(&asked, databases);
            list.add_row(&two, databases);
            list
        };
        assert_eq!((list(true).len(), list(false).len()), ((3, 1), (3, 0)));
        let met = |databases, row: &Row| {
            let fault = list(databases).check(row).err()?;
            let line = fault.met.and_then(|met| met.place).map(|place| place.at);
            Some((fault.reason, line))
        };
        let birds = row(1, "and birds", "zoo");
        assert_eq!(
            met(true, &birds),
            Some((BENCHMARK_QUESTION, Some(At::Line(8))))
        );
        let other = row(2, "How many fish?", "pets");
        assert_eq!(
            met(true, &other),
            Some((BENCHMARK_DATABASE, Some(At::Line(7))))
        );
        assert_eq!(met(false, &other), None);
    }
}
