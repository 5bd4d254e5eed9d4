//! The client of S3, and what its operations are configured with.

use crate::clock::since_1970;
use crate::error::Error;
use crate::event::Place;
use crate::explain::{Asked, explain};
use crate::operation::Operation;
use crate::retry::Failure;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Builder, ConfigBag, Intercept, RequestChecksumCalculation, ResponseChecksumValidation,
    RuntimeComponents, StalledStreamProtectionConfig,
};
use aws_sdk_s3::error::{BoxError, ProvideErrorMetadata};
use aws_sdk_s3::primitives::{DateTime, DateTimeFormat as Format};
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::time::Instant;

/// How long S3 may take to begin its answer, where no body is sent, or has been sent: its slowest answers to a healthy
/// client take seconds.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a body may stand still before its connection is given up. Many uploads share a worker's cap: 256 of them at
/// 75 MB/s have 0.3 MB/s each, and a kernel that buffers megabytes asks for more every few seconds.
const STALL_TIMEOUT: Duration = Duration::from_secs(20);

/// The same for the answer to a Complete, which S3 begins before it has put the parts together, and lengthens by blanks
/// until then: while one is under way, a second one may find that its upload is gone.
const COMPLETION_TIMEOUT: Duration = Duration::from_mins(1);

/// S3, as one environment speaks to it.
#[derive(Clone, Debug)]
pub struct S3 {
    pub client: Client,
    /// The region that it speaks to.
    pub region: String,
}

impl S3 {
    /// S3 in `region`, which is that of `config`; the bucket stands in the path where it has no host.
    pub fn new(config: &SdkConfig, region: String, path_style: bool) -> Self {
        let config = Builder::from(config)
            .force_path_style(path_style)
            // Requests are tried again by [`crate::retry`].
            .retry_config(RetryConfig::disabled())
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

    /// What the failure of a request for the object at `place` means for the job.
    pub fn explain<E>(&self, failure: &Failure<E>, operation: Operation, place: &Place) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let asked = Asked {
            operation,
            region: &self.region,
            bucket: &place.bucket,
            key: place.key.as_str(),
        };
        explain(failure, asked)
    }
}

/// What a Complete is configured with besides.
pub fn patient() -> Builder {
    Builder::new().stalled_stream_protection(
        StalledStreamProtectionConfig::enabled()
            .grace_period(COMPLETION_TIMEOUT)
            .build(),
    )
}

/// S3's clock, as the `Date` of its latest answer tells it: given to the SDK as an interceptor. What S3 dates is
/// compared by it, since this machine's clock may differ.
#[derive(Clone, Debug, Default)]
pub struct Dated(Arc<Mutex<Option<i64>>>);

impl Dated {
    /// Both the `Date` of an answer and what S3 dates are in whole seconds.
    const EXACT_TO: Duration = Duration::from_secs(1);

    /// Whether what S3 dates to `moment`, when it answers, is younger than what `began` here.
    pub fn is_since(&self, began: Instant, moment: DateTime) -> bool {
        self.age(moment.secs()) <= began.elapsed() + Self::EXACT_TO
    }

    fn age(&self, moment: i64) -> Duration {
        let here = || i64::try_from(since_1970().as_secs()).expect("this millennium");
        let date = self.date().unwrap_or_else(here);
        Duration::from_secs(u64::try_from(date - moment).unwrap_or_default())
    }

    fn date(&self) -> MutexGuard<'_, Option<i64>> {
        self.0.lock().expect("nothing that holds it panics")
    }
}

impl Intercept for Dated {
    fn name(&self) -> &'static str {
        "terabit::Dated"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        *self.date() = date.map(|date| date.secs());
        Ok(())
    }
}
