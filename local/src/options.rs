//! What the user may say on the command line: each room reads its own part.

use std::ffi::OsString;

use clap::Parser;

use crate::identity::region;
use crate::lambda::LambdaArgs;
use crate::model::ModelArgs;
use crate::s3::S3Args;

/// Runs COMMAND with Amazon S3 and AWS Lambda on 127.0.0.1, then stops everything and exits with COMMAND's status
///
/// The endpoints, dummy credentials, the region, BUCKET and FUNCTION are in COMMAND's environment. Without COMMAND the
/// environment is printed as shell lines, and local serves until it is interrupted. Lambda runs the real worker binary,
/// one process per environment. MB is 10^6 bytes, MiB is 2^20.
#[derive(Debug, Clone, Parser)]
#[allow(
    missing_docs,
    reason = "a room's doc comment would be read as the program's"
)]
#[command(name = "local", version, max_term_width = 100)]
#[command(override_usage = "local [OPTIONS] -- COMMAND [ARG]...\n       local [OPTIONS]")]
pub struct Options {
    #[command(flatten)]
    pub lambda: LambdaArgs,

    #[command(flatten)]
    pub s3: S3Args,

    /// Region of the function and, unless said otherwise, of the buckets [default: us-east-1; with --s3 the
    /// environment's]
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub region: Option<String>,

    /// Serve S3 and Lambda over TLS, as AWS does; COMMAND and the workers trust its certificate
    #[arg(long)]
    pub tls: bool,

    #[command(flatten)]
    pub model: ModelArgs,

    /// What to run, with its arguments
    #[arg(last = true, value_name = "COMMAND")]
    pub command: Vec<OsString>,
}

impl Options {
    /// The region of the function.
    #[must_use]
    pub fn region(&self) -> String {
        let of_environment = || {
            let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].map(|name| std::env::var(name).ok());
            let mut named = named.into_iter().flatten().filter(|name| !name.is_empty());
            self.s3.elsewhere.as_ref().and_then(|_| named.next())
        };
        let region = self.region.clone().or_else(of_environment);
        region.unwrap_or_else(|| "us-east-1".to_owned())
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
        let (lambda, s3) = (options.lambda, options.s3);
        assert_eq!(lambda.function, "terabit");
        assert_eq!(s3.buckets[0].name, "terabit-local");
        assert_eq!((s3.buckets.len(), &s3.buckets[0].region), (1, &None));
        assert_eq!(
            (lambda.concurrency, lambda.timeout, lambda.memory_size),
            (1000, 900, 512)
        );
        assert_eq!(options.command, ["echo", "--memory"]);
    }

    #[test]
    fn a_bucket_may_live_elsewhere() {
        let options =
            Options::parse_from(["local", "--bucket", "one", "--bucket", "two=eu-west-1"]);
        let places: Vec<_> = options
            .s3
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
            (["--network", "600"], "625..=100000"),
            (["--s3", "minio:9000"], "https://HOST"),
            (["--s3", "https://"], "https://HOST"),
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
        for model in ["--network=3000", "--bucket=abc", "--reset=0.1", "--tls"] {
            let message = refusal(&["--s3", "http://127.0.0.1:9000", model]);
            let option = model.split('=').next().unwrap();
            assert!(
                message.contains(option) && message.contains("--s3"),
                "{message}"
            );
        }
        let elsewhere = Options::parse_from(["local", "--s3", "https://s3.example.com/"]);
        assert_eq!(
            elsewhere.s3.elsewhere.as_deref(),
            Some("https://s3.example.com")
        );
    }
}
