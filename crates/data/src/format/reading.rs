//! A source's reading: its format and its columns, decided once and used for every row.

use super::columns::Columns;
use super::fields::Fields;
use super::{Format, FormatError, conversation, detect, preference, sql};
use crate::{DataError, Record, Row, Sample};

/// How the records of a source become rows.
///
/// # Example
/// ```
/// use anneal_data::{At, Columns, Reading, Record, Sample};
///
/// let fields = serde_json::json!({"Question Text": "How many?", "context": "CREATE TABLE t (x)", "sql_query": "SELECT 1"});
/// let serde_json::Value::Object(fields) = fields else { unreachable!() };
/// let record = Record::new(std::path::Path::new("rows.json"), At::Line(2), fields);
///
/// let columns: Columns = "question=Question Text,answer=sql_query".parse()?;
/// let reading = Reading::detect(&record, &columns, None)?;
/// let Sample::Sql(sample) = reading.read(record)?.sample else { unreachable!() };
/// assert_eq!(sample.question, "How many?");
/// assert_eq!(sample.sql, "SELECT 1");
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    format: Format,
    columns: Columns,
}

impl Reading {
    /// A reading as `format`.
    ///
    /// # Errors
    /// [`FormatError::UnknownName`] if the mapping names a field that the format does not have.
    pub fn new(format: Format, columns: Columns) -> Result<Self, FormatError> {
        let foreign = columns
            .names()
            .find(|name| !format.names().any(|own| own == *name));
        if let Some(name) = foreign {
            return Err(FormatError::UnknownName {
                format: format.name(),
                name: name.to_owned(),
                known: format.names().collect::<Vec<_>>().join(", "),
            });
        }
        Ok(Self { format, columns })
    }

    /// The reading of a source by its first record: as `format`, or as [`Format::detect`] finds it.
    ///
    /// With a mapping, the mapped columns count as the fields that they stand for, and only a format
    /// that has all mapped fields is considered.
    ///
    /// # Errors
    /// As [`Reading::new`] and [`Format::detect`]; mapped names that no format has together, and a
    /// mapped column that the record lacks.
    pub fn detect(
        record: &Record,
        columns: &Columns,
        format: Option<Format>,
    ) -> Result<Self, FormatError> {
        let format = match format {
            Some(format) => format,
            None => detect::detect(record, columns)?,
        };
        let reading = Self::new(format, columns.clone())?;
        detect::check_mapped(record, columns)?;
        Ok(reading)
    }

    /// The format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The mapping.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Reads one record; its texts are moved, not copied.
    ///
    /// # Errors
    /// A field that is missing, null or of the wrong type ([`DataError::MissingField`],
    /// [`DataError::FieldType`]), and whatever of [`FormatError`] is about a row.
    pub fn read(&self, record: Record) -> Result<Row, DataError> {
        let columns = &self.columns;
        let mut fields = Fields { record, columns };
        let fields_mut = &mut fields;
        let sample = match self.format {
            Format::SqlCreateContext => Sample::Sql(sql::create_context(fields_mut)?),
            Format::Spider => Sample::Sql(sql::spider(fields_mut)?),
            Format::Alpaca => Sample::Conversation(conversation::alpaca(fields_mut)?),
            Format::ShareGpt => Sample::Conversation(conversation::share_gpt(fields_mut)?),
            Format::Messages => Sample::Conversation(conversation::messages(fields_mut)?),
            Format::PromptCompletion => {
                Sample::Completion(conversation::prompt_completion(fields_mut)?)
            }
            Format::Preference => Sample::Preference(preference::preference(fields_mut)?),
        };
        let place = fields.record.place;
        Ok(Row { place, sample })
    }
}
