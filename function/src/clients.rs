//! The clients of S3 and Lambda: made once for each environment, before its first invocation.

use crate::invoker::Invoker;
use crate::s3::S3;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::{IntoShared as _, SharedHttpClient};
use aws_smithy_http_client::pool::{self, ConnectionPool};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use std::time::Duration;

/// A connection that was idle for longer is not used again: an environment that was frozen and thawed would otherwise
/// begin with connections that died in its sleep.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// When nothing came over a connection for this long, TCP asks whether the other side is still there. A squad waits for
/// minutes on quiet connections, and NAT gateways forget those that are quiet for 350 s:
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html>
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Reads the environment's region, credentials and endpoints, the way every AWS SDK does.
///
/// # Errors
///
/// A sentence, where the environment has no region or the HTTP client can't be made.
pub async fn from_env() -> Result<(S3, Invoker), lambda_runtime::Error> {
    let http = http_client()?;
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .load()
        .await;
    let region = config
        .region()
        .ok_or("no region: set AWS_REGION")?
        .to_string();
    Ok((S3::new(&config, region), Invoker::new(lambda(&config))))
}

/// A job that may have run is never run again, and none is given up while it runs: no retries, no timeout but the
/// squad's own.
fn lambda(config: &SdkConfig) -> aws_sdk_lambda::Client {
    let config = aws_sdk_lambda::config::Builder::from(config)
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_lambda::Client::from_conf(config)
}

fn http_client() -> Result<SharedHttpClient, lambda_runtime::Error> {
    let pool = ConnectionPool::builder()
        .idle_timeout(IDLE_TIMEOUT)
        .tcp_keepalive(KEEP_ALIVE)
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .build_https()?;
    Ok(pool::Client::new(&pool)?.into_shared())
}
