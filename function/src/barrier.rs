//! The barrier: connections are open and the job begins at the moment that its event names.

use crate::clock::{instant_of, seconds, since_1970};
use crate::error::Error;
use crate::explain::causes;
use crate::fields::{Bucket, Epoch};
use crate::limit::MARGIN;
use crate::s3::S3;
use rand::RngExt as _;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// How long before the start the last worker opens its connections: enough for their TLS handshakes.
const OPENED: Duration = Duration::from_secs(1);

/// How much earlier the first one does. No pooled connection grows too old to be used meanwhile.
const OPENING: Duration = Duration::from_secs(2);

/// What a timer may be late without the job being so: tokio's timers have milliseconds.
const IN_TIME: Duration = Duration::from_millis(10);

/// The connections that were opened before the start. Some may not be answered yet.
#[derive(Debug, Default)]
pub struct Opening(JoinSet<()>);

impl Opening {
    /// Gives up those that are not answered, and closes them.
    pub async fn close(mut self) {
        self.0.shutdown().await;
    }
}

/// The moment at which a job begins together with others; none: at once.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Barrier(Option<Epoch>);

impl Barrier {
    pub const fn at(start_at: Option<Epoch>) -> Self {
        Self(start_at)
    }

    /// Opens `connections` connections to S3 in the last seconds before the barrier, then waits for it. Where it is
    /// past already, does nothing.
    ///
    /// # Errors
    ///
    /// The environment, which ends at `deadline`, has no time left for the job then.
    pub async fn wait(
        self,
        s3: &S3,
        bucket: &Bucket,
        connections: usize,
        deadline: Option<Duration>,
    ) -> Result<Opening, Error> {
        let Some(start_at) = self.0.map(Epoch::since_1970) else {
            return Ok(Opening::default());
        };
        let latest = deadline.map(|deadline| deadline.saturating_sub(MARGIN));
        if let Some(latest) = latest.filter(|latest| start_at > *latest) {
            return Err(Error::InvalidEvent(format!(
                "start_at: {} is later than {}, the environment's deadline less {} s: begin earlier, or give the \
                 function a longer timeout",
                seconds(start_at),
                seconds(latest),
                MARGIN.as_secs()
            )));
        }
        let latest = latest.map(|latest| Instant::from_std(instant_of(latest)));
        let start = Instant::from_std(instant_of(start_at));
        if start <= Instant::now() {
            return Ok(Opening::default());
        }
        // The workers of a fleet wake at the same moment; S3 is to be approached gradually.
        let wake = start - OPENED - OPENING.mul_f64(rand::rng().random());
        tokio::time::sleep_until(wake).await;
        let opening = (0..connections)
            .map(|_| open(s3.clone(), bucket.clone()))
            .collect();
        wait_for(start_at, latest, since_1970).await;
        Ok(Opening(opening))
    }

    /// When a job should have begun that did so at `began`.
    pub fn start(self, began: Duration) -> Duration {
        self.0.map_or(began, Epoch::since_1970)
    }

    /// How long after the barrier a job began that did so at `began`; zero when it was in time.
    pub fn late(self, began: Duration) -> Duration {
        let late = began.saturating_sub(self.start(began));
        if late < IN_TIME { Duration::ZERO } else { late }
    }
}

/// Waits until `clock` shows `moment`: again, where it was set back meanwhile, but not beyond `latest`.
async fn wait_for(moment: Duration, latest: Option<Instant>, clock: impl Fn() -> Duration) {
    loop {
        let left = moment.saturating_sub(clock());
        let now = Instant::now();
        if left.is_zero() || latest.is_some_and(|latest| now >= latest) {
            return;
        }
        let until = now + left;
        tokio::time::sleep_until(latest.map_or(until, |latest| until.min(latest))).await;
    }
}

/// One `HeadBucket`: all at the same time, so each needs a connection of its own. Whatever S3 answers, the connection
/// is open; a refusal will meet the job itself.
async fn open(s3: S3, bucket: Bucket) {
    let answer = s3.client.head_bucket().bucket(bucket.as_str()).send().await;
    if let Err(error) = answer {
        let error = causes(&error);
        tracing::debug!(error, "a connection was opened in vain");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Job, Order};
    use crate::testing::s3;
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_job_is_late_by_what_its_timer_does_not_explain() {
        let start_at = Epoch::try_from(json!(1_790_000_000)).expect("a moment");
        let barrier = Barrier::at(Some(start_at));
        let began =
            |milliseconds| Duration::from_secs(1_790_000_000) + Duration::from_millis(milliseconds);
        assert_eq!(barrier.late(began(2)), Duration::ZERO);
        assert_eq!(barrier.late(began(1500)), Duration::from_millis(1500));
        assert_eq!(Barrier::at(None).late(began(1500)), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_set_back_while_a_job_waits_has_it_wait_longer() {
        let began = Instant::now();
        let set_back = Duration::from_secs(30);
        let clock = || match began.elapsed() {
            before if before < Duration::from_secs(1) => set_back + before,
            after => after,
        };
        wait_for(set_back + Duration::from_secs(2), None, clock).await;
        assert_eq!(began.elapsed().as_secs(), 32);
        // Its environment would end.
        let latest = Instant::now() + Duration::from_secs(5);
        wait_for(Duration::from_hours(1), Some(latest), clock).await;
        assert_eq!(began.elapsed().as_secs(), 37);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_never_answered_ends_with_the_job() {
        let alive = Arc::new(());
        let request = Arc::clone(&alive);
        let s3 = s3(move |_| {
            let request = Arc::clone(&request);
            HttpConnectorFuture::new(async move {
                std::future::pending::<()>().await;
                drop(request);
                unreachable!("it is never answered")
            })
        });
        // Until then passes by the real clock, too.
        let start_at = json!(since_1970().as_secs_f64() + 0.1);
        let event = json!({"op": "read", "bucket": "abc", "key": "k", "start_at": start_at});
        let Ok(Order::Job(Job::Read(job))) = Order::try_from(event) else {
            panic!("a job");
        };
        let bucket = &job.objects.place.bucket;
        let opening = job.schedule.barrier.wait(&s3, bucket, 8, None).await;
        let opening = opening.expect("it is in time");
        let idle = 2;
        assert_eq!(Arc::strong_count(&alive), idle + 8, "all are being opened");
        opening.close().await;
        assert_eq!(Arc::strong_count(&alive), idle, "none is left");
    }
}
