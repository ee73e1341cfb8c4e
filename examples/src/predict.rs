//! Questions to SQL.

use std::path::Path;

use anneal_data::{ChatTemplate, Message, Question, SqlPrompt};
use anneal_llama::{GenerateOptions, LlamaForCausalLM, LoadedModel, Tokenizer, generate};
use anneal_sql::{Databases, clean_sql, schema_text};
use anneal_train::{Progress, ProgressReport};
use burn::tensor::Device;

use crate::ExampleError;

/// How a model's files say that it is to be asked: tokenizer, template, end.
#[derive(Debug)]
pub struct Conversation {
    tokenizer: Tokenizer,
    template: ChatTemplate,
    end_ids: Vec<u32>,
}

/// How much to ask at once, and how long an answer may be.
#[derive(Debug, Clone, Copy)]
pub struct PredictOptions {
    /// Prompts that are continued together.
    pub batch_size: usize,
    /// Tokens of an answer at most.
    pub max_new_tokens: usize,
    /// Whether progress is shown.
    pub progress: ProgressReport,
}

impl Conversation {
    /// Takes tokenizer and template from a loaded model.
    ///
    /// # Errors
    /// A model without one of them, or a template that does not work; `purpose`
    /// says what needs them.
    pub fn new(
        loaded: &LoadedModel,
        path: &Path,
        purpose: &'static str,
    ) -> Result<Self, ExampleError> {
        let model = || path.to_owned();
        let tokenizer = loaded.tokenizer.clone();
        let tokenizer = tokenizer.ok_or_else(|| ExampleError::NoTokenizer { model: model() })?;
        let source = loaded.chat_template.as_deref();
        let source = source.ok_or_else(|| ExampleError::NoTemplate {
            model: model(),
            purpose,
        })?;
        let (bos, eos) = (loaded.special_tokens.bos(), loaded.special_tokens.eos());
        let template = ChatTemplate::new(source, bos, eos)?;
        // An answer ends where the model says so, and where the template ends a turn.
        let mut end_ids = loaded.end_ids.clone();
        end_ids.extend(tokenizer.id(&template.end_token()?));
        Ok(Self {
            tokenizer,
            template,
            end_ids,
        })
    }

    /// The tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// The chat template.
    pub fn template(&self) -> &ChatTemplate {
        &self.template
    }

    /// The ids that end an answer: the model's own, and the template's.
    pub fn end_ids(&self) -> &[u32] {
        &self.end_ids
    }

    /// The ids of messages, up to where the assistant answers.
    ///
    /// # Errors
    /// Messages that the template or the tokenizer refuses.
    pub fn prompt_ids(&self, messages: &[Message]) -> Result<Vec<u32>, ExampleError> {
        Ok(self
            .tokenizer
            .encode(&self.template.render(messages, true)?, false)?)
    }

    /// Asks for the SQL of every question; the answers are in their order.
    ///
    /// A question without a context gets the schema of its database. Prompts
    /// are sorted by length, so that a batch holds little padding.
    ///
    /// # Errors
    /// A prompt that can't be rendered or is too long, or a missing database.
    pub fn predict(
        &self,
        (loaded, model): (&LoadedModel, &LlamaForCausalLM),
        prompt: &SqlPrompt,
        questions: &[Question],
        databases: &mut Databases,
        device: &Device,
        options: PredictOptions,
    ) -> Result<Vec<String>, ExampleError> {
        let mut prompts = Vec::with_capacity(questions.len());
        let (new, limit) = (options.max_new_tokens, loaded.config.context_length());
        for (index, question) in questions.iter().enumerate() {
            let messages = messages(prompt, question, databases)?;
            let ids = self.prompt_ids(&messages)?;
            let tokens = model.num_virtual_tokens() + ids.len();
            if tokens.saturating_add(new) > limit {
                return Err(ExampleError::PromptTooLong {
                    index,
                    question: question.question.clone(),
                    tokens,
                    new,
                    limit,
                });
            }
            prompts.push(ids);
        }
        let mut order: Vec<usize> = (0..prompts.len()).collect();
        order.sort_by_key(|&i| (prompts[i].len(), i));
        let generation = GenerateOptions {
            max_new_tokens: options.max_new_tokens,
            end_ids: self.end_ids.clone(),
            ..GenerateOptions::default()
        };
        let mut answers = vec![String::new(); prompts.len()];
        let mut progress = Progress::new(options.progress);
        let mut done = 0;
        for part in order.chunks(options.batch_size.max(1)) {
            let batch: Vec<Vec<u32>> = part.iter().map(|&i| prompts[i].clone()).collect();
            let generated = generate(model, &loaded.config, &batch, &generation, device)?;
            for (&index, generated) in part.iter().zip(generated) {
                let text = self.tokenizer.decode(&generated.token_ids, false)?;
                answers[index] = clean_sql(&text).to_owned();
            }
            done += part.len();
            let share = done as f64 / questions.len() as f64;
            progress.update(
                share,
                &format!("{done} of {} questions answered", questions.len()),
            );
        }
        progress.finish(&format!("{done} questions answered"));
        Ok(answers)
    }
}

/// A question's messages, with its own context or its database's schema.
fn messages(
    prompt: &SqlPrompt,
    question: &Question,
    databases: &mut Databases,
) -> Result<Vec<Message>, ExampleError> {
    if let Some(context) = &question.context {
        return Ok(prompt.prompt(context, &question.question)?);
    }
    let schema = schema_text(databases.open(&question.db_id)?.main())?;
    Ok(prompt.prompt(&schema, &question.question)?)
}
