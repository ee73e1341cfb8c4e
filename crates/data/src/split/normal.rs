//! The form in which texts are compared: what two people would call the same question or query.
//!
//! The forms are coarse on purpose. A leak or a duplicate that is shown to a person costs a look, one
//! that is overlooked makes a number wrong.

use unicode_normalization::UnicodeNormalization;

use super::sql_text::{Piece, pieces};

/// Whether the literals of a query count when queries are compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Literals {
    /// `age > 5` and `age > 6` differ.
    #[default]
    Kept,
    /// Numbers and texts become `?`: queries of one shape are the same.
    Masked,
}

/// A question as it is compared: Unicode NFKC, lower case, without punctuation, single spaces.
///
/// An apostrophe within a word goes (`what's`, `what’s` and `whats` are one); other quotes,
/// `. , ; : ! ? ( ) [ ] { } - / _` and their relatives are spaces, except between two digits (`3.5`,
/// `2007-05-01`) and for a minus before a number. Signs with a meaning (`+ # % $ & < > =`) stay: `C#` is
/// not `C`. A text of nothing but punctuation is compared as it is.
///
/// ```
/// use anneal_data::normal_question;
/// assert_eq!(normal_question("What’s  the “Average” age,\n in 3.5 years?"), "whats the average age in 3.5 years");
/// ```
pub fn normal_question(text: &str) -> String {
    let lower: Vec<char> = text.nfkc().flat_map(char::to_lowercase).collect();
    let at = |index: Option<usize>| index.and_then(|index| lower.get(index)).copied();
    let mut normal = String::with_capacity(lower.len());
    let mut space = false;
    for (index, &c) in lower.iter().enumerate() {
        let before = at(index.checked_sub(1));
        let after = at(Some(index + 1));
        let digit = |c: Option<char>| c.is_some_and(char::is_numeric);
        let inner = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if is_quote(c) && inner(before) && inner(after) {
            continue;
        }
        let number = digit(after) && (digit(before) || (c == '-' && !inner(before)));
        if c.is_whitespace() || c.is_control() || ((is_quote(c) || is_mark(c)) && !number) {
            space = true;
            continue;
        }
        if space && !normal.is_empty() {
            normal.push(' ');
        }
        space = false;
        normal.push(c);
    }
    if normal.is_empty() {
        let lower: String = lower.into_iter().collect();
        return lower.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    normal
}

/// A query as it is compared: without comments, layout, quotes and a last semicolon, in lower case.
///
/// Pieces are joined by single spaces. Quotes go because data sets write one text as `'x'` and as
/// `"x"`, and one name as `"x"` and as `x`; so `a = 'b'` equals `a = b`. With [`Literals::Masked`],
/// numbers and texts in single quotes become `?`, and so do texts in double quotes after a comparison,
/// where SQLite takes them for texts if no column has the name.
///
/// ```
/// use anneal_data::{Literals, normal_sql};
/// let query = "SELECT  Count(*) FROM [pet]\nWHERE \"kind\" = 'Dog' AND age>3; -- dogs";
/// assert_eq!(normal_sql(query, Literals::Kept), "select count ( * ) from pet where kind = dog and age > 3");
/// assert_eq!(normal_sql(query, Literals::Masked), "select count ( * ) from pet where kind = ? and age > ?");
/// ```
pub fn normal_sql(sql: &str, literals: Literals) -> String {
    let mut pieces: Vec<Piece<'_>> = pieces(sql).collect();
    while pieces.last() == Some(&Piece::Sign(';')) {
        pieces.pop();
    }
    let mut normal = String::with_capacity(sql.len());
    let mut previous = Piece::Sign(';');
    for piece in pieces {
        if !normal.is_empty() {
            normal.push(' ');
        }
        if literals == Literals::Masked && is_literal(previous, piece) {
            normal.push('?');
        } else {
            match piece {
                Piece::Word(text) | Piece::Quoted(_, text) => {
                    normal.extend(text.nfkc().flat_map(char::to_lowercase));
                }
                Piece::Sign(sign) => normal.push(sign),
            }
        }
        previous = piece;
    }
    // `1.5` is three pieces.
    if literals == Literals::Masked {
        normal = normal.replace("? . ?", "?");
    }
    normal
}

fn is_literal(previous: Piece<'_>, piece: Piece<'_>) -> bool {
    match piece {
        Piece::Word(word) => word.starts_with(|c: char| c.is_ascii_digit()),
        Piece::Quoted('\'', _) => true,
        Piece::Quoted('"', _) => {
            matches!(previous, Piece::Sign('=' | '<' | '>')) || previous.is_word("like")
        }
        Piece::Quoted(..) | Piece::Sign(_) => false,
    }
}

/// Quotation marks and apostrophes; NFKC leaves the curly ones.
fn is_quote(c: char) -> bool {
    matches!(
        c,
        '\'' | '"' | '`' | '´' | '«' | '»' | '\u{2018}'..='\u{201f}' | '\u{2032}' | '\u{2033}'
    )
}

/// Punctuation without a meaning of its own.
fn is_mark(c: char) -> bool {
    matches!(
        c,
        '.' | ','
            | ';'
            | ':'
            | '!'
            | '?'
            | '('
            | ')'
            | '['
            | ']'
            | '{'
            | '}'
            | '-'
            | '/'
            | '_'
            | '¿'
            | '¡'
            | '\u{2010}'..='\u{2015}' | '\u{2026}' | '、' | '。'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_itself_in_other_type() {
        for (text, normal) in [
            ("How many?", "how many"),
            ("  HOW\tmany ?! ", "how many"),
            ("the heads' names", "the heads names"),
            ("don't / don’t", "dont dont"),
            ("‘quoted’ \"texts\"", "quoted texts"),
            ("below -5, not 4-5", "below -5 not 4-5"),
            ("co-author", "co author"),
            ("1,000.5 or 12:30", "1,000.5 or 12:30"),
            ("２００７ ｃａｔｓ ﬁnd", "2007 cats find"),
            ("Sa\u{303}o", "s\u{e3}o"),
            ("C# and C++", "c# and c++"),
            ("???", "???"),
            (" ? !", "? !"),
            ("", ""),
            ("ÉCOLE\u{a0}ÉTÉ", "école été"),
        ] {
            assert_eq!(normal_question(text), normal, "{text}");
        }
    }

    #[test]
    fn a_normal_form_is_its_own() {
        for text in ["What’s -5, 3.5?", "…", "a'b'c", "İstanbul 'x'"] {
            let normal = normal_question(text);
            assert_eq!(normal_question(&normal), normal);
        }
    }

    #[test]
    fn layout_and_quotes_of_a_query_do_not_count_but_its_words_do() {
        let kept = |sql| normal_sql(sql, Literals::Kept);
        assert_eq!(
            kept("select A.b from `A`"),
            kept("SELECT a . [b] /* x */ FROM \"a\" ;;")
        );
        assert_ne!(kept("SELECT a"), kept("SELECT b"));
        assert_ne!(kept("WHERE a = 1.5"), kept("WHERE a = 2.5"));
        let masked = |sql| normal_sql(sql, Literals::Masked);
        assert_eq!(masked("a = 'it''s' AND b < 1.5"), "a = ? and b < ?");
        assert_eq!(
            masked("a LIKE \"%x\" OR t1.a = 2e3"),
            "a like ? or t1 . a = ?"
        );
        assert_ne!(masked("\"a\" = 1"), masked("\"b\" = 1"));
    }
}
