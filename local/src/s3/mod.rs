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

use anyhow::{Context, Result};
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use s3s::Body;
use s3s::service::{S3Service, S3ServiceBuilder};

use crate::id;
use crate::identity::Signer;
use crate::model::Model;
use crate::options::Options;
use access::{Gate, Keys, Policy};
use body::{Paced, Received};
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
        match store.create_bucket(
            &bucket.name,
            bucket.region.as_ref().unwrap_or(&options.region),
        ) {
            Ok(()) | Err(StoreError::BucketExists) => {}
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
    pub async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let identity =
            Signer::of(request.headers(), request.uri()).and_then(|signer| signer.identity);
        let (up, down) = self.model.paths(identity);
        let expects_continue = request.headers().contains_key(header::EXPECT);
        let request =
            request.map(|body| Body::http_body(Received::new(body, up, expects_continue)));
        let mut answer = self.service.call(request).await.unwrap_or_else(|error| {
            eprintln!("local: S3 cannot answer: {error:?}");
            let mut answer = Response::new(Body::empty());
            *answer.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            answer
        });
        if !self.model.first_byte.is_zero() {
            tokio::time::sleep(self.model.first_byte).await;
        }
        for name in ["x-amz-request-id", "x-amz-id-2"] {
            if let Ok(id) = HeaderValue::from_str(&id::unique()[..16].to_uppercase()) {
                answer.headers_mut().insert(name, id);
            }
        }
        if down.is_free() {
            answer
        } else {
            answer.map(|body| Body::http_body(Paced::new(body, down)))
        }
    }
}
