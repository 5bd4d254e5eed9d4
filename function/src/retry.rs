//! When a request to S3 is tried again: one rule for every request.
//!
//! The SDK's own retries are off. They are paid from a bucket of tokens that outlives an invocation and runs dry while
//! S3 throttles; they end after a number of attempts where it is the time that counts; their longest pauses do not
//! differ.

use crate::explain::session_error;
use crate::http::Unopened;
use crate::limit::Limit;
use aws_runtime::retries::classifiers::{THROTTLING_ERRORS, TRANSIENT_ERRORS};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use rand::RngExt as _;
use std::error::Error as StdError;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

/// How often a request is tried that no connection could be opened for, or that S3 failed to serve.
pub const ATTEMPTS: u32 = 6;

/// The first pause; it doubles from one to the next.
const PAUSE: Duration = Duration::from_millis(100);

/// The first pause where S3 throttles.
const THROTTLED_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// What an attempt needs before the limit: the last one begins at least so long before.
const LAST_ATTEMPT: Duration = Duration::from_secs(1);

/// How long a request is tried again, from its first failure on, where its job has no limit.
const UNLIMITED: Duration = Duration::from_mins(1);

/// How long S3 may take to answer a small request that must be done soon.
const BRISK_TIMEOUT: Duration = Duration::from_secs(2);

/// What was wrong with an attempt, as far as it tells whether another one helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// S3 asks for fewer requests.
    Throttled,
    /// The connection, or the answer on it, ended too early or stood still.
    BrokenOff,
    /// No connection could be opened: nothing was sent.
    Unopened,
    /// S3 failed, or gave an answer that cannot be understood.
    Failed,
    /// S3 refused because of the request's time; the SDK has learned S3's from the answer and signs by it from then on.
    Skewed,
    /// S3 refused, or the request could not be made: the next attempt would be no other.
    Refused,
}

impl Trouble {
    /// What was wrong where the SDK gave `error`.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some(error) = session_error(error) {
            return Self::of(error);
        }
        match error {
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Self::BrokenOff,
            SdkError::DispatchFailure(_) if is_unopened(error) => Self::Unopened,
            SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
                Self::BrokenOff
            }
            SdkError::ServiceError(service) => {
                let status = service.raw().status().as_u16();
                Self::of_answer(status, service.err().code())
            }
            _ => Self::Refused,
        }
    }

    /// What was wrong where S3 answered so. The code counts first: the answer to a Complete may be 200 and an error,
    /// and KMS throttles with 400.
    pub fn of_answer(status: u16, code: Option<&str>) -> Self {
        match (status, code) {
            (_, Some("ServiceUnavailable")) => Self::Throttled,
            (_, Some(code)) if THROTTLING_ERRORS.contains(&code) => Self::Throttled,
            // S3 waited in vain for the rest of the request.
            (_, Some(code)) if TRANSIENT_ERRORS.contains(&code) => Self::BrokenOff,
            (_, Some("InternalError" | "InternalServerError" | "OperationAborted")) => Self::Failed,
            (_, Some("RequestTimeTooSkewed")) => Self::Skewed,
            (429 | 503, _) => Self::Throttled,
            (408, _) => Self::BrokenOff,
            (501 | 505 | 507, _) => Self::Refused,
            (200..300, None) | (500.., _) => Self::Failed,
            _ => Self::Refused,
        }
    }
}

fn is_unopened(error: &(dyn StdError + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source())
        .any(<dyn StdError>::is::<Unopened>)
}

/// The attempts at one request.
#[derive(Debug)]
pub struct Retries {
    until: Option<Instant>,
    pauses: u32,
    /// How many attempts failed of those whose number is limited.
    failures: u32,
}

impl Retries {
    /// Of a request that is given up shortly before `limit`.
    pub const fn until(limit: &Limit) -> Self {
        Self {
            until: limit.moment(),
            pauses: 0,
            failures: 0,
        }
    }

    /// Waits until the request is to be tried again after `trouble`; false if it is to be given up.
    pub async fn pause(&mut self, trouble: Trouble) -> bool {
        match trouble {
            Trouble::Throttled | Trouble::BrokenOff => {}
            Trouble::Unopened | Trouble::Failed | Trouble::Skewed => self.failures += 1,
            Trouble::Refused => return false,
        }
        let now = Instant::now();
        let until = *self.until.get_or_insert(now + UNLIMITED);
        let remaining = until.saturating_duration_since(now + LAST_ATTEMPT);
        if self.failures == ATTEMPTS || remaining.is_zero() {
            return false;
        }
        let first = match trouble {
            Trouble::Throttled => THROTTLED_PAUSE,
            _ => PAUSE,
        };
        let pause = first
            .saturating_mul(2_u32.saturating_pow(self.pauses))
            .min(LONGEST_PAUSE);
        self.pauses += 1;
        // Half of the pause by lot, so that requests that failed together do not come back together.
        let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.0));
        sleep(jittered.min(remaining)).await;
        true
    }
}

/// Why a request was given up.
#[derive(Debug, thiserror::Error)]
#[error("given up after {attempts} attempts")]
pub struct Failure<E: StdError + 'static> {
    /// What the last attempt came to.
    #[source]
    pub error: SdkError<E, HttpResponse>,
    /// How many attempts there were.
    pub attempts: u32,
}

/// Makes attempts until S3 has done what is asked, or the request is to be given up.
///
/// # Errors
///
/// What the last attempt came to.
pub async fn send<O, E, F>(limit: &Limit, attempt: impl Fn() -> F) -> Result<O, Failure<E>>
where
    E: ProvideErrorMetadata + StdError + 'static,
    F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
{
    let mut retries = Retries::until(limit);
    let mut attempts = 0;
    loop {
        attempts += 1;
        match attempt().await {
            Ok(output) => return Ok(output),
            Err(error) if retries.pause(Trouble::of(&error)).await => {}
            Err(error) => return Err(Failure { error, attempts }),
        }
    }
}

/// An attempt that must be done soon: a connection on which S3 is silent is given up early.
pub async fn brisk<O, E>(
    attempt: impl Future<Output = Result<O, SdkError<E, HttpResponse>>>,
) -> Result<O, SdkError<E, HttpResponse>> {
    if let Ok(outcome) = timeout(BRISK_TIMEOUT, Box::pin(attempt)).await {
        return outcome;
    }
    let silence = format!("no answer within {} s", BRISK_TIMEOUT.as_secs());
    Err(SdkError::timeout_error(silence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{answer, broken, refusal, s3};
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use aws_smithy_runtime_api::client::result::ConnectorError;

    const MINUTES: Duration = Duration::from_mins(3);

    fn in_three_minutes() -> Limit {
        Limit::at(Some(Instant::now() + MINUTES), "the limit of this test")
    }

    /// How often a request that always comes to `answer` was tried, and for how long.
    async fn given_up(
        limit: &Limit,
        answer: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static,
    ) -> (u32, Duration) {
        let (s3, began) = (s3(move |_| answer()), Instant::now());
        let list = || s3.client.list_objects_v2().bucket("abc").send();
        let failure = send(limit, list).await.expect_err("nothing can come of it");
        (failure.attempts, began.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_throttled_or_broken_off_is_tried_until_shortly_before_the_limit() {
        let slow_down = || refusal(503, "SlowDown", "Please reduce your request rate.");
        for answer in [
            slow_down,
            broken,
            || answer(429, ""),
            || answer(503, ""),
            || refusal(200, "SlowDown", ""),
            || refusal(200, "ServiceUnavailable", ""),
            || {
                refusal(
                    400,
                    "ThrottlingException",
                    "You have exceeded the rate at which you may call KMS.",
                )
            },
            || refusal(400, "RequestTimeout", "Your socket was idle."),
        ] {
            let (attempts, tried) = given_up(&in_three_minutes(), answer).await;
            // With the longest pauses alone there would be 36.
            assert!(attempts > 36, "{attempts} attempts");
            assert!(attempts < 100, "{attempts} attempts in {tried:?}");
            let left = MINUTES.checked_sub(tried).expect("it ends before");
            assert!(
                LAST_ATTEMPT.abs_diff(left) < Duration::from_millis(10),
                "{left:?} before the limit"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn where_there_is_no_limit_it_ends_after_a_minute() {
        let (_, tried) = given_up(&Limit::none(), broken).await;
        assert!((59..61).contains(&tried.as_secs()), "{tried:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_or_could_not_be_opened_is_tried_six_times() {
        let unopened = || {
            let refused = Unopened("connection refused".into());
            HttpConnectorFuture::ready(Err(ConnectorError::io(refused.into())))
        };
        let internal = || refusal(500, "InternalError", "We encountered an internal error.");
        let skewed = || refusal(403, "RequestTimeTooSkewed", "The difference is too large.");
        for answer in [
            unopened,
            internal,
            skewed,
            || refusal(200, "InternalServerError", ""),
            || refusal(409, "OperationAborted", ""),
            || answer(502, "<html>"),
            || answer(200, "<cut"),
        ] {
            let (attempts, tried) = given_up(&in_three_minutes(), answer).await;
            assert_eq!(attempts, ATTEMPTS);
            assert!(tried < Duration::from_secs(5), "{tried:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_is_not_tried_again() {
        for (status, code) in [
            (403, "AccessDenied"),
            (404, "NoSuchBucket"),
            (400, "ExpiredToken"),
            (501, "NotImplemented"),
            (507, "InsufficientStorage"),
        ] {
            let refuse = move || refusal(status, code, "");
            assert_eq!(given_up(&in_three_minutes(), refuse).await.0, 1, "{code}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_failures_leave_the_next_request_its_attempts() {
        let s3 = s3(|_| refusal(500, "InternalError", ""));
        for _ in 0..200 {
            let list = || s3.client.list_objects_v2().bucket("abc").send();
            let failure = send(&Limit::none(), list).await.expect_err("it fails");
            assert_eq!(failure.attempts, ATTEMPTS);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_differ() {
        let mut lengths = Vec::new();
        for _ in 0..50 {
            let mut retries = Retries::until(&in_three_minutes());
            let mut pauses = Vec::new();
            for _ in 0..10 {
                let began = Instant::now();
                assert!(retries.pause(Trouble::Throttled).await);
                pauses.push(began.elapsed());
            }
            assert!(pauses[0] <= THROTTLED_PAUSE && pauses[3] > THROTTLED_PAUSE);
            assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE));
            lengths.push(pauses[9]);
        }
        lengths.sort_unstable();
        assert!(
            lengths[49] > lengths[0] + LONGEST_PAUSE / 10,
            "the longest ones differ too: {lengths:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_session_of_a_directory_bucket_is_tried_again_like_a_request() {
        let s3 = s3(|_| refusal(503, "SlowDown", ""));
        let bucket = "abc--use1-az4--x-s3";
        let head = || s3.client.head_bucket().bucket(bucket).send();
        let failure = send(&in_three_minutes(), head)
            .await
            .expect_err("throttled");
        assert!(failure.attempts > ATTEMPTS, "{failure:?}");
        assert_eq!(Trouble::of(&failure.error), Trouble::Throttled);
    }
}
