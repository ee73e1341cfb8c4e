//! A model and a database, ready for questions.

use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use anneal_data::Question;
use anneal_llama::{GenerateOptions, LoadOptions, LoadedModel, generate};
use anneal_sql::{Database, Schema};
use anneal_train::ProgressReport;
use burn::tensor::Device;

use super::{Answer, AskFlags, execute, notes};
use crate::prompting::{Asked, Prompter};
use crate::{Conversation, ExampleError, open_model, resolve_model};

/// What is loaded once.
pub struct Session {
    loaded: LoadedModel,
    device: Device,
    conversation: Conversation,
    prompter: Prompter,
    schema: Schema,
    database: PathBuf,
    max_new_tokens: usize,
    rows: usize,
}

impl Session {
    /// Opens the database, then the model.
    ///
    /// # Errors
    /// Files that cannot be read as what they should be.
    pub fn open(flags: &AskFlags) -> Result<Self, ExampleError> {
        if flags.max_new_tokens == 0 {
            return Err(ExampleError::Setting {
                setting: "max-new-tokens",
                found: "0".to_owned(),
                expected: "at least 1".to_owned(),
            });
        }
        // The cheap files first: their errors need not wait for the model.
        let database = Database::open(&flags.database)?;
        let (device, precision) = flags.compute.open()?;
        let model = resolve_model(&flags.model, ProgressReport::Auto)?;
        let prompter = Prompter::new(flags.prompt.settings(&model, &flags.adapter)?)?;
        let schema = prompter.schema_of(&database)?;
        if schema.tables.is_empty() {
            return Err(ExampleError::NoTables {
                path: flags.database.clone(),
            });
        }
        let loaded = open_model(
            &flags.model,
            flags.adapter.iter().map(PathBuf::as_path),
            &LoadOptions::default().with_precision(precision),
            &device,
        )?;
        Ok(Self {
            conversation: Conversation::new(&loaded, &flags.model, "a question")?,
            loaded,
            device,
            prompter,
            schema,
            database: flags.database.clone(),
            max_new_tokens: flags.max_new_tokens,
            rows: flags.rows,
        })
    }

    /// Has the model write SQL, and runs it.
    ///
    /// # Errors
    /// A question that leaves no room for the schema and the answer, or a database that has become unreadable.
    /// SQL that cannot be run is part of the answer.
    pub fn answer(&mut self, question: &str) -> Result<Answer, ExampleError> {
        let begun = Instant::now();
        let asked = self.prompt(question)?;
        if let Some(what) = notes::left_out(&asked.left_out) {
            let positions = self.loaded.config.context_length();
            // A courtesy; a closed standard error can do without.
            let _ = writeln!(
                std::io::stderr(),
                "note: not shown to the model, which has {positions} positions: {what}"
            );
        }
        let options = GenerateOptions {
            max_new_tokens: self.max_new_tokens,
            end_ids: self.conversation.end_ids().to_vec(),
            ..GenerateOptions::default()
        };
        let (model, config) = (&self.loaded.model, &self.loaded.config);
        let prompts = std::slice::from_ref(&asked.ids);
        let generated = generate(model, config, prompts, &options, &self.device)?;
        let ids = generated.into_iter().flat_map(|answer| answer.token_ids);
        let ids: Vec<u32> = ids.collect();
        let text = self.conversation.tokenizer().decode(&ids, false)?;
        // Opened for each question: a conversation may last longer than the contents of a file.
        let database = Database::open(&self.database)?;
        let (sql, result) = execute(&database, &text, self.rows);
        Ok(Answer {
            prompt_tokens: asked.ids.len(),
            seconds: begun.elapsed().as_secs_f64(),
            schema_tables_left_out: asked.tables_left_out(),
            ..Answer::new(question, sql, result)
        })
    }

    /// The schema as the model sees it with a question, and what it does not see.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn schema_text(&self, question: &str) -> Result<String, ExampleError> {
        let asked = self.prompt(question)?;
        let left_out = notes::left_out(&asked.left_out);
        let left_out = left_out.map_or(String::new(), |what| format!("(left out: {what})\n"));
        Ok(format!("{}\n{left_out}", asked.context))
    }

    fn prompt(&self, question: &str) -> Result<Asked, ExampleError> {
        let row = Question {
            db_id: self.schema.name.clone().unwrap_or_default(),
            question: question.to_owned(),
            sql: String::new(),
            context: None,
            exec_ok: None,
            missing_data: None,
            n_rows: None,
        };
        let (new, limit) = (self.max_new_tokens, self.loaded.config.context_length());
        let taken = self.loaded.model.num_virtual_tokens() + new;
        let room = limit.saturating_sub(taken);
        let (prompter, schema) = (&self.prompter, &self.schema);
        let asked = self.conversation.ask_within(prompter, &row, schema, room)?;
        asked.ok_or_else(|| ExampleError::QuestionTooLong {
            question: question.to_owned(),
            new,
            limit,
        })
    }
}
