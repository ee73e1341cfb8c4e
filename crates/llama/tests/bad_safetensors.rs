//! Safetensors files and shards that contradict themselves: each is refused
//! with its place.

#![allow(
    clippy::unwrap_used,
    reason = "a helper of a test that meets an error should stop right there"
)]

mod damage;

use std::path::Path;

use anneal_llama::{LlamaError, ModelFile, load};
use anneal_testkit::{device, fixture_path};
use damage::safetensors;

fn open(header: &str, data: usize) -> Result<ModelFile, LlamaError> {
    ModelFile::from_bytes(Path::new("x.safetensors"), safetensors(header, data))
}

fn refusal(header: &str, data: usize) -> String {
    open(header, data).unwrap_err().to_string()
}

/// A header of tensors `a`, `b`, .. in F32, of the sizes and offsets given.
fn floats(tensors: &[(usize, usize, usize)]) -> String {
    let entries = tensors.iter().zip('a'..).map(|((size, start, end), name)| {
        format!(
            r#""{name}": {{"dtype": "F32", "shape": [{size}], "data_offsets": [{start}, {end}]}}"#
        )
    });
    format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
}

#[test]
fn the_undamaged_file_is_read() {
    let header = r#"{"__metadata__": {"format": "pt"}, "b": {"dtype": "I64", "shape": [1], "data_offsets": [8, 16]},
        "a": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}, "none": {"dtype": "F32", "shape": [0], "data_offsets": [8, 8]}}"#;
    let file = open(header, 16).unwrap();
    assert_eq!(file.metadata()["format"], "\"pt\"");
    let names: Vec<_> = file
        .tensors()
        .into_iter()
        .map(|t| (t.name, t.bytes))
        .collect();
    let expected = [("a", 8), ("b", 8), ("none", 0)].map(|(n, b)| (n.to_owned(), b));
    assert_eq!(names, expected);
    assert_eq!(file.read("a").unwrap().unwrap(), [0.0; 4]);
    // Another type is listed, and refused where it is asked for.
    assert_eq!(
        file.read("b").unwrap().unwrap_err().to_string(),
        "x.safetensors: tensor b is stored as I64; supported: F32, F16, BF16"
    );
    assert!(file.read("c").is_none());
}

#[test]
fn lengths_and_json() {
    let raw = |bytes: &[u8]| {
        let error = ModelFile::from_bytes(Path::new("x.safetensors"), bytes.to_vec());
        error.unwrap_err().to_string()
    };
    let place = "x.safetensors: damaged safetensors, the header's length: ";
    assert_eq!(
        raw(b""),
        format!("{place}0 bytes in all; expected 8 bytes of length")
    );
    assert_eq!(
        raw(b"1234567"),
        format!("{place}7 bytes in all; expected 8 bytes of length")
    );
    let beyond = [&[200, 0, 0, 0, 0, 0, 0, 0], &b"{}"[..]].concat();
    assert_eq!(
        raw(&beyond),
        format!("{place}200 bytes; expected at most 2")
    );
    let most = [&[255; 8], &b"{}"[..]].concat();
    assert_eq!(
        raw(&most),
        format!("{place}18446744073709551615 bytes; expected at most 2")
    );

    let place = "x.safetensors: damaged safetensors, the header: ";
    for (header, says) in [
        ("", "EOF while parsing a value at line 1 column 0"),
        ("{\"a\": ", "EOF while parsing a value at line 1 column 6"),
        (
            "[1]",
            "invalid type: sequence, expected an object of tensors",
        ),
        ("{} x", "trailing characters"),
        (
            r#"{"a": {"dtype": "F32", "shape": [1]}}"#,
            "missing field `data_offsets`",
        ),
        (
            r#"{"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}}"#,
            "invalid value: integer `-1`",
        ),
        (
            r#"{"__metadata__": {}, "__metadata__": {}}"#,
            "duplicate field `__metadata__`",
        ),
        (
            r#"{"__metadata__": {"format": 1}}"#,
            "invalid type: integer `1`, expected a string",
        ),
    ] {
        let message = refusal(header, 0);
        assert!(
            message.starts_with(place) && message.contains(says),
            "{header}: {message}"
        );
    }
    let deep = "[".repeat(100_000);
    assert!(refusal(&format!("{{\"a\": {deep}"), 0).contains("the header: "));
    // Not UTF-8.
    assert!(raw(b"\x02\0\0\0\0\0\0\0{\xFF").starts_with(place));
}

#[test]
fn offsets_and_sizes() {
    let says = |tensors: &[_], data: usize, tensor: char, what: &str| {
        let place = format!("x.safetensors: damaged safetensors, tensor \"{tensor}\": ");
        let message = refusal(&floats(tensors), data);
        assert!(
            message.starts_with(&place) && message.contains(what),
            "{message}"
        );
    };
    says(
        &[(2, 0, 8), (2, 4, 12)],
        12,
        'b',
        "data_offsets begin at 4, inside the tensor before, which ends at 8",
    );
    says(
        &[(2, 0, 8), (1, 12, 16)],
        16,
        'b',
        "data_offsets begin at 12; expected 8, where the tensor before ends",
    );
    says(&[(1, 4, 8)], 8, 'a', "data_offsets begin at 4; expected 0");
    says(
        &[(2, 0, 8)],
        7,
        'a',
        "data_offsets end at 8, but the file has 7 bytes of data: the file is cut off",
    );
    says(
        &[(1, 8, 4)],
        8,
        'a',
        "data_offsets run backwards, from 8 to 4",
    );
    says(
        &[(3, 0, 8)],
        8,
        'a',
        "data_offsets span 8 bytes, but [3] in F32 takes 12",
    );
    says(
        &[(usize::MAX, 0, 8)],
        8,
        'a',
        "the size of [18446744073709551615] overflows",
    );
    says(
        &[(1, 0, usize::MAX)],
        8,
        'a',
        "data_offsets end at 18446744073709551615",
    );
    let message = refusal(&floats(&[(2, 0, 8)]), 11);
    assert_eq!(
        message,
        "x.safetensors: damaged safetensors, the data: 3 bytes follow the last tensor; expected none"
    );
    let twice = floats(&[(2, 0, 8), (2, 8, 16)]).replace("\"b\"", "\"a\"");
    assert!(refusal(&twice, 16).ends_with("tensor \"a\": two entries; expected one"));
    let unknown = floats(&[(2, 0, 8)]).replace("F32", "Q7");
    assert_eq!(
        refusal(&unknown, 8),
        "x.safetensors: tensor a is stored as \"Q7\"; supported: F32, F16, BF16"
    );
}

/// The message of loading a damaged copy of the model in two shards.
fn folder_refusal(damage: impl Fn(&Path)) -> String {
    let folder = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixture_path("tiny-llama-untied")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    damage(folder.path());
    load(folder.path(), &device()).unwrap_err().to_string()
}

fn edit_index(folder: &Path, edit: impl Fn(String) -> String) {
    let path = folder.join("model.safetensors.index.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let edited = edit(text.clone());
    assert_ne!(text, edited);
    std::fs::write(path, edited).unwrap();
}

const FIRST: &str = "model-00001-of-00002.safetensors";
const SECOND: &str = "model-00002-of-00002.safetensors";

#[test]
fn shards_and_their_index() {
    let missing = folder_refusal(|folder| std::fs::remove_file(folder.join(SECOND)).unwrap());
    let entry = "model.safetensors.index.json: weight_map.";
    assert!(missing.contains(entry), "{missing}");
    let found = format!("is \"{SECOND}\", which is missing; expected a file of the folder");
    assert!(missing.contains(&found), "{missing}");

    // Another shard than the one that holds it, and a tensor that none holds.
    let name = "\"model.norm.weight\": ";
    let moved = folder_refusal(|folder| {
        edit_index(folder, |text| {
            text.replace(
                &format!("{name}\"{SECOND}\""),
                &format!("{name}\"{FIRST}\""),
            )
        });
    });
    let says = format!(
        "weight_map.model.norm.weight is \"{FIRST}\", which has no such tensor; expected the shard that holds it"
    );
    assert!(moved.contains(&says), "{moved}");
    let made_up = folder_refusal(|folder| {
        edit_index(folder, |text| {
            text.replace(name, &format!("\"model.extra\": \"{FIRST}\", {name}"))
        });
    });
    assert!(made_up.contains("weight_map.model.extra is"), "{made_up}");

    let twice = folder_refusal(|folder| {
        edit_index(folder, |text| {
            text.replace(name, &format!("{name}\"{FIRST}\", {name}"))
        });
    });
    let says = format!(
        "weight_map.model.norm.weight is there twice, as \"{FIRST}\" and \"{SECOND}\"; expected one entry"
    );
    assert!(twice.contains(&says), "{twice}");
    let no_map =
        folder_refusal(|folder| edit_index(folder, |text| text.replace("weight_map", "map")));
    assert!(
        no_map.contains("index.json: missing field `weight_map`"),
        "{no_map}"
    );

    // The second shard a copy of the first: each of its tensors twice.
    let copied = folder_refusal(|folder| {
        std::fs::copy(folder.join(FIRST), folder.join(SECOND)).unwrap();
    });
    let says = " as well; expected it in one shard";
    let both = copied.contains(FIRST) && copied.contains(SECOND);
    assert!(both && copied.contains(says), "{copied}");
}

#[test]
fn a_single_file_is_preferred_to_an_index() {
    let message = folder_refusal(|folder| {
        std::fs::write(folder.join("model.safetensors"), safetensors("{}", 0)).unwrap();
    });
    assert!(
        message.contains("missing: model.embed_tokens.weight"),
        "{message}"
    );
}
