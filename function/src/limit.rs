//! Until when a job may go on.

use crate::clock;
use crate::error::Error;
use crate::fields::Epoch;
use std::time::Duration;
use tokio::time::Instant;

/// How long before the environment's own deadline a job gives up: enough to abort its upload and to answer.
pub const MARGIN: Duration = Duration::from_secs(5);

/// The moment at which a job gives up, and whose moment it is.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    at: Option<Instant>,
    whose: &'static str,
}

impl Limit {
    /// The earlier one of the event's `stop_by` and the environment's `deadline` less [`MARGIN`].
    #[must_use]
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
                "the function's timeout (less 5 s to clean up)",
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
    #[must_use]
    pub const fn at(at: Option<Instant>, whose: &'static str) -> Self {
        Self { at, whose }
    }

    /// No limit.
    #[must_use]
    pub const fn none() -> Self {
        Self::at(None, "")
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
