//! The tags of a template's source, found as a Jinja lexer finds them.
//!
//! For the two things that the engine leaves to be done before it compiles a source: tags that it does not
//! know ([`super::generation`]), and loops that are left from within a block of their own ([`misplaced`]),
//! for which it has no error.

/// One `{% … %}`.
pub(super) struct Tag<'s> {
    /// The first word.
    pub(super) name: &'s str,
    /// Where the name begins in the source.
    pub(super) at: usize,
    /// What follows the name, without the sign of white space control.
    pub(super) rest: &'s str,
}

/// The tags of `source`, those in comments, strings and raw blocks left out.
pub(super) fn tags(source: &str) -> Vec<Tag<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    let mut raw = false;
    while let Some(open) = source[at..].find('{').map(|open| at + open) {
        let body = open + 2;
        at = match source.as_bytes().get(open + 1) {
            Some(b'%') => {
                let end = end_of(source, body, "%}");
                let inside = &source[body..end];
                let name_at =
                    body + inside.len() - inside.trim_start_matches(['-', '+']).trim_start().len();
                let word = source[name_at..end]
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .map_or(end, |length| name_at + length);
                let name = &source[name_at..word];
                if raw && name != "endraw" {
                    // In a raw block a tag's beginning is text, whatever follows it.
                    body
                } else {
                    raw = name == "raw";
                    let rest = source[word..end].trim_end_matches(['-', '+']);
                    found.push(Tag {
                        name,
                        at: name_at,
                        rest,
                    });
                    end
                }
            }
            Some(b'{') if !raw => end_of(source, body, "}}"),
            Some(b'#') if !raw => source[body..]
                .find("#}")
                .map_or(source.len(), |end| body + end + 2),
            _ => open + 1,
        };
    }
    found
}

/// Where `close` stands, or the source's end, stepping over strings.
fn end_of(source: &str, from: usize, close: &str) -> usize {
    let bytes = source.as_bytes();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            quote @ (b'\'' | b'"') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            _ if bytes[at..].starts_with(close.as_bytes()) => return at,
            _ => at += 1,
        }
    }
    source.len()
}

/// The line and the name of the first `break` or `continue` that would leave a loop from within a
/// `with`, `set`, `filter`, `call` or `macro` block.
///
/// jinja2 refuses some of these and writes strange text for others; the engine panics. No chat template
/// needs one.
pub(super) fn misplaced(source: &str) -> Option<(usize, &str)> {
    let mut open: Vec<&str> = Vec::new();
    for tag in tags(source) {
        match tag.name {
            "for" | "with" | "filter" | "call" | "macro" | "generation" | "block"
            | "autoescape" => open.push(tag.name),
            "set" if is_block(tag.rest) => open.push(tag.name),
            "break" | "continue" if open.last().is_some_and(|&block| block != "for") => {
                return Some((1 + source[..tag.at].matches('\n').count(), tag.name));
            }
            name => {
                let opened = name.strip_prefix("end");
                if opened.is_some_and(|name| open.last() == Some(&name)) {
                    open.pop();
                }
            }
        }
    }
    None
}

/// Whether a `set` tag opens a block: `{% set x %}` and `{% set x | upper %}`.
fn is_block(rest: &str) -> bool {
    rest.find(['=', '|'])
        .is_none_or(|at| rest.as_bytes()[at] == b'|')
}

#[cfg(test)]
mod tests {
    use super::{misplaced, tags};

    #[test]
    fn tags_are_found_where_a_lexer_finds_them() {
        let source = "{%- if '%}' in \"a\\\"%}\" -%}é{# {% no %} #}{{ '{% no %}' }}{% raw %}{{ {% no %}{# {%- endraw %}{%+ set x = '}' %}{ {%end";
        let found: Vec<(&str, &str)> = tags(source)
            .iter()
            .map(|tag| (tag.name, tag.rest))
            .collect();
        assert_eq!(
            found,
            [
                ("if", " '%}' in \"a\\\"%}\" "),
                ("raw", " "),
                ("endraw", " "),
                ("set", " x = '}' "),
                ("end", ""),
            ]
        );
    }

    #[test]
    fn a_loop_is_left_from_its_own_block_alone() {
        for fine in [
            "{% for x in y %}{% if x %}{% break %}{% endif %}{% set z = 1 %}{% continue %}{% endfor %}",
            "{% with %}{% for x in y %}{% break %}{% endfor %}{% endwith %}",
            "{% for x in y %}{% with a = 1 %}{% endwith %}{% set z %}a{% endset %}{% break %}{% endfor %}",
        ] {
            assert_eq!(misplaced(fine), None, "{fine}");
        }
        for block in [
            "with a = 1",
            "set a",
            "set a | upper",
            "filter upper",
            "generation",
        ] {
            let source = format!("\n{{% for x in y %}}\n{{% {block} %}}{{% continue %}}");
            assert_eq!(misplaced(&source), Some((3, "continue")), "{block}");
        }
    }
}
