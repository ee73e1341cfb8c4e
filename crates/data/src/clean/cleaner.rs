//! Named checks, one after the other, over many rows at a time.

use rayon::prelude::*;

use super::{Check, CleanError, Cleaned, Fault, SetApart};
use crate::Row;

/// Checks that rows go through; the first one that fails sets the row apart.
///
/// ```
/// # use std::path::Path;
/// # use anneal_data::{At, Cleaner, Place, Row, Sample, SqlSample, TextCheck, count_reasons};
/// # let row = |line, sql: &str| Row {
/// #     place: Place { file: Path::new("rows.jsonl").into(), at: At::Line(line) },
/// #     sample: Sample::Sql(SqlSample { question: "How many?".into(), sql: sql.into(), ..SqlSample::default() }),
/// # };
/// let cleaner = Cleaner::default().with("text", TextCheck::EmptyAnswer)?;
/// let cleaned = cleaner.clean(vec![row(1, "SELECT 1"), row(2, " ")]);
/// assert_eq!(cleaned.rows.len(), 1);
/// assert_eq!(cleaned.set_apart[0].place.to_string(), "`rows.jsonl` line 2");
/// assert_eq!(count_reasons(&cleaned.set_apart)[&("text".into(), "empty answer".into())], 1);
/// # Ok::<(), anneal_data::DataError>(())
/// ```
#[derive(Default)]
pub struct Cleaner {
    steps: Vec<(String, Box<dyn Check>)>,
}

impl std::fmt::Debug for Cleaner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.steps.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

impl Cleaner {
    /// Adds a step after those that there are.
    ///
    /// # Errors
    /// [`CleanError::StepName`] if another step has the name.
    pub fn with(
        mut self,
        name: impl Into<String>,
        check: impl Check + 'static,
    ) -> Result<Self, CleanError> {
        let name = name.into();
        if self.steps.iter().any(|(other, _)| *other == name) {
            return Err(CleanError::StepName { name });
        }
        self.steps.push((name, Box::new(check)));
        Ok(self)
    }

    /// The first step that has something against `row`, and what.
    pub fn check(&self, row: &Row) -> Option<(&str, Fault)> {
        self.steps.iter().find_map(|(name, check)| {
            let fault = check.check(row).err()?;
            Some((name.as_str(), fault))
        })
    }

    /// Checks all rows, on all threads of rayon's pool; order is kept on both lists.
    pub fn clean(&self, rows: Vec<Row>) -> Cleaned {
        let verdicts: Vec<_> = rows.par_iter().map(|row| self.check(row)).collect();
        let mut cleaned = Cleaned::default();
        for (row, verdict) in rows.into_iter().zip(verdicts) {
            match verdict {
                None => cleaned.rows.push(row),
                Some((step, fault)) => cleaned.set_apart.push(SetApart::new(&row, step, fault)),
            }
        }
        cleaned
    }
}
