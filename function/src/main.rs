//! The Lambda function `terabit`.

use std::time::Instant;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

fn main() -> Result<(), lambda_runtime::Error> {
    let begun = Instant::now();
    log();
    terabit::run(begun)
}

/// Logs JSON lines to stderr. `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets, or `RUST_LOG` says from which level on; the
/// libraries below never say more than warnings, since what they log in detail may hold credentials.
fn log() {
    let level = level(["AWS_LAMBDA_LOG_LEVEL", "RUST_LOG"].map(|name| std::env::var(name).ok()));
    let levels = Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_target("terabit", level);
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .with_writer(std::io::stderr);
    tracing_subscriber::registry()
        .with(lines.with_filter(levels))
        .init();
}

/// The first level that is named; `INFO` where none is, or one that nobody knows.
fn level(named: [Option<String>; 2]) -> LevelFilter {
    // What is empty would be parsed as `ERROR`.
    match named.into_iter().flatten().find(|name| !name.is_empty()) {
        // Lambda's highest level, which `tracing` does not have.
        Some(name) if name.eq_ignore_ascii_case("fatal") => LevelFilter::ERROR,
        Some(name) => name.parse().unwrap_or(LevelFilter::INFO),
        None => LevelFilter::INFO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unset_level_lets_warnings_through() {
        let level = |lambda: Option<&str>, rust: Option<&str>| {
            super::level([lambda, rust].map(|name| name.map(str::to_owned)))
        };
        assert_eq!(level(None, None), LevelFilter::INFO);
        assert_eq!(level(Some(""), None), LevelFilter::INFO);
        assert_eq!(level(Some("nonsense"), None), LevelFilter::INFO);
        assert_eq!(level(Some(""), Some("debug")), LevelFilter::DEBUG);
        assert_eq!(level(Some("WARN"), Some("debug")), LevelFilter::WARN);
        assert_eq!(level(Some("FATAL"), None), LevelFilter::ERROR);
    }
}
