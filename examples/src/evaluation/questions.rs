//! The questions of an evaluation: rows of any text-to-SQL format, each with its place in the file.

use std::path::Path;

use anneal_data::{Columns, Format, Place, Question, Reading, Sample, Source, SqlSample};

use crate::ExampleError;

/// Questions in the file's order, with the line of each.
#[derive(Debug)]
pub struct QuestionSet {
    samples: Vec<SqlSample>,
    places: Vec<Place>,
}

impl QuestionSet {
    /// Reads `path`: JSON lines or an array, CSV, TSV, Parquet or Arrow, compressed or not, with the fields of
    /// Spider or sql-create-context, or as `format` and `columns` say.
    ///
    /// Every row is a question here, those too that the data itself marks as unusable: predictions are
    /// counted against them.
    ///
    /// # Errors
    /// A file or row that cannot be read, a row that is not text-to-SQL, no row at all; with file and line.
    pub fn read(
        path: &Path,
        format: Option<Format>,
        columns: &Columns,
    ) -> Result<Self, ExampleError> {
        let source = Source::of_files(vec![path.to_owned()])?;
        let (mut samples, mut places) = (Vec::new(), Vec::new());
        let mut reading: Option<Reading> = None;
        for record in source.records() {
            let record = record?;
            if reading.is_none() {
                let found = Reading::detect(&record, columns, format);
                reading = Some(found.map_err(anneal_data::DataError::from)?);
            }
            let Some(reading) = &reading else { continue };
            let row = reading.read(record)?;
            let Sample::Sql(sample) = row.sample else {
                return Err(ExampleError::NotQuestions {
                    place: row.place,
                    format: reading.format(),
                });
            };
            samples.push(sample);
            places.push(row.place);
        }
        if samples.is_empty() {
            return Err(ExampleError::NoRows {
                path: path.to_owned(),
                purpose: "judge",
                reason: "the file holds none".to_owned(),
            });
        }
        Ok(Self { samples, places })
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is none; never so for what [`read`](Self::read) gives.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The questions.
    pub fn samples(&self) -> &[SqlSample] {
        &self.samples
    }

    /// Where the question at `index` stands.
    pub fn place(&self, index: usize) -> &Place {
        &self.places[index]
    }

    /// The questions as a model is asked.
    pub fn questions(&self) -> Vec<Question> {
        self.samples.iter().map(Question::from).collect()
    }
}
