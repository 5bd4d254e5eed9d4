//! Starts and stops everything.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use anyhow::{Context, Result, bail};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::command::{self, Environment};
use crate::endpoints::Endpoints;
use crate::identity::Credentials;
use crate::lambda::environment::Process;
use crate::lambda::fleet::{Fleet, Function};
use crate::lambda::journal::Journal;
use crate::lambda::{invoke_api, runtime_api};
use crate::model::Model;
use crate::options::Options;
use crate::room::Room;
use crate::s3::S3;
use crate::server::{self, HungUp, Wire};
use crate::tls::Tls;

/// S3 and Lambda, serving.
#[derive(Debug)]
pub struct Service {
    /// Where both are to be found.
    pub endpoints: Endpoints,
    /// Its file is read as long as this serves.
    _tls: Option<Tls>,
    fleet: Arc<Fleet>,
    servers: JoinSet<()>,
}

impl Service {
    /// Binds free ports of 127.0.0.1 and serves until [`Service::stop`].
    ///
    /// # Errors
    /// When there is no worker binary, no port, or the store's folder cannot be used.
    pub fn start(options: &Options) -> Result<Self> {
        let (concurrency, told) = Room::make()?.hold(options.lambda.concurrency);
        if let Some(told) = told {
            crate::say(told);
        }
        let worker = worker_binary(options.lambda.worker.as_deref())?;
        let region = options.region();
        let mut function = Function::new(&options.lambda, &region, worker.clone(), concurrency);
        function.network_mbits = options.model.network;
        function.open_to_all = options.s3.elsewhere.is_some();
        let tls = options.tls.then(Tls::new).transpose()?;
        let acceptor = tls.as_ref().map(Tls::acceptor);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = |address: SocketAddr| format!("{scheme}://{address}");

        let mut servers = JoinSet::new();
        let s3 = if let Some(url) = &options.s3.elsewhere {
            url.clone()
        } else {
            let memory_mb = Arc::clone(&function.memory_mb);
            url(serve_s3(
                &mut servers,
                options,
                memory_mb,
                acceptor.clone(),
            )?)
        };
        let lambda_listener = server::listen(Wire::Loopback).context("cannot listen for Lambda")?;
        let runtime_listener =
            server::listen(Wire::Loopback).context("cannot listen for the Runtime API")?;
        let endpoints = Endpoints {
            s3,
            lambda: url(lambda_listener.local_addr()?),
            authority: tls.as_ref().map(|tls| tls.authority().to_owned()),
        };

        let process = Process::new(
            &options.lambda,
            &region,
            &worker,
            &endpoints,
            credentials(options)?.as_ref(),
            runtime_listener.local_addr()?,
        )?;
        let journal = options
            .lambda
            .events
            .as_deref()
            .map(Journal::open)
            .transpose()?;
        let fleet = Arc::new(Fleet::new(function, process, journal));
        serve_lambda(&mut servers, &fleet, lambda_listener, acceptor);
        serve_runtime(&mut servers, &fleet, runtime_listener);
        Ok(Self {
            endpoints,
            _tls: tls,
            fleet,
            servers,
        })
    }

    /// Ends every worker process and stops serving.
    pub async fn stop(mut self) {
        self.fleet.stop().await;
        self.servers.shutdown().await;
    }
}

/// Serves S3 over a store of its own, to workers with so much memory; where it is.
fn serve_s3(
    servers: &mut JoinSet<()>,
    options: &Options,
    memory_mb: Arc<AtomicU32>,
    tls: Option<TlsAcceptor>,
) -> Result<SocketAddr> {
    let model = Model::new(&options.model, memory_mb)?;
    let store = crate::s3::open_store(&options.s3, &options.region())?;
    let wire = if model.limits_rate() {
        Wire::Network
    } else {
        Wire::Loopback
    };
    let listener = server::listen(wire).context("cannot listen for S3")?;
    let address = listener.local_addr()?;
    let service = S3::new(&options.s3, &options.lambda.function, store, model);
    let handler = move |request| {
        let service = service.clone();
        async move { service.answer(request).await }
    };
    servers.spawn(server::serve(listener, tls, wire, handler));
    Ok(address)
}

fn serve_lambda(
    servers: &mut JoinSet<()>,
    fleet: &Arc<Fleet>,
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
) {
    let fleet = Arc::clone(fleet);
    let handler = move |request| {
        // Not with the connection: what was asked for is done even if nobody waits for the answer.
        let answer = tokio::spawn(invoke_api::answer(Arc::clone(&fleet), request));
        async { answer.await.map_err(|_| HungUp) }
    };
    servers.spawn(server::serve(listener, tls, Wire::Loopback, handler));
}

fn serve_runtime(servers: &mut JoinSet<()>, fleet: &Arc<Fleet>, listener: TcpListener) {
    let fleet = Arc::clone(fleet);
    let handler = move |request| {
        let answer = runtime_api::answer(Arc::clone(&fleet), request);
        async { Ok(answer.await) }
    };
    servers.spawn(server::serve(listener, None, Wire::Loopback, handler));
}

/// Serves while COMMAND runs, or without one until interrupted; returns the exit status.
///
/// # Errors
/// When the services or COMMAND cannot be started.
pub async fn run(options: Options) -> Result<u8> {
    let service = Service::start(&options)?;
    let of_store = &options.s3.buckets[0].name;
    let environment = Environment::new(
        &options.region(),
        options.s3.elsewhere.is_none().then_some(of_store.as_str()),
        &options.lambda.function,
        &service.endpoints,
        credentials(&options)?.as_ref(),
    );
    let status = if options.command.is_empty() {
        command::serve(&environment).await.map(|()| 0)
    } else {
        command::run(&options.command, &environment).await
    };
    service.stop().await;
    status
}

/// The user's own, where S3 is elsewhere.
fn credentials(options: &Options) -> Result<Option<Credentials>> {
    let elsewhere = options.s3.elsewhere.as_ref();
    elsewhere.map(|_| Credentials::from_env()).transpose()
}

fn worker_binary(chosen: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = chosen {
        if path.is_file() {
            return Ok(path.canonicalize()?);
        }
        bail!(
            "--worker {}: there is no such file; `make build` builds the worker",
            path.display()
        );
    }
    let executable = std::env::current_exe().context("cannot tell where this executable lies")?;
    let folder = executable
        .parent()
        .context("this executable lies in no folder")?;
    let beside = folder.join("terabit");
    if beside.is_file() {
        return Ok(beside.canonicalize()?);
    }
    bail!(
        "no worker binary: {} does not exist; `make build` builds it, --worker PATH names another",
        beside.display()
    )
}
