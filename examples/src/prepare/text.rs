//! The model's text side as anneal-data takes it: a tokenizer, and a template by flag or by its files.

use std::path::Path;

use anneal_data::{
    BuiltInTemplate, ChatTemplate, Cut, DataError, SpecialTokens, TemplateError, Tokenize,
};
use anneal_llama::{LlamaError, PretrainedTokenizer, Tokenizer};
use anneal_train::ProgressReport;

use super::PrepareFlags;
use crate::{ExampleError, resolve_tokenizer};

/// A tokenizer with the template that it is used with.
#[derive(Debug)]
pub struct Text {
    /// Text to ids; all special tokens of a rendered template are written in it.
    pub tokenizer: Tokenizer,
    /// From messages to text.
    pub template: ChatTemplate,
    /// The template's name: a built-in one's, a file's, or the model's.
    pub template_name: String,
    /// The template's Jinja.
    pub template_source: String,
}

impl Text {
    /// Opens what the flags name, downloading it if it is a Hub id.
    ///
    /// # Errors
    /// A model without a tokenizer, or without a template where none is named; files that are no good.
    pub fn open(flags: &PrepareFlags, report: ProgressReport) -> Result<Self, ExampleError> {
        let path = resolve_tokenizer(Path::new(&flags.model), report)?;
        let text = PretrainedTokenizer::open(&path)?;
        let tokens = text.special_tokens.iter();
        let tokens = tokens.fold(SpecialTokens::new(), |tokens, (name, text)| {
            tokens.with(name, text)
        });
        let (template, template_name, template_source) = match &flags.template {
            Some(name) => named(name, &tokens)?,
            None => {
                let source = text.chat_template;
                let source = source.ok_or_else(|| ExampleError::NoChatTemplate {
                    model: path,
                    known: names(),
                })?;
                let template = ChatTemplate::with_tokens(&source, &tokens)?;
                (template, flags.model.clone(), source)
            }
        };
        Ok(Self {
            tokenizer: text.tokenizer,
            template,
            template_name,
            template_source,
        })
    }
}

/// A built-in template, or a file of Jinja.
fn named(
    name: &str,
    tokens: &SpecialTokens,
) -> Result<(ChatTemplate, String, String), ExampleError> {
    if let Ok(kind) = name.parse::<BuiltInTemplate>() {
        let template = ChatTemplate::built_in(kind, tokens)?;
        return Ok((template, name.to_owned(), kind.source().to_owned()));
    }
    let path = Path::new(name);
    if !path.exists() {
        return Err(ExampleError::Setting {
            setting: "template",
            found: name.to_owned(),
            expected: format!("{}, or a file of Jinja", names()),
        });
    }
    let source = std::fs::read_to_string(path).map_err(ExampleError::io(path))?;
    let template = ChatTemplate::with_tokens(&source, tokens).map_err(|error| match error {
        DataError::TemplateSyntax { line, message } => TemplateError::Syntax {
            path: path.to_owned(),
            line,
            message,
        }
        .into(),
        other => other,
    })?;
    Ok((template, name.to_owned(), source))
}

fn names() -> String {
    BuiltInTemplate::ALL.map(BuiltInTemplate::name).join(", ")
}

impl Tokenize for Text {
    type Error = LlamaError;

    fn encode(&self, text: &str) -> Result<Vec<u32>, LlamaError> {
        self.tokenizer.encode(text, false)
    }

    fn encode_with_cuts(&self, text: &str) -> Result<(Vec<u32>, Vec<Cut>), LlamaError> {
        let (ids, places) = self.tokenizer.encode_with_places(text)?;
        let places = places.into_iter();
        let cuts = places.map(|(bytes, token)| Cut { bytes, token });
        Ok((ids, cuts.collect()))
    }
}
