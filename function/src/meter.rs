//! What is measured of one job: its time, its bytes second by second, and every HTTP request that it made of S3.

use crate::clock::Clock;
use crate::latency::Latency;
use crate::retry::Trouble;
use crate::timeline::Timeline;
use aws_sdk_s3::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::{BoxError, ErrorMetadata};
use serde::Serialize;
use std::error::Error as StdError;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

/// The meter of one job. Clones are the same meter.
#[derive(Clone, Debug)]
pub struct Meter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    clock: Clock,
    stop: OnceLock<Duration>,
    tally: Mutex<Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    /// What was received, or sent in attempts that succeeded.
    timeline: Timeline,
    /// What was sent in attempts that have not succeeded: those under way are among them.
    in_vain: Timeline,
    requests: u64,
    retries: u64,
    throttled: u64,
    objects: u64,
    latency: Latency,
    /// Whose the longest one was.
    slowest: S3Ids,
    first_byte: Option<Duration>,
    is_answered: bool,
}

/// The names by which S3's operators find a request in their logs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct S3Ids {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extended_request_id: Option<String>,
}

/// What was measured, when the job is over.
#[derive(Clone, Debug)]
pub struct Reading {
    /// When the job began, since 1970-01-01 UTC.
    pub start: Duration,
    /// When it ended, since 1970-01-01 UTC: `start` and what the monotonic clock measured.
    pub stop: Duration,
    /// Bytes that S3 received and confirmed, or that were received from it.
    pub bytes: u64,
    /// Cumulative bytes at each whole epoch second strictly between `start` and `stop`.
    pub samples: Vec<u64>,
    /// Bytes that were sent in attempts that did not succeed.
    pub sent: u64,
    /// The same as `samples`, of `sent`.
    pub sent_samples: Vec<u64>,
    /// HTTP requests, each attempt counted.
    pub requests: u64,
    /// Those of them that repeated one that had failed.
    pub retries: u64,
    /// Those that S3 throttled.
    pub throttled: u64,
    /// From `start` to the first byte of a body read, or to S3's first good answer to a write.
    pub first_byte: Option<Duration>,
    /// Whether S3 has answered anything.
    pub is_answered: bool,
    /// Objects that are there whole, or were read to their end.
    pub objects: u64,
    /// How long the requests with a body took that succeeded, from their first attempt's sending to the last byte of
    /// their answer.
    pub latency: Latency,
    /// The slowest of them.
    pub slowest: S3Ids,
}

impl Meter {
    /// A job begins now.
    pub fn start() -> Self {
        Self(Arc::new(Shared {
            clock: Clock::start(),
            stop: OnceLock::new(),
            tally: Mutex::default(),
        }))
    }

    /// When the job began, since 1970-01-01 UTC.
    pub fn began(&self) -> Duration {
        self.0.clock.began()
    }

    /// The job is over; only the first call counts.
    pub fn stop(&self) {
        self.stopped();
    }

    /// A microsecond after the start at the earliest: that is how exactly both are told, and a job has taken some time.
    fn stopped(&self) -> Duration {
        let earliest = self.began() + Duration::from_micros(1);
        let stop = || self.0.clock.now().max(earliest);
        *self.0.stop.get_or_init(stop)
    }

    /// A small operation that is to be measured.
    pub fn request(&self) -> Request {
        self.operation(false)
    }

    /// An operation that sends or receives bytes of an object.
    pub fn transfer(&self) -> Request {
        self.operation(true)
    }

    fn operation(&self, transfers: bool) -> Request {
        Request {
            meter: self.clone(),
            transfers,
            attempt: Arc::default(),
        }
    }

    /// Counts an object that is there whole, or was read to its end.
    pub fn object(&self) {
        self.tally().objects += 1;
    }

    /// Counts `bytes` of a body that were received.
    pub fn received(&self, bytes: u64) {
        let now = self.0.clock.now();
        let mut tally = self.tally();
        tally.timeline.add(now, bytes);
        tally
            .first_byte
            .get_or_insert_with(|| self.0.clock.elapsed());
    }

    /// What was measured; stops the job if it is not stopped yet.
    pub fn read(&self) -> Reading {
        let stop = self.stopped();
        let start = self.0.clock.began();
        let tally = self.tally();
        Reading {
            start,
            stop,
            bytes: tally.timeline.total(),
            samples: tally.timeline.samples(start, stop),
            sent: tally.in_vain.total(),
            sent_samples: tally.in_vain.samples(start, stop),
            requests: tally.requests,
            retries: tally.retries,
            throttled: tally.throttled,
            first_byte: tally.first_byte,
            is_answered: tally.is_answered,
            objects: tally.objects,
            latency: tally.latency.clone(),
            slowest: tally.slowest.clone(),
        }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.0.tally.lock().expect("nothing that holds it panics")
    }
}

impl Tally {
    fn took(&mut self, duration: Duration, ids: &S3Ids) {
        if self.latency.max() < duration {
            self.slowest = ids.clone();
        }
        self.latency.count(duration);
    }
}

/// One S3 operation: given to the SDK as an interceptor it sees each attempt, and the body that is sent tells it its
/// bytes. Clones are the same operation.
#[derive(Clone, Debug)]
pub struct Request {
    meter: Meter,
    transfers: bool,
    attempt: Arc<Mutex<Attempt>>,
}

/// The latest attempt at an operation.
#[derive(Debug, Default)]
struct Attempt {
    /// From 1; 0 before the first.
    number: u32,
    /// When the first attempt began.
    began: Option<Instant>,
    sent: Timeline,
    all_sent: Option<Instant>,
    failed: bool,
    ids: S3Ids,
}

impl Request {
    /// How often the operation was tried so far, which is also the number of the latest attempt.
    pub fn attempts(&self) -> u32 {
        self.attempt().number
    }

    /// Counts `bytes` that are to be handed to the connection in attempt `number`: in vain until the attempt succeeds.
    /// False, and nothing is counted, where it has failed.
    pub fn sent(&self, number: u32, bytes: u64, last: bool) -> bool {
        let now = self.meter.0.clock.now();
        let mut attempt = self.attempt();
        let goes_on = attempt.number == number && !attempt.failed;
        if goes_on {
            self.meter.tally().in_vain.add(now, bytes);
            attempt.sent.add(now, bytes);
            attempt.all_sent = last.then(Instant::now);
        }
        goes_on
    }

    /// How long S3 has had the whole body without answering.
    pub fn unanswered(&self) -> Option<Duration> {
        self.attempt().all_sent.map(|moment| moment.elapsed())
    }

    /// The operation succeeded and the last byte of its answer is here: what its last attempt sent counts.
    pub fn succeed(&self) {
        let attempt = self.attempt();
        let mut tally = self.meter.tally();
        tally.in_vain.subtract(&attempt.sent);
        tally.timeline.merge(&attempt.sent);
        tally
            .first_byte
            .get_or_insert_with(|| self.meter.0.clock.elapsed());
        if let (Some(began), true) = (attempt.began, self.transfers) {
            tally.took(began.elapsed(), &attempt.ids);
        }
    }

    /// The latest attempt failed: what it sent does not count, and no answer is waited for.
    pub fn fail(&self) {
        let mut attempt = self.attempt();
        attempt.all_sent = None;
        attempt.failed = true;
    }

    /// Another attempt begins.
    fn begin(&self) {
        let mut attempt = self.attempt();
        *attempt = Attempt {
            number: attempt.number + 1,
            began: attempt.began.or_else(|| Some(Instant::now())),
            ..Attempt::default()
        };
        let mut tally = self.meter.tally();
        tally.requests += 1;
        tally.retries += u64::from(attempt.number > 1);
    }

    fn attempt(&self) -> MutexGuard<'_, Attempt> {
        self.attempt.lock().expect("nothing that holds it panics")
    }
}

impl Intercept for Request {
    fn name(&self) -> &'static str {
        "terabit::Request"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.begin();
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(response) = context.response() {
            let header = |name| response.headers().get(name).map(str::to_owned);
            self.attempt().ids = S3Ids {
                request_id: header("x-amz-request-id"),
                extended_request_id: header("x-amz-id-2"),
            };
            let trouble = Trouble::of_answer(response.status().as_u16(), code_of(context));
            let mut tally = self.meter.tally();
            tally.throttled += u64::from(trouble == Trouble::Throttled);
            tally.is_answered = true;
        }
        if !matches!(context.output_or_error(), Some(Ok(_))) {
            self.fail();
        }
        Ok(())
    }
}

/// S3's code in the error of an attempt, whichever operation's it is.
fn code_of<'a>(context: &'a FinalizerInterceptorContextRef<'_>) -> Option<&'a str> {
    let error = context.output_or_error()?.err()?.as_operation_error()?;
    std::iter::successors(error.source(), |error| (*error).source())
        .find_map(<dyn StdError>::downcast_ref::<ErrorMetadata>)?
        .code()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::seconds;
    use crate::testing::{answer, refusal, s3};

    /// An attempt begins, as the SDK would tell.
    fn begin(request: &Request) -> u32 {
        request.begin();
        request.attempts()
    }

    #[tokio::test]
    async fn what_s3_throttles_counts_whatever_its_status() {
        for (status, code, expected) in [
            (503, "SlowDown", 1),
            (503, "", 1),
            (200, "SlowDown", 1),
            (400, "ThrottlingException", 1),
            (200, "InternalError", 0),
            (500, "InternalError", 0),
        ] {
            let s3 = s3(move |_| match code {
                "" => answer(status, ""),
                code => refusal(status, code, ""),
            });
            let meter = Meter::start();
            let complete = s3.client.complete_multipart_upload();
            let complete = complete.bucket("abc").key("k").upload_id("own").customize();
            let outcome = complete.interceptor(meter.request()).send().await;
            assert!(outcome.is_err(), "{status} {code}");
            assert_eq!(meter.read().throttled, expected, "{status} {code}");
        }
    }

    #[test]
    fn only_the_attempt_that_succeeded_counts() {
        let meter = Meter::start();
        let request = meter.transfer();
        let first = begin(&request);
        request.sent(first, 100, false);
        request.fail();
        let second = begin(&request);
        assert!(!request.sent(first, 7, true));
        assert!(request.sent(second, 64, true));
        assert_eq!(
            meter.tally().timeline.total(),
            0,
            "nothing is confirmed yet"
        );
        request.succeed();
        let reading = meter.read();
        assert_eq!((reading.bytes, reading.sent), (64, 100));
        assert_eq!((reading.requests, reading.retries), (2, 1));
    }

    #[test]
    fn what_is_under_way_at_the_end_was_sent_in_vain_and_counts_apart() {
        let meter = Meter::start();
        let (done, under_way) = (meter.request(), meter.request());
        for request in [&done, &under_way] {
            request.sent(begin(request), 10, false);
        }
        done.succeed();
        let next_second = Duration::from_secs(meter.0.clock.now().as_secs() + 1);
        std::thread::sleep(next_second.saturating_sub(meter.0.clock.now()));
        under_way.sent(1, 5, false);
        let reading = meter.read();
        assert_eq!((reading.bytes, reading.sent), (10, 15));
        assert_eq!(reading.samples.len(), reading.sent_samples.len());
        assert!(reading.samples.iter().all(|sample| *sample == 10));
        assert_eq!(reading.sent_samples.first(), Some(&10));
    }

    #[test]
    fn an_operation_waits_for_its_answer_from_its_last_byte_on() {
        let request = Meter::start().request();
        let number = begin(&request);
        request.sent(number, 10, false);
        assert_eq!(request.unanswered(), None);
        request.sent(number, 10, true);
        assert!(request.unanswered().is_some());
        request.fail();
        assert_eq!(
            request.unanswered(),
            None,
            "the pause before the next attempt is ours"
        );
        let number = begin(&request);
        request.sent(number, 10, true);
        begin(&request);
        assert_eq!(request.unanswered(), None, "a new attempt has sent nothing");
    }

    #[test]
    fn a_request_took_as_long_as_all_its_attempts_and_only_one_with_a_body_counts() {
        let meter = Meter::start();
        let (small, repeated) = (meter.request(), meter.transfer());
        begin(&small);
        small.succeed();
        begin(&repeated);
        repeated.fail();
        assert_eq!(
            meter.read().latency,
            Latency::default(),
            "nothing has succeeded"
        );
        std::thread::sleep(Duration::from_millis(20));
        begin(&repeated);
        repeated.succeed();
        let latency = meter.read().latency;
        assert!(latency.max() >= Duration::from_millis(20), "{latency:?}");
        assert_eq!(
            latency.percentile(1),
            latency.percentile(100),
            "it is one request"
        );
    }

    #[test]
    fn the_slowest_request_is_the_one_that_is_named() {
        let mut tally = Tally::default();
        for (seconds, name) in [(2, "a"), (5, "b"), (3, "c")] {
            let ids = S3Ids {
                request_id: Some(name.into()),
                ..S3Ids::default()
            };
            tally.took(Duration::from_secs(seconds), &ids);
        }
        assert_eq!(tally.latency.max(), Duration::from_secs(5));
        assert_eq!(tally.slowest.request_id.as_deref(), Some("b"));
    }

    #[test]
    fn a_job_that_is_over_at_once_has_taken_some_time_too() {
        for _ in 0..1000 {
            let reading = Meter::start().read();
            assert!(seconds(reading.start) < seconds(reading.stop));
        }
    }

    #[test]
    fn the_first_stop_counts() {
        let meter = Meter::start();
        meter.stop();
        std::thread::sleep(Duration::from_millis(20));
        let reading = meter.read();
        assert!(
            reading.stop.checked_sub(reading.start).unwrap() < Duration::from_millis(15),
            "{reading:?}"
        );
    }
}
