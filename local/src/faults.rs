//! What goes wrong between S3 and its clients now and then.

use std::str::FromStr;
use std::sync::Mutex;

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
    kinds: Mutex<Kinds>,
}

#[derive(Debug)]
struct Kinds {
    /// How many there were.
    requests: u64,
    /// What goes wrong with which share of them, and with how many it did.
    faults: [(Fault, Share, u64); 4],
}

impl Faults {
    /// What the user asked for.
    #[must_use]
    pub fn new(options: &Options) -> Self {
        let kind = |fault, share: Option<Share>| (fault, share.unwrap_or(Share(0.0)), 0);
        Self {
            kinds: Mutex::new(Kinds {
                requests: 0,
                faults: [
                    kind(Fault::SlowDown, options.slow_down),
                    kind(Fault::Reset, options.reset),
                    kind(Fault::Short, options.short),
                    kind(Fault::Stall, options.stall),
                ],
            }),
        }
    }

    /// What goes wrong with the next request. A share is spread evenly: of ten requests 0.1 hits the tenth, or the next
    /// one that nothing else hits.
    pub fn strike(&self) -> Option<Fault> {
        let mut kinds = self.kinds.lock().expect("nothing panics while it is held");
        kinds.requests += 1;
        let requests = kinds.requests;
        let (fault, _, hits) = kinds
            .faults
            .iter_mut()
            .find(|(_, share, hits)| due(requests, *share) > *hits)?;
        *hits += 1;
        Some(*fault)
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
    fn several_things_go_wrong_each_with_its_share_and_one_with_a_request() {
        let struck = strikes(
            &["--slow-down", "0.5", "--reset", "0.25", "--short", "0.1"],
            400,
        );
        let count = |fault| struck.iter().filter(|one| **one == Some(fault)).count();
        assert_eq!(
            [Fault::SlowDown, Fault::Reset, Fault::Short].map(count),
            [200, 99, 39]
        );
        let struck = strikes(&["--reset", "1", "--short", "0.5"], 10);
        assert_eq!(
            struck,
            [Some(Fault::Reset); 10],
            "there is no room for more"
        );
    }
}
