//! The modelled network: what a worker could count on its side of the connections.

mod common;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::ByteStream;
use common::Local;
use local::identity::Identity;
use socket2::SockRef;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const WORKER: Identity = Identity::Worker(1);
const BUCKET: &str = "terabit-local";

/// The modelled rate in MB/s: half of Lambda's, so that a busy machine keeps up.
const RATE: f64 = 40.0;

/// Each measurement wants the machine for itself.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Moments and numbers of bytes.
type Counts = Arc<Mutex<Vec<(Instant, usize)>>>;

fn presigning() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_mins(10)).unwrap()
}

async fn put(local: &Local, identity: Identity, key: &str, length: usize, counts: Counts) {
    let put = local
        .s3_as(identity)
        .put_object()
        .bucket(BUCKET)
        .key(key)
        .content_length(i64::try_from(length).unwrap());
    let url = put.presigned(presigning()).await.unwrap();
    let path = url
        .uri()
        .split_once("://")
        .unwrap()
        .1
        .split_once('/')
        .unwrap()
        .1
        .to_owned();
    let mut stream = TcpStream::connect(local.service.endpoints.s3)
        .await
        .unwrap();
    // As the worker does: otherwise the kernel takes a megabyte ahead of what it sends.
    SockRef::from(&stream)
        .set_tcp_notsent_lowat(128 << 10)
        .unwrap();
    let host = local.service.endpoints.s3;
    let head = format!(
        "PUT /{path} HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let frame = vec![7; 16 * 1024];
    let mut sent = 0;
    while sent < length {
        let handed = stream
            .write(&frame[..frame.len().min(length - sent)])
            .await
            .unwrap();
        sent += handed;
        counts.lock().unwrap().push((Instant::now(), handed));
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

async fn get(local: &Local, identity: Identity, key: &str, counts: Counts) {
    let mut body = local
        .s3_as(identity)
        .get_object()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await
        .unwrap()
        .body;
    while let Some(frame) = body.try_next().await.unwrap() {
        counts.lock().unwrap().push((Instant::now(), frame.len()));
    }
}

#[derive(Debug)]
struct Seen {
    mean_mb_s: f64,
    best_second_mb: f64,
}

impl Seen {
    /// No second has more than the rate, and the whole reaches it as far as other processes let it.
    fn keeps_to(&self, rate: f64) {
        assert!(self.best_second_mb <= rate * 1.05, "{self:?}");
        assert!(
            (rate * 0.5..=rate * 1.05).contains(&self.mean_mb_s),
            "{self:?}"
        );
    }
}

#[allow(clippy::cast_precision_loss, reason = "test sizes")]
fn seen(counts: &Counts) -> Seen {
    let mut counts = counts.lock().unwrap().clone();
    counts.sort_unstable();
    let (start, end) = (counts[0].0, counts[counts.len() - 1].0);
    let second_from = |from: usize| {
        let start = counts[from].0;
        let window = counts[from..]
            .iter()
            .take_while(|(at, _)| *at - start < Duration::from_secs(1));
        window.map(|(_, bytes)| bytes).sum::<usize>() as f64 / 1e6
    };
    let total = counts.iter().map(|(_, bytes)| bytes).sum::<usize>() as f64 / 1e6;
    let best = (0..counts.len()).step_by(16).map(second_from);
    Seen {
        mean_mb_s: total / (end - start).as_secs_f64(),
        best_second_mb: best.fold(0.0, f64::max),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_second_of_a_workers_upload_exceeds_its_cap() {
    let _alone = ALONE.lock().await;
    let local = common::start(&["--worker-rate", &RATE.to_string()]);
    let counts = Counts::default();
    let keys: Vec<String> = (0..8).map(|part| format!("part-{part}")).collect();
    futures_util::future::join_all(
        keys.iter()
            .map(|key| put(&local, WORKER, key, 16_000_000, counts.clone())),
    )
    .await;
    let seen = seen(&counts);
    println!("upload: {seen:?}");
    seen.keeps_to(RATE);
    local.service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_second_of_a_workers_download_exceeds_its_cap() {
    let _alone = ALONE.lock().await;
    let local = common::start(&["--worker-rate", &RATE.to_string()]);
    let body = ByteStream::from(vec![7; 16_000_000]);
    local
        .s3()
        .put_object()
        .bucket(BUCKET)
        .key("hot")
        .body(body)
        .send()
        .await
        .unwrap();
    let counts = Counts::default();
    futures_util::future::join_all((0..8).map(|_| get(&local, WORKER, "hot", counts.clone())))
        .await;
    let seen = seen(&counts);
    println!("download: {seen:?}");
    seen.keeps_to(RATE);
    local.service.stop().await;
}
