//! The S3 protocol over a store in memory or in a folder.
//!
//! s3s understands the protocol and verifies signatures; [`access`] says who may do what and where buckets live,
//! [`operations`] does it on the [`store`], and around both this module applies the model.

pub mod access;
pub mod body;
pub mod error;
pub mod listing;
pub mod operations;
pub mod store;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Args;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, s3_error};

use crate::faults::Fault;
use crate::id;
use crate::identity::{Signer, region};
use crate::model::Model;
use crate::server::HungUp;
use access::{ACTIONS, Gate, Keys, Policy};
use body::{Half, Paced, Received};
use operations::Operations;
use store::{Store, StoreError};

#[derive(Debug, Clone, Args)]
pub struct S3Args {
    /// Start Lambda alone: workers and COMMAND use the S3 at this URL, with the environment's credentials, region and
    /// BUCKET. Not with options of the S3 here: its buckets, memory, folder, TLS, models and faults
    #[arg(long = "s3", value_name = "URL", value_parser = url)]
    #[arg(conflicts_with_all = [
        "buckets", "memory", "dir", "denied", "tls", "first_byte_ms", "connection_up", "connection_down", "worker_rate",
        "network", "s3_rate", "slow_down", "refuse", "reset", "short", "stall", "lost", "seed",
    ])]
    pub elsewhere: Option<String>,

    /// A bucket that exists from the start, repeatable; it is in REGION, else in that of --region; the first one is
    /// COMMAND's BUCKET
    #[arg(long = "bucket", value_name = "NAME[=REGION]", default_value = "terabit-local", value_parser = bucket)]
    pub buckets: Vec<BucketOption>,

    /// What S3 may hold in memory, in MiB, 1–16777216; beyond it S3 answers 507 [default: half of the machine's memory]
    #[arg(long, value_name = "MIB", conflicts_with = "dir")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=16_777_216))]
    pub memory: Option<u64>,

    /// Keep the objects in this folder, not in memory; they survive a restart
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,

    /// An action that the worker's role lacks, such as s3:ListBucket, repeatable; S3 denies it
    #[arg(long = "deny", value_name = "ACTION", value_parser = action)]
    pub denied: Vec<String>,
}

/// A bucket that exists from the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketOption {
    pub name: String,
    /// Where it lives; `None`: in `--region`.
    pub region: Option<String>,
}

fn bucket(text: &str) -> Result<BucketOption, String> {
    let (name, place) = match text.split_once('=') {
        Some((name, place)) => (name, Some(region(place)?)),
        None => (text, None),
    };
    if !s3s::path::check_bucket_name(name) {
        return Err(
            "a bucket name is 3–63 lower-case letters, digits, dots and hyphens, \
                    beginning and ending with a letter or digit"
                .to_owned(),
        );
    }
    Ok(BucketOption {
        name: name.to_owned(),
        region: place,
    })
}

fn url(text: &str) -> std::result::Result<String, String> {
    let url = text.trim_end_matches('/');
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', ' ']) => {
            Ok(url.to_owned())
        }
        _ => Err("a URL is http://HOST[:PORT] or https://HOST[:PORT]".to_owned()),
    }
}

fn action(text: &str) -> Result<String, String> {
    if ACTIONS.contains(&text) {
        Ok(text.to_owned())
    } else {
        Err(format!("accepted: {}", ACTIONS.join(", ")))
    }
}

/// Opens the store that the user asked for and makes its buckets, in `region` unless they name another.
///
/// # Errors
/// When the folder cannot be used.
pub fn open_store(args: &S3Args, region: &str) -> Result<Store> {
    let store = match &args.dir {
        Some(folder) => Store::in_folder(folder)
            .with_context(|| format!("--dir {}: cannot be used", folder.display()))?,
        None => Store::in_memory(args.memory.map_or_else(default_memory, |mib| mib << 20)),
    };
    for bucket in &args.buckets {
        let region = bucket.region.as_deref().unwrap_or(region);
        match store.create_bucket(&bucket.name, region) {
            Ok(()) => {}
            Err(StoreError::BucketExists) => {
                let there = store.region_of(&bucket.name);
                ensure!(
                    there.as_deref() == Some(region),
                    "bucket {} is in {} already, not in {region}",
                    bucket.name,
                    there.unwrap_or_default()
                );
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot make bucket {}", bucket.name));
            }
        }
    }
    Ok(store)
}

/// Half of the machine's memory in bytes.
#[cfg(target_os = "linux")]
fn default_memory() -> u64 {
    use nix::unistd::{SysconfVar, sysconf};
    let ask = |what| {
        sysconf(what)
            .ok()
            .flatten()
            .and_then(|value| u64::try_from(value).ok())
    };
    ask(SysconfVar::_PHYS_PAGES)
        .zip(ask(SysconfVar::PAGE_SIZE))
        .map_or(4 << 30, |(pages, size)| pages * size / 2)
}

/// Other systems have no common way to tell: 4 GiB, half of a small laptop.
#[cfg(not(target_os = "linux"))]
fn default_memory() -> u64 {
    4 << 30
}

/// How long the body of a request stands still: longer than any client waits.
const STALL: Duration = Duration::from_mins(1);

/// S3 as a service, cheap to clone.
#[derive(Debug, Clone)]
pub struct S3 {
    service: S3Service,
    model: Arc<Model>,
}

impl S3 {
    /// S3 over this store; the role of `function` lacks the actions that the user denies it.
    pub fn new(args: &S3Args, function: &str, store: Store, model: Model) -> Self {
        let store = Arc::new(store);
        let policy = Policy::new(function, &args.denied);
        let operations = Operations {
            store: Arc::clone(&store),
            policy: policy.clone(),
        };
        let mut builder = S3ServiceBuilder::new(operations);
        builder.set_auth(Keys);
        builder.set_access(Gate { store, policy });
        Self {
            service: builder.build(),
            model: Arc::new(model),
        }
    }

    /// Answers one request.
    ///
    /// # Errors
    /// When the model has the connection break.
    pub async fn answer(&self, request: Request<Incoming>) -> Result<Response<Body>, HungUp> {
        let identity = Signer::of(request.headers()).and_then(|signer| signer.identity);
        let (up, down) = self.model.paths(identity);
        let fault = self.model.fault(identity, request.method());
        let expects_continue = request.headers().contains_key(header::EXPECT);
        let request = request.map(|body| Received::new(body, up, expects_continue));
        let mut answer = match fault {
            Some(Fault::SlowDown) => {
                drop(request);
                slow_down()
            }
            Some(Fault::Refuse) => {
                request.into_body().leave();
                let mut answer = slow_down();
                let close = HeaderValue::from_static("close");
                answer.headers_mut().insert(header::CONNECTION, close);
                answer
            }
            Some(Fault::Reset) => {
                request.into_body().half().await;
                return Err(HungUp);
            }
            Some(Fault::Stall) if !request.body().is_end_stream() => {
                let mut body = request.into_body();
                body.half().await;
                // While nothing is read, nobody learns that the client has hung up.
                tokio::time::sleep(STALL).await;
                return Err(HungUp);
            }
            Some(Fault::Lost) => {
                self.serve(request).await;
                return Err(HungUp);
            }
            _ => self.serve(request).await,
        };
        if !self.model.first_byte.is_zero() {
            tokio::time::sleep(self.model.first_byte).await;
        }
        for name in ["x-amz-request-id", "x-amz-id-2"] {
            if let Ok(id) = HeaderValue::from_str(&id::unique()[..16].to_uppercase()) {
                answer.headers_mut().insert(name, id);
            }
        }
        if !down.is_free() {
            answer = answer.map(|body| Body::http_body(Paced::new(body, down)));
        }
        Ok(match fault {
            Some(Fault::Short) => answer.map(|body| Body::http_body(Half::ending(body))),
            Some(Fault::Stall) => answer.map(|body| Body::http_body(Half::stalling(body))),
            _ => answer,
        })
    }

    async fn serve(&self, request: Request<Received>) -> Response<Body> {
        let served = self.service.call(request.map(Body::http_body)).await;
        served.unwrap_or_else(failed)
    }
}

fn slow_down() -> Response<Body> {
    s3_error!(SlowDown, "Please reduce your request rate.")
        .to_http_response()
        .unwrap_or_else(failed)
}

fn failed(error: impl std::fmt::Debug) -> Response<Body> {
    crate::say(format_args!("S3 cannot answer: {error:?}"));
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}
