//! What goes wrong between S3 and its clients now and then.

use std::str::FromStr;
use std::sync::Mutex;

use anyhow::{Result, ensure};
use clap::Args;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

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

#[derive(Debug, Clone, Args)]
pub struct FaultArgs {
    /// Fault: S3 answers 503 (`SlowDown`) to this share of the workers' requests, 0–1, at random
    #[arg(long, value_name = "SHARE")]
    pub slow_down: Option<Share>,

    /// Fault: for this share of the workers' requests S3 answers 503 before it has read the body, and closes the
    /// connection, as it does when it is busy, 0–1
    #[arg(long, value_name = "SHARE")]
    pub refuse: Option<Share>,

    /// Fault: for this share of the workers' requests the connection closes half-way through the request, 0–1
    #[arg(long, value_name = "SHARE")]
    pub reset: Option<Share>,

    /// Fault: for this share of the workers' requests the answer's body ends half-way, 0–1
    #[arg(long, value_name = "SHARE")]
    pub short: Option<Share>,

    /// Fault: for this share of the workers' requests the body, or the answer's, stands still half-way for a minute or
    /// more, 0–1
    #[arg(long, value_name = "SHARE")]
    pub stall: Option<Share>,

    /// Fault: for this share of the workers' requests S3 does what was asked, and the connection closes before the
    /// answer, 0–1
    #[arg(long, value_name = "SHARE")]
    pub lost: Option<Share>,

    /// Start of the random numbers for the faults: with the same seed the workers' nth request always meets the same
    /// fault, or none [default: a random one, printed on stderr]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

/// One thing that goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered 503 `SlowDown`.
    SlowDown,
    /// The same before its body has been read, and its connection closed.
    Refuse,
    /// Its connection is closed half-way through its body, or before the answer where it has none.
    Reset,
    /// The body of its answer ends half-way, and the connection with it.
    Short,
    /// Its body, or that of its answer, stands still half-way and does not go on.
    Stall,
    /// It is done, and its connection closed before the answer.
    Lost,
}

/// What goes wrong, and how often: each request meets its fault, or none, by chance, whatever the ones before it met.
#[derive(Debug)]
pub struct Faults {
    /// Those that strike at all.
    kinds: Vec<(Fault, f64)>,
    chance: Mutex<Pcg64Mcg>,
}

impl Faults {
    /// What the user asked for.
    ///
    /// # Errors
    /// When the shares are more than all requests together.
    pub fn new(args: &FaultArgs) -> Result<Self> {
        let asked = [
            ("--slow-down", Fault::SlowDown, args.slow_down),
            ("--refuse", Fault::Refuse, args.refuse),
            ("--reset", Fault::Reset, args.reset),
            ("--short", Fault::Short, args.short),
            ("--stall", Fault::Stall, args.stall),
            ("--lost", Fault::Lost, args.lost),
        ];
        let asked = asked
            .into_iter()
            .filter_map(|(name, fault, share)| Some((name, fault, share?.0)));
        let asked: Vec<_> = asked.filter(|(_, _, share)| *share > 0.0).collect();
        let sum: f64 = asked.iter().map(|(_, _, share)| share).sum();
        let names: Vec<_> = asked
            .iter()
            .map(|(name, _, share)| format!("{name} {share}"))
            .collect();
        ensure!(
            sum <= 1.0 + 1e-9,
            "{} are {sum} together: a request meets one fault, so at most 1",
            names.join(", ")
        );
        let seed = args.seed.unwrap_or_else(|| {
            let seed = rand::random::<u32>();
            if !asked.is_empty() {
                crate::say(format_args!("faults strike as with --seed {seed}"));
            }
            seed.into()
        });
        Ok(Self {
            kinds: asked
                .into_iter()
                .map(|(_, fault, share)| (fault, share))
                .collect(),
            chance: Mutex::new(Pcg64Mcg::seed_from_u64(seed)),
        })
    }

    /// What goes wrong with the next request.
    pub fn strike(&self) -> Option<Fault> {
        let mut luck: f64 = self
            .chance
            .lock()
            .expect("nothing panics while it is held")
            .random();
        let struck = self.kinds.iter().find(|(_, share)| {
            luck -= share;
            luck < 0.0
        });
        struck.map(|(fault, _)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::Options;

    fn strikes(arguments: &str, requests: usize) -> Vec<Option<Fault>> {
        let arguments = arguments.split_whitespace();
        let options = Options::parse_from(std::iter::once("local").chain(arguments));
        let faults = Faults::new(&options.model.faults).unwrap();
        (0..requests).map(|_| faults.strike()).collect()
    }

    #[test]
    fn each_fault_strikes_its_share() {
        let struck = strikes(
            "--seed 1 --slow-down 0.4 --reset 0.2 --short 0.1 --stall 0 --lost 0.05",
            10_000,
        );
        let count = |fault| struck.iter().filter(|one| **one == Some(fault)).count();
        for (fault, expected) in [
            (Fault::SlowDown, 4000),
            (Fault::Reset, 2000),
            (Fault::Short, 1000),
            (Fault::Stall, 0),
            (Fault::Lost, 500),
        ] {
            // More than four standard deviations.
            assert!(
                count(fault).abs_diff(expected) <= expected / 10,
                "{fault:?}: {}",
                count(fault)
            );
        }
        assert_eq!(strikes("--stall 1", 3), [Some(Fault::Stall); 3]);
        assert_eq!(strikes("--short 0", 3), [None; 3]);
        assert_eq!(strikes("", 3), [None; 3]);
    }

    #[test]
    fn a_request_can_be_unlucky_several_times_over() {
        let struck = strikes("--seed 1 --reset 0.3", 1000);
        let longest = struck
            .chunk_by(|one, next| one == next)
            .filter(|run| run[0].is_some());
        assert!(
            longest.map(<[_]>::len).max() >= Some(4),
            "an even share of 0.3 never strikes twice running"
        );
    }

    #[test]
    fn a_seed_repeats_its_faults_and_another_has_others() {
        let of = |seed: &str| strikes(&format!("{seed} --reset 0.5"), 64);
        assert_eq!(of("--seed 7"), of("--seed 7"));
        assert_ne!(of("--seed 7"), of("--seed 8"));
        assert_ne!(of(""), of(""), "without a seed each start has its own luck");
    }

    #[test]
    fn more_faults_than_requests_are_refused() {
        let options =
            Options::parse_from(["local", "--reset", "0.75", "--short", "0.5", "--stall", "0"]);
        let refusal = Faults::new(&options.model.faults)
            .expect_err("too many")
            .to_string();
        assert!(
            refusal.starts_with("--reset 0.75, --short 0.5 are 1.25 together"),
            "{refusal}"
        );
        let options = Options::parse_from([
            "local", "--reset", "0.7", "--short", "0.2", "--stall", "0.1",
        ]);
        assert!(Faults::new(&options.model.faults).is_ok());
    }
}
