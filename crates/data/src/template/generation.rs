//! `{% generation %}`: transformers' mark around what the assistant says.
//!
//! transformers uses it to find the assistant's tokens; here spans are found by the text
//! ([`TrainingText`](crate::TrainingText)), which works for templates without the mark too. The engine
//! has no tags of one's own, so the pair becomes `{% with %}`, which opens a scope, as the original
//! does, and prints what it holds. White space control (`{%-`, `-%}`) and line numbers stay.

use super::tags::{Tag, tags};

/// `source` with `generation` and `endgeneration` tags turned into `with` and `endwith`.
pub(super) fn open_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut done = 0;
    for Tag { name, at, rest } in tags(source) {
        let plain = match name {
            "generation" => "with",
            "endgeneration" => "endwith",
            _ => continue,
        };
        // The tag has no arguments: anything else is left to the engine to refuse.
        if rest.trim().is_empty() {
            out.push_str(&source[done..at]);
            out.push_str(plain);
            done = at + name.len();
        }
    }
    out.push_str(&source[done..]);
    out
}

#[cfg(test)]
mod tests {
    use super::open_tags;

    #[test]
    fn only_the_two_tags_change() {
        let source = "{% if a %}{%- generation -%}\n{{ generation }}{%endgeneration+%}{% endif %}{% generation_2 %}{% raw %}{% generation %}{% endraw %}{# {% generation %} #}{{ '{% generation %}' }}{%";
        assert_eq!(
            open_tags(source),
            "{% if a %}{%- with -%}\n{{ generation }}{%endwith+%}{% endif %}{% generation_2 %}{% raw %}{% generation %}{% endraw %}{# {% generation %} #}{{ '{% generation %}' }}{%"
        );
    }
}
