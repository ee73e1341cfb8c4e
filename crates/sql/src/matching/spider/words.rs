//! Words as NLTK's `word_tokenize` makes them, for text without quotes.
//!
//! Spider's script cuts SQL with a tokenizer for English prose (nltk 3.10, `NLTKWordTokenizer`), after quoted
//! values were taken out. Its regular expressions are followed here one by one, oddities included: `=` and `-`
//! do not separate words, `,,` hides the second comma, `cannot` is two words. What differs: digits outside ASCII
//! count as letters after a comma, and the text is one sentence (`preserve_line=True`), so that only a period at
//! its very end is a word of its own.

/// The lower-case words of `text`, which has no `'` and no `"`.
pub(super) fn words(text: &str) -> Vec<String> {
    let text = commas(&final_period(&opening_quotes(text)));
    let text = marks(&text);
    let mut words = Vec::new();
    for word in text.split(is_space).filter(|word| !word.is_empty()) {
        contractions(word, &mut words);
    }
    words
}

/// Python's `\s`, which has four control characters more than Unicode's white space.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// `[«“‘„]` stand alone; so do runs of backticks, in pairs from the left.
fn opening_quotes(text: &str) -> String {
    let mut padded = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '`' => {
                let pair = rest.next_if_eq(&'`').is_some();
                padded.push_str(if pair { " `` " } else { " ` " });
            }
            '«' | '“' | '‘' | '„' => padded.extend([' ', c, ' ']),
            _ => padded.push(c),
        }
    }
    padded
}

/// A single period at the end of the text, but for closing marks, stands alone.
fn final_period(text: &str) -> String {
    let closes = |c| matches!(c, ']' | ')' | '}' | '>' | '»' | '”' | '’' | ' ');
    let kept = text.trim_end_matches(is_space).trim_end_matches(closes);
    match kept.strip_suffix('.') {
        Some(before) if !before.is_empty() && !before.ends_with('.') => {
            format!("{before} . {}", &text[kept.len()..])
        }
        _ => text.to_owned(),
    }
}

/// A comma or colon stands alone unless a digit follows; the character after it is not looked at again.
fn commas(text: &str) -> String {
    let mut padded = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if !matches!(c, ',' | ':') {
            padded.push(c);
        } else if let Some(next) = rest.next_if(|next| !next.is_ascii_digit()) {
            padded.extend([' ', c, ' ', next]);
        } else if rest.peek().is_some() {
            padded.push(c);
        } else {
            padded.extend([' ', c, ' ']);
        }
    }
    padded
}

/// Marks that stand alone wherever they are: brackets, `;`, `*`, `!` …, two periods or more, two hyphens.
fn marks(text: &str) -> String {
    let mut padded = String::with_capacity(text.len() * 2);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            ';'
            | '@'
            | '#'
            | '$'
            | '%'
            | '&'
            | '?'
            | '!'
            | '*'
            | '['
            | ']'
            | '('
            | ')'
            | '{'
            | '}'
            | '<'
            | '>'
            | '»'
            | '”'
            | '’'
            | '\u{2012}'..='\u{2015}' => {
                padded.extend([' ', c, ' ']);
            }
            '-' if rest.next_if_eq(&'-').is_some() => padded.push_str(" -- "),
            '.' if rest.peek() == Some(&'.') => {
                padded.push_str(" .");
                while rest.next_if_eq(&'.').is_some() {
                    padded.push('.');
                }
                padded.push(' ');
            }
            _ => padded.push(c),
        }
    }
    padded
}

/// Splits words as `cannot`, where they stand between other characters than letters, digits and `_`.
fn contractions(word: &str, words: &mut Vec<String>) {
    const SPLIT: [(&str, usize); 6] = [
        ("cannot", 3),
        ("gimme", 3),
        ("gonna", 3),
        ("gotta", 3),
        ("lemme", 3),
        ("wanna", 3),
    ];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut from = 0;
    let mut at = 0;
    while at < word.len() {
        let run = word[at..].find(|c| !is_word(c)).unwrap_or(word.len() - at);
        if run == 0 {
            at += word[at..].chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let found = SPLIT
            .iter()
            .find(|(text, _)| word[at..at + run].eq_ignore_ascii_case(text));
        if let Some(&(text, first)) =
            found.filter(|found| found.0 != "wanna" || at + run == word.len())
        {
            if from < at {
                words.push(word[from..at].to_lowercase());
            }
            words.push(text[..first].to_owned());
            words.push(text[first..].to_owned());
            from = at + run;
        }
        at += run;
    }
    if from < word.len() {
        words.push(word[from..].to_lowercase());
    }
}

#[cfg(test)]
mod tests {
    use super::words;

    /// Recorded from `nltk.word_tokenize(text, preserve_line=True)`, nltk 3.10.4, then `lower()`.
    #[test]
    fn words_are_those_of_nltk() {
        for (text, expected) in [
            ("SELECT count(*) FROM t;", "select|count|(|*|)|from|t|;"),
            ("a,b , c,1 d,,e f:2 g:h,", "a|,|b|,|c,1|d|,|,e|f:2|g|:|h|,"),
            (
                "a=1 b>=2 c <> d-e - f--g---h",
                "a=1|b|>|=2|c|<|>|d-e|-|f|--|g|--|-h",
            ),
            ("FROM t1.x.", "from|t1.x|."),
            ("FROM t1.x. ) ", "from|t1.x|.|)"),
            ("t1.* 1.5 a...b x..", "t1.|*|1.5|a|...|b|x|.."),
            ("`a` ```b", "`|a|`|``|`|b"),
            (
                "cannot t1.Gonna gonna_x wanna wannas wanna.",
                "can|not|t1.|gon|na|gonna_x|wan|na|wannas|wan|na|.",
            ),
            ("a\u{1c}b\u{a0}«c» d–e !=", "a|b|«|c|»|d|–|e|!|="),
        ] {
            assert_eq!(words(text).join("|"), expected, "{text}");
        }
    }
}
