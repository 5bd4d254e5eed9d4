//! What an invocation answers.

use crate::clock::seconds;
use crate::error::Error;
use crate::latency::Latency;
use crate::meter::{Reading, S3Ids};
use serde::Serialize;
use serde_json::Value;
use std::time::Duration;

/// The answer to an event, its fields in the order in which a person reads them.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To a job.
    Result(Box<JobResult>),
    /// To a squad: of each job, in their order, the answer, or `{"op", "key", "error": {"type", "message"}}`. Results
    /// and errors name the `op` and `key` of the event. An answer of more than 5 MB says on the jobs concerned that it
    /// goes without their samples (`"samples_dropped": true`), without their latency (`"latency_dropped": true`) or
    /// with shorter messages (`"message_shortened": true`).
    Squad(Vec<Value>),
    /// To a `ping`.
    Pong(Pong),
}

/// Who answers a `ping`, and when.
#[derive(Debug, Serialize)]
pub struct Pong {
    /// The environment's wall clock, in epoch seconds.
    pub now: f64,
    /// The function's version.
    pub version: &'static str,
    /// The function's memory, in MB as Lambda counts them (2^20 bytes).
    pub memory_mb: Option<u64>,
    /// `x86_64` or `arm64`.
    pub arch: &'static str,
    /// The region of function and bucket.
    pub region: String,
}

/// The result of one job. Seconds, megabytes of 10^6 bytes.
#[derive(Debug, Serialize)]
pub struct JobResult {
    /// When the S3 work began, in epoch seconds to the microsecond.
    pub start: f64,
    /// When it ended: `start` and the time that the monotonic clock measured.
    pub stop: f64,
    /// Megabytes (10^6 bytes) per second: `bytes / (stop - start) / 1e6`. Absent when the job failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mbps: Option<f64>,
    pub op: &'static str,
    pub key: String,
    /// Bytes that S3 confirmed (write) or that were received (read).
    pub bytes: u64,
    /// Objects that S3 confirmed (write) or that were read to their end, each time counted.
    pub objects: u64,
    /// Cumulative bytes at each whole epoch second strictly between `start` and `stop`, the first one at ⌊`start`⌋ + 1.
    /// Bytes count when they cross the socket: received, or sent in attempts that in the end succeeded. Never more than
    /// `bytes`.
    pub samples: Vec<u64>,
    /// What a write sent besides; absent where that is nothing.
    #[serde(flatten)]
    pub in_vain: Option<InVain>,
    /// HTTP requests between `start` and `stop`, each attempt counted; [`crate::spans::Division::count`] says how many
    /// they are where nothing is repeated.
    pub requests: u64,
    /// Those of them that repeated one that had failed.
    pub retries: u64,
    /// Those that S3 throttled.
    pub throttled: u64,
    /// Milliseconds from `start` to the first byte of a body read, or to S3's first good answer to a write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte_ms: Option<f64>,
    /// How long the requests with a body took that succeeded; absent when there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_ms: Option<RequestMs>,
    /// The same as a histogram: `[[b, n], …]`, n of them took between 2^(b/16) and 2^((b+1)/16) microseconds.
    pub latency: Latency,
    /// How long after its barrier the job began; 0 in time.
    pub late_s: f64,
    /// From the event's arrival to its answer: what is billed.
    pub handler_s: f64,
    /// How long the environment took to be ready, when this was its first invocation; 0 when it was warm.
    pub init_s: f64,
    /// Processor time of this invocation.
    pub cpu_s: f64,
    /// The most memory that the environment has had resident so far, in megabytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_rss_mb: Option<f64>,
    /// The function's memory, in MB as Lambda counts them (2^20 bytes).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<u64>,
    /// `x86_64` or `arm64`.
    pub arch: &'static str,
    /// Whether this was the environment's first invocation.
    pub cold: bool,
    /// The checksum that was sent with the bytes, or asked for with them.
    pub checksum: &'static str,
    /// Whether the signature covers the bytes that were sent.
    pub payload_signed: bool,
    /// The environment's identity.
    pub worker: String,
    /// The function's version.
    pub version: &'static str,
    /// An upload in parts that the job began and could not abort, and whose parts may be billed: its id, or `unknown`.
    /// Absent where nothing is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_left: Option<String>,
    /// Why the job failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
}

/// What a write sent in attempts that did not succeed, those under way at its end among them. It is no part of `bytes`.
#[derive(Debug, PartialEq, Serialize)]
pub struct InVain {
    /// Bytes handed to the connections.
    pub sent: u64,
    /// The same as `samples`, of `sent`.
    pub sent_samples: Vec<u64>,
}

impl InVain {
    /// Of `reading`; none, if all that was sent counts.
    pub fn of(reading: &Reading) -> Option<Self> {
        (reading.sent > 0).then(|| Self {
            sent: reading.sent,
            sent_samples: reading.sent_samples.clone(),
        })
    }
}

/// How long a job's requests with a body took, from the sending of their first attempt to the last byte of their
/// answer, pauses included, in milliseconds. What [`Latency`] knows: the first two are within 2.3 %.
#[derive(Debug, PartialEq, Serialize)]
pub struct RequestMs {
    pub p50: f64,
    /// 99 of 100 took at most so long, by nearest rank.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
    /// The slowest one's names in S3's logs.
    #[serde(flatten)]
    pub slowest: S3Ids,
}

impl RequestMs {
    /// Of the requests of `reading`; none, if it has none.
    pub fn of(reading: &Reading) -> Option<Self> {
        let latency = &reading.latency;
        Some(Self {
            p50: milliseconds(latency.percentile(50)?),
            p99: milliseconds(latency.percentile(99)?),
            max: milliseconds(latency.max()),
            slowest: reading.slowest.clone(),
        })
    }
}

/// `duration` in milliseconds, to the microsecond.
pub fn milliseconds(duration: Duration) -> f64 {
    seconds(duration * 1000)
}

/// Megabytes (10^6 bytes) per second between two printed moments.
#[expect(clippy::cast_precision_loss, reason = "8 PB are exact in an f64")]
pub fn mbps(bytes: u64, start: f64, stop: f64) -> f64 {
    bytes as f64 / (stop - start) / 1e6
}
