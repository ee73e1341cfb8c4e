//! Where it came from: data, settings, machine, and how to run it again.

use serde_json::Value;

use super::html::Html;
use super::numbers::{bytes, count, whole};
use super::page::{DataFacts, Fact, Reproduce, RunPage};

pub(super) fn write(html: &mut Html, run: &RunPage) {
    html.raw("<section aria-labelledby=\"facts\"><h2 id=\"facts\">The run</h2>\n<div class=\"panels\">\n");
    data(html, &run.data);
    panel(html, "Numbers", &run.numbers);
    if let Some(machine) = &run.machine {
        let mut facts = Vec::new();
        facts.extend(machine.cpu.as_ref().map(|cpu| Fact::new("processor", cpu)));
        facts.extend(machine.cores.map(|cores| Fact::new("cores", cores)));
        facts.extend(
            machine
                .memory_bytes
                .map(|memory| Fact::new("memory", bytes(memory))),
        );
        facts.push(Fact::new("system", &machine.os));
        facts.push(Fact::new("device", &machine.device));
        facts.extend(
            run.peak_memory_bytes
                .map(|peak| Fact::new("peak memory of the process", bytes(peak))),
        );
        facts.extend(run.versions.iter().cloned());
        panel(html, "Machine and versions", &facts);
    } else {
        panel(html, "Versions", &run.versions);
    }
    if let Some(reproduce) = &run.reproduce {
        again(html, reproduce);
    }
    let mut settings = Vec::new();
    flatten("", &run.settings, &mut settings);
    if !settings.is_empty() {
        html.raw("<div class=\"panel full\"><h3>Settings</h3><dl class=\"facts many\">\n");
        pairs(html, settings.iter());
        html.raw("</dl></div>\n");
    }
    html.raw("</div></section>\n");
}

fn panel(html: &mut Html, title: &'static str, facts: &[Fact]) {
    if facts.is_empty() {
        return;
    }
    html.raw("<div class=\"panel\"><h3>")
        .raw(title)
        .raw("</h3>");
    list(html, facts.iter().filter(|fact| !fact.value.is_empty()));
    html.raw("</div>\n");
}

fn list<'a>(html: &mut Html, facts: impl Iterator<Item = &'a Fact>) {
    html.raw("<dl class=\"facts\">\n");
    pairs(html, facts);
    html.raw("</dl>");
}

fn pairs<'a>(html: &mut Html, facts: impl Iterator<Item = &'a Fact>) {
    for fact in facts {
        html.tag("<div><dt>", &fact.name, "</dt>")
            .tag("<dd>", &fact.value, "</dd></div>\n");
    }
}

fn data(html: &mut Html, data: &DataFacts) {
    if *data == DataFacts::default() {
        return;
    }
    html.raw("<div class=\"panel\"><h3>Data</h3>\n");
    for file in &data.files {
        html.tag(
            "<p class=\"file\"><code>",
            &file.path,
            "</code><br><span class=\"soft\">",
        )
        .text(&count(file.rows))
        .raw(" rows");
        if let Some(hash) = &file.sha256 {
            html.raw(", SHA-256 <code>").text(hash).raw("</code>");
        }
        html.raw("</span></p>\n");
    }
    let read = data.files.iter().map(|file| file.rows).sum();
    let mut facts = vec![
        Fact::new("rows read", count(read)),
        Fact::new("trained on", count(data.trained_rows)),
        Fact::new("held out", count(data.held_out_rows)),
    ];
    facts.extend(
        data.left_out
            .iter()
            .map(|left| Fact::new(format!("left out: {}", left.reason), count(left.rows))),
    );
    facts.push(Fact::new("split", &data.split));
    if data.tokens > 0 {
        facts.push(Fact::new("tokens", whole(data.tokens)));
        let share = 100.0 * data.trained_tokens as f64 / data.tokens as f64;
        facts.push(Fact::new(
            "trained tokens",
            format!("{} ({share:.1} %)", whole(data.trained_tokens)),
        ));
    }
    list(html, facts.iter().filter(|fact| !fact.value.is_empty()));
    html.raw("</div>\n");
}

fn again(html: &mut Html, reproduce: &Reproduce) {
    html.raw("<div class=\"panel\"><h3>To run it again</h3>\n");
    if let Some(folder) = &reproduce.folder {
        html.tag("<p class=\"soft\">In <code>", folder, "</code>:</p>");
    }
    let words: Vec<String> = reproduce.command.iter().map(|word| quoted(word)).collect();
    html.raw("<pre>")
        .text(&words.join(" "))
        .raw("</pre><p class=\"soft\">Seed ")
        .shown(reproduce.seed);
    html.raw(". With the same settings, files and machine, a budget in steps or epochs gives the same adapter on a CPU, byte for byte.</p></div>\n");
}

/// A word for a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Objects become `outer.inner`; lists and values stand as JSON, texts without quotes.
fn flatten(path: &str, value: &Value, into: &mut Vec<Fact>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                flatten(&path, value, into);
            }
        }
        Value::Null if path.is_empty() => {}
        Value::String(text) => into.push(Fact::new(path, text)),
        other => into.push(Fact::new(path, other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_named_by_their_path_and_words_quoted_for_a_shell() {
        let mut facts = Vec::new();
        let value = serde_json::json!({"lora": {"r": 8, "names": ["a", "b"]}, "seed": 3, "system": null, "model": "m"});
        flatten("", &value, &mut facts);
        let pairs: Vec<_> = facts
            .iter()
            .map(|fact| format!("{}={}", fact.name, fact.value))
            .collect();
        assert_eq!(
            pairs,
            [
                "lora.r=8",
                "lora.names=[\"a\",\"b\"]",
                "seed=3",
                "system=null",
                "model=m"
            ]
        );
        assert_eq!(
            ["a/b", "it's", "", "a b"].map(quoted),
            ["a/b", "'it'\\''s'", "''", "'a b'"]
        );
    }
}
