//! Latency, rates and faults of a network that is not loopback.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Result;
use clap::Args;
use http::Method;
use tokio::time::Instant;

use crate::faults::{Fault, FaultArgs, Faults};
use crate::identity::Identity;
use crate::partition::{Partition, RequestRates};

#[derive(Debug, Clone, Args)]
pub struct ModelArgs {
    /// Model: milliseconds that S3 waits before each answer, 0–60000
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub first_byte_ms: u64,

    /// Model: rate of each request body in MB/s, 0.001–100000 [default: no limit]
    #[arg(long, value_name = "MB/S")]
    pub connection_up: Option<Rate>,

    /// Model: rate of each response body in MB/s, 0.001–100000 [default: no limit]
    #[arg(long, value_name = "MB/S")]
    pub connection_down: Option<Rate>,

    /// Model: network cap of each worker in MB/s, each direction on its own, 0.001–100000, such as Lambda's 78.125
    /// [default: no limit]
    #[arg(long, value_name = "MB/S")]
    pub worker_rate: Option<Rate>,

    /// Model: the network that each worker gets with the function's memory if this is the account's quota in Mbit/s,
    /// 625–100000, such as 3000; every account has 625
    #[arg(long, value_name = "MBIT", conflicts_with = "worker_rate")]
    #[arg(value_parser = clap::value_parser!(u32).range(625..=100_000))]
    pub network: Option<u32>,

    /// Model: one partition of S3: the requests a second, to put and to get, that it takes from all workers together,
    /// 1–1000000 each, such as S3's own 3500/5500; beyond them S3 answers 503 (`SlowDown`) [default: no limit]
    #[arg(long, value_name = "PUT/GET")]
    pub s3_rate: Option<RequestRates>,

    #[command(flatten)]
    pub faults: FaultArgs,
}

/// How far a pacer may run ahead of its rate after a pause: enough to make up for late timers, too little to be seen in
/// any second.
const BURST: Duration = Duration::from_millis(10);

/// A rate, more than zero.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    bytes_per_second: f64,
}

impl FromStr for Rate {
    type Err = String;

    /// Reads MB/s (10^6 bytes per second), 0.001–100000.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(mb) if (0.001..=100_000.0).contains(&mb) => Ok(Self {
                bytes_per_second: mb * 1e6,
            }),
            _ => Err("a rate is a number of MB/s (10^6 bytes per second), 0.001–100000".to_owned()),
        }
    }
}

impl Rate {
    /// How long so many bytes take.
    fn time_of(self, bytes: usize) -> Duration {
        #[allow(
            clippy::cast_precision_loss,
            reason = "a piece of a body is far below 2^52 bytes"
        )]
        Duration::from_secs_f64(bytes as f64 / self.bytes_per_second)
    }
}

/// What a worker's network carries.
#[derive(Debug, Clone, Copy)]
enum WorkerRate {
    Fixed(Rate),
    /// It follows the function's memory, up to the account's quota in Mbit/s.
    ByMemory(u32),
}

impl WorkerRate {
    /// AWS's default, and what an account can opt in to: the default with 2,048 MB of memory, rising in a straight line
    /// to 3,000 Mbit/s with 10,240 MB. `driver/plan/network.jq` reckons the same.
    fn with(self, memory_mb: u32) -> Rate {
        let quota_mbits = match self {
            Self::Fixed(rate) => return rate,
            Self::ByMemory(mbits) => f64::from(mbits),
        };
        let (least, most) = ((2048.0, 625.0), (10_240.0, 3000.0));
        let above = (f64::from(memory_mb) - least.0).max(0.0);
        let opted_in = least.1 + above * (most.1 - least.1) / (most.0 - least.0);
        Rate {
            bytes_per_second: opted_in.min(quota_mbits) * 1e6 / 8.0,
        }
    }
}

/// A link of constant rate that bytes pass one after the other, however many requests share it.
#[derive(Debug)]
pub struct Pacer {
    rate: Rate,
    free_at: Mutex<Instant>,
}

impl Pacer {
    /// An idle link.
    pub fn new(rate: Rate) -> Self {
        Self {
            rate,
            free_at: Mutex::new(Instant::now()),
        }
    }

    /// Queues so many bytes and returns the moment when the last of them has passed, which may be over.
    pub fn pass(&self, bytes: usize) -> Instant {
        let earliest = Instant::now().checked_sub(BURST);
        let mut free_at = self
            .free_at
            .lock()
            .expect("nothing panics while it is held");
        let start = earliest.map_or(*free_at, |earliest| earliest.max(*free_at));
        *free_at = start + self.rate.time_of(bytes);
        *free_at
    }
}

/// The links that a body passes; none when nothing is modelled.
#[derive(Debug, Clone, Default)]
pub struct Path {
    links: Vec<Arc<Pacer>>,
}

impl Path {
    /// Whether bodies pass at full speed.
    pub fn is_free(&self) -> bool {
        self.links.is_empty()
    }

    /// Queues so many bytes on every link and returns when the last of them has passed all.
    pub fn pass(&self, bytes: usize) -> Option<Instant> {
        self.links.iter().map(|link| link.pass(bytes)).max()
    }
}

#[derive(Debug, Clone)]
struct WorkerLinks {
    up: Arc<Pacer>,
    down: Arc<Pacer>,
}

/// What is modelled.
#[derive(Debug)]
pub struct Model {
    /// Time before each answer of S3.
    pub first_byte: Duration,
    connection_up: Option<Rate>,
    connection_down: Option<Rate>,
    worker: Option<WorkerRate>,
    /// The function's memory in MB.
    memory_mb: Arc<AtomicU32>,
    faults: Faults,
    partition: Option<Partition>,
    workers: Mutex<HashMap<u32, WorkerLinks>>,
}

impl Model {
    /// The model that the user asked for, of a function with so much memory.
    ///
    /// # Errors
    /// When more is to go wrong than there is.
    pub fn new(args: &ModelArgs, memory_mb: Arc<AtomicU32>) -> Result<Self> {
        let by_memory = args.network.map(WorkerRate::ByMemory);
        Ok(Self {
            first_byte: Duration::from_millis(args.first_byte_ms),
            connection_up: args.connection_up,
            connection_down: args.connection_down,
            worker: args.worker_rate.map(WorkerRate::Fixed).or(by_memory),
            memory_mb,
            faults: Faults::new(&args.faults)?,
            partition: args.s3_rate.map(Partition::new),
            workers: Mutex::default(),
        })
    }

    /// Whether any rate is modelled.
    pub fn limits_rate(&self) -> bool {
        self.connection_up.or(self.connection_down).is_some() || self.worker.is_some()
    }

    /// What goes wrong with the next request, of this method and identity. Nothing ever does with COMMAND's.
    pub fn fault(&self, identity: Option<Identity>, method: &Method) -> Option<Fault> {
        let Some(Identity::Worker(_)) = identity else {
            return None;
        };
        let beyond = || {
            let partition = self.partition.as_ref()?;
            (!partition.takes(method)).then_some(Fault::SlowDown)
        };
        self.faults.strike().or_else(beyond)
    }

    /// The paths of one request's body and of its answer's body.
    pub fn paths(&self, identity: Option<Identity>) -> (Path, Path) {
        let connection = |rate: Option<Rate>| rate.map(|rate| Arc::new(Pacer::new(rate)));
        let worker = self.worker_links(identity);
        let up = connection(self.connection_up)
            .into_iter()
            .chain(worker.iter().map(|links| Arc::clone(&links.up)));
        let down = connection(self.connection_down)
            .into_iter()
            .chain(worker.iter().map(|links| Arc::clone(&links.down)));
        (
            Path {
                links: up.collect(),
            },
            Path {
                links: down.collect(),
            },
        )
    }

    fn worker_links(&self, identity: Option<Identity>) -> Option<WorkerLinks> {
        let (Some(Identity::Worker(number)), Some(rate)) = (identity, self.worker) else {
            return None;
        };
        let mut workers = self
            .workers
            .lock()
            .expect("nothing panics while it is held");
        let links = workers.entry(number).or_insert_with(|| {
            let rate = rate.with(self.memory_mb.load(Ordering::Relaxed));
            WorkerLinks {
                up: Arc::new(Pacer::new(rate)),
                down: Arc::new(Pacer::new(rate)),
            }
        });
        Some(links.clone())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::Options;

    #[tokio::test(start_paused = true)]
    async fn a_link_keeps_its_rate_whoever_shares_it() {
        let link = Arc::new(Pacer::new("78.125".parse().unwrap()));
        let start = Instant::now();
        let senders: Vec<_> = (0..8)
            .map(|_| {
                let link = Arc::clone(&link);
                tokio::spawn(async move {
                    for _ in 0..1000 {
                        tokio::time::sleep_until(link.pass(16_384)).await;
                    }
                })
            })
            .collect();
        for sender in senders {
            sender.await.unwrap();
        }
        let rate = 8.0 * 1000.0 * 16_384.0 / start.elapsed().as_secs_f64() / 1e6;
        assert!((76.6..=79.7).contains(&rate), "{rate} MB/s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_earns_no_more_than_the_burst() {
        let link = Pacer::new("1".parse().unwrap());
        tokio::time::sleep(Duration::from_mins(1)).await;
        let now = Instant::now();
        assert!(link.pass(10_000) <= now, "10 ms at 1 MB/s are free");
        assert_eq!(link.pass(1_000_000) - now, Duration::from_secs(1));
    }

    #[tokio::test]
    async fn each_worker_has_its_own_link_and_command_has_none() {
        let model = Model::new(
            &Options::parse_from(["local", "--worker-rate", "10"]).model,
            Arc::default(),
        )
        .unwrap();
        let (up, down) = model.paths(Some(Identity::Worker(1)));
        let (again, _) = model.paths(Some(Identity::Worker(1)));
        let (other, _) = model.paths(Some(Identity::Worker(2)));
        assert!(Arc::ptr_eq(&up.links[0], &again.links[0]));
        assert!(!Arc::ptr_eq(&up.links[0], &down.links[0]));
        assert!(!Arc::ptr_eq(&up.links[0], &other.links[0]));
        assert!(model.paths(Some(Identity::Command)).0.is_free());
        assert!(model.paths(None).1.is_free());
    }

    #[tokio::test]
    async fn a_workers_network_follows_the_functions_memory_up_to_the_quota() {
        let mbits = |arguments: [&str; 2], memory_mb: u32| {
            let options = Options::parse_from(std::iter::once("local").chain(arguments));
            let model = Model::new(&options.model, Arc::new(memory_mb.into())).unwrap();
            let (up, _) = model.paths(Some(Identity::Worker(1)));
            format!("{:.0}", up.links[0].rate.bytes_per_second * 8.0 / 1e6)
        };
        for (memory_mb, expected) in [(512, "625"), (2048, "625"), (3072, "922"), (10_240, "3000")]
        {
            assert_eq!(
                mbits(["--network", "3000"], memory_mb),
                expected,
                "{memory_mb}"
            );
        }
        assert_eq!(mbits(["--network", "1000"], 10_240), "1000");
        assert_eq!(mbits(["--network", "625"], 10_240), "625");
    }
}
