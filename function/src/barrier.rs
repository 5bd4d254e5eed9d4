//! The barrier: connections are open and the job begins at the moment that its event names.

use crate::action::{Action, Where, explain};
use crate::event::Target;
use crate::fields::Epoch;
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

/// Opens `connections` connections to S3 in the last seconds before `start_at`, then waits for it. Where it is past
/// already, does nothing.
pub async fn wait(s3: &S3, target: &Target, start_at: Epoch, connections: usize) {
    let start = Instant::from_std(crate::clock::instant_of(start_at.since_1970()));
    if start <= Instant::now() {
        return;
    }
    // The workers of a fleet wake at the same moment; S3 is to be approached gradually.
    let wake = start - OPENED - OPENING.mul_f64(rand::rng().random());
    tokio::time::sleep_until(wake).await;
    let mut opening: JoinSet<()> = (0..connections)
        .map(|_| open(s3.clone(), target.clone()))
        .collect();
    tokio::time::sleep_until(start).await;
    opening.detach_all();
}

/// How long after `start_at` a job that began at `began` did so; zero when it was in time.
#[must_use]
pub fn late(start_at: Option<Epoch>, began: Duration) -> Duration {
    let late = start_at.map_or(Duration::ZERO, |start_at| {
        began.saturating_sub(start_at.since_1970())
    });
    if late < IN_TIME { Duration::ZERO } else { late }
}

/// One `HeadBucket`: all at the same time, so each needs a connection of its own. Whatever S3 answers, the connection
/// is open; a refusal will meet the job itself.
async fn open(s3: S3, target: Target) {
    let answer = s3
        .client
        .head_bucket()
        .bucket(target.bucket.as_str())
        .send()
        .await;
    if let Err(error) = answer {
        let error = explain(
            &error,
            Action::HeadBucket,
            Where::of(&target, &s3.region),
            crate::s3::ATTEMPTS,
        );
        tracing::debug!(%error, "a connection was opened in vain");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_job_is_late_by_what_its_timer_does_not_explain() {
        let start_at = Some(Epoch::try_from(json!(1_790_000_000)).expect("a moment"));
        let began =
            |milliseconds| Duration::from_secs(1_790_000_000) + Duration::from_millis(milliseconds);
        assert_eq!(late(start_at, began(2)), Duration::ZERO);
        assert_eq!(late(start_at, began(1500)), Duration::from_millis(1500));
        assert_eq!(late(None, began(1500)), Duration::ZERO);
    }
}
