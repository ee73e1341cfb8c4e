//! The two text-to-SQL formats: sql-create-context and Spider.

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

/// `db_id`, `question` and `sql`; a `context`, a `difficulty` that is blank counts as absent.
pub(super) fn spider(fields: &mut Fields) -> Result<SqlSample, DataError> {
    let said = |text: Option<String>| text.filter(|text| !text.trim().is_empty());
    Ok(SqlSample {
        db_id: Some(fields.text(DB_ID)?),
        question: fields.text(QUESTION)?,
        sql: fields.text(SQL)?,
        context: said(fields.optional_text(CONTEXT)?),
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
