//! What a query uses of a schema.

use super::keep::Selected;
use super::{Schema, Selection};
use crate::{Budget, ContextError, Database, QueryError};

/// Why nobody can say what a query uses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UsedByError {
    /// SQLite refuses the tables.
    #[error("the tables of the schema: {0}")]
    Schema(#[from] ContextError),
    /// The query does not run on the empty tables.
    #[error("the query: {0}")]
    Query(#[from] QueryError),
}

impl Schema {
    /// The tables and columns that the query `sql` reads, in the schema's order.
    ///
    /// SQLite itself says it: the query runs on empty tables ([`Schema::sqlite_text`]) with the default [`Budget`], and SQLite's
    /// authorizer (<https://www.sqlite.org/c3ref/set_authorizer.html>) is told of every column that a name in the
    /// query means: aliases, `*`, NATURAL JOIN and subqueries included. A table of which no column is read
    /// (`SELECT count(*) FROM film`) comes with its primary key or else its first column.
    ///
    /// With it a context is built from what a query needs: [`Schema::keep`] what it uses, or its whole tables,
    /// and [`Schema::with_distractors`].
    ///
    /// # Errors
    /// Tables that SQLite does not take (also more of them than a context may hold, [`MAX_SQL_BYTES`](crate::MAX_SQL_BYTES)); a
    /// query that does not run on them.
    ///
    /// # Example
    /// ```
    /// use anneal_sql::{Schema, SchemaForm, Selection};
    /// let schema = Schema::parse(
    ///     "CREATE TABLE film (id INT, title TEXT, market INT); CREATE TABLE market (id INT, name TEXT); CREATE TABLE pet (x)",
    /// )?;
    /// let used = schema.used_by("SELECT f.title FROM film AS f JOIN market ON market.id = f.market")?;
    /// assert_eq!(used, [Selection::columns("film", ["title", "market"]), Selection::columns("market", ["id"])]);
    ///
    /// // The whole tables, whose other columns are distractors, and one more table.
    /// let tables: Vec<_> = used.iter().map(|used| Selection::table(&used.table)).collect();
    /// let context = schema.keep(&tables)?.with_distractors(&[Schema::parse("CREATE TABLE zoo (y INT)")?], 1, 7);
    /// assert_eq!(context.tables.len(), 3);
    /// assert!(context.table("zoo").is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn used_by(&self, sql: &str) -> Result<Vec<Selection>, UsedByError> {
        let budget = Budget::default();
        let database = Database::from_context(&self.sqlite_text(), &budget)?;
        let (result, reads) = database.gate.reads_of(|| database.query(sql, &budget));
        result?;
        let mut used = vec![Selected::default(); self.tables.len()];
        for (table, column) in reads {
            // SQLite's own tables are none of the schema.
            if let Ok(place) = self.table_place(&table) {
                used[place].table = true;
                used[place]
                    .columns
                    .extend(self.tables[place].place(&column));
            }
        }
        let tables = self.tables.iter().zip(used).filter(|(_, used)| used.table);
        let selections = tables.map(|(table, used)| {
            let any = used.columns.is_empty();
            let columns = table
                .columns
                .iter()
                .enumerate()
                .filter(|(at, column)| match any {
                    false => used.columns.contains(at),
                    true if table.primary_key.is_empty() => *at == 0,
                    true => table.primary_key.contains(&column.name),
                });
            Selection::columns(&table.name, columns.map(|(_, column)| column.name.clone()))
        });
        Ok(selections.collect())
    }
}
