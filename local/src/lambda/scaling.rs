//! How fast a function may grow.

use std::str::FromStr;
use std::time::{Duration, Instant};

/// So many new environments in so long: what is not used is not saved up.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/lambda-concurrency.html#scaling-rate>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScalingRate {
    environments: u32,
    period: Duration,
}

impl FromStr for ScalingRate {
    type Err = String;

    /// Reads N/SECONDSs, such as 1000/10s.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.strip_suffix('s').and_then(|text| {
            let (environments, seconds) = text.split_once('/')?;
            Some((environments.parse().ok()?, seconds.parse::<u32>().ok()?))
        });
        match parsed {
            Some((environments @ 1..=10_000, seconds @ 1..=900)) => Ok(Self {
                environments,
                period: Duration::from_secs(seconds.into()),
            }),
            _ => Err(
                "a scaling rate is environments/seconds, 1–10000/1s–900s, such as 1000/10s"
                    .to_owned(),
            ),
        }
    }
}

/// What a function may still grow by.
#[derive(Debug)]
pub struct Growth {
    rate: ScalingRate,
    /// Environments, in fractions that grow with time.
    allowed: f64,
    since: Instant,
}

impl Growth {
    /// A function that has not grown for long.
    #[must_use]
    pub fn new(rate: ScalingRate, now: Instant) -> Self {
        Self {
            rate,
            allowed: f64::from(rate.environments),
            since: now,
        }
    }

    /// Takes one environment, if one may be started now.
    pub fn take(&mut self, now: Instant) -> bool {
        let most = f64::from(self.rate.environments);
        let passed = now.saturating_duration_since(self.since);
        let grown = most * passed.as_secs_f64() / self.rate.period.as_secs_f64();
        self.allowed = (self.allowed + grown).min(most);
        self.since = now;
        let may = self.allowed >= 1.0;
        if may {
            self.allowed -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_grows_at_its_rate_and_saves_nothing_up() {
        let rate = "100/10s".parse().expect("a rate");
        let begin = Instant::now();
        let mut growth = Growth::new(rate, begin);
        let mut taken = |seconds| {
            let now = begin + Duration::from_secs(seconds);
            std::iter::from_fn(|| growth.take(now).then_some(())).count()
        };
        assert_eq!(taken(0), 100);
        assert_eq!(taken(1), 10);
        assert_eq!(taken(11), 100);
        assert_eq!(taken(1000), 100);
    }

    #[test]
    fn a_rate_that_is_none_is_refused_with_an_example() {
        for text in ["1000", "1000/10", "0/10s", "1000/0s", "x/10s", "10001/10s"] {
            let message = text.parse::<ScalingRate>().expect_err(text);
            assert!(message.contains("1000/10s"), "{message}");
        }
    }
}
