//! The environments of the function: started on demand, reused while warm, replaced when they die.

use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use crate::id;
use crate::identity::ACCOUNT;
use crate::lambda::LambdaArgs;
use crate::lambda::environment::{Environment, Invocation, Outcome, Process, Ticket};
use crate::lambda::journal::Journal;
use crate::tokens::{Frequency, Tokens};

/// How long a process may take to ask for its first event. Lambda allows 10 s; here thousands of them may be starting
/// on a few cores.
const INIT_LIMIT: Duration = Duration::from_mins(1);

/// How long a change of the configuration is in progress. AWS takes a second or more.
const UPDATE_TIME: Duration = Duration::from_millis(300);

/// The function as it is configured.
#[derive(Debug)]
pub struct Function {
    pub name: String,
    pub region: String,
    pub worker: PathBuf,
    /// After so many seconds an environment is killed.
    pub timeout_s: u32,
    /// Memory size in MB. The model's network may follow it.
    pub memory_mb: Arc<AtomicU32>,
    /// Whoever signs a call may make it: COMMAND's credentials are the user's own.
    pub open_to_all: bool,
    /// What the account's quota lets a worker's network carry with enough memory, in Mbit/s.
    pub network_mbits: Option<u32>,
    /// How many executions the account may have at once.
    pub account_limit: usize,
    /// How many of them the function may have.
    pub concurrency: usize,
    scaling_rate: Option<Frequency>,
}

impl Function {
    /// The function that the user asked for, in `region`, with so many executions at once.
    pub fn new(args: &LambdaArgs, region: &str, worker: PathBuf, concurrency: usize) -> Self {
        Self {
            name: args.function.clone(),
            region: region.to_owned(),
            worker,
            timeout_s: args.timeout,
            memory_mb: Arc::new(AtomicU32::new(args.memory_size)),
            open_to_all: false,
            network_mbits: None,
            account_limit: args.account_limit.unwrap_or(concurrency),
            concurrency: args
                .account_limit
                .map_or(concurrency, |limit| limit.min(concurrency)),
            scaling_rate: args.scaling_rate,
        }
    }

    /// The ARN of a function of this name in this region and account.
    pub fn arn_of(&self, name: &str) -> String {
        format!("arn:aws:lambda:{}:{ACCOUNT}:function:{name}", self.region)
    }

    fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_s.into())
    }
}

/// What an invocation came to.
#[derive(Debug)]
pub struct Invoked {
    /// The invocation's id.
    pub request_id: String,
    /// Whether the payload is an error of the function.
    pub is_error: bool,
    /// The worker's answer, or the error document.
    pub payload: Bytes,
}

/// Why an invocation was not begun.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// As many environments as there may be are busy, or no more may be started yet.
    #[error("no environment is free, and none may be started now")]
    Throttled,
    /// The fleet is being stopped.
    #[error("local is stopping")]
    Stopping,
}

/// A change of the configuration is in progress already.
#[derive(Debug, PartialEq, Eq)]
pub struct Updating;

#[derive(Debug)]
struct Update {
    memory_mb: u32,
    done_at: Instant,
}

#[derive(Debug, Default)]
struct State {
    update: Option<Update>,
    /// Environments up to this number have an earlier configuration: they are not used again.
    outdated: u32,
    busy: usize,
    /// The one used last comes last.
    idle: Vec<Arc<Environment>>,
    live: HashMap<u32, Arc<Environment>>,
    last_number: u32,
    /// Absent when the function may grow as fast as it likes.
    growth: Option<Tokens>,
    stopping: bool,
}

/// All environments; see the module.
#[derive(Debug)]
pub struct Fleet {
    /// What the environments run.
    pub function: Function,
    process: Process,
    journal: Option<Journal>,
    state: Mutex<State>,
    died: Notify,
}

impl Fleet {
    /// A fleet without an environment yet; the events that it hands out are noted in `journal`.
    pub fn new(function: Function, process: Process, journal: Option<Journal>) -> Self {
        let growth = function.scaling_rate.map(Tokens::new);
        Self {
            function,
            process,
            journal,
            state: Mutex::new(State {
                growth,
                ..State::default()
            }),
            died: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().expect("nothing panics while it is held");
        if let Some(update) = state
            .update
            .take_if(|update| update.done_at <= Instant::now())
        {
            self.function
                .memory_mb
                .store(update.memory_mb, Ordering::Relaxed);
            state.outdated = state.last_number;
            for environment in state.idle.drain(..) {
                environment.kill();
            }
        }
        state
    }

    /// Gives the function other memory. For a moment the update is in progress; then no environment is used again that
    /// has the memory of before.
    pub fn update(&self, memory_mb: u32) -> Result<(), Updating> {
        let mut state = self.state();
        if state.update.is_some() {
            return Err(Updating);
        }
        let done_at = Instant::now() + UPDATE_TIME;
        state.update = Some(Update { memory_mb, done_at });
        Ok(())
    }

    /// The memory that the function has or is being given, in MB, and whether that is in progress.
    pub fn memory(&self) -> (u32, bool) {
        let state = self.state();
        let coming = state.update.as_ref().map(|update| update.memory_mb);
        let present = || self.function.memory_mb.load(Ordering::Relaxed);
        (coming.unwrap_or_else(present), coming.is_some())
    }

    /// The environment of this number while its process lives.
    pub fn environment(&self, number: u32) -> Option<Arc<Environment>> {
        self.state().live.get(&number).cloned()
    }

    /// Runs one invocation to its end, even if the caller loses interest, as on Lambda.
    ///
    /// # Errors
    /// When no environment may take it.
    ///
    /// # Panics
    /// When the task that runs it does.
    pub async fn invoke(
        self: &Arc<Self>,
        payload: Bytes,
        trace: String,
    ) -> Result<Invoked, Refused> {
        let warm = self.admit()?;
        let invocation = Arc::new(Invocation {
            request_id: id::request_id(),
            payload,
            trace,
        });
        let fleet = Arc::clone(self);
        let run = tokio::spawn(async move {
            match warm.map_or_else(|| fleet.start(), Ok) {
                Ok(environment) => {
                    let invoked = fleet.run(&environment, &invocation).await;
                    fleet.release(Some(environment));
                    invoked
                }
                Err(error) => {
                    fleet.release(None);
                    let reason = format!("fork/exec {}: {error}", fleet.function.worker.display());
                    failure(&invocation, "Runtime.InvalidEntrypoint", &reason)
                }
            }
        });
        Ok(run.await.expect("an invocation does not panic"))
    }

    /// Takes a slot, with the warm environment that was used last if there is one.
    fn admit(&self) -> Result<Option<Arc<Environment>>, Refused> {
        let mut state = self.state();
        if state.stopping {
            return Err(Refused::Stopping);
        }
        if state.busy >= self.function.concurrency {
            return Err(Refused::Throttled);
        }
        let warm = state.idle.pop();
        if warm.is_none()
            && let Some(growth) = &mut state.growth
            && !growth.take()
        {
            return Err(Refused::Throttled);
        }
        state.busy += 1;
        Ok(warm)
    }

    fn start(self: &Arc<Self>) -> io::Result<Arc<Environment>> {
        let environment = {
            let mut state = self.state();
            if state.stopping {
                return Err(io::Error::other(Refused::Stopping));
            }
            state.last_number += 1;
            let environment =
                Arc::new(Environment::new(state.last_number, self.function.timeout()));
            // Before the process exists, which may ask for its first event at once.
            state
                .live
                .insert(environment.number, Arc::clone(&environment));
            environment
        };
        let memory_mb = self.function.memory_mb.load(Ordering::Relaxed);
        match self.process.spawn(environment.number, memory_mb) {
            Ok(child) => {
                let (fleet, kept) = (Arc::clone(self), Arc::clone(&environment));
                tokio::spawn(async move {
                    kept.keep(child).await;
                    fleet.forget(&kept);
                });
                Ok(environment)
            }
            Err(error) => {
                self.forget(&environment);
                Err(error)
            }
        }
    }

    fn forget(&self, environment: &Environment) {
        let mut state = self.state();
        state.live.remove(&environment.number);
        state.idle.retain(|idle| idle.number != environment.number);
        drop(state);
        self.died.notify_one();
    }

    /// Gives a slot back, and its environment for reuse if it lives.
    fn release(&self, environment: Option<Arc<Environment>>) {
        let mut state = self.state();
        state.busy -= 1;
        let Some(environment) = environment.filter(|environment| !environment.is_dead()) else {
            return;
        };
        if environment.number <= state.outdated {
            environment.kill();
        } else {
            state.idle.push(environment);
        }
    }

    async fn run(&self, environment: &Environment, invocation: &Arc<Invocation>) -> Invoked {
        let Ticket { fetched, mut done } = environment.offer(Arc::clone(invocation));
        // The clock of the function runs from the moment when the worker has the event.
        let fetched = timeout(INIT_LIMIT, fetched).await;
        // Fetched, or its process has died: that is not waited for.
        let started = fetched.is_ok();
        if let Ok(Ok(())) = fetched
            && let Some(journal) = &self.journal
            && let Err(error) = journal.note(&invocation.payload)
        {
            crate::say(format_args!(
                "an event is missing in the file of --events: {error}"
            ));
        }
        let in_time = if started {
            timeout(self.function.timeout(), &mut done).await.ok()
        } else {
            None
        };
        let timed_out = in_time.is_none();
        let outcome = if let Some(outcome) = in_time {
            outcome
        } else {
            environment.kill();
            done.await
        };
        let said = |payload, is_error| Invoked {
            request_id: invocation.request_id.clone(),
            is_error,
            payload,
        };
        match outcome {
            Ok(Outcome::Answered(payload)) => said(payload, false),
            Ok(Outcome::Failed(payload)) => said(payload, true),
            Ok(Outcome::TooLarge) => failure_as_told(
                invocation,
                "Function.ResponseSizeTooLarge",
                &format!(
                    "Response payload size exceeded maximum allowed payload size ({} bytes).",
                    super::MAX_PAYLOAD
                ),
            ),
            Ok(Outcome::Exited(_)) if timed_out => {
                let limit = if started {
                    self.function.timeout()
                } else {
                    INIT_LIMIT
                };
                let told = format!("Task timed out after {:.2} seconds", limit.as_secs_f64());
                failure(invocation, "Sandbox.Timedout", &told)
            }
            Ok(Outcome::Exited(reason)) => failure(invocation, "Runtime.ExitError", &reason),
            Err(_) => failure(
                invocation,
                "Runtime.ExitError",
                "Runtime exited with error: signal: killed",
            ),
        }
    }

    /// Kills every process and waits until all have ended. No more are started.
    pub async fn stop(&self) {
        self.state().stopping = true;
        loop {
            let live: Vec<_> = self.state().live.values().cloned().collect();
            if live.is_empty() {
                return;
            }
            for environment in live {
                environment.kill();
            }
            self.died.notified().await;
        }
    }
}

fn failure(invocation: &Invocation, kind: &str, reason: &str) -> Invoked {
    failure_as_told(
        invocation,
        kind,
        &format!("RequestId: {} Error: {reason}", invocation.request_id),
    )
}

fn failure_as_told(invocation: &Invocation, kind: &str, message: &str) -> Invoked {
    let document = json!({ "errorType": kind, "errorMessage": message });
    Invoked {
        request_id: invocation.request_id.clone(),
        is_error: true,
        payload: document.to_string().into(),
    }
}
