//! One job's time: the wall clock is read once, what passes after that is measured by the monotonic clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now, by the wall clock, since 1970-01-01 UTC.
pub fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// `duration` as seconds, to the microsecond: what the result prints.
#[expect(
    clippy::cast_precision_loss,
    reason = "today's microseconds since 1970 are exact in an f64 until 2255"
)]
pub fn seconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1e6
}

/// The instant at which the wall clock will show `moment`, a time since 1970-01-01 UTC; now, if it is past.
pub fn instant_of(moment: Duration) -> Instant {
    Instant::now() + moment.saturating_sub(since_1970())
}

/// A clock that was set when a job began.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Duration,
    began: Instant,
}

impl Clock {
    /// Begins now.
    pub fn start() -> Self {
        Self {
            start: since_1970(),
            began: Instant::now(),
        }
    }

    /// When it began, since 1970-01-01 UTC.
    pub const fn began(self) -> Duration {
        self.start
    }

    /// How long ago it began.
    pub fn elapsed(self) -> Duration {
        self.began.elapsed()
    }

    /// Now, since 1970-01-01 UTC; never goes backwards.
    pub fn now(self) -> Duration {
        self.start + self.began.elapsed()
    }
}
