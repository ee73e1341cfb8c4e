//! The process's peak resident memory.

/// Bytes, from Linux's `/proc/self/status` (`VmHWM`); `None` elsewhere.
pub fn peak_memory_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_grows_with_what_is_touched() {
        let before = super::peak_memory_bytes().unwrap();
        let held = vec![1u8; 256 << 20];
        let after = super::peak_memory_bytes().unwrap();
        assert!(after >= before.max(200 << 20), "{before} then {after}");
        assert_eq!(held.iter().map(|&b| u64::from(b)).sum::<u64>(), 256 << 20);
    }
}
