//! Sockets and connections.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Once;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::errno::Errno;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// Connections that may wait to be accepted: a fleet opens thousands in the same second.
const BACKLOG: i32 = 4096;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("hung up")]
pub struct HungUp;

/// What lies between client and server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// The kernel's loopback as it is: large segments, buffers of megabytes.
    Loopback,
    /// Segments and buffers of a network path. Loopback's would swallow megabytes ahead of the modelled rate, and a
    /// client that counts what it has handed to its connection would measure the buffers.
    Network,
}

impl Wire {
    const NETWORK_SEGMENT: u32 = 1460;
    const NETWORK_RECEIVE_BUFFER: usize = 16 * 1024;
    const NETWORK_SEND_BUFFER: usize = 64 * 1024;

    /// What the HTTP server may buffer in each direction of a connection, in bytes.
    fn server_buffer(self) -> usize {
        match self {
            Self::Loopback => 256 * 1024,
            Self::Network => 16 * 1024,
        }
    }
}

/// Listens on a free port of 127.0.0.1.
///
/// # Errors
/// When the system refuses the socket.
pub fn listen(wire: Wire) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if wire == Wire::Network {
        // Accepted connections inherit these, the client learns the segment size during the handshake.
        socket.set_tcp_mss(Wire::NETWORK_SEGMENT)?;
        socket.set_recv_buffer_size(Wire::NETWORK_RECEIVE_BUFFER)?;
        socket.set_send_buffer_size(Wire::NETWORK_SEND_BUFFER)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Serves connections for ever; each request is answered by `handler`, or its connection closed.
pub async fn serve<H, F, B>(listener: TcpListener, tls: Option<TlsAcceptor>, wire: Wire, handler: H)
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Result<Response<B>, HungUp>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Not fatal: only latency suffers.
                let _ = stream.set_nodelay(true);
                let (tls, handler) = (tls.clone(), handler.clone());
                tokio::spawn(async move {
                    match tls {
                        None => connection(stream, wire, handler).await,
                        // A client that does not trust the certificate says so itself.
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                connection(stream, wire, handler).await;
                            }
                        }
                    }
                });
            }
            Err(error) => {
                tell(&error);
                // Those who hold descriptors need a moment to give some back.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Says why a connection cannot be accepted; once that there are too few descriptors, which goes on and on.
fn tell(error: &io::Error) {
    static SAID: Once = Once::new();
    if error.raw_os_error().map(Errno::from_raw) == Some(Errno::EMFILE) {
        SAID.call_once(|| {
            crate::say(
                "has as many files open as it may; connections wait, and some will fail. Have fewer workers or \
                 fewer requests in flight (driver.sh: --in-flight), or raise the limit (`ulimit -n`) before it starts",
            );
        });
    } else {
        crate::say(format_args!("cannot accept a connection: {error}"));
    }
}

async fn connection<S, H, F, B>(stream: S, wire: Wire, handler: H)
where
    S: AsyncRead + AsyncWrite + Unpin,
    H: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<B>, HungUp>>,
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(wire.server_buffer())
        .serve_connection(TokioIo::new(stream), service_fn(handler))
        .await;
    // A client that goes away in mid request is its own business; whoever awaited the body has seen the error.
    drop(served);
}
