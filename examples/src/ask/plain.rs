//! Text of unknown origin on a terminal.

/// `text` without what a terminal would obey: control characters, and marks that turn the direction of writing,
/// as Rust writes them (`\u{1b}`). A new line is kept if `lines`.
pub(super) fn plain(text: &str, lines: bool) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        let turns = matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        match character {
            '\n' if lines => shown.push(character),
            _ if character.is_control() => shown.extend(character.escape_default()),
            _ if turns => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_that_a_terminal_obeys() {
        let hostile = "a\u{1b}[31mb\tc\r\nd\u{202e}e\u{9b}f日本";
        assert_eq!(
            plain(hostile, false),
            "a\\u{1b}[31mb\\tc\\r\\nd\\u{202e}e\\u{9b}f日本"
        );
        assert_eq!(plain("SELECT 1\nFROM t\t", true), "SELECT 1\nFROM t\\t");
    }
}
