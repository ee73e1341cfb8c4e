//! The machine that a run ran on.

use std::fs::read_to_string;

use serde::{Deserialize, Serialize};

/// What is known of a machine; nothing that names it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The processor's model.
    pub cpu: Option<String>,
    /// Threads that run at once.
    pub cores: Option<usize>,
    /// The operating system and its kernel.
    pub os: String,
    /// Bytes of memory.
    pub memory_bytes: Option<u64>,
    /// The device that computed.
    pub device: String,
}

impl Machine {
    /// This machine. What Linux's files do not say is `None`.
    ///
    /// ```
    /// use anneal_examples::run_report::Machine;
    ///
    /// let machine = Machine::here("cpu");
    /// assert!(machine.cores.is_some_and(|cores| cores > 0));
    /// assert!(machine.os.contains(std::env::consts::ARCH));
    /// ```
    pub fn here(device: impl Into<String>) -> Self {
        let file = |path: &str| read_to_string(path).unwrap_or_default();
        let (cpus, memory) = (file("/proc/cpuinfo"), file("/proc/meminfo"));
        let kibibytes = field(&memory, "MemTotal", ':')
            .and_then(|value| value.strip_suffix("kB")?.trim().parse::<u64>().ok());
        let release = file("/etc/os-release");
        let name = field(&release, "PRETTY_NAME", '=').map(|name| name.trim_matches('"'));
        let kernel = file("/proc/sys/kernel/osrelease");
        let system = [
            name.unwrap_or(std::env::consts::OS),
            kernel.trim(),
            std::env::consts::ARCH,
        ];
        let system: Vec<&str> = system.into_iter().filter(|part| !part.is_empty()).collect();
        Self {
            cpu: field(&cpus, "model name", ':').map(str::to_owned),
            cores: std::thread::available_parallelism().map(Into::into).ok(),
            os: system.join(", "),
            memory_bytes: kibibytes.map(|kibibytes| kibibytes * 1024),
            device: device.into(),
        }
    }
}

/// The value of the first line `name … separator value`.
fn field<'a>(text: &'a str, name: &str, separator: char) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(separator)?;
        (key.trim() == name).then(|| value.trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "model\t\t: 1\nmodel name\t: A CPU: 3 GHz\nMemTotal:  16 kB\n";
        assert_eq!(field(text, "model name", ':'), Some("A CPU: 3 GHz"));
        assert_eq!(
            (field(text, "MemTotal", ':'), field(text, "Mem", ':')),
            (Some("16 kB"), None)
        );
    }
}
