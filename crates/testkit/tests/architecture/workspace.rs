//! What the rules look at: manifests and text files.

use std::fs;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// A member's `Cargo.toml`.
pub struct Manifest {
    /// Its folder, from the repository's root.
    pub folder: String,
    pub table: Table,
}

/// A text file and its path from the repository's root.
pub struct TextFile {
    pub path: String,
    pub text: String,
}

/// One entry of a manifest's dependency tables.
pub struct Dependency {
    /// Whether it stands in `[dev-dependencies]`.
    pub dev: bool,
    pub name: String,
    pub spec: Value,
}

impl Manifest {
    pub fn parse(path: &str, text: &str) -> Self {
        let table = text.parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        let folder = path.trim_end_matches("Cargo.toml").trim_end_matches('/');
        Self {
            folder: folder.to_owned(),
            table,
        }
    }

    pub fn name(&self) -> &str {
        let name = self.table.get("package").and_then(|p| p.get("name"));
        name.and_then(Value::as_str).unwrap_or(&self.folder)
    }

    /// Every dependency, of every section and target.
    pub fn dependencies(&self) -> Vec<Dependency> {
        let targets = self.table.get("target").and_then(Value::as_table);
        let targets = targets.into_iter().flat_map(Table::values);
        let tables = targets.filter_map(Value::as_table).chain([&self.table]);
        let mut found = Vec::new();
        for table in tables {
            for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let entries = table.get(section).and_then(Value::as_table);
                let entries = entries.into_iter().flatten();
                found.extend(entries.map(|(name, spec)| Dependency {
                    dev: section == "dev-dependencies",
                    name: name.clone(),
                    spec: spec.clone(),
                }));
            }
        }
        found
    }
}

/// The repository: its root manifest, its members', and every text file.
pub fn repository() -> (Table, Vec<Manifest>, Vec<TextFile>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut paths = Vec::new();
    walk(&root, &mut paths);
    let mut files = Vec::new();
    for path in paths {
        let bytes = fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        // Weights and other binary files are no text.
        if let Ok(text) = String::from_utf8(bytes) {
            let path = path.strip_prefix(&root).unwrap().to_str().unwrap();
            let path = path.replace('\\', "/");
            files.push(TextFile { path, text });
        }
    }
    let manifests = files.iter().filter(|f| f.path.ends_with("/Cargo.toml"));
    let members = manifests.map(|f| Manifest::parse(&f.path, &f.text));
    // `fuzz/` is a workspace of its own, not a member.
    let members = members.filter(|m| !m.table.contains_key("workspace"));
    let members = members.collect();
    let root = files.iter().find(|f| f.path == "Cargo.toml").unwrap();
    (root.text.parse().unwrap(), members, files)
}

/// Every file below a folder, without what `.gitignore` leaves out.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name();
        let ignored = [
            "target",
            "OUT",
            "__pycache__",
            ".git",
            "corpus",
            "artifacts",
        ];
        let kind = entry.file_type().unwrap();
        // In a worktree, `.git` is a file.
        if ignored.contains(&name.to_str().unwrap()) {
            continue;
        }
        if kind.is_dir() {
            walk(&entry.path(), files);
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
}
