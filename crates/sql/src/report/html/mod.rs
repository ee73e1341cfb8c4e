//! A report as one HTML file: style, script and data inside, nothing from elsewhere.
//!
//! The data are hostile: questions, queries, messages and values come from models and data sets. They stand in
//! the page only as a JSON block in which `<`, `>`, `&` and the line ends of JavaScript are escaped, and the
//! script shows them only as text (`textContent`). A content security policy allows the page's own style and
//! script by their hashes and nothing else: no other script, no image, no frame, no connection.

mod data;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::{Comparison, ComparisonError, Report};

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("style.css");
/// One script, in parts that each hold one idea.
const SCRIPT: [&str; 6] = [
    include_str!("dom.js"),
    include_str!("diff.js"),
    include_str!("charts.js"),
    include_str!("summary.js"),
    include_str!("question.js"),
    include_str!("page.js"),
];

impl Report {
    /// A page that shows the report: numbers with intervals, charts, and every question with its schema, gold,
    /// prediction and their rows, to be searched, filtered and sorted.
    ///
    /// One file that needs no network and no server. `#q17` at the end of its address opens question 17.
    /// The same report gives the same bytes.
    ///
    /// ```
    /// use anneal_sql::{Budget, Meta, Report, Origin};
    /// let source = Origin::Folder { path: "</script><script>alert(1)</script>".into() };
    /// let report = Report::new(Meta::new("none", source, false, &Budget::default()), vec![]);
    /// let page = report.to_html();
    /// assert!(page.starts_with("<!doctype html>"));
    /// assert!(!page.contains("alert(1)</script>"));
    /// ```
    #[must_use]
    pub fn to_html(&self) -> String {
        page(&data::Page::new(self, None), &self.to_text())
    }

    /// The page, with an earlier report on the same questions beside it: which questions were gained and lost,
    /// both predictions, and McNemar's test.
    ///
    /// # Errors
    /// If the reports are not on the same questions.
    pub fn to_html_against(&self, before: &Self) -> Result<String, ComparisonError> {
        let comparison = Comparison::of(before, self)?;
        let text = format!("{}\n{}", self.to_text(), comparison.to_text());
        Ok(page(
            &data::Page::new(self, Some((before, comparison))),
            &text,
        ))
    }
}

fn page(data: &data::Page<'_>, text: &str) -> String {
    // A checkout may have CRLF where the HTML parser, and so the hash, has LF.
    let [page, style] = [PAGE, STYLE].map(|part| part.replace("\r\n", "\n"));
    let script = format!(
        "'use strict';\n(() => {{\n{}}})();\n",
        SCRIPT.concat().replace("\r\n", "\n")
    );
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(&style),
        hash(&script)
    );
    fill(
        &page,
        &[
            ("policy", &policy),
            ("style", &style),
            ("text", &escape_html(text)),
            ("data", &escape_json(&data.to_json())),
            ("script", &script),
        ],
    )
}

/// The hash by which the policy knows a style or script.
fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text))
}

/// Puts values in the places `{{name}}` of a template, in one pass: a value that holds `{{name}}` stays as it is.
fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let (name, after) = after.split_once("}}").unwrap_or(("", after));
        let value = values.iter().find(|(key, _)| *key == name);
        out.push_str(value.map_or("", |(_, value)| value));
        rest = after;
    }
    out + rest
}

/// JSON that cannot end its `<script>` element, open a comment in it, or end a line of JavaScript.
///
/// These characters stand only inside strings in JSON, where the escape means the same character.
fn escape_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len() + json.len() / 16);
    for character in json.chars() {
        match character {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            other => out.push(other),
        }
    }
    out
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_not_filled_again() {
        let filled = fill("a {{x}} b {{y}} c", &[("x", "{{y}}"), ("y", "1}}")]);
        assert_eq!(filled, "a {{y}} b 1}} c");
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let hostile = "</script><!-- & \u{2028}\u{2029} \"\\ é";
        let json = escape_json(&serde_json::to_string(hostile).unwrap());
        assert!(
            !json.contains(['<', '>', '&', '\u{2028}', '\u{2029}']),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), hostile);
    }

    /// What ends or nests elements must not stand in the parts, or the page would be cut there.
    #[test]
    fn the_parts_do_not_end_their_elements() {
        for part in SCRIPT {
            assert!(!part.contains("</") && !part.contains("<!--"));
            // Text from outside must never become markup.
            for sink in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
                "new Function",
            ] {
                assert!(!part.contains(sink), "{sink}");
            }
        }
        assert!(!STYLE.contains("</") && !STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
