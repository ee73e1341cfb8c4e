//! The commands of the guide and of the README: their flags exist, and those that take seconds run as they stand.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::run;

/// The repository.
fn root() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    std::fs::canonicalize(root).unwrap()
}

/// The texts that hold commands, by their paths.
fn texts() -> Vec<(PathBuf, String)> {
    let guide = root().join("docs/guide");
    let entries = std::fs::read_dir(guide).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    paths.push(root().join("README.md"));
    paths.sort();
    let read = |path: PathBuf| (path.clone(), std::fs::read_to_string(path).unwrap());
    paths.into_iter().map(read).collect()
}

/// The name of a file for messages.
fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// Every `cargo run --release --example NAME -- WORDS` of a text, its continued lines joined.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(|line| line.trim().trim_matches('`'));
    let lines = lines.filter_map(|line| {
        let (_, rest) = line.split_once("cargo run --release --example ")?;
        let end = rest.find('`').unwrap_or(rest.len());
        let mut words = rest[..end].split_whitespace().map(str::to_owned);
        Some((words.next()?, words.collect()))
    });
    lines.collect()
}

/// The blocks that begin with ```` ```sh check ````.
fn checked(text: &str) -> Vec<String> {
    let blocks = text.split("```sh check\n").skip(1);
    let blocks = blocks.map(|block| block.split("```").next().unwrap().to_owned());
    blocks.collect()
}

#[test]
fn every_flag_in_a_command_exists() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    let mut count = 0;
    for (path, text) in texts() {
        for (example, words) in commands(&text) {
            let flags = words.iter().filter_map(|word| {
                let flag = word.strip_prefix("--").filter(|flag| !flag.is_empty())?;
                Some(flag.split('=').next().unwrap().to_owned())
            });
            let flags: Vec<String> = flags.collect();
            if flags.is_empty() {
                continue;
            }
            let help = helps
                .entry(example.clone())
                .or_insert_with(|| run(&example, &["--help"]).stdout);
            for flag in flags {
                let known = help.split(|c: char| !(c.is_alphanumeric() || c == '-'));
                let known = known.into_iter().any(|word| word == format!("--{flag}"));
                assert!(
                    known || flag == "help",
                    "{}: {example} has no --{flag}",
                    name(&path)
                );
                count += 1;
            }
        }
    }
    assert!(count > 50, "only {count} flags were found");
}

#[test]
fn links_lead_somewhere() {
    for (path, text) in texts() {
        let targets = text
            .split("](")
            .skip(1)
            .map(|rest| rest.split(')').next().unwrap());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let file = target.split('#').next().unwrap();
            let there = path.parent().unwrap().join(file);
            assert!(there.exists(), "{}: {target} leads nowhere", name(&path));
        }
    }
}

/// Unix only: the commands are a shell's.
#[cfg(unix)]
#[test]
fn the_commands_of_the_guide_run_as_they_stand() {
    let test = std::env::current_exe().unwrap();
    let programs = test
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples");
    // The repository as the commands see it, with a place for what they write.
    let folder = tempfile::tempdir().unwrap();
    for entry in ["docs", "examples", "crates"] {
        std::os::unix::fs::symlink(root().join(entry), folder.path().join(entry)).unwrap();
    }
    let mut count = 0;
    for (path, text) in texts() {
        let _ = std::fs::remove_dir_all(folder.path().join("OUT"));
        std::fs::create_dir(folder.path().join("OUT")).unwrap();
        for block in checked(&text) {
            let begin = "cargo run --release --example ";
            assert!(block.contains(begin), "{}: {block}", name(&path));
            let script = block
                .lines()
                .map(|line| match line.trim().strip_prefix(begin) {
                    Some(rest) => {
                        format!("{}/{}", programs.display(), rest.replacen(" -- ", " ", 1))
                    }
                    None => line.to_owned(),
                })
                .collect::<Vec<_>>()
                .join("\n");
            let output = Command::new("sh")
                .args(["-e", "-c", &script])
                .current_dir(folder.path())
                .stdin(std::process::Stdio::null())
                .output()
                .unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            // `ask` ends with 1 where the model's SQL does not run, which a small model's may not.
            let asked = block.contains("--example ask ") && output.status.code() == Some(1);
            assert!(
                output.status.success() || asked,
                "{}: {block}\n{error}",
                name(&path)
            );
            count += 1;
        }
    }
    assert!(count > 8, "only {count} blocks were found");
}
