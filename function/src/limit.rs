//! Until when a job may go on.

use crate::clock;
use crate::error::Error;
use crate::fields::Epoch;
use std::time::Duration;
use tokio::time::Instant;

/// How long before the environment's own deadline a job gives up: enough to clean up, to answer, and to put the answer
/// of a squad into the bucket.
pub const MARGIN: Duration = Duration::from_secs(10);

/// The moment at which a job gives up, and whose moment it is.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    at: Option<Instant>,
    whose: &'static str,
}

impl Limit {
    /// The earlier one of the event's `stop_by` and the environment's `deadline` less [`MARGIN`].
    pub fn of(stop_by: Option<Epoch>, deadline: Option<Duration>) -> Self {
        let stop_by = stop_by.map(|moment| {
            (
                clock::instant_of(moment.since_1970()),
                "stop_by of its event",
            )
        });
        let deadline = deadline.map(|moment| {
            (
                clock::instant_of(moment.saturating_sub(MARGIN)),
                "the function's timeout (less 10 s to clean up)",
            )
        });
        let earlier = [stop_by, deadline]
            .into_iter()
            .flatten()
            .min_by_key(|(at, _)| *at);
        let (at, whose) = earlier.unzip();
        Self::at(at.map(Instant::from_std), whose.unwrap_or_default())
    }

    /// The moment `at`, called `whose` in the error.
    pub const fn at(at: Option<Instant>, whose: &'static str) -> Self {
        Self { at, whose }
    }

    #[cfg(test)]
    pub const fn none() -> Self {
        Self::at(None, "")
    }

    pub const fn moment(&self) -> Option<Instant> {
        self.at
    }

    /// Waits for it; gives the error that it means.
    pub async fn reached(&self) -> Error {
        match self.at {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
        Error::Deadline(format!(
            "the job was not done at {}: give it more time, or less to do (smaller objects, more memory)",
            self.whose
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_deadline_counts_less_its_margin() {
        let deadline = clock::since_1970() + MARGIN + Duration::from_secs(20);
        let limit = Limit::of(None, Some(deadline));
        let left = limit.moment().expect("a deadline") - Instant::now();
        assert!(
            left.abs_diff(Duration::from_secs(20)) < Duration::from_secs(1),
            "{left:?}"
        );
        let Error::Deadline(message) = limit.reached().await else {
            panic!("another error");
        };
        let margin = format!("timeout (less {} s to clean up)", MARGIN.as_secs());
        assert!(message.contains(&margin), "{message}");
    }
}
