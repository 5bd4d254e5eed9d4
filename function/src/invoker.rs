//! Invokes this function again, for a job of a squad: once where the job may have run, again where it can't have.

use crate::error::Error;
use crate::explain::causes;
use crate::fields::quoted;
use aws_sdk_lambda::Client;
use aws_sdk_lambda::config::http::HttpResponse;
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

/// The longest pause while the jobs' common start is ahead: a worker that comes after it is a late starter.
const LONGEST_PAUSE_BEFORE_START: Duration = Duration::from_secs(2);

/// How often Lambda is tried that cannot be reached: a network that is missing does not come back, and while it is
/// waited for the squad is billed.
const UNREACHABLE: u32 = 5;

/// When one job of a squad should begin, and until when it is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// Its pauses are short until this moment, the common start of the jobs.
    pub hurry_until: Option<Instant>,
    /// It is not begun after this moment.
    pub begin_by: Option<Instant>,
    /// Its answer is not waited for after this moment.
    pub answer_by: Option<Instant>,
}

impl Patience {
    fn longest_pause(&self) -> Duration {
        if self.hurry_until.is_some_and(|start| Instant::now() < start) {
            LONGEST_PAUSE_BEFORE_START
        } else {
            LONGEST_PAUSE
        }
    }
}

/// Why a job of a squad has no result: the `error` of its element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: String,
    /// What a person can do about it.
    pub message: String,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::new(error.kind(), error.to_string())
    }
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
    /// Lambda had no room: the job did not run, and may be tried again.
    Throttled(Failure),
    /// No request reached Lambda: the same, though not for ever.
    Unreachable(Failure),
}

impl Invoker {
    /// An invoker that uses `client`, which must not retry by itself.
    pub fn new(client: Client) -> Self {
        Self {
            client,
            opening: Arc::new(Semaphore::new(OPENING)),
        }
    }

    /// Has `job` done by a worker of `function`, and gives its answer.
    ///
    /// # Errors
    ///
    /// Why there is none. A job that may have run is never run again.
    pub async fn invoke(
        &self,
        function: &str,
        job: &Value,
        patience: Patience,
    ) -> Result<Value, Failure> {
        let mut pause = PAUSE;
        let mut unreachable = 0;
        let mut before = None;
        loop {
            let sent = Arc::new(AtomicBool::new(false));
            let attempt = tokio::select! {
                // An answer that is here counts.
                biased;
                attempt = self.attempt(function, job, &sent) => attempt,
                () = reached(patience.answer_by) => return Err(overdue(&sent, before)),
            };
            let failure = match attempt {
                Attempt::Answered(output) => return result(output),
                Attempt::Failed(failure) => return Err(failure),
                Attempt::Throttled(failure) => failure,
                Attempt::Unreachable(failure) => {
                    unreachable += 1;
                    if unreachable == UNREACHABLE {
                        return Err(failure);
                    }
                    failure
                }
            };
            // Half of the pause by lot, so that squads do not come back together.
            let jittered = pause.mul_f64(rand::rng().random_range(0.5..1.0));
            tokio::select! {
                () = sleep(jittered) => pause = (pause * 2).min(patience.longest_pause()),
                () = reached(patience.begin_by) => return Err(failure),
            }
            before = Some(failure);
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
            Err(error) => refused(&error, function, sent.load(Ordering::Relaxed)),
        }
    }
}

async fn reached(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}

/// What the end of patience means for a job whose attempt is under way, after the failure of the one `before` it.
fn overdue(sent: &AtomicBool, before: Option<Failure>) -> Failure {
    if sent.load(Ordering::Relaxed) {
        Failure::new(
            "Unanswered",
            "no answer by the time its worker should have given up, or by the squad's own deadline, and the worker may \
             go on: give the function a longer timeout, or the workers less to do",
        )
    } else {
        before.unwrap_or_else(|| {
            Failure::new(
                "Throttled",
                "the squad's time was up before it was its turn, and nothing ran: give the function more memory, or \
                 use smaller squads",
            )
        })
    }
}

/// What it means for the job that Lambda gave no answer; `sent`: whether the event left this machine.
fn lost(reason: &str, sent: bool) -> Attempt {
    if sent {
        let message = format!(
            "the connection to Lambda was lost before the answer ({reason}); the worker may go on"
        );
        Attempt::Failed(Failure::new("Unanswered", message))
    } else {
        let message = format!(
            "the function could not reach Lambda to invoke its worker, and nothing ran ({reason}): in a VPC it needs a \
             route to Lambda (a NAT gateway, or an endpoint for Lambda), or no VPC"
        );
        Attempt::Unreachable(Failure::new("Connect", message))
    }
}

/// What the refusal of Lambda to invoke `function` means for the job.
fn refused(error: &SdkError<InvokeError, HttpResponse>, function: &str, sent: bool) -> Attempt {
    let Some(service) = error.as_service_error() else {
        return lost(&causes(error), sent);
    };
    let status = error
        .raw_response()
        .map_or(0, |response| response.status().as_u16());
    let code = service.code().unwrap_or_default();
    let reason = format!(
        "HTTP {status} {code}: {}",
        service.message().unwrap_or("no message")
    );
    if status == 429 || code == "TooManyRequestsException" {
        return Attempt::Throttled(Failure::new(
            "Throttled",
            format!(
                "Lambda had no free environment until the job's time was up, and nothing ran ({reason}): start fewer \
                 workers, or raise the concurrency quota"
            ),
        ));
    }
    let failure = refusal(status, code, &reason, function).unwrap_or_else(|| {
        let message = format!(
            "the answer cannot be understood ({reason}: {}), and the worker may go on",
            causes(error)
        );
        Failure::new("Unanswered", message)
    });
    Attempt::Failed(failure)
}

/// What it means for the job that Lambda refused with this status and code; none where neither tells. The types are
/// those that `driver/complaints.jq` gives to what the AWS CLI is told.
fn refusal(status: u16, code: &str, reason: &str, function: &str) -> Option<Failure> {
    let (kind, message) = match (status, code) {
        (_, "AccessDeniedException") => (
            "AccessDenied",
            format!(
                "{reason}: the function's role needs lambda:InvokeFunction on the function itself"
            ),
        ),
        (_, "RecursiveInvocationException") => (
            "AccessDenied",
            format!(
                "Lambda takes the squad for a loop, and nothing ran ({reason}): aws lambda \
                 put-function-recursion-config --function-name {} --recursive-loop Allow",
                name_of(function)
            ),
        ),
        (_, "ResourceNotFoundException") => (
            "Connect",
            format!(
                "the function, or this version or alias of it, is not there any more, and nothing ran ({reason}): \
                 make deploy"
            ),
        ),
        (_, "ResourceConflictException") => (
            "Connect",
            format!(
                "the function is being changed, and nothing ran ({reason}): run the job again in a minute"
            ),
        ),
        (_, "KMSAccessDeniedException") => (
            "AccessDenied",
            format!(
                "{reason}, and nothing ran: the function's role needs kms:Decrypt on the key of the function's \
                 environment"
            ),
        ),
        _ if UNSTARTED.iter().any(|cause| code.starts_with(cause)) => (
            "Crashed",
            format!("Lambda could not start the worker, and nothing ran ({reason})"),
        ),
        (500.., _) => (
            "Lambda",
            format!(
                "Lambda failed, which is not the function's fault ({reason}), and the worker may go on: run the job \
                 again later"
            ),
        ),
        (401 | 403, _) if !code.is_empty() => (
            "AccessDenied",
            format!(
                "Lambda does not accept the function's credentials, and nothing ran ({reason}): run the job again"
            ),
        ),
        (400.., _) if !code.is_empty() => (
            "InvalidEvent",
            format!("Lambda does not take the event, and nothing ran ({reason})"),
        ),
        _ => return None,
    };
    Some(Failure::new(kind, message))
}

/// What the codes begin with of an environment that Lambda could not start.
const UNSTARTED: [&str; 8] = [
    "EC2",
    "EFS",
    "ENILimit",
    "InvalidRuntime",
    "InvalidZipFile",
    "KMS",
    "SnapStart",
    "SubnetIPAddress",
];

/// The function's name in its ARN, which may end with a version or an alias.
fn name_of(arn: &str) -> &str {
    arn.split(':').nth(6).unwrap_or(arn)
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
        // Its own type is the name of a Rust type.
        _ if message.starts_with("Lambda panicked") => Failure::new("Crashed", message),
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
pub fn failed(job: &Value, failure: &Failure) -> Value {
    json!({
        "op": echoed(&job["op"]),
        "key": echoed(&job["key"]),
        "error": {"type": failure.kind, "message": failure.message},
    })
}

/// The JSON of the longest key: 1,024 bytes, of which each may be written as `\u0001`.
const LONGEST_KEY: usize = 6 * 1024 + 2;

/// What a refused event has as `op` or `key`: as it is where a job can have it, else as an error quotes it. Events may
/// have 6 MB, and so may an answer, all of a squad's jobs together.
fn echoed(value: &Value) -> Value {
    if value.to_string().len() <= LONGEST_KEY {
        value.clone()
    } else {
        quoted(value).into()
    }
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
    use crate::testing::{after, answer, http_client_of};
    use aws_config::BehaviorVersion;
    use aws_config::retry::RetryConfig;
    use aws_sdk_lambda::config::{Credentials, Region};
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::client::result::ConnectorError;

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
                json!({"errorType": "alloc::boxed::Box<dyn Any>", "errorMessage": "Lambda panicked: 1 > 0"}),
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
    fn a_job_that_was_sent_may_go_on_and_one_that_was_not_did_not_run() {
        let said = |sent| overdue(&AtomicBool::new(sent), None);
        assert_eq!(said(true).kind, "Unanswered");
        assert!(said(true).message.contains("the worker may go on"));
        assert_eq!(said(false).kind, "Throttled");
        assert!(said(false).message.contains("nothing ran"));
    }

    fn invoker(
        answer: impl Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync + 'static,
    ) -> Invoker {
        let config = aws_sdk_lambda::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_of(answer));
        Invoker::new(Client::from_conf(config.build()))
    }

    /// Begin and answer within 60 s, and begin in time where the start is so many seconds ahead.
    fn minute(start_in: Option<u64>) -> Patience {
        let within = |seconds| Some(Instant::now() + Duration::from_secs(seconds));
        Patience {
            hurry_until: start_in.and_then(within),
            begin_by: within(60),
            answer_by: within(60),
        }
    }

    const FUNCTION: &str = "arn:aws:lambda:us-east-1:123456789012:function:terabit:live";

    /// Invokes one job, which has a minute, of a Lambda that answers so: why it failed, and when it was asked.
    async fn failure_of(
        answer: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static,
        start_in: Option<u64>,
    ) -> (Failure, Vec<Duration>, Duration) {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (noted, began) = (Arc::clone(&asked), Instant::now());
        let invoker = invoker(move |_| {
            noted.lock().expect("nobody panics").push(began.elapsed());
            answer()
        });
        let outcome = invoker.invoke(FUNCTION, &json!({}), minute(start_in)).await;
        let failure = outcome.expect_err("nothing can come of it");
        let asked = mem::take(&mut *asked.lock().expect("nobody panics"));
        (failure, asked, began.elapsed())
    }

    fn throttled() -> HttpConnectorFuture {
        answer(
            429,
            r#"{"__type": "TooManyRequestsException", "Reason": "ConcurrentInvocationLimitExceeded"}"#,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_job_is_tried_until_it_may_not_begin_any_more() {
        for throttled in [throttled, || answer(429, "")] {
            let (failure, asked, after) = failure_of(throttled, None).await;
            assert_eq!((failure.kind.as_str(), after.as_secs()), ("Throttled", 60));
            assert!(asked.len() > UNREACHABLE as usize, "{asked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_job_is_tried_every_2_s_while_its_start_is_ahead_and_less_often_then() {
        let start = Duration::from_secs(30);
        let (_, asked, _) = failure_of(throttled, Some(start.as_secs())).await;
        let mut longest = [Duration::ZERO; 2];
        for tries in asked.windows(2) {
            let longest = &mut longest[usize::from(tries[0] >= start)];
            *longest = tries[1].abs_diff(tries[0]).max(*longest);
        }
        let most = Duration::from_millis(2010);
        assert!(
            longest[0] <= most && longest[1] > most,
            "{longest:?} of {asked:?}"
        );
    }

    #[tokio::test]
    async fn what_lambda_refuses_is_told_with_what_helps_and_not_tried_again() {
        for (status, code, kind, told) in [
            (
                400,
                "RecursiveInvocationException",
                "AccessDenied",
                "--function-name terabit --rec",
            ),
            (500, "ServiceException", "Lambda", "the worker may go on"),
            (
                403,
                "AccessDeniedException",
                "AccessDenied",
                "needs lambda:InvokeFunction",
            ),
            (404, "ResourceNotFoundException", "Connect", "nothing ran"),
            (409, "ResourceConflictException", "Connect", "nothing ran"),
            (
                403,
                "UnrecognizedClientException",
                "AccessDenied",
                "nothing ran",
            ),
            (403, "ExpiredTokenException", "AccessDenied", "nothing ran"),
            (
                502,
                "KMSAccessDeniedException",
                "AccessDenied",
                "nothing ran",
            ),
            (502, "KMSDisabledException", "Crashed", "nothing ran"),
            (409, "SnapStartNotReadyException", "Crashed", "nothing ran"),
            (
                413,
                "RequestTooLargeException",
                "InvalidEvent",
                "nothing ran",
            ),
            (503, "ServiceUnavailable", "Lambda", "the worker may go on"),
            (404, "", "Unanswered", "the worker may go on"),
        ] {
            let refused = move || match code {
                "" => answer(status, "<html>"),
                code => answer(status, format!(r#"{{"__type": "{code}"}}"#)),
            };
            let (failure, asked, _) = failure_of(refused, None).await;
            assert_eq!(
                (failure.kind.as_str(), asked.len()),
                (kind, 1),
                "{failure:?}"
            );
            assert!(failure.message.contains(told), "{failure:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_lambda_out_of_reach_is_given_up_soon() {
        let (failure, asked, after) = failure_of(
            || HttpConnectorFuture::ready(Err(ConnectorError::io("no route".into()))),
            None,
        )
        .await;
        assert_eq!(
            (failure.kind.as_str(), asked.len()),
            ("Connect", UNREACHABLE as usize),
            "{failure:?}"
        );
        assert!(after < Duration::from_secs(10), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lambda_that_opens_no_connection_is_told_when_the_time_is_up() {
        let slow = || {
            let unopened = HttpConnectorFuture::ready(Err(ConnectorError::io("too slow".into())));
            after(Duration::from_secs(20), unopened)
        };
        let (failure, asked, after) = failure_of(slow, None).await;
        assert_eq!(
            (failure.kind.as_str(), asked.len(), after.as_secs()),
            ("Connect", 3, 60),
            "{failure:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_waited_for_no_longer_than_it_can_come() {
        let (failure, asked, after) =
            failure_of(|| HttpConnectorFuture::new(std::future::pending()), None).await;
        // The event has not left: its body was never asked for.
        assert_eq!(
            (failure.kind.as_str(), asked.len(), after.as_secs()),
            ("Throttled", 1, 60)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_in_the_last_moment_is_not_lost() {
        // Which of two that are ready comes first would be chance.
        for _ in 0..20 {
            let last = || after(Duration::from_mins(1), answer(200, r#"{"bytes": 1}"#));
            let invoker = invoker(move |_| last());
            let answer = invoker.invoke(FUNCTION, &json!({}), minute(None)).await;
            assert_eq!(answer, Ok(json!({"bytes": 1})));
        }
    }

    /// Each request waits for its connection here until it is taken out.
    #[tokio::test(start_paused = true)]
    async fn at_most_64_connections_are_being_opened_at_once() {
        let waiting = Arc::new(Mutex::new(Vec::new()));
        let held = Arc::clone(&waiting);
        let invoker = invoker(move |request| {
            held.lock().expect("nobody panics").push(request);
            HttpConnectorFuture::new(std::future::pending())
        });
        for _ in 0..200 {
            let (invoker, patience) = (invoker.clone(), minute(None));
            tokio::spawn(async move { invoker.invoke("terabit", &json!({}), patience).await });
        }
        sleep(Duration::from_secs(1)).await;
        let opening = || waiting.lock().expect("nobody panics").len();
        assert_eq!(opening(), 64);
        let mut open = waiting.lock().expect("nobody panics").split_off(54);
        for request in &mut open {
            let body = std::pin::Pin::new(request.body_mut());
            let frame = std::future::poll_fn({
                let mut body = body;
                move |context| body.as_mut().poll_frame(context)
            });
            assert!(frame.await.is_some(), "the event is sent");
        }
        sleep(Duration::from_secs(1)).await;
        assert_eq!(opening(), 64, "the ten that are open make room for ten");
    }

    #[test]
    fn a_job_that_failed_has_its_op_and_key_unless_none_can_be_so_long() {
        let failure = Failure::new("InvalidEvent", "no");
        let key = "\u{1}".repeat(1024);
        assert_eq!(
            failed(&json!({"op": "read", "key": key}), &failure)["key"],
            key
        );
        let element = failed(
            &json!({"op": vec![1e20; 100_000], "key": "x".repeat(7000)}),
            &failure,
        );
        assert!(element.to_string().len() < 500, "{element}");
        assert_eq!(failed(&json!(5), &failure)["op"], Value::Null);
    }
}
