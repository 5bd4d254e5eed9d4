//! A partition of S3: how many requests it takes in a second.

use std::str::FromStr;
use std::sync::Mutex;
use std::time::Duration;

use http::Method;

use crate::tokens::{Frequency, Tokens};

/// Requests a second: those that put, and those that get.
///
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/optimizing-performance.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestRates {
    put: u32,
    get: u32,
}

impl FromStr for RequestRates {
    type Err = String;

    /// Reads PUT/GET, such as 3500/5500.
    fn from_str(text: &str) -> Result<Self, String> {
        let rate = |text: &str| {
            text.parse()
                .ok()
                .filter(|rate| (1..=1_000_000).contains(rate))
        };
        text.split_once('/')
            .and_then(|(put, get)| {
                Some(Self {
                    put: rate(put)?,
                    get: rate(get)?,
                })
            })
            .ok_or_else(|| {
                "request rates are PUT/GET a second, 1–1000000 each, such as 3500/5500".to_owned()
            })
    }
}

/// What the partition still takes now.
#[derive(Debug)]
pub struct Partition {
    put: Mutex<Tokens>,
    get: Mutex<Tokens>,
}

impl Partition {
    /// An idle partition.
    pub fn new(rates: RequestRates) -> Self {
        let period = Duration::from_secs(1);
        let tokens = |times| Mutex::new(Tokens::new(Frequency { times, period }));
        Self {
            put: tokens(rates.put),
            get: tokens(rates.get),
        }
    }

    /// Whether the next request of this method is within the rate.
    pub fn takes(&self, method: &Method) -> bool {
        // S3 counts PUT, COPY, POST and DELETE together, and GET and HEAD, listings among them.
        let tokens = match *method {
            Method::GET | Method::HEAD => &self.get,
            _ => &self.put,
        };
        tokens
            .lock()
            .expect("nothing panics while it is held")
            .take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_puts_and_what_gets_have_a_rate_each() {
        let partition = Partition::new("3/5".parse().unwrap());
        let taken = |methods: [Method; 2]| {
            let both = methods.iter().cycle().take(20);
            both.filter(|method| partition.takes(method)).count()
        };
        for _ in 0..2 {
            assert_eq!(taken([Method::PUT, Method::POST]), 3);
            assert_eq!(taken([Method::GET, Method::HEAD]), 5);
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(taken([Method::DELETE, Method::PUT]), 3);
    }

    #[test]
    fn rates_that_are_none_are_refused_with_an_example() {
        for text in [
            "3500",
            "3500/",
            "0/5500",
            "3500/0",
            "-1/5",
            "1/2/3",
            "1000001/1",
            "1.5/2",
        ] {
            let message = text.parse::<RequestRates>().expect_err(text);
            assert!(message.contains("3500/5500"), "{message}");
        }
    }
}
