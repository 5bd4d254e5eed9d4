//! How fast a function may grow.

use std::str::FromStr;
use std::time::Duration;

use crate::tokens::Tokens;

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

impl ScalingRate {
    /// A token for each environment that a function may start which has not grown for long.
    #[must_use]
    pub fn tokens(self) -> Tokens {
        Tokens::new(self.environments, self.period)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_that_is_none_is_refused_with_an_example() {
        for text in ["1000", "1000/10", "0/10s", "1000/0s", "x/10s", "10001/10s"] {
            let message = text.parse::<ScalingRate>().expect_err(text);
            assert!(message.contains("1000/10s"), "{message}");
        }
    }
}
