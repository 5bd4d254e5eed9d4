//! What goes wrong between S3 and its clients now and then.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::options::Options;

/// A share of the requests, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(share) if (0.0..=1.0).contains(&share) => Ok(Self(share)),
            _ => Err("a share is a number from 0 to 1, such as 0.05".to_owned()),
        }
    }
}

/// One thing that goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered 503 `SlowDown`.
    SlowDown,
    /// Its connection is closed half-way through its body, or before the answer where it has none.
    Reset,
    /// The body of its answer ends half-way, and the connection with it.
    Short,
    /// Its body, or that of its answer, stands still half-way and never goes on.
    Stall,
}

/// What goes wrong, and how often.
#[derive(Debug)]
pub struct Faults {
    kinds: [(Fault, Share, AtomicU64); 4],
}

impl Faults {
    /// What the user asked for.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let kind =
            |fault, share: Option<Share>| (fault, share.unwrap_or(Share(0.0)), AtomicU64::new(0));
        Self {
            kinds: [
                kind(Fault::SlowDown, options.slow_down),
                kind(Fault::Reset, options.reset),
                kind(Fault::Short, options.short),
                kind(Fault::Stall, options.stall),
            ],
        }
    }

    /// What goes wrong with the next request. A share is spread evenly: of ten requests 0.1 hits the tenth.
    pub fn strike(&self) -> Option<Fault> {
        // Every kind counts every request, whichever of them hits it.
        let hits = self.kinds.each_ref().map(|(fault, share, requests)| {
            let before = requests.fetch_add(1, Ordering::Relaxed);
            (due(before + 1, *share) > due(before, *share)).then_some(*fault)
        });
        hits.into_iter().flatten().next()
    }
}

/// How many of so many requests are to be hit.
#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "nobody sends 2^52 requests"
)]
fn due(requests: u64, Share(share): Share) -> u64 {
    (requests as f64 * share + 1e-9) as u64
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn strikes(arguments: &[&str], requests: usize) -> Vec<Option<Fault>> {
        let faults = Faults::new(&Options::parse_from([&["local"], arguments].concat()));
        (0..requests).map(|_| faults.strike()).collect()
    }

    #[test]
    fn a_share_is_spread_evenly() {
        let struck = strikes(&["--slow-down", "0.1"], 1000);
        assert_eq!(struck.iter().flatten().count(), 100);
        assert!(
            struck
                .chunks(10)
                .all(|ten| ten.iter().flatten().count() == 1)
        );
        assert_eq!(strikes(&["--stall", "1"], 3), [Some(Fault::Stall); 3]);
        assert_eq!(strikes(&["--short", "0"], 3), [None; 3]);
        assert_eq!(strikes(&[], 3), [None; 3]);
    }

    #[test]
    fn one_thing_goes_wrong_with_a_request() {
        let struck = strikes(&["--reset", "0.5", "--short", "0.25"], 400);
        let count = |fault| struck.iter().filter(|one| **one == Some(fault)).count();
        assert_eq!(count(Fault::Reset), 200);
        assert_eq!(
            count(Fault::Short),
            0,
            "where both are due the first one hits"
        );
    }
}
