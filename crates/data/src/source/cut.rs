//! Where a JSON value ends, found without reading it: brackets are counted outside strings.

/// Whether the value's end was found in a block.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// So many bytes of the block belong to the value, and it ends there.
    At(usize),
    /// The whole block belongs to it.
    Later,
}

/// The state of a search for a value's end, fed block by block.
///
/// A value that is no JSON ends somewhere too; what is wrong with it is for the parser to say, which sees
/// the same bytes. A line break in a string ends it at once, since no string may hold one: so a quote that
/// is missing does not make the rest of the file one value.
#[derive(Debug, Default)]
pub(super) struct Cut {
    depth: usize,
    in_string: bool,
    escaped: bool,
    begun: bool,
}

impl Cut {
    pub(super) fn feed(&mut self, block: &[u8]) -> End {
        for (index, &byte) in block.iter().enumerate() {
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => {
                        self.in_string = false;
                        if self.depth == 0 {
                            return End::At(index + 1);
                        }
                    }
                    b'\n' => return End::At(index + 1),
                    _ => {}
                }
                continue;
            }
            match byte {
                // After a number or word, which nothing else ends.
                b',' | b' ' | b'\t' | b'\r' | b'\n' if self.depth == 0 => return End::At(index),
                b'"' | b'{' | b'[' if self.depth == 0 && self.begun => return End::At(index),
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    if self.depth == 0 {
                        return End::At(index);
                    }
                    self.depth -= 1;
                    if self.depth == 0 {
                        return End::At(index + 1);
                    }
                }
                _ => {}
            }
            self.begun = true;
        }
        End::Later
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes the value at the beginning of `text` has, fed in blocks of `size`.
    fn length(text: &str, size: usize) -> usize {
        let mut cut = Cut::default();
        let mut before = 0;
        for block in text.as_bytes().chunks(size) {
            match cut.feed(block) {
                End::At(bytes) => return before + bytes,
                End::Later => before += block.len(),
            }
        }
        before
    }

    #[test]
    fn a_value_ends_where_json_says() {
        for (text, bytes) in [
            (r#"{"a": "}]\"}", "b": [{}]}, {"#, 25),
            (r#"{"a": "\\"}]"#, 11),
            ("[[1], {}] ", 9),
            (r#""a,\"b" ,"#, 7),
            ("-1.5e3]", 6),
            ("null,", 4),
            ("true\n", 4),
            ("12", 2),
            ("1{", 1),
            ("}", 0),
            ("{\"a\": \"b\nc\"}", 9),
        ] {
            for size in 1..=text.len() {
                assert_eq!(length(text, size), bytes, "{text} by {size}");
            }
        }
    }
}
