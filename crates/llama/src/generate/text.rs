//! A row's text as its tokens come, up to a stop string.

use super::stop::StopFinder;
use crate::{LlamaError, TextStream, Tokenizer};

/// Decodes a row's tokens and looks for stop strings in what they say.
#[derive(Debug)]
pub(super) struct RowText<'a> {
    // `None` once the row has ended.
    open: Option<(TextStream<'a>, StopFinder)>,
}

impl<'a> RowText<'a> {
    pub(super) fn new(tokenizer: &'a Tokenizer, stops: &[String]) -> Self {
        let (stream, stops) = (TextStream::new(tokenizer, false), StopFinder::new(stops));
        Self {
            open: Some((stream, stops)),
        }
    }

    /// Takes a token, the row's `last` or not. Returns the text that is certain
    /// now, and whether a stop string followed it.
    pub(super) fn push(&mut self, id: u32, last: bool) -> Result<(String, bool), LlamaError> {
        let Some((mut stream, mut stops)) = self.open.take() else {
            return Ok((String::new(), true));
        };
        let (mut text, stopped) = stops.push(&stream.push(id)?);
        if stopped {
            return Ok((text, true));
        }
        if !last {
            self.open = Some((stream, stops));
            return Ok((text, false));
        }
        let (rest, stopped) = stops.push(&stream.finish()?);
        text += &rest;
        if !stopped {
            text += &stops.finish();
        }
        Ok((text, stopped))
    }
}
