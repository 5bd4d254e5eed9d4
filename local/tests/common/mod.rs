//! A service with a small worker, and clients for it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

mod http;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use clap::Parser;
use local::identity::{Identity, SECRET_KEY};
use local::options::Options;
use local::service::Service;
use tempfile::TempDir;

/// Speaks the Runtime API. An event may ask it to sleep, to exit, to fail or to answer with so many bytes; else it
/// answers with the event, its environment variables and its process id.
const WORKER: &str = r#"#!/usr/bin/env python3
import http.client, json, os, signal, sys, time
host, base = os.environ["AWS_LAMBDA_RUNTIME_API"].removeprefix("http://").split("/", 1)
api = http.client.HTTPConnection(host)
def call(method, path, body=None):
    api.request(method, "/" + base + "/2018-06-01/runtime/" + path, body)
    answer = api.getresponse()
    return answer.headers, answer.read()
INIT
while True:
    headers, body = call("GET", "invocation/next")
    invocation = "invocation/" + headers["Lambda-Runtime-Aws-Request-Id"]
    event = json.loads(body)
    time.sleep(event.get("sleep", 0))
    if "exit" in event: sys.exit(event["exit"])
    if "signal" in event: os.kill(os.getpid(), event["signal"])
    if "fail" in event:
        call("POST", invocation + "/error", json.dumps({"errorType": "Told", "errorMessage": event["fail"]}))
        continue
    answer = {"event": event, "env": dict(os.environ), "pid": os.getpid(), "headers": dict(headers), "now": time.time()}
    if "bytes" in event: answer = "x" * event["bytes"]
    call("POST", invocation + "/response", json.dumps(answer))
    if "exit_after" in event: sys.exit(event["exit_after"])
"#;

/// A running service, its scratch folder and the options it was started with.
pub struct Local {
    pub service: Service,
    pub options: Options,
    pub folder: TempDir,
    _limit: Limit,
}

/// The time that a test may take, in which thousands of processes may be started by others.
const LIMIT: Duration = Duration::from_mins(3);

/// Ends all tests of this binary, naming the one that still runs, when it has not been dropped in time.
#[must_use]
pub struct Limit(#[allow(dead_code, reason = "to be dropped")] Sender<()>);

impl Limit {
    /// Begins now, for the test whose thread this is.
    pub fn begin() -> Self {
        Self::of(LIMIT, |test| {
            eprintln!("{test} takes longer than {LIMIT:?}");
            std::process::abort()
        })
    }

    /// Calls `late` with the test's name after so long.
    pub fn of(limit: Duration, late: impl FnOnce(&str) + Send + 'static) -> Self {
        let test = thread::current().name().unwrap_or("a test").to_owned();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            if receiver.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                late(&test);
            }
        });
        Self(sender)
    }
}

/// Writes the worker, with something to do before its first event.
pub fn worker(folder: &TempDir, init: &str) -> PathBuf {
    let path = folder.path().join("worker");
    fs::write(&path, WORKER.replace("INIT", init)).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// Starts a service with these options and the ordinary worker.
pub fn start(arguments: &[&str]) -> Local {
    start_with_init(arguments, "")
}

/// Starts a service whose workers do this before their first event.
pub fn start_with_init(arguments: &[&str], init: &str) -> Local {
    let folder = TempDir::new().unwrap();
    let worker = worker(&folder, init);
    let log = folder.path().join("log");
    let own = [
        "local",
        "--worker",
        worker.to_str().unwrap(),
        "--log",
        log.to_str().unwrap(),
    ];
    let options = Options::parse_from(own.iter().chain(arguments));
    Local {
        service: Service::start(&options).unwrap(),
        options,
        folder,
        _limit: Limit::begin(),
    }
}

/// Host and port of a URL.
pub fn address(url: &str) -> &str {
    url.strip_prefix("http://")
        .expect("it is not served over TLS")
}

impl Local {
    /// S3 with COMMAND's credentials.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        self.s3_as(Identity::Command)
    }

    /// S3 with somebody's credentials.
    pub fn s3_as(&self, identity: Identity) -> aws_sdk_s3::Client {
        self.s3_with_key(&identity.access_key(), SECRET_KEY)
    }

    /// S3 with any credentials.
    pub fn s3_with_key(&self, key: &str, secret: &str) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http::client())
            .endpoint_url(&self.service.endpoints.s3)
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new(key, secret, None, None, "test"))
            .force_path_style(true)
            .retry_config(aws_sdk_s3::config::retry::RetryConfig::disabled())
            .build();
        aws_sdk_s3::Client::from_conf(config)
    }
}
