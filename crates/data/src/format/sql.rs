//! The two text-to-SQL formats: sql-create-context and Spider.

use serde_json::Value;

use super::columns;
use super::field::{ANSWER, CONTEXT, DB_ID, DIFFICULTY, EXEC_OK, MISSING_DATA, QUESTION, SQL};
use super::fields::Fields;
use crate::{DataError, Flaw, SqlSample};

/// `question`, `context` and `answer`, none of which may be blank.
pub(super) fn create_context(fields: &mut Fields) -> Result<SqlSample, DataError> {
    Ok(SqlSample {
        question: fields.text(QUESTION)?,
        context: Some(fields.text(CONTEXT)?),
        sql: fields.text(ANSWER)?,
        ..SqlSample::default()
    })
}

/// `db_id`, `question` and `sql`; a `context`, a `difficulty` that is blank counts as absent, and so does a
/// blank `db_id` beside a context: question files have it where a row names no database.
pub(super) fn spider(fields: &mut Fields) -> Result<SqlSample, DataError> {
    let is_blank = |text: &str| text.trim().is_empty();
    let said = |text: Option<String>| text.filter(|text| !is_blank(text));
    let context = said(fields.optional_text(CONTEXT)?);
    let name = columns::find(&fields.record, fields.label(DB_ID)).and_then(Value::as_str);
    let db_id = match name.is_some_and(is_blank) && context.is_some() {
        true => {
            fields.take(DB_ID)?;
            None
        }
        false => Some(fields.text(DB_ID)?),
    };
    Ok(SqlSample {
        db_id,
        question: fields.text(QUESTION)?,
        sql: fields.text(SQL)?,
        context,
        difficulty: said(fields.optional_text(DIFFICULTY)?),
        flaw: flaw(fields)?,
    })
}

/// What the data set's makers found wrong with the row; a query that fails says more than rows that lack.
fn flaw(fields: &mut Fields) -> Result<Option<Flaw>, DataError> {
    let runs = fields.flag(EXEC_OK)?;
    let lacks = fields.flag(MISSING_DATA)?;
    Ok(if runs == Some(false) {
        Some(Flaw::SqlFails)
    } else if lacks == Some(true) {
        Some(Flaw::MissingData)
    } else {
        None
    })
}
