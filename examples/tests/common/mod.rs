//! Runs the built examples, and makes small databases and question files for them.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

pub mod rows;
pub mod set;
pub mod trained;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// A system turn that leaves room in the tiny model's 128 positions.
pub const SYSTEM: &str = "SQL.";

/// How an example ended.
#[derive(Debug)]
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

/// Runs an example that `cargo test` built beside this test program.
///
/// `cargo test --test NAME` builds no examples: it takes what is there.
pub fn run<S: AsRef<str>>(example: &str, arguments: &[S]) -> Outcome {
    run_with(example, arguments, &[])
}

/// An example that `cargo test` built beside this test program.
pub fn program(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let name = format!("{example}{}", std::env::consts::EXE_SUFFIX);
    let program = profile.join("examples").join(name);
    assert!(
        program.exists(),
        "{} is not built: run the tests of the whole package, or `cargo build --examples` first",
        program.display()
    );
    program
}

/// Runs an example with further environment variables; none of the Hub's own
/// is passed on to it.
pub fn run_with<S: AsRef<str>>(
    example: &str,
    arguments: &[S],
    variables: &[(&str, &str)],
) -> Outcome {
    let arguments = arguments.iter().map(AsRef::as_ref);
    let mut command = Command::new(program(example));
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| name.starts_with("HF_") || name.starts_with("HUGGING"))
        {
            command.env_remove(name);
        }
    }
    let variables = variables.iter().copied();
    let output = command.args(arguments).envs(variables).output().unwrap();
    Outcome {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Runs an example that must succeed; its standard output.
pub fn succeed<S: AsRef<str>>(example: &str, arguments: &[S]) -> String {
    let outcome = run(example, arguments);
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    outcome.stdout
}

/// Runs an example that must succeed and print one JSON document.
pub fn json<S: AsRef<str>>(example: &str, arguments: &[S]) -> Value {
    serde_json::from_str(&succeed(example, arguments)).unwrap()
}

/// Runs an example that must refuse its input, with exit code 2 and one line
/// on standard error; the line without `error: `.
pub fn refused<S: AsRef<str>>(example: &str, arguments: &[S]) -> String {
    let outcome = run(example, arguments);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_eq!(outcome.stdout, "", "{outcome:?}");
    let lines: Vec<&str> = outcome.stderr.lines().collect();
    let [line] = lines[..] else {
        panic!("one line expected on standard error: {outcome:?}");
    };
    line.strip_prefix("error: ")
        .unwrap_or_else(|| panic!("{outcome:?}"))
        .to_owned()
}

/// Runs an example whose flags do not parse: exit code 2 and the parser's text.
pub fn misused<S: AsRef<str>>(example: &str, arguments: &[S]) -> String {
    let outcome = run(example, arguments);
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert_eq!(outcome.stdout, "", "{outcome:?}");
    assert!(outcome.stderr.starts_with("error: "), "{outcome:?}");
    outcome.stderr
}

/// Whether `text` holds each of `parts`; shows the text where it does not.
pub fn assert_contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in: {text}");
    }
}

/// A file below `crates/testkit/fixtures`.
///
/// Not `anneal_testkit::fixture_path`, so that these test programs need not
/// link burn.
pub fn fixture(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/testkit/fixtures");
    text(folder.join(name))
}

/// The tiny model with tokenizer and ChatML template.
pub fn gguf() -> String {
    fixture("gguf/tiny-llama-q4_1.gguf")
}

pub fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().unwrap().to_owned()
}

pub fn read_json(path: impl AsRef<Path>) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Writes JSON lines.
pub fn write_lines(path: impl AsRef<Path>, rows: &[Value]) -> String {
    let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
    std::fs::write(&path, lines).unwrap();
    text(path)
}

/// Every file below a folder with its bytes, by its path within.
pub fn snapshot(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let (mut files, mut folders) = (BTreeMap::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().to_owned();
                files.insert(name, std::fs::read(path).unwrap());
            }
        }
    }
    files
}

/// The database `shop_NN`: one table with `3 + NN` rows.
pub fn shop(databases: &Path, number: u32) -> String {
    let name = format!("shop_{number:02}");
    let folder = databases.join(&name);
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{name}.sqlite"));
    let connection = rusqlite::Connection::open(path).unwrap();
    connection
        .execute_batch("CREATE TABLE item (id, price)")
        .unwrap();
    for row in 0..3 + number {
        let price = (row * 7 + number) % 10;
        connection
            .execute("INSERT INTO item VALUES (?1, ?2)", [row, price])
            .unwrap();
    }
    name
}

/// The tensor of a safetensors file: its shape and its bytes.
fn tensor(path: &str, name: &str, dtype: Dtype) -> (Vec<usize>, Vec<u8>) {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = file.tensor(name).unwrap();
    assert_eq!(tensor.dtype(), dtype, "{path}: {name}");
    (tensor.shape().to_vec(), tensor.data().to_vec())
}

/// An F32 tensor of a safetensors file.
pub fn floats(path: &str, name: &str) -> (Vec<usize>, Vec<f32>) {
    let (shape, bytes) = tensor(path, name, Dtype::F32);
    let (words, _) = bytes.as_chunks::<4>();
    (
        shape,
        words.iter().map(|&w| f32::from_le_bytes(w)).collect(),
    )
}

/// An I64 tensor of a safetensors file.
pub fn integers(path: &str, name: &str) -> (Vec<usize>, Vec<i64>) {
    let (shape, bytes) = tensor(path, name, Dtype::I64);
    let (words, _) = bytes.as_chunks::<8>();
    (
        shape,
        words.iter().map(|&w| i64::from_le_bytes(w)).collect(),
    )
}

/// `1,2,3`, as `--prompt-ids` takes it.
pub fn with_commas<T: ToString>(ids: &[T]) -> String {
    let ids: Vec<String> = ids.iter().map(T::to_string).collect();
    ids.join(",")
}

/// The largest difference of two lists of finite numbers.
pub fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).fold(0.0, |worst, (f, e)| {
        assert!(f.is_finite() && e.is_finite(), "{f} against {e}");
        f32::max(worst, (f - e).abs())
    })
}
