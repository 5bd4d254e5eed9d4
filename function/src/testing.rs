//! An HTTP client for the tests of the SDK's clients: no network, and the answers that a test gives.

use crate::s3::S3;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::{Credentials, Region, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use std::fmt;
use std::time::Duration;

/// Whatever is asked, `answer` says what comes of it.
pub fn http_client(
    answer: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static,
) -> SharedHttpClient {
    http_client_of(move |_| answer())
}

/// What comes of a request is what `answer` says.
pub fn http_client_of(
    answer: impl Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync + 'static,
) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Answering(answer));
    http_client_fn(move |_, _| connector.clone())
}

/// S3 where a request, shown as its method and its query without the SDK's own part, comes to what `answer` says.
pub fn s3(answer: impl Fn(&str) -> HttpConnectorFuture + Send + Sync + 'static) -> S3 {
    s3_of(move |request| answer(&shown(&request)))
}

/// S3 where a request comes to what `answer` says.
pub fn s3_of(answer: impl Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync + 'static) -> S3 {
    let http = http_client_of(answer);
    let credentials = Credentials::new("AKID", "secret", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http);
    S3::new(&config.build(), "us-east-1".to_owned(), false)
}

fn shown(request: &HttpRequest) -> String {
    let query = request.uri().split_once('?').map_or("", |(_, query)| query);
    let fields = query.split('&').filter(|field| !field.starts_with("x-id="));
    let query = fields.collect::<Vec<_>>().join("&");
    format!("{} {query}", request.method())
        .trim_end()
        .to_owned()
}

/// An answer of this status and body.
pub fn answer(status: u16, body: impl Into<String>) -> HttpConnectorFuture {
    answer_with(status, &[], body)
}

/// The same, with these headers.
pub fn answer_with(
    status: u16,
    headers: &[(&'static str, &str)],
    body: impl Into<String>,
) -> HttpConnectorFuture {
    let status = status.try_into().expect("a status");
    let mut answer = HttpResponse::new(status, body.into().into());
    for (name, value) in headers {
        answer.headers_mut().insert(*name, (*value).to_owned());
    }
    HttpConnectorFuture::ready(Ok(answer))
}

/// S3's way to say no.
pub fn refusal(status: u16, code: &str, message: &str) -> HttpConnectorFuture {
    let body = format!("<Error><Code>{code}</Code><Message>{message}</Message></Error>");
    answer(status, body)
}

/// The same as `answer`, after so long.
pub fn after(time: Duration, answer: HttpConnectorFuture) -> HttpConnectorFuture {
    HttpConnectorFuture::new(async move {
        tokio::time::sleep(time).await;
        answer.await
    })
}

/// The key that a request names: what follows the bucket's name in its path.
pub fn key_of(request: &HttpRequest) -> String {
    let uri = request.uri().split('?').next().unwrap_or_default();
    let path = uri.split_once("://").map_or(uri, |(_, rest)| rest);
    path.split_once('/')
        .map_or(String::new(), |(_, key)| key.to_owned())
}

/// What `test` comes to where time passes at once.
pub fn in_no_time<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("it needs nothing").block_on(test)
}

/// The connection breaks before the answer.
pub fn broken() -> HttpConnectorFuture {
    HttpConnectorFuture::ready(Err(ConnectorError::io("connection reset".into())))
}

struct Answering<F>(F);

impl<F> fmt::Debug for Answering<F> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Answering")
    }
}

impl<F: Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync> HttpConnector for Answering<F> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0(request)
    }
}
