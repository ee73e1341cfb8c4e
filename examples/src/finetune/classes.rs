//! What each trained token is: a keyword, a name, a value, an operator, the end.

use anneal_data::Example;
use anneal_llama::{LlamaError, TextStream, Tokenizer};
use anneal_sql::{TokenClass, sql_spans};

use crate::settings::ClassWeights;

/// The class of a trained token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// A word of SQL.
    Keyword,
    /// The name of a table or column.
    Identifier,
    /// A number or a text.
    Literal,
    /// An operator or a mark.
    Operator,
    /// What ends the answer.
    End,
    /// Nothing of this: a comment, or white space after the last word.
    Other,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Keyword,
        Self::Identifier,
        Self::Literal,
        Self::Operator,
        Self::End,
        Self::Other,
    ];

    /// As reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Keyword => "keyword",
            Self::Identifier => "identifier",
            Self::Literal => "literal",
            Self::Operator => "operator",
            Self::End => "end",
            Self::Other => "other",
        }
    }

    /// What it counts in the loss.
    pub fn weight(self, weights: &ClassWeights) -> f64 {
        match self {
            Self::Keyword => weights.keyword,
            Self::Identifier => weights.identifier,
            Self::Literal => weights.literal,
            Self::Operator => weights.operator,
            Self::End => weights.end,
            Self::Other => 1.0,
        }
    }
}

impl From<TokenClass> for Class {
    fn from(class: TokenClass) -> Self {
        match class {
            TokenClass::Keyword => Self::Keyword,
            TokenClass::Identifier => Self::Identifier,
            TokenClass::Literal => Self::Literal,
            TokenClass::Operator => Self::Operator,
        }
    }
}

/// How the ends of answers are known.
#[derive(Debug, Clone, Copy)]
pub struct Ends<'a> {
    /// Tokens that end an answer.
    pub ids: &'a [u32],
    /// The text that ends one, where it is written in ordinary tokens.
    pub text: &'a str,
}

/// The classes of an example's targets, in their order.
///
/// Each stretch of trained tokens is decoded and cut by [`sql_spans`]. A token's class is that of the span
/// that its first byte other than white space is in; a token without one belongs to what comes next.
///
/// # Errors
/// What [`TextStream`] refuses.
pub fn classes_of(
    tokenizer: &Tokenizer,
    example: &Example,
    ends: Ends<'_>,
) -> Result<Vec<Class>, LlamaError> {
    let targets = example.targets();
    let mut classes = Vec::with_capacity(targets.ids.len());
    let mut from = 0;
    for place in 1..=targets.ids.len() {
        let next = targets.positions.get(place);
        if next.is_none_or(|next| *next != targets.positions[place - 1] + 1) {
            classes.extend(of_answer(tokenizer, &targets.ids[from..place], ends)?);
            from = place;
        }
    }
    Ok(classes)
}

/// The classes of one answer's tokens.
fn of_answer(tokenizer: &Tokenizer, ids: &[u32], ends: Ends<'_>) -> Result<Vec<Class>, LlamaError> {
    let (mut text, mut starts) = (String::new(), Vec::with_capacity(ids.len()));
    let mut stream = TextStream::new(tokenizer, false);
    for &id in ids {
        if ends.ids.contains(&id) {
            starts.push(None);
            continue;
        }
        starts.push(Some(text.len()));
        text.push_str(&stream.push(id)?);
    }
    text.push_str(&stream.finish()?);
    let sql = match text.trim_end().strip_suffix(ends.text) {
        Some(sql) if !ends.text.is_empty() => sql.len(),
        _ => text.len(),
    };
    let spans = sql_spans(&text[..sql]);
    let class = |start: Option<usize>| {
        // An answer's last token may be all that is left of it: white space before the end.
        let Some(start) = start.filter(|&start| start < sql || sql == text.len()) else {
            return Class::End;
        };
        let rest = text.as_bytes()[start..sql].iter();
        let byte = start + rest.take_while(|byte| byte.is_ascii_whitespace()).count();
        let after = spans.partition_point(|span| span.range.end <= byte);
        match spans.get(after) {
            Some(span) if span.range.start <= byte => span.class.into(),
            _ => Class::Other,
        }
    };
    Ok(starts.into_iter().map(class).collect())
}
