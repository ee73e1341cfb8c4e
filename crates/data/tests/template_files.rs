//! Which template of a model's files is taken, and what is said about files that hold none.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that meets an unexpected error should stop its test"
)]

use std::fs;
use std::path::Path;

use anneal_data::{ChatTemplate, SpecialTokens};
use tempfile::TempDir;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn rendered(path: &Path) -> String {
    ChatTemplate::from_file(path)
        .unwrap()
        .render(&[], false)
        .unwrap()
}

/// The error's words, with the folder's own name left out.
fn refused(folder: &TempDir, name: &str) -> String {
    let error = ChatTemplate::from_file(folder.path().join(name)).unwrap_err();
    let base = folder.path().display().to_string();
    error.to_string().replace(&format!("{base}/"), "")
}

const NAMED: &str = r#"{"chat_template": [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "named"}]}"#;

/// Expected order: transformers 5.23.0 on the same folders (`AutoTokenizer.from_pretrained`,
/// `get_chat_template`).
#[test]
fn a_file_wins_over_the_settings_and_an_additional_default_over_both() {
    let all = [
        ("additional_chat_templates/default.jinja", "additional"),
        ("chat_template.jinja", "single"),
        ("tokenizer_config.json", NAMED),
        ("chat_template.json", r#"{"chat_template": "processor"}"#),
    ];
    for (first, expected) in ["additional", "single", "named", "processor"]
        .into_iter()
        .enumerate()
    {
        let folder = folder(&all[first..]);
        assert_eq!(rendered(folder.path()), expected);
        assert_eq!(rendered(&folder.path().join(all[3].0)), "processor");
    }
    let folder = folder(&all);
    assert_eq!(
        rendered(&folder.path().join("tokenizer_config.json")),
        "named"
    );
    assert_eq!(
        rendered(&folder.path().join("chat_template.jinja")),
        "single"
    );
}

#[test]
fn special_tokens_are_texts_or_objects_and_any_name_may_be_written() {
    let settings = r#"{
        "bos_token": {"content": "<s>", "lstrip": false, "__type": "AddedToken"}, "eos_token": "</s>", "pad_token": null,
        "unk_token": "<unk>", "extra_special_tokens": {"image_token": {"content": "<image>"}}, "add_bos_token": true
    }"#;
    let source = "{{ bos_token }}|{{ eos_token }}|{{ unk_token }}|{{ image_token }}|{{ pad_token is defined }}|{{ add_bos_token is defined }}";
    let folder = folder(&[("tokenizer_config.json", settings), ("mine.jinja", source)]);
    let text = rendered(&folder.path().join("mine.jinja"));
    assert_eq!(text, "<s>|</s>|<unk>|<image>|False|False");
    let tokens = SpecialTokens::from_file(folder.path().join("tokenizer_config.json")).unwrap();
    let names: Vec<&str> = tokens.iter().map(|(name, _)| name).collect();
    assert_eq!(
        names,
        ["bos_token", "eos_token", "image_token", "unk_token"]
    );
}

/// Expected: transformers 5.23.0 (`AutoTokenizer.from_pretrained(...).special_tokens_map`) on such folders.
#[test]
fn the_older_map_of_special_tokens_wins_unless_added_tokens_are_listed() {
    const MAP: &str = r#"{
        "bos_token": "<s>", "eos_token": {"content": "</s>", "lstrip": false}, "audio_token": "<aud>",
        "extra_special_tokens": {"image_token": "<image>"}, "additional_special_tokens": ["<x>"]
    }"#;
    let cases = [
        (
            "{}",
            "audio_token <aud> bos_token <s> eos_token </s> image_token <image>",
        ),
        (
            r#"{"bos_token": "<B>", "unk_token": "<unk>"}"#,
            "audio_token <aud> bos_token <s> eos_token </s> image_token <image> unk_token <unk>",
        ),
        (
            r#"{"bos_token": null, "extra_special_tokens": {"video_token": "<v>"}}"#,
            "audio_token <aud> bos_token <s> eos_token </s> image_token <image> video_token <v>",
        ),
        (
            r#"{"bos_token": "<B>", "added_tokens_decoder": {}}"#,
            "bos_token <B>",
        ),
        (
            r#"{"added_tokens_decoder": {}, "audio_token": "<a>", "add_bos_token": true,
                "model_specific_special_tokens": {"v_token": "<v>"}, "extra_special_tokens": {"w_token": "<w>"}}"#,
            "audio_token <a> w_token <w>",
        ),
    ];
    for (settings, expected) in cases {
        let folder = folder(&[
            ("tokenizer_config.json", settings),
            ("special_tokens_map.json", MAP),
        ]);
        let tokens = SpecialTokens::from_folder(folder.path()).unwrap();
        let found: Vec<_> = tokens
            .iter()
            .flat_map(|(name, text)| [name, text])
            .collect();
        assert_eq!(found.join(" "), expected, "{settings}");
    }
    let folder = folder(&[
        ("special_tokens_map.json", MAP),
        ("a.jinja", "{{ eos_token }}"),
    ]);
    assert_eq!(rendered(&folder.path().join("a.jinja")), "</s>");
}

#[test]
fn a_variable_wins_over_a_token_and_tools_may_be_set() {
    let tokens = SpecialTokens::new().with("bos_token", "<s>");
    let source = "{{ bos_token }}{{ tools | length }}{{ documents }}{{ deep.a[1] }}";
    let template = ChatTemplate::with_tokens(source, &tokens)
        .unwrap()
        .with_variable("bos_token", "B")
        .with_variable("deep", serde_json::json!({"a": [1, 2.0]}))
        .with_variable("tools", serde_json::json!([{}]));
    assert_eq!(template.render(&[], false).unwrap(), "B1None2.0");
}

#[test]
fn what_is_wrong_is_said_with_the_file_and_the_line() {
    let cases = [
        (
            "tokenizer_config.json",
            "{\n\"chat_template\": }",
            "`tokenizer_config.json` line 2: invalid JSON: expected value at column 18",
        ),
        (
            "tokenizer_config.json",
            "[]",
            "`tokenizer_config.json`: field `.` must be an object, found an array",
        ),
        (
            "tokenizer_config.json",
            "{}",
            "`tokenizer_config.json` has no chat template; expected a field `chat_template`",
        ),
        (
            "tokenizer_config.json",
            r#"{"chat_template": 3}"#,
            "`tokenizer_config.json`: field `chat_template` must be a string, or an array of objects with `name` and `template`, found a number",
        ),
        (
            "tokenizer_config.json",
            r#"{"chat_template": [{"name": "a", "template": "b"}, {"name": 1}]}"#,
            "`tokenizer_config.json`: field `chat_template[1]` must be an object with the strings `name` and `template`, found an object",
        ),
        (
            "tokenizer_config.json",
            r#"{"chat_template": [{"name": "a", "template": "b"}]}"#,
            "`tokenizer_config.json` has no chat template named `default`; there are [\"a\"]",
        ),
        (
            "tokenizer_config.json",
            r#"{"chat_template": "b", "eos_token": 3}"#,
            "`tokenizer_config.json`: field `eos_token` must be a string, or an object with the string `content`, found a number",
        ),
        (
            "tokenizer_config.json",
            r#"{"chat_template": "a\nb\n{% for %}"}"#,
            "`tokenizer_config.json`: chat template line 3: syntax error: unexpected end of block, expected in",
        ),
        (
            "x.jinja",
            "\n{% for x in y %}{% with z = 1 %}\n{% break %}",
            "`x.jinja`: chat template line 3: `break` would leave a loop from within a block that is not the loop's own",
        ),
    ];
    for (name, text, expected) in cases {
        assert_eq!(refused(&folder(&[(name, text)]), name), expected);
    }
    let text = refused(&folder(&[]), "none.jinja");
    assert!(text.starts_with("cannot read `none.jinja`: "), "{text}");
    assert_eq!(
        refused(
            &folder(&[("sub/additional_chat_templates/rag.jinja", "")]),
            "sub"
        ),
        "`sub` has no chat template named `default`; there are [\"rag\"]"
    );
    assert_eq!(
        refused(&folder(&[("sub/config.json", "")]), "sub"),
        "`sub` has no chat template; expected `chat_template.jinja`, or `chat_template` in `tokenizer_config.json`"
    );
}
