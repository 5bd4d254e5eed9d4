//! The Lambda worker of terabit: writes or reads objects of S3 and tells how fast it went.
//!
//! Data flows one way: an event's JSON becomes a [`event::Job`], [`worker::Worker`] has it done by [`write`](mod@write)
//! or [`read`], a [`meter::Meter`] watches, and what it saw becomes the [`answer::Answer`].
//!
//! | module | what it knows |
//! |---|---|
//! | [`event`], [`fields`] | what may be asked for |
//! | [`worker`], [`answer`] | one invocation, from the event to the answer |
//! | [`write`](mod@write), [`read`], [`flight`], [`spans`] | moving objects: parts and ranges side by side |
//! | [`retry`], [`uploads`] | what is tried again, and what is thrown away |
//! | [`data`], [`body`] | the bytes, and how they are sent |
//! | [`meter`], [`timeline`], [`latency`], [`clock`], [`usage`] | what is measured |
//! | [`squad`], [`invoker`] | having several jobs done by other workers, and one answer of all |
//! | [`barrier`], [`limit`] | when a job begins, and when it gives up |
//! | [`clients`], [`http`], [`tcp`], [`s3`] | the clients |
//! | [`operation`], [`explain`], [`error`] | the operations on S3, and what can go wrong |
//! | [`environment`] | what Lambda tells of itself |

mod answer;
mod barrier;
mod body;
mod clients;
mod clock;
mod data;
mod environment;
mod error;
mod event;
mod explain;
mod fields;
mod flight;
#[cfg(test)]
mod fuzz;
mod http;
mod invoker;
mod latency;
mod limit;
mod meter;
mod operation;
mod read;
mod retry;
mod s3;
mod spans;
mod squad;
mod tcp;
#[cfg(test)]
mod testing;
mod timeline;
mod uploads;
mod usage;
mod worker;
mod write;

use environment::Environment;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use std::time::Instant;
use worker::Worker;

/// Answers invocations until Lambda ends the environment; `begun` is when the process began.
///
/// # Errors
///
/// No region, no HTTP client, or no runtime API to speak to.
// It blocks: what a program awaits is compiled once more, into the program.
#[tokio::main(flavor = "current_thread")]
pub async fn run(begun: Instant) -> Result<(), Error> {
    let (s3, invoker) = clients::from_env().await?;
    let worker = Worker::new(s3, invoker, Environment::from_env(begun));
    lambda_runtime::run(service_fn(|event: LambdaEvent<serde_json::Value>| {
        worker.handle(event)
    }))
    .await
}
