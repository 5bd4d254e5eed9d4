//! `local [options] -- COMMAND …`: runs COMMAND with S3 and Lambda on loopback and ends with its status.

use std::process::ExitCode;

use clap::Parser;
use local::options::Options;

#[tokio::main]
async fn main() -> ExitCode {
    match local::service::run(Options::parse()).await {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            local::say(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
