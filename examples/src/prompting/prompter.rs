//! From a question to messages, by the settings.

use std::collections::HashMap;

use anneal_data::{Message, Question, SqlPrompt, SqlSample};
use anneal_sql::{Budget, Database, Databases, Samples, Schema, schema_text};

use super::{PromptSettings, SchemaText};
use crate::ExampleError;

/// The settings, ready to use; schemas of databases are read once.
#[derive(Debug)]
pub struct Prompter {
    settings: PromptSettings,
    prompt: SqlPrompt,
    /// The schema text of each database.
    texts: HashMap<String, String>,
}

impl Prompter {
    /// Compiles the templates.
    ///
    /// # Errors
    /// Templates that are no good.
    pub fn new(settings: impl Into<PromptSettings>) -> Result<Self, ExampleError> {
        let settings = settings.into();
        Ok(Self {
            prompt: SqlPrompt::new(settings.parts.clone())?,
            settings,
            texts: HashMap::new(),
        })
    }

    /// The settings.
    pub fn settings(&self) -> &PromptSettings {
        &self.settings
    }

    /// The templates; their `context` should come from [`context`](Self::context).
    pub fn prompt(&self) -> &SqlPrompt {
        &self.prompt
    }

    /// The schema text that stands in a question's prompt.
    ///
    /// # Errors
    /// A database that is missing or unreadable, a context that no dialect reads (where it must be written anew), or
    /// neither of the two.
    pub fn context(
        &mut self,
        question: &Question,
        databases: Option<&mut Databases>,
    ) -> Result<String, ExampleError> {
        if let (SchemaText::Given, Some(context)) = (&self.settings.schema, &question.context) {
            return Ok(context.clone());
        }
        let Some(databases) = databases else {
            return Ok(self.parsed(question)?.render(&self.settings.schema.style()));
        };
        if let Some(text) = self.texts.get(&question.db_id) {
            return Ok(text.clone());
        }
        let text = self.text_of(databases.open(&question.db_id)?.main())?;
        self.texts.insert(question.db_id.clone(), text.clone());
        Ok(text)
    }

    /// The question as the model sees it: its `context` is that of [`context`](Self::context).
    ///
    /// # Errors
    /// As [`context`](Self::context).
    pub fn seen(
        &mut self,
        question: &Question,
        databases: Option<&mut Databases>,
    ) -> Result<Question, ExampleError> {
        Ok(Question {
            context: Some(self.context(question, databases)?),
            ..question.clone()
        })
    }

    /// The messages that ask a question about a schema.
    ///
    /// # Errors
    /// A template that prints a field which the question lacks.
    pub fn messages(
        &self,
        question: &Question,
        context: &str,
    ) -> Result<Vec<Message>, ExampleError> {
        let sample = SqlSample {
            question: question.question.clone(),
            context: Some(context.to_owned()),
            db_id: (!question.db_id.is_empty()).then(|| question.db_id.clone()),
            ..SqlSample::default()
        };
        Ok(self.prompt.prompt_of_sample(&sample)?)
    }

    /// The text of a database's schema.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn text_of(&self, database: &Database) -> Result<String, ExampleError> {
        match &self.settings.schema {
            SchemaText::Given => Ok(schema_text(database)?),
            SchemaText::Styled(style) => Ok(self.schema_of(database)?.render(style)),
        }
    }

    /// A database's schema, with as many values as the settings show.
    ///
    /// # Errors
    /// A database that cannot be read.
    pub fn schema_of(&self, database: &Database) -> Result<Schema, ExampleError> {
        let style = self.settings.schema.style();
        let mut schema = Schema::read(database)?;
        if style.samples > 0 || style.ranges {
            let samples = Samples {
                values: style.samples,
                ranges: style.ranges,
                ..Samples::default()
            };
            schema.sample(database, &samples);
        }
        Ok(schema)
    }

    /// The schema behind [`context`](Self::context), for what has to be cut.
    pub(super) fn schema(
        &self,
        question: &Question,
        databases: Option<&mut Databases>,
    ) -> Result<Schema, ExampleError> {
        let own = matches!(self.settings.schema, SchemaText::Given) && question.context.is_some();
        match databases {
            Some(databases) if !own => self.schema_of(databases.open(&question.db_id)?.main()),
            _ => self.parsed(question),
        }
    }

    /// The tables of a question's own context.
    fn parsed(&self, question: &Question) -> Result<Schema, ExampleError> {
        let named = || question.question.clone();
        let Some(context) = &question.context else {
            return Err(ExampleError::NoSchema { question: named() });
        };
        Schema::from_context(context, &Budget::default()).map_err(|source| ExampleError::Context {
            question: named(),
            source: Box::new(source),
        })
    }
}
