//! What this process has used of its machine.

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use std::time::Duration;

/// The processor time that the process has used, in user and kernel together.
pub fn cpu() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("it fails for unknown arguments alone");
    let microseconds =
        usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Duration::from_micros(microseconds.try_into().unwrap_or_default())
}

/// The most memory that the process has had resident at a time, in MB (10^6 bytes); none where `/proc` does not tell.
///
/// Not `ru_maxrss`, which a process inherits from the one that started it.
pub fn max_rss_mb() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u32 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(f64::from(kib) * 1024.0 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_seen() {
        let before = cpu();
        let held = vec![1_u8; 64 << 20];
        let sum: u64 = held.iter().map(|byte| u64::from(*byte)).sum();
        assert_eq!(sum, 64 << 20);
        assert!(cpu() > before);
        assert!(max_rss_mb().is_none_or(|most| most > 67.0));
    }
}
