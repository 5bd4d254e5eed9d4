//! What the execution environment tells of itself, read once before the first invocation.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The execution environment of this process.
#[derive(Debug)]
pub struct Environment {
    /// Its identity: the name of its log stream, which no two environments share.
    pub worker: String,
    /// The function's memory in MB as Lambda counts them (2^20 bytes); none outside of Lambda.
    pub memory_mb: Option<u64>,
    /// The processor's architecture as Lambda names it: `x86_64` or `arm64`.
    pub arch: &'static str,
    /// How long it took from `main` to the first request for an event.
    init: Duration,
    invoked: AtomicBool,
}

impl Environment {
    /// Reads Lambda's variables; `begun` is when the process began.
    pub fn from_env(begun: Instant) -> Self {
        Self {
            worker: env::var("AWS_LAMBDA_LOG_STREAM_NAME")
                .unwrap_or_else(|_| format!("process {}", std::process::id())),
            memory_mb: env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
                .ok()
                .and_then(|size| size.parse().ok()),
            arch: match env::consts::ARCH {
                "aarch64" => "arm64",
                other => other,
            },
            init: begun.elapsed(),
            invoked: AtomicBool::new(false),
        }
    }

    /// An invocation begins. For the first one: how long the environment took to be ready for it.
    pub fn cold(&self) -> Option<Duration> {
        (!self.invoked.swap(true, Ordering::Relaxed)).then_some(self.init)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_invocation_is_cold() {
        let environment = Environment::from_env(Instant::now());
        assert!(environment.cold().is_some());
        assert!(environment.cold().is_none());
    }
}
