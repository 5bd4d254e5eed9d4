//! Lambda as its callers see it, and what it does with its processes.

mod common;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use common::Local;
use local::identity::Identity;
use local::room::Room;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// An answer of the Lambda API.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut lines = lines;
        lines
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn function_error(&self) -> Option<Value> {
        self.header("x-amz-function-error").map(|kind| {
            assert_eq!((self.status, kind), (200, "Unhandled"));
            self.json()
        })
    }
}

/// A connection on which a request has been sent.
async fn ask(
    local: &Local,
    key: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> TcpStream {
    let mut stream = TcpStream::connect(common::address(&local.service.endpoints.lambda))
        .await
        .unwrap();
    let length = body.len();
    let path = if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/2015-03-31/functions/{path}")
    };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: lambda\r\nconnection: close\r\ncontent-length: {length}\r\n\
         authorization: AWS4-HMAC-SHA256 Credential={key}/20261123/us-east-1/lambda/aws4_request\r\n{headers}\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    stream
}

async fn send(
    local: &Local,
    key: &str,
    method: &str,
    path: &str,
    headers: &str,
    body: &[u8],
) -> Answer {
    let mut stream = ask(local, key, method, path, headers, body).await;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("a head");
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head,
        body: answer[end + 4..].to_vec(),
    }
}

async fn invoke(local: &Local, event: &Value) -> Answer {
    let key = Identity::Command.access_key();
    send(
        local,
        &key,
        "POST",
        "terabit/invocations",
        "",
        event.to_string().as_bytes(),
    )
    .await
}

fn lives(pid: &Value) -> bool {
    // A zombie has a folder too, but no command line.
    std::fs::read(Path::new("/proc").join(pid.to_string()).join("cmdline"))
        .is_ok_and(|line| !line.is_empty())
}

#[tokio::test]
async fn an_invocation_goes_on_without_its_caller() {
    let events = tempfile::NamedTempFile::new().unwrap();
    let local = common::start(&["--events", events.path().to_str().unwrap()]);
    let key = Identity::Command.access_key();
    for _ in 0..20 {
        drop(ask(&local, &key, "POST", "terabit/invocations", "", b"{}").await);
    }
    let run = || {
        std::fs::read_to_string(events.path())
            .unwrap()
            .lines()
            .count()
    };
    for _ in 0..200 {
        if run() == 20 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(run(), 20);
    local.service.stop().await;
}

#[tokio::test]
async fn a_worker_is_given_what_lambda_gives_and_is_reused() {
    let local = common::start(&[
        "--timeout",
        "30",
        "--memory-size",
        "1769",
        "--region",
        "eu-west-1",
    ]);
    let first = invoke(&local, &json!({ "a": 1 })).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.header("x-amz-executed-version"), Some("$LATEST"));
    let first = first.json();
    assert_eq!(first["event"], json!({ "a": 1 }));
    let variables = &first["env"];
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_NAME"], "terabit");
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"], "1769");
    assert_eq!(variables["AWS_REGION"], "eu-west-1");
    assert_eq!(
        variables["AWS_ACCESS_KEY_ID"],
        Identity::Worker(1).access_key()
    );
    assert_eq!(variables["AWS_ENDPOINT_URL_S3"], local.service.endpoints.s3);
    assert!(
        variables.get("HOME").is_none(),
        "nothing of local's own environment"
    );
    let deadline: u64 = first["headers"]["lambda-runtime-deadline-ms"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let left = Duration::from_millis(deadline).checked_sub(now).unwrap();
    assert!((20..=30).contains(&left.as_secs()), "{left:?}");
    assert_eq!(
        first["headers"]["connection"], "close",
        "a worker at work holds no connection to the Runtime API"
    );
    let second = invoke(&local, &json!({})).await.json();
    assert_eq!(second["pid"], first["pid"], "warm");
    let (one, two) = (json!({ "sleep": 1 }), json!({ "sleep": 1 }));
    let (one, two) = tokio::join!(invoke(&local, &one), invoke(&local, &two));
    assert_ne!(
        one.json()["pid"],
        two.json()["pid"],
        "one invocation at a time"
    );
    let pids = [one.json()["pid"].clone(), two.json()["pid"].clone()];
    assert!(pids.iter().all(lives));
    local.service.stop().await;
    assert!(!pids.iter().any(lives), "no process outlives the service");
}

#[tokio::test]
async fn errors_crashes_and_timeouts_are_function_errors_and_the_environment_is_replaced() {
    let local = common::start(&["--timeout", "1", "--concurrency", "1"]);
    let told = invoke(&local, &json!({ "fail": "why" }))
        .await
        .function_error()
        .unwrap();
    assert_eq!(told, json!({ "errorType": "Told", "errorMessage": "why" }));
    for (event, kind, ends) in [
        (
            json!({ "exit": 3 }),
            "Runtime.ExitError",
            "Error: Runtime exited with error: exit status 3",
        ),
        (
            json!({ "signal": 9 }),
            "Runtime.ExitError",
            "Error: Runtime exited with error: signal: killed",
        ),
        (
            json!({ "sleep": 60 }),
            "Sandbox.Timedout",
            "Error: Task timed out after 1.00 seconds",
        ),
        (
            json!({ "bytes": 6_291_456 }),
            "Function.ResponseSizeTooLarge",
            "size (6291456 bytes).",
        ),
    ] {
        let start = Instant::now();
        let answer = invoke(&local, &event).await;
        let error = answer
            .function_error()
            .unwrap_or_else(|| panic!("{event}: {}", answer.head));
        assert_eq!(error["errorType"], kind, "{event}");
        let message = error["errorMessage"].as_str().unwrap();
        assert!(message.ends_with(ends), "{event}: {message}");
        if kind != "Function.ResponseSizeTooLarge" {
            assert!(
                message.contains(answer.header("x-amzn-requestid").unwrap()),
                "{message}"
            );
        }
        assert!(start.elapsed() < Duration::from_secs(10), "{event}");
        assert_eq!(
            invoke(&local, &json!({ "next": 1 })).await.json()["event"]["next"],
            1,
            "after {event}"
        );
    }
    let answered = invoke(&local, &json!({ "exit_after": 1 })).await;
    assert!(
        answered.function_error().is_none(),
        "what was answered counts"
    );
    assert_eq!(invoke(&local, &json!({})).await.status, 200);
    local.service.stop().await;
}

#[tokio::test]
async fn a_worker_that_cannot_start_is_a_function_error() {
    let events = tempfile::NamedTempFile::new().unwrap();
    let noted = ["--events", events.path().to_str().unwrap()];
    let local = common::start_with_init(&noted, "sys.exit(1)");
    for _ in 0..2 {
        let error = invoke(&local, &json!({})).await.function_error().unwrap();
        assert_eq!(error["errorType"], "Runtime.ExitError");
    }
    local.service.stop().await;
    assert_eq!(
        std::fs::read_to_string(events.path()).unwrap(),
        "",
        "no worker was given the event"
    );
    let said = "call('POST', 'init/error', '{\"errorType\":\"Init\",\"errorMessage\":\"no\"}'); sys.exit(1)";
    let local = common::start_with_init(&[], said);
    assert_eq!(
        invoke(&local, &json!({})).await.function_error().unwrap()["errorType"],
        "Init"
    );
    local.service.stop().await;
    let local = common::start_with_init(&[], "");
    std::fs::remove_file(local.options.lambda.worker.as_ref().unwrap()).unwrap();
    let error = invoke(&local, &json!({})).await.function_error().unwrap();
    assert_eq!(error["errorType"], "Runtime.InvalidEntrypoint");
    local.service.stop().await;
}

#[tokio::test]
async fn beyond_the_concurrency_invocations_are_throttled() {
    let local = common::start(&["--concurrency", "2"]);
    let event = json!({ "sleep": 1 });
    let (one, two, three) = tokio::join!(
        invoke(&local, &event),
        invoke(&local, &event),
        invoke(&local, &event)
    );
    let mut answers = [one, two, three];
    answers.sort_by_key(|answer| answer.status);
    assert_eq!(
        answers.each_ref().map(|answer| answer.status),
        [200, 200, 429]
    );
    assert_eq!(
        answers[2].header("x-amzn-errortype"),
        Some("TooManyRequestsException")
    );
    assert_eq!(
        answers[2].json()["Reason"],
        "ConcurrentInvocationLimitExceeded"
    );
    assert_eq!(invoke(&local, &json!({})).await.status, 200);
    local.service.stop().await;
}

#[tokio::test]
async fn a_caller_that_hangs_up_stops_nothing() {
    let local = common::start(&["--concurrency", "1"]);
    let event = json!({ "sleep": 1 });
    let hung_up = tokio::time::timeout(Duration::from_millis(500), invoke(&local, &event)).await;
    assert!(hung_up.is_err());
    assert_eq!(
        invoke(&local, &json!({})).await.status,
        429,
        "it still runs"
    );
    while invoke(&local, &json!({})).await.status == 429 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(
        invoke(&local, &json!({})).await.status,
        200,
        "and has ended"
    );
    local.service.stop().await;
}

#[tokio::test]
async fn refusals_are_those_of_lambda() {
    let local = common::start(&[]);
    let key = Identity::Command.access_key();
    let large = vec![b'1'; 6_291_457];
    for (key, method, path, headers, body, status, kind) in [
        (
            key.as_str(),
            "POST",
            "other/invocations",
            "",
            &b"{}"[..],
            404,
            "ResourceNotFoundException",
        ),
        (
            &key,
            "POST",
            "terabit/invocations",
            "",
            b"{",
            400,
            "InvalidRequestContentException",
        ),
        (
            &key,
            "POST",
            "terabit/invocations",
            "",
            &large,
            413,
            "RequestEntityTooLargeException",
        ),
        (
            &key,
            "POST",
            "terabit/invocations",
            "x-amz-invocation-type: Event\r\n",
            b"{}",
            400,
            "InvalidParameterValueException",
        ),
        (
            "AKIAIOSFODNN7EXAMPLE",
            "POST",
            "terabit/invocations",
            "",
            b"{}",
            403,
            "UnrecognizedClientException",
        ),
        (
            &key,
            "GET",
            "terabit/concurrency",
            "",
            b"",
            404,
            "UnknownOperationException",
        ),
        (
            &key,
            "GET",
            "other/configuration",
            "",
            b"",
            404,
            "ResourceNotFoundException",
        ),
    ] {
        let answer = send(&local, key, method, path, headers, body).await;
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (status, Some(kind)),
            "{method} {path} {headers}"
        );
        assert!(answer.json().is_object());
    }
    let dry = send(
        &local,
        &key,
        "POST",
        "terabit/invocations",
        "x-amz-invocation-type: DryRun\r\n",
        b"{}",
    )
    .await;
    assert_eq!((dry.status, dry.body.len()), (204, 0));
    let empty = send(&local, &key, "POST", "terabit/invocations", "", b"").await;
    assert_eq!(
        empty.json()["event"],
        json!({}),
        "an empty payload is an empty object"
    );
    let found = send(&local, &key, "GET", "terabit", "", b"").await.json();
    assert_eq!(found["Configuration"]["Timeout"], 900);
    assert_eq!(found["Configuration"]["State"], "Active");
    local.service.stop().await;
}

#[tokio::test]
async fn the_account_tells_what_the_function_may_have() {
    let get = async |arguments: &[&str], path| {
        let local = common::start(arguments);
        let key = Identity::Command.access_key();
        send(&local, &key, "GET", path, "", b"").await.json()
    };
    let settings = "/2016-08-19/account-settings/";
    let reserved = "/2019-09-30/functions/terabit/concurrency";
    let limits = |settings: &Value| {
        let limit = &settings["AccountLimit"];
        (
            limit["ConcurrentExecutions"].as_u64(),
            limit["UnreservedConcurrentExecutions"].as_u64(),
        )
    };
    assert_eq!(limits(&get(&[], settings).await), (Some(1000), Some(1000)));
    let held = Room::make().unwrap().hold(10_000).0 as u64;
    let many = ["--concurrency", "10000"];
    assert_eq!(
        limits(&get(&many, settings).await),
        (Some(held), Some(held)),
        "no more than this machine carries"
    );
    let small = ["--account-limit", "10"];
    assert_eq!(limits(&get(&small, settings).await), (Some(10), Some(10)));
    assert_eq!(get(&small, reserved).await, json!({}));
    let part = ["--account-limit", "10", "--concurrency", "4"];
    assert_eq!(limits(&get(&part, settings).await), (Some(10), Some(6)));
    assert_eq!(
        get(&part, reserved).await,
        json!({ "ReservedConcurrentExecutions": 4 })
    );
}

#[tokio::test]
async fn a_function_that_grows_too_fast_is_throttled_while_warm_environments_are_not() {
    let local = common::start(&["--scaling-rate", "2/900s"]);
    let event = json!({ "sleep": 0.5 });
    let (one, two, three) = tokio::join!(
        invoke(&local, &event),
        invoke(&local, &event),
        invoke(&local, &event)
    );
    let mut statuses = [one.status, two.status, three.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(invoke(&local, &event).await.status, 200);
}

#[tokio::test]
async fn the_account_limit_throttles() {
    let local = common::start(&["--account-limit", "1"]);
    let event = json!({ "sleep": 0.5 });
    let (one, two) = tokio::join!(invoke(&local, &event), invoke(&local, &event));
    assert_eq!(one.status + two.status, 200 + 429);
}

#[tokio::test]
async fn each_event_that_a_worker_was_given_is_noted_once() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("events");
    let local = common::start(&["--concurrency", "1", "--events", path.to_str().unwrap()]);
    let event = json!({ "sleep": 0.5, "key": "a" });
    let (one, two) = tokio::join!(invoke(&local, &event), invoke(&local, &event));
    assert_eq!(one.status + two.status, 200 + 429);
    invoke(&local, &json!({ "key": "b" })).await;
    let noted = std::fs::read_to_string(&path).unwrap();
    let noted: Vec<Value> = noted
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(noted, [event, json!({ "key": "b" })]);
}

#[tokio::test]
async fn an_update_of_the_memory_takes_a_moment_and_replaces_the_environments() {
    let local = common::start(&["--memory-size", "512"]);
    let key = Identity::Command.access_key();
    let call = async |method, body: &str| {
        let path = "terabit/configuration";
        send(&local, &key, method, path, "", body.as_bytes()).await
    };
    let update = async |body| call("PUT", body).await;
    let told = async || {
        let configuration = call("GET", "").await.json();
        let size = configuration["MemorySize"].as_u64().unwrap();
        let status = configuration["LastUpdateStatus"].as_str().unwrap();
        (size, status.to_owned())
    };
    let worker = async || {
        let answer = invoke(&local, &json!({})).await.json();
        let memory = answer["env"]["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"].clone();
        (memory, answer["pid"].clone())
    };
    let before = worker().await;
    assert_eq!(before.0, "512");
    let answer = update(r#"{"MemorySize": 3008}"#).await;
    assert_eq!(
        (answer.status, answer.json()["MemorySize"].as_u64()),
        (200, Some(3008))
    );
    assert_eq!(told().await, (3008, "InProgress".to_owned()));
    assert_eq!(worker().await, before, "until then nothing changes");
    assert_eq!(update(r#"{"MemorySize": 128}"#).await.status, 409);
    while told().await.1 == "InProgress" {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let after = worker().await;
    assert_eq!(after.0, "3008");
    assert_ne!(after.1, before.1);
    for (body, message) in [
        (
            r#"{"MemorySize": 64}"#,
            "64 is not a whole number from 128 to 10240",
        ),
        (r#"{"MemorySize": "512"}"#, "is not a whole number"),
        (r#"{"Timeout": 3}"#, "not Timeout"),
        ("no", "Could not parse request body"),
    ] {
        let refused = update(body).await;
        assert_eq!(refused.status, 400, "{body}");
        assert!(
            refused.json()["message"]
                .as_str()
                .unwrap()
                .contains(message),
            "{body}"
        );
    }
    local.service.stop().await;
}
