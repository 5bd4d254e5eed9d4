//! The HTTP client of the tests. The SDK's own would want more of rustls, hyper and aws-smithy-runtime than the
//! programs do: the tests would then try other programs than users build.

use aws_sdk_s3::primitives::SdkBody;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use hyper_util::client::legacy::{Client, connect};
use hyper_util::rt::TokioExecutor;

/// A client for one [`aws_sdk_s3::Client`], without TLS.
pub fn client() -> SharedHttpClient {
    let hyper = Client::builder(TokioExecutor::new()).build_http();
    let connector = SharedHttpConnector::new(Connector(hyper));
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct Connector(Client<connect::HttpConnector, SdkBody>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.0.request(request.try_into_http1x().unwrap());
        HttpConnectorFuture::new(async {
            let answer = answer
                .await
                .map_err(|error| ConnectorError::io(error.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}
