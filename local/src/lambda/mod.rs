//! The Lambda API, the Runtime API and the worker processes.
//!
//! An invocation enters by [`invoke_api`], is given an environment by [`fleet`], is fetched by the worker of that
//! [`environment`] through [`runtime_api`], and its answer goes back the same way.

pub mod environment;
pub mod fleet;
pub mod invoke_api;
pub mod journal;
pub mod runtime_api;

use std::path::PathBuf;

use bytes::Bytes;
use clap::Args;
use clap::builder::RangedU64ValueParser;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;

use crate::tokens::Frequency;

#[derive(Debug, Clone, Args)]
pub struct LambdaArgs {
    /// Name of the Lambda function
    #[arg(long, value_name = "NAME", default_value = "terabit", value_parser = function_name)]
    pub function: String,

    /// The worker binary [default: terabit, beside this executable]
    #[arg(long, value_name = "PATH")]
    pub worker: Option<PathBuf>,

    /// Environments that may run at once, 1–10000, but no more than this machine has room for; an invocation beyond
    /// them is throttled (429)
    #[arg(long, value_name = "N", default_value_t = 1000)]
    #[arg(value_parser = RangedU64ValueParser::<usize>::new().range(1..=10_000))]
    pub concurrency: usize,

    /// New environments that may start in a number of seconds, such as Lambda's 1000/10s; an invocation that needs one
    /// more is throttled (429) [default: no limit]
    #[arg(long, value_name = "N/SECONDSs")]
    pub scaling_rate: Option<Frequency>,

    /// Concurrent executions of the account, 1–100000; a smaller --concurrency is then reserved for the function
    /// [default: as --concurrency]
    #[arg(long, value_name = "N", value_parser = RangedU64ValueParser::<usize>::new().range(1..=100_000))]
    pub account_limit: Option<usize>,

    /// Timeout of the function in seconds, 1–900
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = clap::value_parser!(u32).range(1..=900))]
    pub timeout: u32,

    /// Memory of the function in MB, 128–10240; told to the worker, not enforced
    #[arg(long, value_name = "MB", default_value_t = 512, value_parser = clap::value_parser!(u32).range(128..=10_240))]
    pub memory_size: u32,

    /// Append what the workers print to this file [default: local's stderr]
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,

    /// Append each event that a worker is given to this file, one line of JSON each
    #[arg(long, value_name = "FILE")]
    pub events: Option<PathBuf>,
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

/// The largest payload and the largest answer of a synchronous invocation, in bytes.
pub const MAX_PAYLOAD: usize = 6_291_456;

/// What both APIs answer with.
pub type Answer = http::Response<Full<Bytes>>;

/// A body that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// It is longer than [`MAX_PAYLOAD`].
    #[error("more than {MAX_PAYLOAD} bytes")]
    TooLarge,
    /// The connection broke.
    #[error("the connection ended in the middle of it")]
    Incomplete,
}

/// Reads a whole body of at most [`MAX_PAYLOAD`] bytes; the rest of a longer one is read and dropped, so that the
/// client is ready for the answer.
async fn read(mut body: Incoming) -> Result<Bytes, BodyError> {
    match Limited::new(&mut body, MAX_PAYLOAD).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            while let Some(Ok(_)) = body.frame().await {}
            Err(BodyError::TooLarge)
        }
        Err(_) => Err(BodyError::Incomplete),
    }
}
