//! How long requests took, as a histogram that does not grow with their number and adds up over a fleet.

use serde::ser::{Serialize, Serializer};
use std::time::Duration;

/// Buckets by which a duration doubles: neighbours differ by 4.4 %, and the middle of one is within 2.2 % of all in it.
const PER_DOUBLING: f64 = 16.0;

/// How many requests took between 2^(b/16) and 2^((b+1)/16) microseconds, for each bucket b from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    counts: Vec<u64>,
    max: Duration,
}

impl Latency {
    pub fn count(&mut self, took: Duration) {
        let bucket = bucket_of(took);
        if self.counts.len() <= bucket {
            self.counts.resize(bucket + 1, 0);
        }
        self.counts[bucket] += 1;
        self.max = self.max.max(took);
    }

    /// The longest one, exactly.
    pub const fn max(&self) -> Duration {
        self.max
    }

    /// What `percent` of 100 requests took at most, by nearest rank: the middle of its bucket, at most the longest one.
    pub fn percentile(&self, percent: u64) -> Option<Duration> {
        let total: u64 = self.counts.iter().sum();
        let rank = (total * percent).div_ceil(100).max(1);
        let mut below = 0;
        let bucket = self.counts.iter().position(|count| {
            below += count;
            below >= rank
        })?;
        Some(middle_of(bucket).min(self.max))
    }
}

/// `[[b, n], …]`, without buckets that are empty.
impl Serialize for Latency {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = self.counts.iter().enumerate();
        serializer.collect_seq(counts.filter(|(_, count)| **count > 0))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a logarithm that is not negative, and at most 16 × 73 for the longest duration"
)]
fn bucket_of(took: Duration) -> usize {
    let microseconds = (took.as_secs_f64() * 1e6).max(1.0);
    (microseconds.log2() * PER_DOUBLING) as usize
}

#[expect(clippy::cast_precision_loss, reason = "buckets are few")]
fn middle_of(bucket: usize) -> Duration {
    let microseconds = ((bucket as f64 + 0.5) / PER_DOUBLING).exp2();
    Duration::from_secs_f64(microseconds / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn of(durations: &[Duration]) -> Latency {
        let mut latency = Latency::default();
        for took in durations {
            latency.count(*took);
        }
        latency
    }

    #[test]
    fn it_is_told_as_pairs_of_bucket_and_count() {
        let milliseconds = [1, 1, 2, 1000].map(Duration::from_millis);
        let told = serde_json::to_value(of(&milliseconds)).expect("numbers");
        assert_eq!(told, json!([[159, 2], [175, 1], [318, 1]]));
        let none = serde_json::to_value(Latency::default()).expect("numbers");
        assert_eq!(none, json!([]));
    }

    #[test]
    fn what_takes_no_time_is_in_the_first_bucket() {
        let shortest = of(&[Duration::ZERO, Duration::from_nanos(999)]);
        assert_eq!(shortest.counts, [2]);
        assert_eq!(shortest.percentile(50), Some(Duration::from_nanos(999)));
    }

    #[test]
    fn nothing_has_no_percentile() {
        assert_eq!(Latency::default().percentile(50), None);
    }

    proptest! {
        #[test]
        fn a_percentile_is_within_2_3_percent_of_the_exact_one(
            nanoseconds in prop::collection::vec(1_000_u64..1_000_000_000_000, 1..200),
            percent in 1_u64..=100,
        ) {
            let mut durations: Vec<Duration> = nanoseconds.into_iter().map(Duration::from_nanos).collect();
            let found = of(&durations).percentile(percent).expect("there are some");
            durations.sort_unstable();
            let rank = (durations.len() as u64 * percent).div_ceil(100);
            let exact = durations[usize::try_from(rank).expect("a short list") - 1];
            let ratio = found.as_secs_f64() / exact.as_secs_f64();
            prop_assert!((1.0 / 1.023..=1.023).contains(&ratio), "{found:?} for {exact:?}");
            prop_assert!(found <= durations[durations.len() - 1]);
        }
    }
}
