//! Questions to SQL.

use std::io::Write;
use std::path::Path;

use anneal_data::{ChatTemplate, Message, Question};
use anneal_llama::{GenerateOptions, LlamaForCausalLM, LoadedModel, Tokenizer, generate};
use anneal_sql::{Databases, clean_sql};
use anneal_train::{Progress, ProgressReport};
use burn::tensor::Device;

use crate::ExampleError;
use crate::prompting::{PromptSettings, Prompter};

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
    /// How they are asked is said by `prompt`, [`PromptSettings`] or a [`SqlPrompt`](anneal_data::SqlPrompt) for
    /// schemas as they are given. A schema that leaves no room for the answer is cut, which is said on standard
    /// error. Prompts are sorted by length, so that a batch holds little padding.
    ///
    /// # Errors
    /// A prompt that can't be rendered or is too long even then, or a missing database.
    pub fn predict<'d>(
        &self,
        (loaded, model): (&LoadedModel, &LlamaForCausalLM),
        prompt: impl Into<PromptSettings>,
        questions: &[Question],
        databases: impl Into<Option<&'d mut Databases>>,
        device: &Device,
        options: PredictOptions,
    ) -> Result<Vec<String>, ExampleError> {
        let prompts = self.prompts((loaded, model), prompt, questions, databases, options)?;
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

    /// The ids of every question's prompt.
    fn prompts<'d>(
        &self,
        (loaded, model): (&LoadedModel, &LlamaForCausalLM),
        prompt: impl Into<PromptSettings>,
        questions: &[Question],
        databases: impl Into<Option<&'d mut Databases>>,
        options: PredictOptions,
    ) -> Result<Vec<Vec<u32>>, ExampleError> {
        let mut databases = databases.into();
        let mut prompter = Prompter::new(prompt)?;
        let (new, limit) = (options.max_new_tokens, loaded.config.context_length());
        let room = limit.saturating_sub(model.num_virtual_tokens() + new);
        let (mut prompts, mut cut) = (Vec::with_capacity(questions.len()), Vec::new());
        for (index, question) in questions.iter().enumerate() {
            let asked = self.ask(&mut prompter, question, databases.as_deref_mut(), room)?;
            let Some(asked) = asked else {
                let context = prompter.context(question, databases.as_deref_mut())?;
                let messages = prompter.messages(question, &context)?;
                return Err(ExampleError::PromptTooLong {
                    index,
                    question: question.question.clone(),
                    tokens: model.num_virtual_tokens() + self.prompt_ids(&messages)?.len(),
                    new,
                    limit,
                });
            };
            if !asked.left_out.is_empty() {
                cut.push(index);
            }
            prompts.push(asked.ids);
        }
        if let [first, ..] = cut[..]
            && options.progress != ProgressReport::Hidden
        {
            // A courtesy; a closed standard error can do without.
            let _ = writeln!(
                std::io::stderr(),
                "note: {} of {} schemas were cut to fit the model's {limit} positions, the first that of question {first}",
                cut.len(),
                questions.len()
            );
        }
        Ok(prompts)
    }
}
