//! How many bytes crossed the socket in each second of the wall clock.

use std::collections::BTreeMap;
use std::time::Duration;

/// Bytes by whole epoch second.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline(BTreeMap<u64, u64>);

impl Timeline {
    /// Counts `bytes` at `moment`, a time since 1970-01-01 UTC.
    pub fn add(&mut self, moment: Duration, bytes: u64) {
        *self.0.entry(moment.as_secs()).or_default() += bytes;
    }

    /// Counts what `other` counted.
    pub fn merge(&mut self, other: &Self) {
        for (second, bytes) in &other.0 {
            *self.0.entry(*second).or_default() += bytes;
        }
    }

    /// Counts what `other` counted no more; it was counted here before.
    pub fn subtract(&mut self, other: &Self) {
        for (second, bytes) in &other.0 {
            *self.0.entry(*second).or_default() -= bytes;
        }
    }

    /// The bytes counted so far.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// Cumulative bytes at each whole epoch second strictly between `start` and `stop`.
    pub fn samples(&self, start: Duration, stop: Duration) -> Vec<u64> {
        let first = start.as_secs() + 1;
        let mut sum: u64 = self.0.range(..first).map(|(_, bytes)| bytes).sum();
        let mut samples = Vec::new();
        for second in (first..).take_while(|second| Duration::from_secs(*second) < stop) {
            samples.push(sum);
            sum += self.0.get(&second).copied().unwrap_or_default();
        }
        samples
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn samples_stand_at_the_whole_seconds_strictly_between() {
        let mut timeline = Timeline::default();
        for (milliseconds, bytes) in [(10_500, 1), (10_999, 2), (11_000, 4), (13_000, 8)] {
            timeline.add(at(milliseconds), bytes);
        }
        assert_eq!(timeline.samples(at(10_400), at(13_500)), [3, 7, 7]);
        assert_eq!(timeline.samples(at(10_000), at(13_000)), [3, 7]);
        assert_eq!(timeline.samples(at(10_400), at(10_999)), [0_u64; 0]);
        assert_eq!(timeline.total(), 15);
    }

    proptest! {
        #[test]
        fn samples_rise_and_stay_within_the_total(
            counted in prop::collection::vec((0_u64..20_000, 0_u64..1_000), 0..50),
            split in 0_usize..50,
        ) {
            let (mut timeline, mut other) = (Timeline::default(), Timeline::default());
            for (index, (milliseconds, bytes)) in counted.iter().enumerate() {
                if index < split { &mut timeline } else { &mut other }.add(at(*milliseconds), *bytes);
            }
            timeline.merge(&other);
            let samples = timeline.samples(at(0), at(20_001));
            prop_assert_eq!(samples.len(), 20);
            prop_assert!(samples.is_sorted());
            prop_assert_eq!(samples.last().copied(), Some(timeline.total()));
            prop_assert_eq!(timeline.total(), counted.iter().map(|(_, bytes)| bytes).sum::<u64>());

            let before = timeline.total() - other.total();
            timeline.subtract(&other);
            prop_assert_eq!(timeline.total(), before);
            timeline.merge(&other);
            prop_assert_eq!(timeline.samples(at(0), at(20_001)), samples);
        }
    }
}
