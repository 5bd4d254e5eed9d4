//! Starts and stops everything.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;

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
            eprintln!("local: {told}");
        }
        let worker = worker_binary(options.lambda.worker.as_deref())?;
        let region = options.region();
        let mut function = Function::new(&options.lambda, &region, worker.clone(), concurrency);
        function.network_mbits = options.model.network;
        function.open_to_all = options.s3.elsewhere.is_some();
        let tls = options.tls.then(Tls::new).transpose()?;
        let acceptor = tls.as_ref().map(Tls::acceptor);
        let scheme = if tls.is_some() { "https" } else { "http" };

        let mut servers = JoinSet::new();
        let s3 = if let Some(url) = &options.s3.elsewhere {
            url.clone()
        } else {
            let model = Model::new(&options.model, Arc::clone(&function.memory_mb))?;
            let store = crate::s3::open_store(&options.s3, &region)?;
            let wire = if model.limits_rate() {
                Wire::Network
            } else {
                Wire::Loopback
            };
            let listener = server::listen(wire).context("cannot listen for S3")?;
            let url = format!("{scheme}://{}", listener.local_addr()?);
            let service = S3::new(&options.s3, &options.lambda.function, store, model);
            let handler = move |request| {
                let service = service.clone();
                async move { service.answer(request).await }
            };
            servers.spawn(server::serve(listener, acceptor.clone(), wire, handler));
            url
        };
        let lambda_listener = server::listen(Wire::Loopback).context("cannot listen for Lambda")?;
        let runtime_listener =
            server::listen(Wire::Loopback).context("cannot listen for the Runtime API")?;
        let endpoints = Endpoints {
            s3,
            lambda: format!("{scheme}://{}", lambda_listener.local_addr()?),
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

        let invoked = Arc::clone(&fleet);
        servers.spawn(server::serve(
            lambda_listener,
            acceptor,
            Wire::Loopback,
            move |request| {
                // Not with the connection: what was asked for is done even if nobody waits for the answer.
                let answer = tokio::spawn(invoke_api::answer(Arc::clone(&invoked), request));
                async { answer.await.map_err(|_| HungUp) }
            },
        ));
        let served = Arc::clone(&fleet);
        servers.spawn(server::serve(
            runtime_listener,
            None,
            Wire::Loopback,
            move |request| {
                let answer = runtime_api::answer(Arc::clone(&served), request);
                async { Ok(answer.await) }
            },
        ));
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
