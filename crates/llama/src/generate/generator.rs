//! A model with all that says how it is to continue a prompt.

use std::fmt;

use burn::tensor::Device;

use super::batch::Batch;
use super::processor::LogitsProcessor;
use super::row::Row;
use super::text::RowText;
use super::{GenerateOptions, Generated, TokenStream};
use crate::{LlamaConfig, LlamaError, LlamaForCausalLM, Tokenizer};

/// Makes a processor for the prompt at a place among those given.
type MakeProcessor<'a> = dyn Fn(usize) -> Box<dyn LogitsProcessor + 'a> + 'a;

/// Continues prompts: options, a tokenizer if text is wanted, processors.
///
/// Where prompt tuning is active on the model, its virtual tokens are read in
/// front of each prompt; they count as positions, and no processor sees them.
///
/// The model should be without gradient recording
/// ([`valid`](burn::module::Module::valid)): a graph would grow with every token.
///
/// ```
/// use anneal_llama::{GenerateOptions, Generator, LlamaConfig, LlamaForCausalLM, RandomWeights};
///
/// let mut config = LlamaConfig::smollm2_135m();
/// (config.vocab_size, config.hidden_size, config.intermediate_size) = (50, 24, 40);
/// (config.num_attention_heads, config.num_key_value_heads, config.head_dim) = (3, 1, 8);
/// config.num_hidden_layers = 2;
/// let device = anneal_testkit::device();
/// let model = LlamaForCausalLM::from_source(&config, &mut RandomWeights::new(0.3, 7), &device)?;
/// let options = GenerateOptions { max_new_tokens: 6, temperature: 0.7, seed: 3, ..GenerateOptions::default() };
/// let generator = Generator::new(&model, &config, &device).with_options(options);
///
/// let prompts = [vec![1, 2, 3], vec![4]];
/// let whole = generator.generate(&prompts)?;
/// // Token by token the same, a token of each prompt in turn.
/// let mut stream = generator.stream(&prompts)?;
/// for place in 0..6 {
///     for row in 0..2 {
///         let token = stream.next().expect("two rows of six tokens")?;
///         assert_eq!((token.row, token.id), (row, whole[row].token_ids[place]));
///         assert_eq!(token.logprob, whole[row].logprobs[place]);
///     }
/// }
/// assert!(stream.next().is_none());
/// # Ok::<(), anneal_llama::LlamaError>(())
/// ```
pub struct Generator<'a> {
    model: &'a LlamaForCausalLM,
    config: &'a LlamaConfig,
    device: &'a Device,
    options: GenerateOptions,
    tokenizer: Option<&'a Tokenizer>,
    processors: Vec<Box<MakeProcessor<'a>>>,
}

impl<'a> Generator<'a> {
    /// A generator with the default options: greedy, 128 tokens.
    pub fn new(model: &'a LlamaForCausalLM, config: &'a LlamaConfig, device: &'a Device) -> Self {
        Self {
            model,
            config,
            device,
            options: GenerateOptions::default(),
            tokenizer: None,
            processors: Vec::new(),
        }
    }

    /// With these options.
    pub fn with_options(mut self, options: GenerateOptions) -> Self {
        self.options = options;
        self
    }

    /// With text, which stop strings are looked for in.
    pub fn with_tokenizer(mut self, tokenizer: &'a Tokenizer) -> Self {
        self.tokenizer = Some(tokenizer);
        self
    }

    /// With a processor, which each prompt gets anew from `make`, called with
    /// the prompt's place among those given. Processors follow one another in
    /// the order in which they were added.
    ///
    /// ```
    /// # use anneal_llama::{Generator, LlamaConfig, LlamaForCausalLM, RandomWeights};
    /// use anneal_llama::{GenerateOptions, LogitsProcessor, RowContext};
    ///
    /// /// Allows no token but the one after the last.
    /// struct Counting;
    ///
    /// impl LogitsProcessor for Counting {
    ///     fn process(&mut self, context: RowContext, logits: &mut [f32]) {
    ///         let last = context.generated.last().or(context.prompt.last());
    ///         let next = last.map_or(0, |&id| id as usize + 1) % logits.len();
    ///         let allowed = logits[next];
    ///         logits.fill(f32::NEG_INFINITY);
    ///         logits[next] = allowed;
    ///     }
    /// }
    /// # let mut config = LlamaConfig::smollm2_135m();
    /// # (config.vocab_size, config.hidden_size, config.intermediate_size) = (50, 24, 40);
    /// # (config.num_attention_heads, config.num_key_value_heads, config.head_dim) = (3, 1, 8);
    /// # config.num_hidden_layers = 2;
    /// # let device = anneal_testkit::device();
    /// # let model = LlamaForCausalLM::from_source(&config, &mut RandomWeights::new(0.3, 7), &device)?;
    ///
    /// let generator = Generator::new(&model, &config, &device)
    ///     .with_options(GenerateOptions { max_new_tokens: 3, ..GenerateOptions::default() })
    ///     .with_processor(|_row| Box::new(Counting));
    /// let answers = generator.generate(&[vec![7, 5], vec![48]])?;
    /// assert_eq!(answers[0].token_ids, [6, 7, 8]);
    /// assert_eq!(answers[1].token_ids, [49, 0, 1]);
    /// # Ok::<(), anneal_llama::LlamaError>(())
    /// ```
    pub fn with_processor(
        mut self,
        make: impl Fn(usize) -> Box<dyn LogitsProcessor + 'a> + 'a,
    ) -> Self {
        self.processors.push(Box::new(make));
        self
    }

    /// What follows each prompt, in their order.
    ///
    /// The prompts share a batch, and each gets the tokens that it would get
    /// alone (in the same place: see [`GenerateOptions::first_row`]).
    ///
    /// # Errors
    /// An option out of its range; a prompt that is empty, holds an id outside
    /// the vocabulary, or leaves no room for the answer among the model's
    /// positions; stop strings without tokenizer; and on the way a row whose
    /// tokens are all forbidden, or logits that are not numbers.
    pub fn generate(&self, prompts: &[Vec<u32>]) -> Result<Vec<Generated>, LlamaError> {
        let mut results = vec![Generated::empty(self.tokenizer.is_some()); prompts.len()];
        for token in self.stream(prompts)? {
            let token = token?;
            results[token.row].push(token);
        }
        Ok(results)
    }

    /// The same, token by token.
    ///
    /// # Errors
    /// As [`Generator::generate`], each where it is met: what is wrong with
    /// options and prompts at once, the rest in the stream.
    pub fn stream(&self, prompts: &[Vec<u32>]) -> Result<TokenStream<'_>, LlamaError> {
        let options = &self.options;
        options.validate()?;
        if self.tokenizer.is_none() && !options.stop.is_empty() {
            return Err(LlamaError::StopWithoutTokenizer);
        }
        let virtual_tokens = self.model.num_virtual_tokens();
        options.check_prompts(prompts, virtual_tokens, self.config)?;
        let rows = prompts.iter().enumerate();
        let rows = rows.map(|(index, prompt)| self.row(index, prompt));
        let rows = rows.collect::<Result<_, _>>()?;
        let new = options.max_new_tokens;
        let batch = (!prompts.is_empty())
            .then(|| Batch::new(self.model, prompts, self.config, new, self.device));
        Ok(TokenStream::new(self.model, options, rows, batch))
    }

    /// A row before its first token.
    fn row(&self, index: usize, prompt: &[u32]) -> Result<Row<'_>, LlamaError> {
        let options = &self.options;
        let mut processors: Vec<Box<dyn LogitsProcessor + '_>> = Vec::new();
        for processor in options.penalty()? {
            processors.push(processor);
        }
        for make in &self.processors {
            processors.push(make(index));
        }
        for warper in options.warpers()? {
            processors.push(warper);
        }
        let text = self.tokenizer.map(|t| RowText::new(t, &options.stop));
        Ok(Row {
            index,
            prompt: prompt.to_vec(),
            generated: Vec::new(),
            processors,
            sampler: options.sampler(index),
            text,
            finish: None,
        })
    }
}

impl fmt::Debug for Generator<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator")
            .field("config", self.config)
            .field("options", &self.options)
            .field("processors", &self.processors.len())
            .finish_non_exhaustive()
    }
}
