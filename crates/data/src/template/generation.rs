//! `{% generation %}`: transformers' mark around what the assistant says.
//!
//! transformers uses it to find the assistant's tokens; here spans are found by the text
//! ([`TrainingText`](crate::TrainingText)), which works for templates without the mark too. The engine
//! has no tags of one's own, so the pair becomes `{% with %}`, which opens a scope, as the original
//! does, and prints what it holds. White space control (`{%-`, `-%}`) and line numbers stay.

/// `source` with `generation` and `endgeneration` tags turned into `with` and `endwith`.
pub(super) fn open_tags(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(at) = rest.find("{%") {
        let (before, tag) = rest.split_at(at + 2);
        out.push_str(before);
        let name_at = tag.len() - tag.trim_start_matches(['-', '+']).trim_start().len();
        let (lead, body) = tag.split_at(name_at);
        out.push_str(lead);
        rest = body;
        for (name, plain) in [("generation", "with"), ("endgeneration", "endwith")] {
            let Some(after) = body.strip_prefix(name) else {
                continue;
            };
            // The tag has no arguments, so that `{% generation_x %}` is left alone.
            if after
                .trim_start()
                .trim_start_matches(['-', '+'])
                .starts_with("%}")
            {
                out.push_str(plain);
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::open_tags;

    #[test]
    fn only_the_two_tags_change() {
        let source = "{% if a %}{%- generation -%}\n{{ generation }}{%endgeneration+%}{% endif %}{% generation_2 %}{%";
        assert_eq!(
            open_tags(source),
            "{% if a %}{%- with -%}\n{{ generation }}{%endwith+%}{% endif %}{% generation_2 %}{%"
        );
    }
}
