//! An HTTP client for the tests of the SDK's clients: no network.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use std::fmt;

/// Whatever is asked, `answer` says what comes of it.
pub fn http_client(
    answer: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static,
) -> SharedHttpClient {
    http_client_of(move |_| answer())
}

/// `answer` says what comes of a request.
pub fn http_client_of(
    answer: impl Fn(HttpRequest) -> HttpConnectorFuture + Send + Sync + 'static,
) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Answering(answer));
    http_client_fn(move |_, _| connector.clone())
}

/// An answer of this status and body.
pub fn answer(status: u16, body: &'static str) -> HttpConnectorFuture {
    let status = status.try_into().expect("a status");
    HttpConnectorFuture::ready(Ok(HttpResponse::new(status, body.into())))
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
