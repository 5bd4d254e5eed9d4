//! The S3 client: made once for each environment, before its first invocation.

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Builder, RequestChecksumCalculation, ResponseChecksumValidation,
    SharedHttpClient,
};
use aws_smithy_http_client::pool::{self, ConnectionPool};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::time::Duration;

/// How often the SDK tries an operation that S3 throttled or could not serve, with growing pauses.
pub const ATTEMPTS: u32 = 6;

/// How long S3 may take to begin its answer, where no body is sent, or has been sent: its slowest answers to a healthy
/// client take seconds.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// A connection that was idle for longer is not used again: an environment that was frozen and thawed would otherwise
/// begin with connections that died in its sleep.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// When nothing came over a connection for this long, TCP asks whether the other side is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// S3, as one environment speaks to it.
#[derive(Clone, Debug)]
pub struct S3 {
    /// The SDK's client.
    pub client: Client,
    /// The region that it speaks to.
    pub region: String,
}

impl S3 {
    /// Reads the environment's region, credentials and endpoint, the way every AWS SDK does.
    ///
    /// # Errors
    ///
    /// A sentence, where the environment has no region or the HTTP client can't be made.
    pub async fn from_env() -> Result<Self, lambda_runtime::Error> {
        let http = http_client()?;
        let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
            .http_client(http)
            .load()
            .await;
        let region = config
            .region()
            .ok_or("no region: set AWS_REGION")?
            .to_string();
        let config = Builder::from(&config)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
            .timeout_config(
                TimeoutConfig::builder()
                    .read_timeout(ANSWER_TIMEOUT)
                    .build(),
            )
            // Our bytes are checked by `verify`. A checksum and a signature of the body would each pass over it once
            // more, the latter at 0.6 CPU-seconds a gigabyte.
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .build();
        Ok(Self {
            client: Client::from_conf(config),
            region,
        })
    }
}

/// What an operation that sends a body is configured with: an honest part takes minutes on a small function, so that
/// its answer is waited for by [`crate::write`], from the last byte sent on.
#[must_use]
pub fn without_answer_timeout() -> Builder {
    Builder::new().timeout_config(TimeoutConfig::builder().disable_read_timeout().build())
}

fn http_client() -> Result<SharedHttpClient, lambda_runtime::Error> {
    let pool = ConnectionPool::builder()
        .idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(KEEP_ALIVE)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https()?;
    Ok(aws_sdk_s3::config::IntoShared::into_shared(
        pool::Client::new(&pool)?,
    ))
}
