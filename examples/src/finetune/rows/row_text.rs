//! Rows as the model sees them: the schema in the form that the settings say.

use anneal_data::{Question, Row, Sample, SqlPrompt};
use anneal_sql::{Databases, without_aliases};

use crate::prompting::{Prompter, SchemaText};
use crate::settings::{Aliases, DataSettings, Settings};
use crate::{Conversation, ExampleError};

/// Tokenizer, templates and schemas.
pub(in crate::finetune) struct RowText<'a> {
    pub(super) conversation: &'a Conversation,
    prompter: Prompter,
    databases: Option<Databases>,
    aliases: Aliases,
}

impl<'a> RowText<'a> {
    /// # Errors
    /// Templates that are no good.
    pub(in crate::finetune) fn new(
        settings: &Settings,
        conversation: &'a Conversation,
        databases: Option<Databases>,
    ) -> Result<Self, ExampleError> {
        let prompter = Prompter::new(&settings.prompt)?;
        Ok(Self {
            conversation,
            prompter,
            // Contexts with other tables are written from themselves, and not from the database.
            databases: databases.filter(|_| !changes_tables(&settings.data)),
            aliases: settings.data.aliases,
        })
    }

    /// The templates.
    pub(super) fn prompt(&self) -> &SqlPrompt {
        self.prompter.prompt()
    }

    /// The rows with their schemas and queries in the form that the settings say.
    ///
    /// # Errors
    /// A context that no dialect reads, where it must be written anew.
    pub(super) fn seen(&mut self, mut rows: Vec<Row>) -> Result<Vec<Row>, ExampleError> {
        if self.aliases == Aliases::SpellOut {
            for row in &mut rows {
                if let Sample::Sql(sample) = &mut row.sample
                    && let Some(own) = without_aliases(&sample.sql)
                {
                    sample.sql = own;
                }
            }
        }
        if self.prompter.settings().schema == SchemaText::Given {
            return Ok(rows);
        }
        for row in &mut rows {
            let Sample::Sql(sample) = &mut row.sample else {
                continue;
            };
            let databases = self.databases.as_mut();
            let databases = databases.filter(|_| sample.db_id.is_some());
            let question = Question::from(&*sample);
            sample.context = Some(self.prompter.context(&question, databases)?);
        }
        Ok(rows)
    }
}

fn changes_tables(data: &DataSettings) -> bool {
    data.distractor_tables > 0 || data.shuffle_tables
}
