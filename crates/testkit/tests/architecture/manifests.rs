//! Rules over manifests: arrows, backends, versions.

use toml::{Table, Value};

use crate::workspace::{Dependency, Manifest};

/// What each library may depend on, of ours. `anneal-testkit` is a
/// development dependency of anyone and a dependency of none.
pub const LIBRARIES: [(&str, &[&str]); 7] = [
    ("anneal-kernels", &[]),
    ("anneal-peft", &[]),
    ("anneal-llama", &["anneal-kernels", "anneal-peft"]),
    ("anneal-data", &[]),
    ("anneal-train", &[]),
    ("anneal-sql", &[]),
    (TESTKIT, &[]),
];
/// These put the libraries together and choose a backend.
pub const PROGRAMS: [&str; 2] = ["anneal-examples", "anneal-benches"];
/// The one library with a device of its own, for tests.
const TESTKIT: &str = "anneal-testkit";
/// The one library with operations written per backend, behind a feature.
pub const KERNELS: &str = "anneal-kernels";
/// These compute without tensors.
const TENSORLESS: [&str; 2] = ["anneal-data", "anneal-sql"];

/// Why each dependency is there.
pub const REASONS: &str = "docs/decisions/0002-dependencies.md";

/// The backends of burn, as its features, devices and crates are named.
pub const BACKENDS: [&str; 12] = [
    "flex", "cpu", "cuda", "wgpu", "vulkan", "webgpu", "metal", "rocm", "ndarray", "tch", "candle",
    "remote",
];
/// Whether this is a library that is shipped.
pub fn is_library(member: &Manifest) -> bool {
    let name = member.name();
    name != TESTKIT && LIBRARIES.iter().any(|(library, _)| *library == name)
}

/// The list at `key` of a table, as texts.
fn texts<'a>(table: &'a Value, key: &str) -> Vec<&'a str> {
    let list = table.get(key).and_then(Value::as_array);
    let list = list.into_iter().flatten();
    list.filter_map(Value::as_str).collect()
}

/// Whether a name is a backend's or, as `remote-server`, belongs to one.
fn is_backend(name: &str) -> bool {
    let mut tails = BACKENDS.iter().filter_map(|b| name.strip_prefix(b));
    tails.any(|tail| tail.is_empty() || tail.starts_with('-'))
}

/// Whether a package is one of burn's.
fn is_burn(package: &str) -> bool {
    package == "burn" || package.starts_with("burn-")
}

/// Whether a package is one of burn's backends.
fn is_backend_crate(package: &str) -> bool {
    package.strip_prefix("burn-").is_some_and(is_backend)
}

/// Rule: dependencies between our crates point the way of the architecture.
pub fn wrong_arrows(members: &[Manifest]) -> Vec<String> {
    let mut offenders = Vec::new();
    for member in members {
        let name = member.name();
        let allowed = LIBRARIES.iter().find(|(library, _)| *library == name);
        if allowed.is_none() && !PROGRAMS.contains(&name) {
            offenders.push(format!("{name}: no place in the table of this test"));
        }
        for Dependency { dev, name: on, .. } in member.dependencies() {
            let right = match allowed {
                _ if on == TESTKIT => dev && name != TESTKIT,
                Some((_, allowed)) => allowed.contains(&on.as_str()),
                None => true,
            };
            if on.starts_with("anneal-") && !right {
                offenders.push(format!("{name} -> {on}"));
            }
        }
    }
    offenders
}

/// Rule: data and SQL are handled without tensors.
pub fn tensors_where_none_belong(members: &[Manifest]) -> Vec<String> {
    let mut offenders = Vec::new();
    for member in members.iter().filter(|m| TENSORLESS.contains(&m.name())) {
        for Dependency { name, .. } in member.dependencies() {
            if is_burn(&name) {
                offenders.push(format!("{} -> {name}", member.name()));
            }
        }
    }
    offenders
}

/// Rule: a library, and what all members inherit, enables no backend of burn.
/// The kernels may offer one as a feature that is off unless asked for.
pub fn backends_in_manifests(root: &Table, members: &[Manifest]) -> Vec<String> {
    let mut offenders = Vec::new();
    let inherited = root.get("workspace").and_then(|w| w.get("dependencies"));
    let inherited = inherited.and_then(Value::as_table);
    for (name, spec) in inherited.into_iter().flatten() {
        offenders.extend(backend_features("Cargo.toml", name, spec));
    }
    for member in members.iter().filter(|m| is_library(m)) {
        let name = member.name();
        for Dependency { name: on, spec, .. } in member.dependencies() {
            offenders.extend(backend_features(name, &on, &spec));
            let optional = spec.get("optional") == Some(&Value::Boolean(true));
            if is_backend_crate(&on) && !(name == KERNELS && optional) {
                offenders.push(format!("{name} -> {on}"));
            }
        }
        let Some(features) = member.table.get("features") else {
            continue;
        };
        for feature in features.as_table().into_iter().flat_map(Table::keys) {
            if name == KERNELS && feature != "default" {
                continue;
            }
            for enabled in texts(features, feature) {
                // `flex`, `burn/flex`, `burn?/flex`, `dep:burn-flex`
                let last = enabled.rsplit(['/', ':']).next().unwrap_or(enabled);
                if is_backend(last) || is_backend_crate(last) {
                    offenders.push(format!("{name}: feature {feature} enables {enabled}"));
                }
            }
        }
    }
    offenders
}

/// The backends among a dependency's features, if it is one of burn's crates.
fn backend_features(place: &str, package: &str, spec: &Value) -> Vec<String> {
    let mut features = texts(spec, "features");
    features.retain(|feature| is_burn(package) && is_backend(feature));
    let line = |feature| format!("{place}: {package} with the feature {feature}");
    features.into_iter().map(line).collect()
}

/// Rule: versions and lints stand once, in the root manifest.
pub fn not_inherited(members: &[Manifest]) -> Vec<String> {
    let yes = Some(&Value::Boolean(true));
    let mut offenders = Vec::new();
    for member in members {
        let of = member.name();
        for Dependency { name, spec, .. } in member.dependencies() {
            if spec.get("workspace") != yes {
                offenders.push(format!("{of}: {name} is not `workspace = true`"));
            }
        }
        let lints = member.table.get("lints").and_then(|l| l.get("workspace"));
        if lints != yes {
            offenders.push(format!("{of}: no `[lints] workspace = true`"));
        }
    }
    offenders
}

/// Rule: what the root manifest lists, a member uses and the table of reasons
/// explains (a row begins with its names).
pub fn unused_or_unexplained(root: &Table, members: &[Manifest], reasons: &str) -> Vec<String> {
    let used = members.iter().flat_map(Manifest::dependencies);
    let used: Vec<String> = used.map(|dependency| dependency.name).collect();
    let rows = reasons.lines().filter_map(|line| line.strip_prefix("| "));
    let names = rows.filter_map(|row| row.split(" | ").next());
    let names: Vec<&str> = names.flat_map(|names| names.split('`')).collect();
    let listed = root.get("workspace").and_then(|w| w.get("dependencies"));
    let listed = listed.and_then(Value::as_table).into_iter();
    let mut offenders = Vec::new();
    for name in listed.flat_map(Table::keys) {
        if !used.contains(name) {
            offenders.push(format!("{name}: no member uses it"));
        }
        if !name.starts_with("anneal-") && !names.contains(&name.as_str()) {
            offenders.push(format!("{name}: no row in {REASONS}"));
        }
    }
    offenders
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A member `anneal-NAME` in `crates/NAME`.
    pub fn member(name: &str, rest: &str) -> [Manifest; 1] {
        let path = format!("crates/{name}/Cargo.toml");
        let text = format!("[package]\nname = \"anneal-{name}\"\n{rest}");
        [Manifest::parse(&path, &text)]
    }

    #[test]
    fn arrows() {
        let arrows = |name: &str, section: &str, on: &str| {
            wrong_arrows(&member(
                name,
                &format!("[{section}]\n{on}.workspace = true\n"),
            ))
        };
        let found = arrows("llama", "dependencies", "anneal-data");
        assert_eq!(found, ["anneal-llama -> anneal-data"]);
        let target = "target.'cfg(unix)'.dependencies";
        for section in ["dev-dependencies", "build-dependencies", target] {
            assert_eq!(
                arrows("train", section, "anneal-peft").len(),
                1,
                "{section}"
            );
        }
        for name in ["sql", "examples"] {
            assert_eq!(arrows(name, "dependencies", TESTKIT).len(), 1, "{name}");
            assert_eq!(arrows(name, "dev-dependencies", TESTKIT).len(), 0, "{name}");
        }
        assert_eq!(arrows("llama", "dependencies", "anneal-peft").len(), 0);
        assert_eq!(arrows("benches", "dependencies", "anneal-data").len(), 0);
        assert_eq!(arrows("newcomer", "dependencies", "serde").len(), 1);
    }

    #[test]
    fn tensors() {
        let burn = "[dependencies]\nburn.workspace = true\n";
        let found = tensors_where_none_belong(&member("data", burn));
        assert_eq!(found, ["anneal-data -> burn"]);
        assert_eq!(tensors_where_none_belong(&member("sql", burn)).len(), 1);
        assert_eq!(tensors_where_none_belong(&member("train", burn)).len(), 0);
    }

    #[test]
    fn backends_of_manifests() {
        let check = |name: &str, section: &str, rest: &str| {
            let text = format!("[{section}]\n{rest}\n");
            backends_in_manifests(&Table::new(), &member(name, &text))
        };
        let flex = "burn = { workspace = true, features = [\"flex\"] }";
        let found = check("peft", "dependencies", flex);
        assert_eq!(found, ["anneal-peft: burn with the feature flex"]);
        let server = "burn = { workspace = true, features = [\"remote-server\"] }";
        assert_eq!(check("train", "dependencies", server).len(), 1);
        assert_eq!(check("examples", "dependencies", server).len(), 0);
        let optional = "burn-flex = { workspace = true, optional = true }";
        let found = check("llama", "dependencies", optional);
        assert_eq!(found, ["anneal-llama -> burn-flex"]);
        assert_eq!(check("kernels", "dependencies", optional).len(), 0);
        let always = "burn-flex.workspace = true";
        assert_eq!(check("kernels", "dependencies", always).len(), 1);
        let fast = "fast = [\"burn/cuda\"]";
        let found = check("llama", "features", fast);
        assert_eq!(found, ["anneal-llama: feature fast enables burn/cuda"]);
        assert_eq!(check("kernels", "features", fast).len(), 0);
        let default = "default = [\"flex\"]";
        assert_eq!(check("kernels", "features", default).len(), 1);

        let root = "[workspace.dependencies]\nburn = { features = [\"std\", \"wgpu\"] }\n";
        let found = backends_in_manifests(&root.parse().unwrap(), &[]);
        assert_eq!(found, ["Cargo.toml: burn with the feature wgpu"]);
    }

    #[test]
    fn manifests_with_their_own_versions() {
        let lints = "[lints]\nworkspace = true\n";
        let check = |on: &str| {
            let rest = format!("{lints}[dependencies]\n{on}\n");
            not_inherited(&member("sql", &rest))
        };
        let found = check("serde = \"1\"");
        assert_eq!(found, ["anneal-sql: serde is not `workspace = true`"]);
        assert_eq!(check("serde = { path = \"../serde\" }").len(), 1);
        assert_eq!(check("serde.workspace = true").len(), 0);
        let found = not_inherited(&member("sql", ""));
        assert_eq!(found, ["anneal-sql: no `[lints] workspace = true`"]);
    }

    #[test]
    fn dependencies_without_use_or_reason() {
        let root = "[workspace.dependencies]\nserde = \"1\"\nhalf = \"2\"\n";
        let root: Table = root.parse().unwrap();
        let members = member("sql", "[dependencies]\nserde.workspace = true\n");
        let check = |reasons: &str| unused_or_unexplained(&root, &members, reasons);
        let unused = "half: no member uses it";
        assert_eq!(check("| `half`, `serde` | files | x |"), [unused]);
        // Named in another row's words is not explained.
        let unexplained = format!("serde: no row in {REASONS}");
        let found = check("| `half` | instead of `serde` | x |");
        assert_eq!(found, [unused, &unexplained]);
    }
}
