//! The Lambda function `terabit`.

use std::time::Instant;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let begun = Instant::now();
    log();
    terabit::run(begun).await
}

/// Logs JSON lines to stderr. `AWS_LAMBDA_LOG_LEVEL`, which Lambda sets, or `RUST_LOG` says from which level on; the
/// libraries below never say more than warnings, since what they log in detail may hold credentials.
fn log() {
    let named = std::env::var("AWS_LAMBDA_LOG_LEVEL")
        .or_else(|_| std::env::var("RUST_LOG"))
        .unwrap_or_default();
    let level = named.parse().unwrap_or(LevelFilter::INFO);
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
