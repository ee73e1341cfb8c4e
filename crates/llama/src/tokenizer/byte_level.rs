//! GPT-2's spelling of bytes as printable characters.

/// The bytes that a byte-level spelling stands for; a text with any other
/// character stands for itself.
pub(super) fn bytes(spelling: &str) -> Vec<u8> {
    let bytes: Option<Vec<u8>> = spelling.chars().map(byte).collect();
    bytes.unwrap_or_else(|| spelling.as_bytes().to_vec())
}

/// Printable Latin-1 characters stand for themselves; the other 68 bytes, in
/// order, for the characters from U+0100 on.
fn byte(c: char) -> Option<u8> {
    Some(match u32::from(c) {
        code @ (0x21..=0x7E | 0xA1..=0xAC | 0xAE..=0xFF) => code as u8,
        code @ 0x100..=0x120 => (code - 0x100) as u8,
        code @ 0x121..=0x142 => (code - 0x121 + 0x7F) as u8,
        0x143 => 0xAD,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokenizers::pre_tokenizers::byte_level::ByteLevel;

    #[test]
    fn the_alphabet_is_that_of_the_tokenizers_crate() {
        let alphabet = ByteLevel::alphabet();
        let mut found: Vec<u8> = alphabet.iter().filter_map(|&c| byte(c)).collect();
        found.sort_unstable();
        assert_eq!(found, (0..=255).collect::<Vec<u8>>());
        let all = (0..0x200).filter_map(char::from_u32);
        assert_eq!(all.filter(|&c| byte(c).is_some()).count(), 256);
        assert_eq!(byte('Ġ'), Some(b' '));
        assert_eq!(byte('Ċ'), Some(b'\n'));
    }
}
