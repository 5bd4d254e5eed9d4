//! The Lambda API that the driver, the AWS CLI and SDKs call.

use std::ops::RangeInclusive;
use std::sync::Arc;

use base64_simd::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::id;
use crate::identity::{ACCOUNT, Signer};
use crate::lambda::fleet::{Fleet, Function, Invoked, Refused, Updating};
use crate::lambda::{Answer, BodyError, MAX_PAYLOAD, read};

const FUNCTIONS: &str = "/2015-03-31/functions/";
const CONCURRENCY: &str = "/2019-09-30/functions/";
const ACCOUNT_SETTINGS: &str = "/2016-08-19/account-settings";
const VERSION: &str = "$LATEST";
const LIST_QUOTAS: &str = "ServiceQuotasV20190624.ListServiceQuotas";
const NETWORK_QUOTA: &str = "Network bandwidth per execution environment";
/// The memory that a function may have, in MB.
const MEMORY: RangeInclusive<u32> = 128..=10_240;

/// Answers one request.
pub async fn answer(fleet: Arc<Fleet>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| {
            kind.as_bytes()
                .starts_with(b"application/x-www-form-urlencoded")
        });
    if form {
        // The protocol of STS, CloudFormation and others, whose clients understand no JSON.
        return query_refusal(&path);
    }
    let mut answer = route(&fleet, &path, request)
        .await
        .unwrap_or_else(Refusal::into_answer);
    if !answer.headers().contains_key("x-amzn-requestid") {
        insert(answer.headers_mut(), "x-amzn-requestid", &id::request_id());
    }
    answer
}

async fn route(
    fleet: &Arc<Fleet>,
    path: &str,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let signer = Signer::of(request.headers());
    let known = signer.and_then(|signer| signer.identity).is_some();
    if !known && !fleet.function.open_to_all {
        // The body is read first, so that the client is ready for the answer.
        let _ = read(request.into_body()).await;
        return Err(Refusal::new(
            StatusCode::FORBIDDEN,
            "UnrecognizedClientException",
            json!({ "message": "The security token included in the request is invalid." }),
        ));
    }
    if let (Some(target), Some(mbits)) = (
        request.headers().get("x-amz-target"),
        fleet.function.network_mbits,
    ) && target == LIST_QUOTAS
    {
        let quota = json!({ "ServiceCode": "lambda", "QuotaName": NETWORK_QUOTA, "Value": mbits });
        return Ok(json_answer(StatusCode::OK, &json!({ "Quotas": [quota] })));
    }
    if request.method() == Method::GET {
        if path.trim_end_matches('/') == ACCOUNT_SETTINGS {
            return Ok(json_answer(
                StatusCode::OK,
                &account_settings(&fleet.function),
            ));
        }
        let called = path.strip_prefix(CONCURRENCY);
        if let Some(name) = called.and_then(|called| called.strip_suffix("/concurrency")) {
            find(&fleet.function, name, None)?;
            return Ok(json_answer(StatusCode::OK, &reserved(&fleet.function)));
        }
    }
    call_function(fleet, path, request).await
}

/// Answers what is asked of one function.
async fn call_function(
    fleet: &Arc<Fleet>,
    path: &str,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let called = path.strip_prefix(FUNCTIONS).unwrap_or_default();
    let (name, call) = match called.split_once('/') {
        Some((name, call)) => (name, Some(call)),
        None => (called, None),
    };
    match (request.method(), name, call) {
        (_, "", _) => Err(unknown(path)),
        (&Method::POST, name, Some("invocations")) => {
            let found = find(&fleet.function, name, request.uri().query());
            invoke(fleet, found, request).await
        }
        (&Method::GET, name, None) => {
            find(&fleet.function, name, request.uri().query())?;
            let location = json!({ "RepositoryType": "S3", "Location": fleet.function.worker });
            let document = json!({
                "Configuration": configuration(fleet).await?,
                "Code": location,
                "Tags": {},
            });
            Ok(json_answer(StatusCode::OK, &document))
        }
        (&Method::GET, name, Some("configuration")) => {
            find(&fleet.function, name, request.uri().query())?;
            Ok(json_answer(StatusCode::OK, &configuration(fleet).await?))
        }
        (&Method::PUT, name, Some("configuration")) => {
            let found = find(&fleet.function, name, None);
            let body = read(request.into_body()).await;
            found?;
            let body = body.map_err(|error| content_refusal(&error.to_string()))?;
            update(fleet, &body)?;
            Ok(json_answer(StatusCode::OK, &configuration(fleet).await?))
        }
        _ => Err(unknown(path)),
    }
}

/// `UpdateFunctionConfiguration`, of the memory alone.
fn update(fleet: &Fleet, body: &[u8]) -> Result<(), Refusal> {
    let asked: Value = serde_json::from_slice(body).map_err(|error| {
        content_refusal(&format!("Could not parse request body into json: {error}"))
    })?;
    let other = asked
        .as_object()
        .and_then(|fields| fields.keys().find(|name| *name != "MemorySize"));
    if let Some(other) = other {
        return Err(invalid(&format!(
            "local changes MemorySize only, not {other}"
        )));
    }
    let size = asked["MemorySize"].as_u64();
    let size = size.and_then(|size| u32::try_from(size).ok());
    let size = size.filter(|size| MEMORY.contains(size)).ok_or_else(|| {
        invalid(&format!(
            "'MemorySize' value failed to satisfy constraint: {} is not a whole number from {} to {}",
            asked["MemorySize"],
            MEMORY.start(),
            MEMORY.end()
        ))
    })?;
    fleet.update(size).map_err(|Updating| {
        let arn = fleet.function.arn_of(&fleet.function.name);
        let message = format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {arn}"
        );
        Refusal::new(
            StatusCode::CONFLICT,
            "ResourceConflictException",
            json!({ "Type": "User", "Message": message }),
        )
    })
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "InvalidParameterValueException",
        json!({ "Type": "User", "message": message }),
    )
}

async fn invoke(
    fleet: &Arc<Fleet>,
    found: Result<(), Refusal>,
    request: Request<Incoming>,
) -> Result<Answer, Refusal> {
    let kind = request.headers().get("x-amz-invocation-type").cloned();
    let trace = trace(request.headers());
    let payload = read(request.into_body()).await;
    found?;
    let payload = payload.map_err(|error| match error {
        BodyError::TooLarge => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLargeException",
            json!({
                "Type": "User",
                "message": format!(
                    "Request must be smaller than {MAX_PAYLOAD} bytes for the InvokeFunction operation"
                ),
            }),
        ),
        BodyError::Incomplete => content_refusal(&format!("Could not read the request body: {error}")),
    })?;
    let payload = if payload.is_empty() {
        Bytes::from_static(b"{}")
    } else {
        payload
    };
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(&payload) {
        return Err(content_refusal(&format!(
            "Could not parse request body into json: {error}"
        )));
    }
    match kind.as_ref().map(HeaderValue::as_bytes) {
        None | Some(b"RequestResponse") => {}
        Some(b"DryRun") => return Ok(json_answer(StatusCode::NO_CONTENT, &Value::Null)),
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            return Err(invalid(&format!(
                "local invokes synchronously only: invocation type {other:?} is not RequestResponse or DryRun"
            )));
        }
    }
    let Invoked {
        request_id,
        is_error,
        payload,
    } = fleet.invoke(payload, trace).await?;
    let mut answer = Response::new(Full::new(payload));
    let headers = answer.headers_mut();
    insert(headers, "content-type", "application/json");
    insert(headers, "x-amzn-requestid", &request_id);
    insert(headers, "x-amz-executed-version", VERSION);
    if is_error {
        insert(headers, "x-amz-function-error", "Unhandled");
    }
    Ok(answer)
}

/// The caller's X-Ray header, or a new one.
fn trace(headers: &HeaderMap) -> String {
    if let Some(trace) = headers
        .get("x-amzn-trace-id")
        .and_then(|value| value.to_str().ok())
    {
        return trace.to_owned();
    }
    let hex = id::unique();
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    format!(
        "Root=1-{now:08x}-{};Parent={};Sampled=0",
        &hex[..24],
        &id::unique()[..16]
    )
}

/// Whether a name, partial or full ARN, with or without a qualifier, means the function.
fn find(function: &Function, called: &str, query: Option<&str>) -> Result<(), Refusal> {
    let called = percent_decode_str(called).decode_utf8_lossy();
    let own_arn = function.arn_of("");
    let partial = format!("{ACCOUNT}:function:");
    let rest = called
        .strip_prefix(own_arn.as_str())
        .or_else(|| called.strip_prefix(partial.as_str()))
        .or_else(|| called.strip_prefix("function:"))
        .unwrap_or(&called);
    let (name, qualifier) = match rest.split_once(':') {
        Some((name, qualifier)) if !rest.starts_with("arn:") => (name, Some(qualifier.to_owned())),
        _ => (rest, None),
    };
    let in_query = query.and_then(|query| {
        query
            .split('&')
            .find_map(|field| field.strip_prefix("Qualifier="))
    });
    let in_query = in_query.map(|value| percent_decode_str(value).decode_utf8_lossy().into_owned());
    let qualifier = qualifier.or(in_query);
    if name == function.name
        && qualifier
            .as_deref()
            .is_none_or(|qualifier| qualifier == VERSION)
    {
        return Ok(());
    }
    let arn = if name.starts_with("arn:") {
        name.to_owned()
    } else {
        function.arn_of(name)
    };
    let suffix = qualifier
        .map(|qualifier| format!(":{qualifier}"))
        .unwrap_or_default();
    Err(Refusal::new(
        StatusCode::NOT_FOUND,
        "ResourceNotFoundException",
        json!({ "Type": "User", "Message": format!("Function not found: {arn}{suffix}") }),
    ))
}

/// What `GetFunctionConcurrency` tells: what is reserved for the function, if something is.
fn reserved(function: &Function) -> Value {
    if function.concurrency < function.account_limit {
        json!({ "ReservedConcurrentExecutions": function.concurrency })
    } else {
        json!({})
    }
}

fn account_settings(function: &Function) -> Value {
    let limit = function.account_limit;
    let reserved = reserved(function)["ReservedConcurrentExecutions"]
        .as_u64()
        .and_then(|reserved| usize::try_from(reserved).ok())
        .unwrap_or_default();
    json!({
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800_u64,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": limit,
            "UnreservedConcurrentExecutions": limit - reserved,
        },
        "AccountUsage": { "TotalCodeSize": 0, "FunctionCount": 1 },
    })
}

async fn configuration(fleet: &Fleet) -> Result<Value, Refusal> {
    let function = &fleet.function;
    let (memory_mb, in_progress) = fleet.memory();
    let unreadable = |error: std::io::Error| {
        let message = format!("{}: {error}", function.worker.display());
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "ServiceException",
            json!({ "Type": "Service", "Message": message }),
        )
    };
    let code = tokio::fs::read(&function.worker)
        .await
        .map_err(unreadable)?;
    let modified = tokio::fs::metadata(&function.worker)
        .await
        .and_then(|data| data.modified())
        .map_err(unreadable)?;
    let modified = time::OffsetDateTime::from(modified);
    let last_modified = format!(
        "{}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}+0000",
        modified.year(),
        u8::from(modified.month()),
        modified.day(),
        modified.hour(),
        modified.minute(),
        modified.second(),
        modified.millisecond()
    );
    let architecture = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "x86_64"
    };
    Ok(json!({
        "FunctionName": function.name,
        "FunctionArn": function.arn_of(&function.name),
        "Runtime": "provided.al2023",
        "Role": format!("arn:aws:iam::{ACCOUNT}:role/{}", function.name),
        "Handler": "bootstrap",
        "CodeSize": code.len(),
        "CodeSha256": BASE64.encode_to_string(Sha256::digest(&code)),
        "Description": "",
        "Timeout": function.timeout_s,
        "MemorySize": memory_mb,
        "LastModified": last_modified,
        "Version": VERSION,
        "TracingConfig": { "Mode": "PassThrough" },
        "RevisionId": "00000000-0000-0000-0000-000000000000",
        "State": "Active",
        "LastUpdateStatus": if in_progress { "InProgress" } else { "Successful" },
        "PackageType": "Zip",
        "Architectures": [architecture],
        "EphemeralStorage": { "Size": 512 },
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{}", function.name) },
    }))
}

/// An error as Lambda words it.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    kind: &'static str,
    document: Value,
}

impl Refusal {
    fn new(status: StatusCode, kind: &'static str, document: Value) -> Self {
        Self {
            status,
            kind,
            document,
        }
    }

    fn into_answer(self) -> Answer {
        let mut answer = json_answer(self.status, &self.document);
        insert(answer.headers_mut(), "x-amzn-errortype", self.kind);
        answer
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Throttled => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "TooManyRequestsException",
                json!({ "Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded." }),
            ),
            Refused::Stopping => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceException",
                json!({ "Type": "Service", "Message": refused.to_string() }),
            ),
        }
    }
}

fn content_refusal(message: &str) -> Refusal {
    Refusal::new(
        StatusCode::BAD_REQUEST,
        "InvalidRequestContentException",
        json!({ "Type": "User", "message": message }),
    )
}

fn unknown(path: &str) -> Refusal {
    Refusal::new(
        StatusCode::NOT_FOUND,
        "UnknownOperationException",
        json!({
            "message": format!(
                "local serves Invoke, GetFunction, GetFunctionConfiguration, UpdateFunctionConfiguration, \
                 GetFunctionConcurrency and GetAccountSettings of Lambda, and nothing at {path}"
            ),
        }),
    )
}

fn query_refusal(path: &str) -> Answer {
    let text = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>UnknownOperationException</Code><Message>local serves S3 and \
         Lambda only, and nothing at {path}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
        id::request_id()
    );
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = StatusCode::NOT_FOUND;
    insert(answer.headers_mut(), "content-type", "text/xml");
    answer
}

fn json_answer(status: StatusCode, document: &Value) -> Answer {
    let body = if document.is_null() {
        Bytes::new()
    } else {
        Bytes::from(document.to_string())
    };
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    insert(answer.headers_mut(), "content-type", "application/json");
    answer
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::options::Options;

    #[test]
    fn a_function_goes_by_name_arn_and_qualifier() {
        let function = Function::new(
            &Options::parse_from(["local"]).lambda,
            "us-east-1",
            "/worker".into(),
            1000,
        );
        for called in [
            "terabit",
            "terabit:$LATEST",
            "terabit%3A%24LATEST",
            "000000000000:function:terabit",
            "arn:aws:lambda:us-east-1:000000000000:function:terabit",
            "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Aterabit%3A%24LATEST",
        ] {
            assert!(find(&function, called, None).is_ok(), "{called}");
        }
        assert!(find(&function, "terabit", Some("Qualifier=%24LATEST")).is_ok());
        for (called, query, arn) in [
            (
                "other",
                None,
                "arn:aws:lambda:us-east-1:000000000000:function:other",
            ),
            (
                "terabit:1",
                None,
                "arn:aws:lambda:us-east-1:000000000000:function:terabit:1",
            ),
            (
                "terabit",
                Some("Qualifier=live"),
                "arn:aws:lambda:us-east-1:000000000000:function:terabit:live",
            ),
            (
                "arn:aws:lambda:eu-west-1:000000000000:function:terabit",
                None,
                "arn:aws:lambda:eu-west-1:000000000000:function:terabit",
            ),
        ] {
            let refusal = find(&function, called, query).expect_err("is not there");
            assert_eq!(
                refusal.document["Message"],
                format!("Function not found: {arn}")
            );
        }
    }
}
