//! Rules over text files: heads, sizes, backends, places.

use crate::manifests::{BACKENDS, KERNELS, is_library};
use crate::workspace::{Manifest, TextFile};

/// Lines of a source file before its unit tests.
pub const MOST_LINES: usize = 500;

/// Rule: a library's source asks for no device of a certain backend, and only
/// the kernels name a backend's crate.
pub fn backends_in_sources(members: &[Manifest], files: &[TextFile]) -> Vec<String> {
    let mut offenders = Vec::new();
    for member in members.iter().filter(|m| is_library(m)) {
        let source = format!("{}/src/", member.folder);
        for file in files.iter().filter(|f| f.path.starts_with(&source)) {
            for (number, line) in file.text.lines().enumerate() {
                let names = |backend: &&str| {
                    line.contains(&format!("Device::{backend}("))
                        || (member.name() != KERNELS && line.contains(&format!("burn_{backend}")))
                };
                if BACKENDS.iter().any(names) {
                    offenders.push(place(file, number, line));
                }
            }
        }
    }
    offenders
}

/// `path:line: text`, for a line counted from 0.
fn place(file: &TextFile, number: usize, line: &str) -> String {
    format!("{}:{}: {}", file.path, number + 1, line.trim())
}

/// Rule: a source file says first what it is.
pub fn files_without_docs(files: &[TextFile]) -> Vec<String> {
    let undocumented = sources(files).filter(|file| !file.text.trim_start().starts_with("//!"));
    undocumented.map(|file| file.path.clone()).collect()
}

/// Rule: a source file is small enough to be read in one go.
pub fn files_too_long(files: &[TextFile]) -> Vec<String> {
    let long = sources(files).filter_map(|file| {
        let lines = lines_before_tests(&file.text);
        (lines > MOST_LINES).then(|| format!("{}: {lines} lines", file.path))
    });
    long.collect()
}

/// The lines before the module of unit tests, or all of them.
fn lines_before_tests(text: &str) -> usize {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines.windows(2).position(|pair| {
        pair[0].starts_with("#[cfg(") && pair[0].contains("test") && pair[1].starts_with("mod ")
    });
    tests.unwrap_or(lines.len())
}

/// The Rust files.
fn sources(files: &[TextFile]) -> impl Iterator<Item = &TextFile> {
    files.iter().filter(|file| file.path.ends_with(".rs"))
}

/// Rule: no file knows the machine that it was written on, nor where packages
/// come from. `Cargo.lock` is cargo's own.
pub fn places_of_this_machine(files: &[TextFile]) -> Vec<String> {
    // In pieces, so that this file does not offend.
    let folders = ["work", "tmp", "root", "home"].map(|folder| format!("/{folder}"));
    let hosts = [
        "crates io",
        "pypi org",
        "pythonhosted org",
        "npmjs org",
        "npmjs com",
    ];
    let hosts = hosts.map(|host| host.replace(' ', "."));
    let mut offenders = Vec::new();
    let written = |file: &&TextFile| !file.path.ends_with("Cargo.lock");
    for file in files.iter().filter(written) {
        for (number, line) in file.text.lines().enumerate() {
            let folder = folders.iter().any(|folder| is_rooted_in(line, folder));
            if folder || hosts.iter().any(|host| line.contains(host)) {
                offenders.push(place(file, number, line));
            }
        }
    }
    offenders
}

/// Whether a line holds an absolute path below `folder`: `/x`, `"/x/y"`, but
/// not `a/x`, `$A/x` or `/xylophone`.
fn is_rooted_in(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + folder.len()..].chars().next();
        let inside = |c: char| c.is_alphanumeric() || "_-.~}/)>*".contains(c);
        !before.is_some_and(inside) && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifests::tests::member;

    fn file(path: &str, text: &str) -> [TextFile; 1] {
        let (path, text) = (path.to_owned(), text.to_owned());
        [TextFile { path, text }]
    }

    #[test]
    fn backends_of_sources() {
        let check = |name: &str, text: &str| {
            let path = format!("crates/{name}/src/a.rs");
            backends_in_sources(&member(name, ""), &file(&path, text))
        };
        let found = check("llama", "//! x\nlet device = Device::cuda(0);");
        let expected = "crates/llama/src/a.rs:2: let device = Device::cuda(0);";
        assert_eq!(found, [expected]);
        assert_eq!(check("kernels", "Device::cuda(0)").len(), 1);
        assert_eq!(check("testkit", "Device::cuda(0)").len(), 0);
        assert_eq!(check("peft", "Device::default()").len(), 0);
        assert_eq!(check("peft", "use burn_flex::Flex;").len(), 1);
        assert_eq!(check("kernels", "use burn_flex::Flex;").len(), 0);
    }

    #[test]
    fn heads_and_sizes() {
        let late = file("a/b.rs", "use std::fs;\n//! late\n");
        assert_eq!(files_without_docs(&late), ["a/b.rs"]);
        let early = file("a/b.rs", "//! early\nuse std::fs;\n");
        assert_eq!(files_without_docs(&early).len(), 0);

        let long = |text: &str| files_too_long(&file("a.rs", text));
        let body = |lines: usize| "x\n".repeat(lines);
        assert_eq!(long(&body(501)), ["a.rs: 501 lines"]);
        assert_eq!(long(&body(500)).len(), 0);
        let tests = format!("{0}#[cfg(test)]\nmod tests {{\n{0}}}\n", body(400));
        assert_eq!(long(&tests).len(), 0);
        // A helper for tests is not where the tests begin.
        let helper = format!("#[cfg(test)]\nfn helper() {{}}\n{}", body(500));
        assert_eq!(long(&helper).len(), 1);
    }

    #[test]
    fn machines() {
        let offends = |line: &str| !places_of_this_machine(&file("README.md", line)).is_empty();
        for folder in ["work", "tmp", "root", "home"] {
            assert!(offends(&format!("see /{folder}/x")), "{folder}");
            assert!(offends(&format!("\"/{folder}\"")), "{folder}");
            let relative = format!("a/{folder}/x ${{A}}/{folder} /{folder}shop");
            assert!(!offends(&relative), "{folder}");
        }
        assert!(offends(&format!("index.{}.{}", "crates", "io")));
        assert!(offends(&format!("https://{}.{}/simple", "pypi", "org")));
        let lock = file("Cargo.lock", &format!("{}.{}-index", "crates", "io"));
        assert!(places_of_this_machine(&lock).is_empty());
        let of_fuzz = file("fuzz/Cargo.lock", &format!("{}.{}-index", "crates", "io"));
        assert!(places_of_this_machine(&of_fuzz).is_empty());
    }
}
