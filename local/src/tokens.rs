//! A bucket of tokens, by which things are limited that may happen so often in a time.

use std::str::FromStr;
use std::time::Duration;

use tokio::time::Instant;

/// So many times in so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frequency {
    pub times: u32,
    pub period: Duration,
}

impl FromStr for Frequency {
    type Err = String;

    /// Reads N/SECONDSs, such as 1000/10s.
    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.strip_suffix('s').and_then(|text| {
            let (times, seconds) = text.split_once('/')?;
            Some((times.parse().ok()?, seconds.parse::<u32>().ok()?))
        });
        match parsed {
            Some((times @ 1..=10_000, seconds @ 1..=900)) => Ok(Self {
                times,
                period: Duration::from_secs(seconds.into()),
            }),
            _ => Err("accepted: 1–10000/1s–900s, such as 1000/10s".to_owned()),
        }
    }
}

/// So many tokens in each period. What a period does not use is kept for the next one at most: the bucket never holds
/// more than one period's.
#[derive(Debug)]
pub struct Tokens {
    most: f64,
    period: Duration,
    available: f64,
    since: Instant,
}

impl Tokens {
    /// A full bucket.
    pub fn new(frequency: Frequency) -> Self {
        let most = frequency.times.into();
        Self {
            most,
            period: frequency.period,
            available: most,
            since: Instant::now(),
        }
    }

    /// Takes one token, if there is one.
    pub fn take(&mut self) -> bool {
        let now = Instant::now();
        let passed = now.duration_since(self.since);
        let grown = self.most * passed.as_secs_f64() / self.period.as_secs_f64();
        self.available = (self.available + grown).min(self.most);
        self.since = now;
        let may = self.available >= 1.0;
        if may {
            self.available -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tokens_come_at_their_rate_and_no_more_than_a_period_of_them_is_kept() {
        let mut tokens = Tokens::new("100/10s".parse().unwrap());
        let mut taken_after = async |seconds| {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            std::iter::from_fn(|| tokens.take().then_some(())).count()
        };
        assert_eq!(taken_after(0).await, 100);
        assert_eq!(taken_after(1).await, 10);
        assert_eq!(taken_after(10).await, 100);
        assert_eq!(taken_after(1000).await, 100);
    }

    #[test]
    fn a_frequency_that_is_none_is_refused_with_an_example() {
        for text in ["1000", "1000/10", "0/10s", "1000/0s", "x/10s", "10001/10s"] {
            let message = text.parse::<Frequency>().expect_err(text);
            assert!(message.contains("1000/10s"), "{message}");
        }
    }
}
