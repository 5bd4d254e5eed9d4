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

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{Body, s3_error};

use crate::faults::Fault;
use crate::id;
use crate::identity::Signer;
use crate::model::Model;
use crate::options::Options;
use crate::server::HungUp;
use access::{Gate, Keys, Policy};
use body::{Cut, Paced, Received};
use operations::Operations;
use store::{Store, StoreError};

/// Opens the store that the user asked for and makes its buckets.
///
/// # Errors
/// When the folder cannot be used.
pub fn open_store(options: &Options) -> Result<Store> {
    let store = match &options.dir {
        Some(folder) => Store::in_folder(folder)
            .with_context(|| format!("--dir {}: cannot be used", folder.display()))?,
        None => Store::in_memory(options.memory.map_or_else(default_memory, |mib| mib << 20)),
    };
    for bucket in &options.buckets {
        let region = bucket.region.as_ref().unwrap_or(&options.region);
        match store.create_bucket(&bucket.name, region) {
            Ok(()) => {}
            Err(StoreError::BucketExists) => {
                let there = store.region_of(&bucket.name);
                ensure!(
                    there.as_ref() == Some(region),
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

/// S3 as a service, cheap to clone.
#[derive(Debug, Clone)]
pub struct S3 {
    service: S3Service,
    model: Arc<Model>,
}

impl S3 {
    /// S3 over this store.
    #[must_use]
    pub fn new(options: &Options, store: Store, model: Model) -> Self {
        let store = Arc::new(store);
        let policy = Policy::new(&options.function, &options.denied);
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
        let identity =
            Signer::of(request.headers(), request.uri()).and_then(|signer| signer.identity);
        let (up, down) = self.model.paths(identity);
        let fault = self.model.fault(identity, request.method());
        let expects_continue = request.headers().contains_key(header::EXPECT);
        let request = request.map(|body| Received::new(body, up, expects_continue));
        let mut answer = match fault {
            Some(Fault::SlowDown) => {
                drop(request);
                s3_error!(SlowDown, "Please reduce your request rate.")
                    .to_http_response()
                    .unwrap_or_else(failed)
            }
            Some(Fault::Reset) => {
                request.into_body().half().await;
                return Err(HungUp);
            }
            Some(Fault::Stall) if !request.body().is_end_stream() => {
                // Held for ever: a body that is given up is drained.
                let mut body = request.into_body();
                body.half().await;
                std::future::pending().await
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
            Some(Fault::Short) => answer.map(|body| Body::http_body(Cut::ending(body))),
            Some(Fault::Stall) => answer.map(|body| Body::http_body(Cut::stalling(body))),
            _ => answer,
        })
    }

    async fn serve(&self, request: Request<Received>) -> Response<Body> {
        let served = self.service.call(request.map(Body::http_body)).await;
        served.unwrap_or_else(failed)
    }
}

fn failed(error: impl std::fmt::Debug) -> Response<Body> {
    eprintln!("local: S3 cannot answer: {error:?}");
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    answer
}
