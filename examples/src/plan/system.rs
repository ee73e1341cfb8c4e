//! What the machine has left, where it says so.

use std::fs::read_to_string;
use std::path::Path;
use std::process::Command;

/// Bytes that a run on a device can come to hold: of the machine's memory for `cpu`, of the card's for `cuda:N`.
pub(super) fn memory_available(device: &str) -> Option<u64> {
    match device.split_once(':').unwrap_or((device, "0")) {
        ("cpu", _) => main_memory(),
        ("cuda", index) => card_memory(index),
        _ => None,
    }
}

/// All memory of a card, asked of the driver's own program: what this process holds there already is within it.
fn card_memory(index: &str) -> Option<u64> {
    let answer = Command::new("nvidia-smi")
        .args(["--query-gpu=memory.total", "--format=csv,noheader,nounits"])
        .args(["-i", index])
        .output()
        .ok()?;
    mebibytes(&String::from_utf8_lossy(&answer.stdout))
}

/// The number of a line that holds nothing else.
fn mebibytes(text: &str) -> Option<u64> {
    Some(text.trim().parse::<u64>().ok()? << 20)
}

/// Bytes of memory that this process can come to hold: what is available and what it has, within its control
/// group's limit. Linux only.
fn main_memory() -> Option<u64> {
    let available = kibibytes(&read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    let held = kibibytes(&read_to_string("/proc/self/status").ok()?, "VmRSS:").unwrap_or(0);
    // "max" where there is no limit.
    let limit = read_to_string("/sys/fs/cgroup/memory.max")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    Some((available + held).min(limit.unwrap_or(u64::MAX)))
}

fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(name))?;
    let number: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(number * 1024)
}

/// Bytes that are free on the file system of a path, or of its nearest ancestor that is there.
///
/// Asked of `df`, as POSIX has it: the standard library has no such call, and its number is worth no dependency.
pub(super) fn disk_free(path: &Path) -> Option<u64> {
    let path = std::path::absolute(path).ok()?;
    let there = path.ancestors().find(|path| path.exists())?;
    let answer = Command::new("df")
        .arg("-Pk")
        .arg("--")
        .arg(there)
        .output()
        .ok()?;
    free_of(&String::from_utf8_lossy(&answer.stdout))
}

/// The fourth column of the second line, in units of 1,024 bytes.
fn free_of(text: &str) -> Option<u64> {
    let column = text.lines().nth(1)?.split_whitespace().nth(3)?;
    Some(column.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_what_the_system_says() {
        let text = "MemTotal:  10 kB\nMemAvailable:       3 kB\n";
        assert_eq!(
            (kibibytes(text, "MemAvailable:"), kibibytes(text, "VmRSS:")),
            (Some(3 * 1024), None)
        );
        let text =
            "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 100 40 60 40% /\n";
        assert_eq!((free_of(text), free_of("")), (Some(60 * 1024), None));
        assert_eq!(mebibytes("81559\n"), Some(81_559 << 20));
        assert_eq!(mebibytes("No devices were found\n"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_machine_has_memory_and_disk() {
        assert!(memory_available("cpu").unwrap() > 1 << 20);
        assert_eq!(memory_available("wgpu"), None);
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("not/there/yet");
        assert!(disk_free(&missing).unwrap() > 0);
    }
}
