//! What the user may say on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use clap::builder::RangedU64ValueParser;

use crate::faults::Share;
use crate::lambda::scaling::ScalingRate;
use crate::model::Rate;
use crate::partition::RequestRates;
use crate::s3::access::ACTIONS;

/// Runs COMMAND with Amazon S3 and AWS Lambda on 127.0.0.1, then stops everything and exits with COMMAND's status
///
/// The endpoints, dummy credentials, the region, BUCKET and FUNCTION are in COMMAND's environment. Without COMMAND the
/// environment is printed as shell lines, and local serves until it is interrupted. Lambda runs the real worker binary,
/// one process per environment. MB is 10^6 bytes, MiB is 2^20.
#[derive(Debug, Clone, Parser)]
#[command(name = "local", version, max_term_width = 100)]
#[command(override_usage = "local [OPTIONS] -- COMMAND [ARG]...\n       local [OPTIONS]")]
pub struct Options {
    /// Name of the Lambda function
    #[arg(long, value_name = "NAME", default_value = "terabit", value_parser = function_name)]
    pub function: String,

    /// A bucket that exists from the start, repeatable; with a REGION other than --region it lives there; the first one
    /// is COMMAND's BUCKET
    #[arg(long = "bucket", value_name = "NAME[=REGION]", default_value = "terabit-local", value_parser = bucket)]
    pub buckets: Vec<BucketOption>,

    /// Region of the function and, unless said otherwise, of the buckets
    #[arg(long, value_name = "REGION", default_value = "us-east-1", value_parser = region)]
    pub region: String,

    /// The worker binary [default: terabit, beside this executable]
    #[arg(long, value_name = "PATH")]
    pub worker: Option<PathBuf>,

    /// Environments that may run at once, 1–10000, held at what this machine has room for; an invocation beyond is
    /// throttled (429)
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub concurrency: usize,

    /// New environments that the function may have in a time, such as Lambda's 1000/10s; an invocation that needs one
    /// more is throttled (429) [default: no limit]
    #[arg(long, value_name = "N/SECONDSs")]
    pub scaling_rate: Option<ScalingRate>,

    /// Concurrent executions of the account, 1–100000; where --concurrency is less, that much is reserved for the
    /// function [default: as --concurrency]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub account_limit: Option<usize>,

    /// Timeout of the function in seconds, 1–900
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=900))]
    pub timeout: u32,

    /// Memory of the function in MB, 128–10240; told to the worker, not enforced
    #[arg(long, value_name = "MB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub memory_size: u32,

    /// What the store may hold in memory, in MiB; beyond it S3 answers 507 [default: half of this machine's memory]
    #[arg(long, value_name = "MIB", conflicts_with = "dir")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=16_777_216))]
    pub memory: Option<u64>,

    /// Keep the objects in this folder instead of in memory; they survive a restart
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// Serve S3 and Lambda over TLS, as AWS does; COMMAND and the workers trust its certificate
    #[arg(long)]
    pub tls: bool,

    /// Model: wait so many milliseconds before each answer of S3, 0–60000
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub first_byte_ms: u64,

    /// Model: rate of each request body in MB/s, 0.001–100000 [default: no limit]
    #[arg(long, value_name = "MB/S")]
    pub connection_up: Option<Rate>,

    /// Model: rate of each response body in MB/s, 0.001–100000 [default: no limit]
    #[arg(long, value_name = "MB/S")]
    pub connection_down: Option<Rate>,

    /// Model: network cap of each worker in MB/s, each direction on its own, 0.001–100000, such as Lambda's 78.125
    /// [default: no limit]
    #[arg(long, value_name = "MB/S")]
    pub worker_rate: Option<Rate>,

    /// Model: a partition of S3, which takes so many requests a second from all workers together, those that put and
    /// those that get, 1–1000000 each, such as S3's own 3500/5500; beyond it answers 503 (`SlowDown`) [default: no limit]
    #[arg(long, value_name = "PUT/GET")]
    pub s3_rate: Option<RequestRates>,

    /// Model: answer 503 (`SlowDown`) to this share of the workers' requests to S3, 0–1; each meets it by chance
    #[arg(long, value_name = "SHARE")]
    pub slow_down: Option<Share>,

    /// Model: close the connection of this share of them half-way through the request, 0–1
    #[arg(long, value_name = "SHARE")]
    pub reset: Option<Share>,

    /// Model: end the answer's body of this share of them half-way, 0–1
    #[arg(long, value_name = "SHARE")]
    pub short: Option<Share>,

    /// Model: let the body of this share of them, or of its answer, stand still half-way for ever, 0–1
    #[arg(long, value_name = "SHARE")]
    pub stall: Option<Share>,

    /// Model: do what this share of them ask for, then close the connection before the answer, 0–1
    #[arg(long, value_name = "SHARE")]
    pub lost: Option<Share>,

    /// Seed of the chance by which these shares are met: with the same one, the workers' nth request always meets the
    /// same [default: another one each time, told on stderr]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// An action that the worker's role lacks, such as s3:ListBucket, repeatable; S3 then denies it
    #[arg(long = "deny", value_name = "ACTION", value_parser = action)]
    pub denied: Vec<String>,

    /// Append what the workers print to this file [default: local's stderr]
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Append each event that a worker is given to this file, one line of JSON each
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,

    /// What to run, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

/// A bucket that exists from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketOption {
    /// The name, valid by S3's rules.
    pub name: String,
    /// Where it lives; `None`: in `--region`.
    pub region: Option<String>,
}

fn bucket(text: &str) -> Result<BucketOption, String> {
    let (name, place) = match text.split_once('=') {
        Some((name, place)) => (name, Some(region(place)?)),
        None => (text, None),
    };
    if !s3s::path::check_bucket_name(name) {
        return Err(
            "a bucket name is 3–63 lower-case letters, digits, dots and hyphens, \
                    beginning and ending with a letter or digit"
                .to_owned(),
        );
    }
    Ok(BucketOption {
        name: name.to_owned(),
        region: place,
    })
}

fn region(text: &str) -> Result<String, String> {
    let valid = text.len() <= 32
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && text.split('-').count() >= 3
        && text.split('-').all(|word| !word.is_empty());
    if valid {
        Ok(text.to_owned())
    } else {
        Err("a region looks like us-east-1".to_owned())
    }
}

fn function_name(text: &str) -> Result<String, String> {
    let valid = (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if valid {
        Ok(text.to_owned())
    } else {
        Err("a function name is 1–64 letters, digits, hyphens and underscores".to_owned())
    }
}

fn action(text: &str) -> Result<String, String> {
    if ACTIONS.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("accepted: {}", ACTIONS.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn refusal(arguments: &[&str]) -> String {
        let arguments = std::iter::once(&"local").chain(arguments);
        Options::try_parse_from(arguments)
            .expect_err("is refused")
            .to_string()
    }

    #[test]
    fn the_definition_is_consistent() {
        Options::command().debug_assert();
    }

    #[test]
    fn defaults_are_those_of_the_help() {
        let options = Options::parse_from(["local", "--", "echo", "--memory"]);
        assert_eq!(options.function, "terabit");
        assert_eq!(
            options.buckets,
            [BucketOption {
                name: "terabit-local".to_owned(),
                region: None
            }]
        );
        assert_eq!(
            (options.concurrency, options.timeout, options.memory_size),
            (1000, 900, 512)
        );
        assert_eq!(options.command, ["echo", "--memory"]);
    }

    #[test]
    fn a_bucket_may_live_elsewhere() {
        let options =
            Options::parse_from(["local", "--bucket", "one", "--bucket", "two=eu-west-1"]);
        let places: Vec<_> = options
            .buckets
            .iter()
            .map(|b| (b.name.as_str(), b.region.as_deref()))
            .collect();
        assert_eq!(places, [("one", None), ("two", Some("eu-west-1"))]);
    }

    #[test]
    fn bad_values_are_refused_with_what_is_accepted() {
        for (arguments, names) in [
            (["--bucket", "No"], "3–63"),
            (["--bucket", "good=nowhere"], "us-east-1"),
            (["--region", "US"], "us-east-1"),
            (["--function", "a b"], "1–64"),
            (["--concurrency", "0"], "1..=10000"),
            (["--scaling-rate", "fast"], "1000/10s"),
            (["--account-limit", "0"], "1..=100000"),
            (["--timeout", "901"], "1..=900"),
            (["--memory-size", "64"], "128..=10240"),
            (["--memory", "0"], "1..=16777216"),
            (["--worker-rate", "0"], "0.001–100000"),
            (["--connection-up", "fast"], "0.001–100000"),
            (["--deny", "s3:Everything"], "s3:ListBucket"),
            (["--slow-down", "1.5"], "0 to 1"),
            (["--stall", "often"], "0 to 1"),
            (["--lost", "2"], "0 to 1"),
            (["--s3-rate", "3500"], "3500/5500"),
            (["--seed", "luck"], "invalid digit"),
            (["--first-byte-ms", "60001"], "0..=60000"),
        ] {
            let message = refusal(&arguments);
            assert!(
                message.contains(names) && message.contains(arguments[1]),
                "{arguments:?}: {message}"
            );
        }
        assert!(refusal(&["--memory", "5", "--dir", "x"]).contains("--dir"));
    }
}
