//! One environment: a process of the worker binary that handles one invocation at a time.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use bytes::Bytes;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, oneshot};

use crate::endpoints::Endpoints;
use crate::id;
use crate::identity::{Credentials, Identity, SECRET_KEY};
use crate::lambda::LambdaArgs;

/// Variables of local's own environment that the workers are given when they are set.
const PASSED_THROUGH: [&str; 2] = ["AWS_LAMBDA_LOG_LEVEL", "SSL_CERT_FILE"];

/// How worker processes are started.
#[derive(Debug)]
pub struct Process {
    worker: PathBuf,
    variables: Vec<(&'static str, OsString)>,
    /// Each worker has an access key of its own, by which S3 here knows it.
    own_keys: bool,
    runtime: SocketAddr,
    log: Option<File>,
}

impl Process {
    /// Prepares the environment that all workers share: built from nothing, as on Lambda.
    ///
    /// # Errors
    /// When the log file cannot be opened.
    pub fn new(
        args: &LambdaArgs,
        region: &str,
        worker: &Path,
        endpoints: &Endpoints,
        credentials: Option<&Credentials>,
        runtime: SocketAddr,
    ) -> Result<Self> {
        let open = |path: &PathBuf| {
            let opened = File::options().append(true).create(true).open(path);
            opened.with_context(|| format!("--log {}: cannot be opened", path.display()))
        };
        let log = args.log.as_ref().map(open).transpose()?;
        let root = worker.parent().unwrap_or(Path::new("/"));
        let mut variables: Vec<(&'static str, OsString)> = vec![
            ("AWS_LAMBDA_FUNCTION_NAME", args.function.clone().into()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".into()),
            (
                "AWS_LAMBDA_LOG_GROUP_NAME",
                format!("/aws/lambda/{}", args.function).into(),
            ),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into()),
            ("AWS_LAMBDA_LOG_LEVEL", "WARN".into()),
            ("_HANDLER", "bootstrap".into()),
            ("LAMBDA_TASK_ROOT", root.into()),
            ("TZ", ":UTC".into()),
            ("PATH", "/usr/local/bin:/usr/bin/:/bin".into()),
            ("LANG", "en_US.UTF-8".into()),
            ("AWS_REGION", region.into()),
            ("AWS_DEFAULT_REGION", region.into()),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
            ("AWS_CONFIG_FILE", "/dev/null".into()),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".into()),
        ];
        let urls = endpoints.variables();
        variables.extend(urls.map(|(name, value)| (name, value.into())));
        variables.extend(
            PASSED_THROUGH
                .into_iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
        match credentials {
            Some(credentials) => {
                let own = credentials.variables().into_iter();
                variables.extend(own.map(|(name, value)| (name, value.into())));
            }
            None => variables.push(("AWS_SECRET_ACCESS_KEY", SECRET_KEY.into())),
        }
        if let Some(authority) = &endpoints.authority {
            variables.push(("SSL_CERT_FILE", authority.into()));
        }
        Ok(Self {
            worker: worker.to_owned(),
            variables,
            own_keys: credentials.is_none(),
            runtime,
            log,
        })
    }

    /// Starts the process of the environment of this number, which is told that it has so much memory.
    ///
    /// # Errors
    /// When the binary cannot be executed or the system has no room for another process.
    pub fn spawn(&self, number: u32, memory_mb: u32) -> io::Result<Child> {
        let output = || match &self.log {
            Some(file) => file.try_clone().map(Stdio::from),
            None => io::stderr().as_fd().try_clone_to_owned().map(Stdio::from),
        };
        let mut command = Command::new(&self.worker);
        command.env_clear();
        if self.own_keys {
            command.env("AWS_ACCESS_KEY_ID", Identity::Worker(number).access_key());
        }
        command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env(
                "AWS_LAMBDA_RUNTIME_API",
                // The scheme, because without one the client takes no path.
                format!("http://{}/{number}", self.runtime),
            )
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string())
            .env("AWS_LAMBDA_LOG_STREAM_NAME", log_stream())
            .stdin(Stdio::null())
            .stdout(output()?)
            .stderr(output()?)
            // A terminal's interrupt is for COMMAND; workers end when local ends them, with all that they started.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
    }
}

fn log_stream() -> String {
    let today = time::OffsetDateTime::now_utc();
    format!(
        "{}/{:02}/{:02}/[$LATEST]{}",
        today.year(),
        u8::from(today.month()),
        today.day(),
        id::unique()
    )
}

/// One event on its way to a worker.
#[derive(Debug)]
pub struct Invocation {
    /// The id that caller, worker and log share.
    pub request_id: String,
    pub payload: Bytes,
    /// The X-Ray trace header.
    pub trace: String,
}

/// An invocation as the worker fetches it.
#[derive(Debug)]
pub struct Fetched {
    /// What is asked.
    pub invocation: Arc<Invocation>,
    /// When the function times out, epoch milliseconds.
    pub deadline_ms: u128,
}

/// How an invocation ended.
#[derive(Debug)]
pub enum Outcome {
    /// The worker's answer.
    Answered(Bytes),
    /// The worker's error document.
    Failed(Bytes),
    /// The worker's answer was larger than Lambda passes on.
    TooLarge,
    /// The process ended first; how, in Lambda's words.
    Exited(String),
}

/// The two moments that whoever offered an invocation waits for.
#[derive(Debug)]
pub struct Ticket {
    /// The worker has fetched the event; an error means that it never will.
    pub fetched: oneshot::Receiver<()>,
    /// It is over and the worker is ready for the next one, or gone.
    pub done: oneshot::Receiver<Outcome>,
}

#[derive(Debug)]
struct Job {
    invocation: Arc<Invocation>,
    fetched: Option<oneshot::Sender<()>>,
    done: oneshot::Sender<Outcome>,
    outcome: Option<Outcome>,
}

#[derive(Debug, Default)]
struct State {
    job: Option<Job>,
    /// The worker's open request for the next event.
    waiting: Option<oneshot::Sender<()>>,
    init_error: Option<Bytes>,
    dead: bool,
}

/// One environment; see the module.
#[derive(Debug)]
pub struct Environment {
    /// Counted from 1; in the worker's access key and in its Runtime API address.
    pub number: u32,
    timeout: Duration,
    state: Mutex<State>,
    stop: Notify,
}

impl Environment {
    /// An environment whose process is about to be started.
    pub fn new(number: u32, timeout: Duration) -> Self {
        Self {
            number,
            timeout,
            state: Mutex::default(),
            stop: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing panics while it is held")
    }

    /// Whether the process has ended.
    pub fn is_dead(&self) -> bool {
        self.state().dead
    }

    /// Gives the environment something to do. It must have nothing to do yet.
    pub fn offer(&self, invocation: Arc<Invocation>) -> Ticket {
        let (fetched_sender, fetched) = oneshot::channel();
        let (done, done_receiver) = oneshot::channel();
        let mut state = self.state();
        if state.dead {
            // Whoever receives is this function's caller, who cannot have gone.
            let _ = done.send(Outcome::Exited("signal: killed".to_owned()));
        } else {
            state.job = Some(Job {
                invocation,
                fetched: Some(fetched_sender),
                done,
                outcome: None,
            });
            if let Some(waiting) = state.waiting.take() {
                // If the worker's connection has gone the event stays until it asks again or dies.
                let _ = waiting.send(());
            }
        }
        Ticket {
            fetched,
            done: done_receiver,
        }
    }

    /// The worker asks for its next event and waits until there is one. `None` when another such request took its
    /// place or the process died.
    pub async fn next(&self) -> Option<Fetched> {
        self.hand_over();
        loop {
            let arrival = {
                let mut state = self.state();
                if let Some(job) = &mut state.job
                    && let Some(fetched) = job.fetched.take()
                {
                    // The fleet waits for this unless it is being stopped.
                    let _ = fetched.send(());
                    let deadline = SystemTime::now() + self.timeout;
                    let deadline_ms = deadline
                        .duration_since(UNIX_EPOCH)
                        .unwrap_or_default()
                        .as_millis();
                    return Some(Fetched {
                        invocation: Arc::clone(&job.invocation),
                        deadline_ms,
                    });
                }
                let (sender, receiver) = oneshot::channel();
                state.waiting = Some(sender);
                receiver
            };
            arrival.await.ok()?;
        }
    }

    /// The worker is ready again: its last answer may go to the caller, who might invoke again at once.
    fn hand_over(&self) {
        let mut state = self.state();
        if let Some(Job {
            done,
            outcome: Some(outcome),
            ..
        }) = state.job.take_if(|job| job.outcome.is_some())
        {
            // A fleet that is being stopped no longer listens.
            let _ = done.send(outcome);
        }
    }

    /// The worker answers the invocation of this id; false when that is not what it is working on.
    pub fn finish(&self, request_id: &str, outcome: Outcome) -> bool {
        match &mut self.state().job {
            Some(job)
                if job.invocation.request_id == request_id
                    && job.fetched.is_none()
                    && job.outcome.is_none() =>
            {
                job.outcome = Some(outcome);
                true
            }
            _ => false,
        }
    }

    /// The worker cannot initialise and says why; its process is expected to end.
    pub fn init_failed(&self, document: Bytes) {
        self.state().init_error = Some(document);
    }

    /// Asks [`Environment::keep`] to kill the process.
    pub fn kill(&self) {
        self.stop.notify_one();
    }

    /// Accompanies the process to its end, then settles what it left unfinished.
    pub async fn keep(&self, mut child: Child) {
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .map(Pid::from_raw);
        let end = || {
            if let Some(group) = group {
                // Nobody left to kill is what is wanted.
                let _ = killpg(group, Signal::SIGKILL);
            }
        };
        let status = tokio::select! {
            status = child.wait() => status,
            () = self.stop.notified() => {
                end();
                child.wait().await
            }
        };
        end();
        let reason = match status {
            Ok(status) => exit_reason(status),
            Err(error) => error.to_string(),
        };
        let mut state = self.state();
        state.dead = true;
        state.waiting = None;
        if let Some(job) = state.job.take() {
            let failed = state.init_error.take().map(Outcome::Failed);
            // A fleet that is being stopped no longer listens.
            let _ = job
                .done
                .send(job.outcome.or(failed).unwrap_or(Outcome::Exited(reason)));
        }
    }
}

fn exit_reason(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "Runtime exited without providing a reason".to_owned(),
        (Some(code), _) => format!("Runtime exited with error: exit status {code}"),
        (None, Some(9)) => "Runtime exited with error: signal: killed".to_owned(),
        (None, Some(signal)) => {
            let name = Signal::try_from(signal).map_or("unknown", Signal::as_str);
            format!(
                "Runtime exited with error: signal: {}",
                name.trim_start_matches("SIG").to_lowercase()
            )
        }
        (None, None) => "Runtime exited with error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(id: &str) -> Arc<Invocation> {
        Arc::new(Invocation {
            request_id: id.to_owned(),
            payload: Bytes::from_static(b"{}"),
            trace: String::new(),
        })
    }

    #[tokio::test]
    async fn an_answer_reaches_the_caller_when_the_worker_is_ready_again() {
        let environment = Arc::new(Environment::new(1, Duration::from_secs(3)));
        let mut ticket = environment.offer(invocation("a"));
        let fetched = environment.next().await.unwrap();
        assert_eq!(fetched.invocation.request_id, "a");
        ticket.fetched.try_recv().expect("was told");
        assert!(
            !environment.finish("b", Outcome::TooLarge),
            "not what it is working on"
        );
        assert!(environment.finish("a", Outcome::Answered(Bytes::from_static(b"1"))));
        assert!(!environment.finish("a", Outcome::TooLarge), "only once");
        assert!(ticket.done.try_recv().is_err());
        let waiting = tokio::spawn({
            let environment = Arc::clone(&environment);
            async move { environment.next().await }
        });
        assert!(matches!(ticket.done.await.unwrap(), Outcome::Answered(body) if body == "1"));
        environment.offer(invocation("c"));
        assert_eq!(waiting.await.unwrap().unwrap().invocation.request_id, "c");
    }

    #[test]
    fn the_end_of_a_process_is_told_in_lambdas_words() {
        assert_eq!(
            exit_reason(ExitStatus::from_raw(1 << 8)),
            "Runtime exited with error: exit status 1"
        );
        assert_eq!(
            exit_reason(ExitStatus::from_raw(9)),
            "Runtime exited with error: signal: killed"
        );
        assert_eq!(
            exit_reason(ExitStatus::from_raw(11)),
            "Runtime exited with error: signal: segv"
        );
        assert_eq!(
            exit_reason(ExitStatus::from_raw(0)),
            "Runtime exited without providing a reason"
        );
    }
}
