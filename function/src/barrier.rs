//! The barrier: connections are open and the job begins at the moment that its event names.

use crate::explain::causes;
use crate::fields::{Bucket, Epoch};
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

/// Opens `connections` connections to S3 in the last seconds before `start_at`, then waits for it. Where it is past
/// already, does nothing.
pub async fn wait(s3: &S3, bucket: &Bucket, start_at: Epoch, connections: usize) -> Opening {
    let start = Instant::from_std(crate::clock::instant_of(start_at.since_1970()));
    if start <= Instant::now() {
        return Opening::default();
    }
    // The workers of a fleet wake at the same moment; S3 is to be approached gradually.
    let wake = start - OPENED - OPENING.mul_f64(rand::rng().random());
    tokio::time::sleep_until(wake).await;
    let opening = (0..connections)
        .map(|_| open(s3.clone(), bucket.clone()))
        .collect();
    tokio::time::sleep_until(start).await;
    Opening(opening)
}

/// How long after `start_at` a job that began at `began` did so; zero when it was in time.
pub fn late(start_at: Option<Epoch>, began: Duration) -> Duration {
    let late = start_at.map_or(Duration::ZERO, |start_at| {
        began.saturating_sub(start_at.since_1970())
    });
    if late < IN_TIME { Duration::ZERO } else { late }
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
    use crate::clock::since_1970;
    use crate::event::{Job, Order};
    use crate::testing::s3;
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use serde_json::json;
    use std::sync::Arc;

    #[test]
    fn a_job_is_late_by_what_its_timer_does_not_explain() {
        let start_at = Some(Epoch::try_from(json!(1_790_000_000)).expect("a moment"));
        let began =
            |milliseconds| Duration::from_secs(1_790_000_000) + Duration::from_millis(milliseconds);
        assert_eq!(late(start_at, began(2)), Duration::ZERO);
        assert_eq!(late(start_at, began(1500)), Duration::from_millis(1500));
        assert_eq!(late(None, began(1500)), Duration::ZERO);
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
        let start_at = json!(since_1970().as_secs_f64() + 5.0);
        let event = json!({"op": "read", "bucket": "abc", "key": "k", "start_at": start_at});
        let Ok(Order::Job(Job::Read(job))) = Order::try_from(event) else {
            panic!("a job");
        };
        let start_at = job.schedule.start_at.expect("it is there");
        let opening = wait(&s3, &job.objects.place.bucket, start_at, 8).await;
        let idle = 2;
        assert_eq!(Arc::strong_count(&alive), idle + 8, "all are being opened");
        opening.close().await;
        assert_eq!(Arc::strong_count(&alive), idle, "none is left");
    }
}
