//! The HTTP client below both SDK clients: hyper over connections of [`crate::tcp`], whose options the SDK's own client
//! does not let be set.

use crate::tcp;
use aws_smithy_runtime_api::client::connection::{CaptureSmithyConnection, ConnectionMetadata};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::{CaptureConnection, capture_connection};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::error::Error as StdError;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tower_service::Service;

/// How long a connection may take to open with its TLS handshake: many share the fraction of a processor that a small
/// function has.
const OPEN_TIMEOUT: Duration = Duration::from_secs(20);

/// A connection that was idle for longer is not used again: an environment that was frozen and thawed would otherwise
/// begin with connections that died in its sleep.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes a connection may hold of what it received or has to send; hyper's own limit is 400 KiB, of which 64
/// connections fill a third of the smallest function.
const HELD: usize = 64 << 10;

/// The HTTP client of the environment.
///
/// # Errors
///
/// No root certificate could be read.
pub fn client() -> io::Result<SharedHttpClient> {
    let https = HttpsConnectorBuilder::new()
        .with_native_roots()?
        .https_or_http()
        .enable_http1()
        .wrap_connector(tcp::Connector::new());
    let hyper = Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http1_max_buf_size(HELD)
        .build(Timely(https));
    Ok(http_client_fn(move |settings, _| {
        SharedHttpConnector::new(Connector {
            hyper: hyper.clone(),
            answer_timeout: settings.read_timeout(),
        })
    }))
}

/// hyper, as the SDK calls it for one kind of operation.
#[derive(Debug)]
struct Connector {
    hyper: Client<Timely<HttpsConnector<tcp::Connector>>, SdkBody>,
    /// How long the answer may take to begin, where the request has no body that is generated while it is sent: an
    /// honest part takes minutes on a small function, so that its answer is waited for by
    /// [`crate::write`](mod@crate::write), from the last byte sent on.
    answer_timeout: Option<Duration>,
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let mut request = match request.try_into_http1x() {
            Ok(request) => request,
            Err(error) => {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        };
        let captured = capture_connection(&mut request);
        if let Some(capture) = request.extensions().get::<CaptureSmithyConnection>() {
            capture.set_connection_retriever(move || connection(&captured));
        }
        let in_memory = request.body().bytes().is_some();
        let answer_timeout = self.answer_timeout.filter(|_| in_memory);
        let answer = self.hyper.request(request);
        HttpConnectorFuture::new(async move {
            let answer = match answer_timeout {
                Some(limit) => tokio::time::timeout(limit, answer).await.map_err(|_| {
                    ConnectorError::timeout(
                        format!("no answer within {} s", limit.as_secs()).into(),
                    )
                })?,
                None => answer.await,
            };
            let answer = answer.map_err(connector_error)?;
            HttpResponse::try_from(answer.map(SdkBody::from_body_1_x))
                .map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The connection of a request, for the SDK to close when the answer was that something is wrong on the other side:
/// the next attempt then reaches another of S3's servers.
fn connection(captured: &CaptureConnection) -> Option<ConnectionMetadata> {
    let proxied = captured.connection_metadata().as_ref()?.is_proxied();
    let captured = captured.clone();
    let close = move || {
        if let Some(connection) = captured.connection_metadata().as_ref() {
            connection.poison();
        }
    };
    let metadata = ConnectionMetadata::builder().proxied(proxied);
    Some(metadata.poison_fn(close).build())
}

/// No connection could be opened: nothing of the request was sent.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unopened(pub Box<dyn StdError + Send + Sync>);

/// What an error of hyper means: whatever is not the caller's own fault is the network's.
fn connector_error(error: Error) -> ConnectorError {
    let hyper = error
        .source()
        .and_then(|source| source.downcast_ref::<hyper::Error>());
    if hyper.is_some_and(hyper::Error::is_user) {
        ConnectorError::user(error.into())
    } else if error.is_connect() {
        ConnectorError::io(Unopened(error.into()).into())
    } else {
        ConnectorError::io(error.into())
    }
}

type Opening<R> = Pin<Box<dyn Future<Output = Result<R, Box<dyn StdError + Send + Sync>>> + Send>>;

/// Opens connections, handshakes included, within [`OPEN_TIMEOUT`] or not at all.
#[derive(Clone, Debug)]
struct Timely<C>(C);

impl<C, U> Service<U> for Timely<C>
where
    C: Service<U>,
    C::Error: Into<Box<dyn StdError + Send + Sync>>,
    C::Future: Send + 'static,
{
    type Response = C::Response;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Opening<C::Response>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: U) -> Self::Future {
        let opening = self.0.call(to);
        Box::pin(async move {
            let opened = tokio::time::timeout(OPEN_TIMEOUT, opening)
                .await
                .map_err(|_| {
                    format!(
                        "the connection was not open within {} s",
                        OPEN_TIMEOUT.as_secs()
                    )
                })?;
            opened.map_err(Into::into)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_s3::primitives::ByteStream;
    use std::io::{Read as _, Write as _};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    /// A peer that takes a TCP connection and never shakes hands.
    #[derive(Clone)]
    struct Aloof;

    impl Service<()> for Aloof {
        type Response = ();
        type Error = io::Error;
        type Future = std::future::Pending<io::Result<()>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            std::future::pending()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_does_not_end_is_given_up() {
        let error = Timely(Aloof).call(()).await.expect_err("it never opens");
        assert_eq!(error.to_string(), "the connection was not open within 20 s");
    }

    fn connector() -> Connector {
        Connector {
            hyper: Client::builder(TokioExecutor::new()).build(Timely(
                HttpsConnectorBuilder::new()
                    .with_native_roots()
                    .expect("this machine has certificates")
                    .https_or_http()
                    .enable_http1()
                    .wrap_connector(tcp::Connector::new()),
            )),
            answer_timeout: None,
        }
    }

    /// Answers every request, with the number of the connection on which it came.
    async fn numbered(listener: TcpListener) {
        for number in 1.. {
            let (mut stream, _) = listener.accept().await.expect("somebody connects");
            tokio::spawn(async move {
                let answer =
                    format!("HTTP/1.1 200 OK\r\nnumber: {number}\r\ncontent-length: 0\r\n\r\n");
                while stream.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {
                    stream
                        .write_all(answer.as_bytes())
                        .await
                        .expect("it listens");
                }
            });
        }
    }

    #[tokio::test]
    async fn a_connection_that_the_sdk_gives_up_is_not_used_again() {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let server = tokio::spawn(numbered(listener));
        let connector = connector();
        let mut numbers = Vec::new();
        for gives_up in [false, true, false] {
            let mut request = HttpRequest::get(format!("http://{address}/")).expect("an address");
            let capture = CaptureSmithyConnection::new();
            request.add_extension(capture.clone());
            let answer = connector.call(request).await.expect("it is answered");
            numbers.push(
                answer
                    .headers()
                    .get("number")
                    .expect("it is there")
                    .to_owned(),
            );
            if gives_up {
                capture.get().expect("a connection").poison();
            }
        }
        assert_eq!(numbers, ["1", "1", "2"]);
        server.abort();
    }

    /// Of both sides in one thread each would wait until the other had done all it can.
    #[tokio::test]
    async fn an_answer_that_comes_before_the_body_is_sent_is_read() {
        const TIMES: usize = 40;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let server = std::thread::spawn(move || {
            for stream in listener.incoming().take(TIMES) {
                let mut stream = stream.expect("somebody connects");
                stream.read_exact(&mut vec![0; 64 << 10]).expect("it sends");
                let answer =
                    b"HTTP/1.1 503 \r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
                               4\r\nslow\r\n0\r\n\r\n";
                stream.write_all(answer).expect("it listens");
            }
        });
        for _ in 0..TIMES {
            let mut request = HttpRequest::new(SdkBody::from(vec![0; 8 << 20]));
            request.set_method("PUT").expect("a method");
            let uri = format!("http://{address}/");
            request.set_uri(uri).expect("an address");
            let answer = connector().call(request).await.expect("it is answered");
            assert_eq!(answer.status().as_u16(), 503);
            let body = ByteStream::new(answer.into_body()).collect().await;
            assert_eq!(&body.expect("it is whole").into_bytes()[..], b"slow");
        }
        server.join().expect("it does not panic");
    }

    #[tokio::test]
    async fn a_server_that_hangs_up_is_an_error_to_try_again() {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let server = tokio::spawn(async move { drop(listener.accept().await) });
        let connector = connector();
        let request = HttpRequest::get(format!("http://{address}/")).expect("an address");
        let error = connector.call(request).await.expect_err("nobody answers");
        assert!(error.is_io(), "{error:?}");
        server.await.expect("it does not panic");
    }

    #[tokio::test]
    async fn a_connection_that_cannot_be_opened_is_told_from_one_that_breaks() {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        drop(listener);
        for uri in [
            format!("http://{address}/"),
            "http://nowhere.invalid/".to_owned(),
        ] {
            let request = HttpRequest::get(uri).expect("an address");
            let error = connector().call(request).await.expect_err("nobody listens");
            let source = error.source().expect("it has a cause");
            assert!(source.is::<Unopened>(), "{error:?}");
        }
    }
}
