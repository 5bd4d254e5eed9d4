//! A bucket of tokens, by which things are limited that may happen so often in a time.

use std::time::Duration;

use tokio::time::Instant;

/// So many tokens in each period. What a period does not use is kept for the next one at most: the bucket never holds
/// more than one period's.
#[derive(Debug)]
pub struct Tokens {
    most: f64,
    period: Duration,
    left: f64,
    since: Instant,
}

impl Tokens {
    /// A full bucket.
    #[must_use]
    pub fn new(most: u32, period: Duration) -> Self {
        Self {
            most: most.into(),
            period,
            left: most.into(),
            since: Instant::now(),
        }
    }

    /// Takes one token, if there is one.
    pub fn take(&mut self) -> bool {
        let now = Instant::now();
        let passed = now.duration_since(self.since);
        let grown = self.most * passed.as_secs_f64() / self.period.as_secs_f64();
        self.left = (self.left + grown).min(self.most);
        self.since = now;
        let may = self.left >= 1.0;
        if may {
            self.left -= 1.0;
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn tokens_come_at_their_rate_and_no_more_than_a_period_of_them_is_kept() {
        let mut tokens = Tokens::new(100, Duration::from_secs(10));
        let mut taken_after = async |seconds| {
            tokio::time::advance(Duration::from_secs(seconds)).await;
            std::iter::from_fn(|| tokens.take().then_some(())).count()
        };
        assert_eq!(taken_after(0).await, 100);
        assert_eq!(taken_after(1).await, 10);
        assert_eq!(taken_after(10).await, 100);
        assert_eq!(taken_after(1000).await, 100);
    }
}
