//! The client of S3, and what its operations are configured with.

use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use std::time::Duration;

/// How often the SDK tries an operation that S3 throttled or could not serve, with growing pauses.
pub const ATTEMPTS: u32 = 6;

/// How long S3 may take to begin its answer, where no body is sent, or has been sent: its slowest answers to a healthy
/// client take seconds.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a body may stand still before its connection is given up. Many uploads share a worker's cap: 256 of them at
/// 75 MB/s have 0.3 MB/s each, and a kernel that buffers megabytes asks for more every few seconds.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);

/// S3, as one environment speaks to it.
#[derive(Clone, Debug)]
pub struct S3 {
    /// The SDK's client.
    pub client: Client,
    /// The region that it speaks to.
    pub region: String,
}

impl S3 {
    /// S3 in `region`, which is that of `config`.
    #[must_use]
    pub fn new(config: &SdkConfig, region: String) -> Self {
        let config = Builder::from(config)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .read_timeout(ANSWER_TIMEOUT)
                    .build(),
            )
            .stalled_stream_protection(
                StalledStreamProtectionConfig::enabled()
                    .grace_period(STALL_TIMEOUT)
                    .build(),
            )
            // Our bytes are checked by `verify`. A checksum and a signature of the body would each pass over it once
            // more, the latter at 0.6 CPU-seconds a gigabyte (measured on a Xeon).
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Self {
            client: Client::from_conf(config),
            region,
        }
    }
}

/// What an operation that sends a body is configured with: an honest part takes minutes on a small function, so that
/// its answer is waited for by [`crate::write`](mod@crate::write), from the last byte sent on.
#[must_use]
pub fn without_answer_timeout() -> Builder {
    Builder::new().timeout_config(TimeoutConfig::builder().disable_read_timeout().build())
}
