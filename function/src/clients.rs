//! The clients of S3 and Lambda: made once for each environment, before its first invocation.

use crate::http;
use crate::invoker::Invoker;
use crate::s3::S3;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, SdkConfig};

/// Reads the environment's region, credentials and endpoints, the way every AWS SDK does.
///
/// # Errors
///
/// A sentence, where the environment has no region or the HTTP client can't be made.
pub async fn from_env() -> Result<(S3, Invoker), lambda_runtime::Error> {
    let http = http::client()?;
    let config = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http)
        .load()
        .await;
    let region = config
        .region()
        .ok_or("no region: set AWS_REGION")?
        .to_string();
    let of_s3 = std::env::var("AWS_ENDPOINT_URL_S3").ok();
    let endpoint = s3_endpoint(of_s3.as_deref(), &config);
    let s3 = S3::new(&config, region, has_no_bucket_hosts(endpoint));
    Ok((s3, Invoker::new(lambda(&config))))
}

/// The endpoint of S3: its own, or that of all services; empty for AWS's.
fn s3_endpoint<'a>(of_s3: Option<&'a str>, config: &'a SdkConfig) -> &'a str {
    of_s3.or(config.endpoint_url()).unwrap_or_default()
}

/// Whether a bucket has no host name of its own at this endpoint of S3: nowhere but at AWS it can be relied on.
fn has_no_bucket_hosts(endpoint: &str) -> bool {
    !endpoint.is_empty() && !endpoint.contains(".amazonaws.com")
}

/// A job that may have run is never run again, and none is given up while it runs: no retries, no timeout but the
/// squad's own.
fn lambda(config: &SdkConfig) -> aws_sdk_lambda::Client {
    let config = aws_sdk_lambda::config::Builder::from(config)
        .retry_config(RetryConfig::disabled())
        .build();
    aws_sdk_lambda::Client::from_conf(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s3_is_where_its_own_endpoint_is_or_that_of_all_services() {
        let aws = SdkConfig::builder().build();
        let minio = SdkConfig::builder()
            .endpoint_url("http://minio:9000")
            .build();
        assert_eq!(s3_endpoint(None, &aws), "");
        assert_eq!(s3_endpoint(None, &minio), "http://minio:9000");
        assert_eq!(s3_endpoint(Some("http://s3:1"), &minio), "http://s3:1");
    }

    #[test]
    fn only_buckets_at_aws_have_hosts() {
        for endpoint in [
            "",
            "https://s3.eu-west-1.amazonaws.com",
            "https://s3.cn-north-1.amazonaws.com.cn",
        ] {
            assert!(!has_no_bucket_hosts(endpoint), "{endpoint}");
        }
        for endpoint in [
            "http://127.0.0.1:9000",
            "http://minio:9000",
            "https://storage.example.com",
        ] {
            assert!(has_no_bucket_hosts(endpoint), "{endpoint}");
        }
    }
}
