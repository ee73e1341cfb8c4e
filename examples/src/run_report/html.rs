//! The one way into the page: what is not part of the program is escaped.

use std::fmt::Display;

/// HTML under construction.
///
/// Markup is `&'static str`: a text that came from outside cannot be one, so it must pass through
/// [`text`](Self::text) or [`attribute`](Self::attribute).
#[derive(Debug, Default)]
pub(super) struct Html {
    out: String,
}

impl Html {
    /// Markup of the program.
    pub(super) fn raw(&mut self, markup: &'static str) -> &mut Self {
        self.out.push_str(markup);
        self
    }

    /// Text from anywhere.
    ///
    /// Control characters, and those that are invisible or turn the direction of what follows, are shown by number:
    /// a query must not look like another one. Joiners that writing systems need (U+200C, U+200D) stay.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '\r' => {}
                c if hidden(c) => {
                    let code = format!("<span class=\"ctl\">U+{:04X}</span>", u32::from(c));
                    self.out.push_str(&code);
                }
                c => self.escaped(c),
            }
        }
        self
    }

    /// Text from outside in a line of ours, kept from turning the direction of its neighbours.
    pub(super) fn foreign(&mut self, text: &str) -> &mut Self {
        self.raw("<bdi dir=\"auto\">").text(text).raw("</bdi>")
    }

    /// The value of an attribute, with its quotes. Hidden characters are left out.
    pub(super) fn attribute(&mut self, text: &str) -> &mut Self {
        self.out.push('"');
        self.title(text);
        self.out.push('"');
        self
    }

    /// Text where no element may stand, as in `<title>`. Hidden characters are left out.
    pub(super) fn title(&mut self, text: &str) -> &mut Self {
        for character in text.chars().filter(|&c| !hidden(c) && c != '\r') {
            self.escaped(character);
        }
        self
    }

    /// A number, or text of the program that was put together; escaped all the same.
    pub(super) fn shown(&mut self, value: impl Display) -> &mut Self {
        self.text(&value.to_string())
    }

    /// `<name>text</name>` with foreign text.
    pub(super) fn tag(&mut self, open: &'static str, text: &str, close: &'static str) -> &mut Self {
        self.raw(open).foreign(text).raw(close)
    }

    pub(super) fn finish(self) -> String {
        self.out
    }

    fn escaped(&mut self, character: char) {
        match character {
            '&' => self.out.push_str("&amp;"),
            '<' => self.out.push_str("&lt;"),
            '>' => self.out.push_str("&gt;"),
            '"' => self.out.push_str("&quot;"),
            '\'' => self.out.push_str("&#39;"),
            c => self.out.push(c),
        }
    }
}

/// The same set as in the page of evaluation.
fn hidden(character: char) -> bool {
    matches!(character,
        '\0'..='\u{8}' | '\u{b}'..='\u{c}' | '\u{e}'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{ad}' | '\u{61c}'
        | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        let mut html = Html::default();
        html.raw("<p title=")
            .attribute("a\" onclick='x'\u{0}\u{202e}")
            .raw(">")
            .text("</p><script>&\u{202e}\r\n\u{7}");
        let expected = "<p title=\"a&quot; onclick=&#39;x&#39;\">&lt;/p&gt;&lt;script&gt;&amp;\
                        <span class=\"ctl\">U+202E</span>\n<span class=\"ctl\">U+0007</span>";
        assert_eq!(html.finish(), expected);
    }
}
