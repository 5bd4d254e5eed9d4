//! Invokes this function again, for a job of a squad: once where the job may have run, again where it can't have.

use crate::action::causes;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::interceptors::BeforeTransmitInterceptorContextMut;
use aws_sdk_lambda::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_lambda::error::{BoxError, ProvideErrorMetadata, SdkError};
use aws_sdk_lambda::operation::invoke::{InvokeError, InvokeOutput};
use aws_sdk_lambda::primitives::{Blob, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use rand::RngExt as _;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

/// How many connections are being opened at once: their TLS handshakes share the fraction of a processor that a small
/// function has.
const OPENING: usize = 64;

/// The first pause after a throttled invocation; it doubles from one to the next.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest pause. Lambda allows a function 1,000 more environments every 10 s, and does not save them up.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Why a job of a squad has no result: the `error` of its element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// A short and stable name.
    pub kind: String,
    /// What a person can do about it.
    pub message: String,
}

impl Failure {
    fn new(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
        }
    }
}

/// Invokes one function. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Invoker {
    client: Client,
    opening: Arc<Semaphore>,
}

/// What became of one request to Lambda.
enum Attempt {
    Answered(InvokeOutput),
    Failed(Failure),
    /// The job can't have run: it may be tried again.
    NotBegun(Failure),
}

impl Invoker {
    /// An invoker that uses `client`, which must not retry by itself.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self {
            client,
            opening: Arc::new(Semaphore::new(OPENING)),
        }
    }

    /// Has `job` done by a worker of `function`, and gives its answer; waits for it until `until`.
    ///
    /// # Errors
    ///
    /// Why there is none. A job that may have run is never run again.
    pub async fn invoke(
        &self,
        function: &str,
        job: &Value,
        until: Option<Instant>,
    ) -> Result<Value, Failure> {
        let mut pause = PAUSE;
        let mut latest = None;
        loop {
            let sent = Arc::new(AtomicBool::new(false));
            let attempt = tokio::select! {
                attempt = self.attempt(function, job, &sent) => attempt,
                () = reached(until) => return Err(overdue(latest, &sent)),
            };
            match attempt {
                Attempt::Answered(output) => return result(output),
                Attempt::Failed(failure) => return Err(failure),
                Attempt::NotBegun(failure) => latest = Some(failure),
            }
            // Half of the pause by lot, so that squads do not come back together.
            let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.0));
            tokio::select! {
                () = sleep(jittered) => pause = (pause * 2).min(LONGEST_PAUSE),
                () = reached(until) => return Err(overdue(latest, &sent)),
            }
        }
    }

    async fn attempt(&self, function: &str, job: &Value, sent: &Arc<AtomicBool>) -> Attempt {
        let permit = Arc::clone(&self.opening)
            .acquire_owned()
            .await
            .expect("nobody closes the semaphore");
        let gate = Gate {
            permit: Mutex::new(Some(permit)),
            sent: Arc::clone(sent),
        };
        let outcome = self
            .client
            .invoke()
            .function_name(function)
            .payload(Blob::new(job.to_string()))
            .customize()
            .interceptor(gate)
            .send()
            .await;
        match outcome {
            Ok(output) => Attempt::Answered(output),
            Err(error) => refused(&error, sent.load(Ordering::Relaxed)),
        }
    }
}

async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// What the squad's own deadline means for a job without an answer.
fn overdue(latest: Option<Failure>, sent: &AtomicBool) -> Failure {
    match latest {
        Some(failure) if !sent.load(Ordering::Relaxed) => failure,
        _ => Failure::new(
            "Unanswered",
            "no answer before the squad's own deadline, and the worker may go on: give the function a longer timeout, \
             or the workers less to do",
        ),
    }
}

/// What Lambda's refusal, or its silence, means for the job; `sent`: whether the event left this machine.
fn refused<R: std::fmt::Debug + 'static>(error: &SdkError<InvokeError, R>, sent: bool) -> Attempt {
    let Some(service) = error.as_service_error() else {
        let reason = causes(error);
        return if sent {
            let message = format!(
                "the connection to Lambda was lost before the answer ({reason}); the worker may go on"
            );
            Attempt::Failed(Failure::new("Unanswered", message))
        } else {
            let message =
                format!("Lambda could not be reached ({reason}): check the function's network");
            Attempt::NotBegun(Failure::new("Unanswered", message))
        };
    };
    let code = service.code().unwrap_or("an error without a code");
    let reason = format!("{code}: {}", service.message().unwrap_or("no message"));
    match code {
        "TooManyRequestsException" => Attempt::NotBegun(Failure::new(
            "Throttled",
            format!(
                "Lambda had no free environment until the squad's deadline ({reason}): raise the concurrency quota"
            ),
        )),
        "AccessDeniedException" => Attempt::Failed(Failure::new(
            "AccessDenied",
            format!(
                "{reason}: the function's role needs lambda:InvokeFunction on the function itself"
            ),
        )),
        _ => Attempt::Failed(Failure::new(
            "Unanswered",
            format!("Lambda did not take the job ({reason})"),
        )),
    }
}

/// The worker's answer, or why it is none.
fn result(output: InvokeOutput) -> Result<Value, Failure> {
    let failed = output.function_error.is_some();
    let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
    let answer: Value = serde_json::from_slice(&payload).map_err(|error| {
        let beginning = String::from_utf8_lossy(&payload[..payload.len().min(100)]).into_owned();
        Failure::new(
            "BadAnswer",
            format!("the worker's answer is not JSON ({error}): {beginning:?}"),
        )
    })?;
    if failed {
        Err(function_error(&answer))
    } else {
        Ok(answer)
    }
}

/// Whose errors mean that the worker's process did not live to answer, as `errorType` begins then.
const CRASHES: [&str; 3] = ["Runtime.", "Extension.", "Sandbox."];

/// What Lambda or the worker said instead of an answer.
fn function_error(answer: &Value) -> Failure {
    let text = |name| answer[name].as_str().unwrap_or_default();
    let (kind, message) = (text("errorType"), text("errorMessage"));
    match kind {
        "Sandbox.Timedout" => Failure::new("TimedOut", message),
        _ if message.contains("Task timed out after") => Failure::new("TimedOut", message),
        _ if CRASHES.iter().any(|origin| kind.starts_with(origin)) => {
            Failure::new("Crashed", format!("{kind}: {message}"))
        }
        "Function.ResponseSizeTooLarge" => Failure::new("BadAnswer", message),
        "" => Failure::new(
            "BadAnswer",
            format!("a function error without a type: {answer}"),
        ),
        _ => Failure::new(kind, message),
    }
}

/// The element of a squad's answer for a job without a result.
#[must_use]
pub fn failed(job: &Value, failure: &Failure) -> Value {
    json!({
        "op": job["op"],
        "key": job["key"],
        "error": {"type": failure.kind, "message": failure.message},
    })
}

/// Gives its permit back when the request begins to be sent, which is when its connection is open.
#[derive(Debug)]
struct Gate {
    permit: Mutex<Option<OwnedSemaphorePermit>>,
    sent: Arc<AtomicBool>,
}

impl Intercept for Gate {
    fn name(&self) -> &'static str {
        "terabit::Gate"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request_mut().body_mut();
        let event = Bytes::copy_from_slice(body.bytes().ok_or("an event in memory")?);
        let permit = self
            .permit
            .lock()
            .expect("nothing that holds it panics")
            .take();
        let gated = Gated {
            event,
            permit,
            sent: Arc::clone(&self.sent),
        };
        *body = SdkBody::from_body_1_x(gated);
        Ok(())
    }
}

struct Gated {
    event: Bytes,
    permit: Option<OwnedSemaphorePermit>,
    sent: Arc<AtomicBool>,
}

impl Body for Gated {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.sent.store(true, Ordering::Relaxed);
        self.permit = None;
        let event = mem::take(&mut self.event);
        Poll::Ready((!event.is_empty()).then(|| Ok(Frame::data(event))))
    }

    fn is_end_stream(&self) -> bool {
        self.event.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.event.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_errors_have_the_kind_of_their_cause() {
        let cases = [
            (
                json!({"errorType": "Runtime.ExitError", "errorMessage": "signal: killed"}),
                "Crashed",
            ),
            (
                json!({"errorType": "Runtime.OutOfMemory", "errorMessage": "signal: killed"}),
                "Crashed",
            ),
            (
                json!({"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after 3.00 seconds"}),
                "TimedOut",
            ),
            (
                json!({"errorMessage": "2026-11-23T05:00:00Z 1 Task timed out after 3.00 seconds"}),
                "TimedOut",
            ),
            (
                json!({"errorType": "Function.ResponseSizeTooLarge", "errorMessage": "6 MB"}),
                "BadAnswer",
            ),
            (
                json!({"errorType": "InvalidEvent", "errorMessage": "key: missing"}),
                "InvalidEvent",
            ),
            (json!("nothing"), "BadAnswer"),
        ];
        for (answer, kind) in cases {
            assert_eq!(function_error(&answer).kind, kind, "{answer}");
        }
    }

    #[test]
    fn an_answer_that_is_no_json_is_quoted() {
        let output = InvokeOutput::builder()
            .payload(Blob::new(b"{\"start\": 1, \x1b".to_vec()))
            .build();
        let failure = result(output).expect_err("torn");
        assert_eq!(failure.kind, "BadAnswer");
        assert!(
            failure.message.contains(r#""{\"start\": 1, \u{1b}""#),
            "{}",
            failure.message
        );
    }

    #[test]
    fn a_job_that_was_sent_is_unanswered_at_the_deadline_and_one_that_was_not_throttled() {
        let throttled = Some(Failure::new("Throttled", ""));
        assert_eq!(
            overdue(throttled.clone(), &AtomicBool::new(true)).kind,
            "Unanswered"
        );
        assert_eq!(
            overdue(throttled, &AtomicBool::new(false)).kind,
            "Throttled"
        );
        assert_eq!(overdue(None, &AtomicBool::new(false)).kind, "Unanswered");
    }
}
