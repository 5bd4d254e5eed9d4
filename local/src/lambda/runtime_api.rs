//! The Runtime API, from which worker processes fetch events and where they deliver answers.
//!
//! Each worker is given an address of its own, `/<environment>` before the documented path, on one listener.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use serde_json::json;

use crate::lambda::environment::{Environment, Fetched, Outcome};
use crate::lambda::fleet::Fleet;
use crate::lambda::{Answer, BodyError, read};

/// Answers one request of a worker.
pub async fn answer(fleet: Arc<Fleet>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let (number, call) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((&path, ""));
    let Some(environment) = number
        .parse()
        .ok()
        .and_then(|number| fleet.environment(number))
    else {
        return refusal(
            StatusCode::FORBIDDEN,
            "UnknownEnvironment",
            &format!("no environment serves {path}"),
        );
    };
    let Some(call) = call.strip_prefix("2018-06-01/runtime/") else {
        return refusal(
            StatusCode::NOT_FOUND,
            "UnknownCall",
            &format!("{path} is not a call of the Runtime API"),
        );
    };
    let words: Vec<&str> = call.split('/').collect();
    match (request.method(), words.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&fleet, &environment).await,
        (&Method::POST, ["invocation", id, "response"]) => {
            answered(&environment, id, request.into_body()).await
        }
        (&Method::POST, ["invocation", id, "error"]) => match read(request.into_body()).await {
            Ok(body) => delivered(&environment, id, Outcome::Failed(body)),
            Err(error) => incomplete(&error),
        },
        (&Method::POST, ["init", "error"]) => match read(request.into_body()).await {
            Ok(body) => {
                environment.init_failed(body);
                accepted()
            }
            Err(error) => incomplete(&error),
        },
        (method, _) => refusal(
            StatusCode::NOT_FOUND,
            "UnknownCall",
            &format!("{method} {path} is not a call of the Runtime API"),
        ),
    }
}

async fn answered(environment: &Environment, id: &str, body: Incoming) -> Answer {
    let outcome = match read(body).await {
        Ok(body) => Outcome::Answered(body),
        Err(BodyError::TooLarge) => Outcome::TooLarge,
        Err(error @ BodyError::Incomplete) => return incomplete(&error),
    };
    let too_large = matches!(outcome, Outcome::TooLarge);
    let accepted = delivered(environment, id, outcome);
    if too_large && accepted.status().is_success() {
        return refusal(
            StatusCode::PAYLOAD_TOO_LARGE,
            "RequestEntityTooLarge",
            &BodyError::TooLarge.to_string(),
        );
    }
    accepted
}

async fn next(fleet: &Fleet, environment: &Environment) -> Answer {
    let Some(Fetched {
        invocation,
        deadline_ms,
    }) = environment.next().await
    else {
        return refusal(
            StatusCode::GONE,
            "Superseded",
            "a later request for the next event took this one's place",
        );
    };
    Response::builder()
        .header("Content-Type", "application/json")
        // A worker at work needs no connection here, and thousands of them are many open files.
        .header("Connection", "close")
        .header("Lambda-Runtime-Aws-Request-Id", &invocation.request_id)
        .header("Lambda-Runtime-Deadline-Ms", deadline_ms.to_string())
        .header(
            "Lambda-Runtime-Invoked-Function-Arn",
            fleet.function.arn_of(&fleet.function.name),
        )
        .header("Lambda-Runtime-Trace-Id", &invocation.trace)
        .body(Full::new(invocation.payload.clone()))
        .expect("ids and an ARN of checked parts are valid header values")
}

fn delivered(environment: &Environment, id: &str, outcome: Outcome) -> Answer {
    if environment.finish(id, outcome) {
        accepted()
    } else {
        refusal(
            StatusCode::BAD_REQUEST,
            "InvalidRequestID",
            &format!("invocation {id:?} is not in progress here"),
        )
    }
}

fn accepted() -> Answer {
    document(StatusCode::ACCEPTED, json!({ "status": "OK" }).to_string())
}

fn incomplete(error: &BodyError) -> Answer {
    refusal(StatusCode::BAD_REQUEST, "InvalidBody", &error.to_string())
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Answer {
    document(
        status,
        json!({ "errorType": kind, "errorMessage": message }).to_string(),
    )
}

fn document(status: StatusCode, text: String) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(text)));
    *answer.status_mut() = status;
    answer.headers_mut().insert(
        http::header::CONTENT_TYPE,
        http::HeaderValue::from_static("application/json"),
    );
    answer
}
