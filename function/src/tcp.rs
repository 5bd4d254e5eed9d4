//! TCP connections with what honest samples and many small TLS records need.

use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use socket2::SockRef;
use std::error::Error as StdError;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, BufReader, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tower_service::Service;

/// How long a TCP connection may take to open: the SDK's own default.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(3100);

/// When nothing came over a connection for this long, TCP asks whether the other side is still there. A squad waits for
/// minutes on quiet connections, and NAT gateways forget those that are quiet for 350 s:
/// <https://docs.aws.amazon.com/vpc/latest/userguide/nat-gateway-troubleshooting.html>
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many bytes a socket takes ahead of what it has sent (`TCP_NOTSENT_LOWAT`): enough to keep the wire busy between
/// two turns of the sender, at most 1.4 % of a second at 75 MB/s with eight connections. A socket otherwise takes
/// megabytes long before they are on the wire: bytes handed to the connection would be counted early, by up to half a
/// second of a worker's network cap with eight connections, and a fleet on one machine would fill the kernel's memory
/// for sockets.
const UNSENT: u32 = 128 << 10;

/// How many bytes are read from a socket at a time where fewer are asked for: rustls asks for one record of 16 KiB, or
/// for the rest of it.
const RECEIVED: usize = 32 << 10;

/// How long a write to a closed connection is held back from failing, for what the other side sent before to be read.
/// It has arrived by then.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Opens the connections.
#[derive(Clone, Debug)]
pub struct Connector(HttpConnector);

impl Connector {
    pub fn new() -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEP_ALIVE));
        tcp.set_connect_timeout(Some(CONNECT_TIMEOUT));
        Self(tcp)
    }
}

type Opening =
    Pin<Box<dyn Future<Output = Result<TokioIo<Socket>, Box<dyn StdError + Send + Sync>>> + Send>>;

impl<U> Service<U> for Connector
where
    HttpConnector: Service<U, Response = TokioIo<TcpStream>>,
    <HttpConnector as Service<U>>::Error: Into<Box<dyn StdError + Send + Sync>>,
    <HttpConnector as Service<U>>::Future: Send + 'static,
{
    type Response = TokioIo<Socket>;
    type Error = Box<dyn StdError + Send + Sync>;
    type Future = Opening;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, to: U) -> Self::Future {
        let connecting = self.0.call(to);
        Box::pin(async move {
            let stream = connecting.await.map_err(Into::into)?.into_inner();
            limit_unsent(&stream)?;
            let stream = BufReader::with_capacity(RECEIVED, stream);
            Ok(TokioIo::new(Socket {
                stream,
                closing: None,
            }))
        })
    }
}

#[cfg(target_os = "linux")]
fn limit_unsent(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)
}

/// Elsewhere the worker runs for tests alone, and its samples may run ahead of the wire.
#[cfg(not(target_os = "linux"))]
fn limit_unsent(_: &TcpStream) -> io::Result<()> {
    Ok(())
}

/// A connection. S3 may refuse a request and close the connection while the body is still being sent. hyper reads no
/// answer after a failed write, so a write to a closed connection does not fail before the answer has been read.
#[derive(Debug)]
pub struct Socket {
    stream: BufReader<TcpStream>,
    /// From the first write on that found the connection closed: how long its failure is held back.
    closing: Option<Pin<Box<Sleep>>>,
}

impl Socket {
    /// What to tell of a write, where `written` came of it.
    fn told<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(Err(error)) if is_closed(&error) => {
                let closing = self
                    .closing
                    .get_or_insert_with(|| Box::pin(sleep(LAST_WORDS)));
                ready!(closing.as_mut().poll(context));
                Poll::Ready(Err(error))
            }
            written => written,
        }
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        self.stream.get_ref().connected()
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.told(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.told(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    async fn connected() -> (Socket, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("loopback has free ports");
        let address = listener.local_addr().expect("it is bound");
        let uri: hyper::Uri = format!("http://{address}").parse().expect("an address");
        let stream = Connector::new().call(uri).await.expect("somebody listens");
        let (peer, _) = listener.accept().await.expect("somebody connected");
        (stream.into_inner(), peer)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_connection_takes_little_ahead_of_what_it_sends() {
        let (stream, _peer) = connected().await;
        let unsent = SockRef::from(stream.stream.get_ref()).tcp_notsent_lowat();
        assert_eq!(unsent.expect("it is a socket"), UNSENT);
    }

    #[tokio::test]
    async fn a_connection_is_read_in_larger_pieces_than_asked_for() {
        let (mut stream, mut peer) = connected().await;
        let sent = vec![7; RECEIVED];
        peer.write_all(&sent).await.expect("it listens");
        // All of it is there to be read.
        while stream
            .stream
            .get_ref()
            .peek(&mut vec![0; RECEIVED])
            .await
            .expect("it is open")
            < RECEIVED
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(stream.read_u8().await.expect("it is open"), 7);
        assert_eq!(stream.stream.buffer(), &sent[1..]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_to_a_closed_connection_fails_when_its_last_words_could_be_read() {
        let (mut stream, mut peer) = connected().await;
        stream.write_all(b"request").await.expect("it is open");
        // Closed with something unread, a connection is reset.
        peer.readable().await.expect("it is open");
        peer.write_all(b"answer").await.expect("it is open");
        drop(peer);
        let write = |context: &mut Context<'_>| {
            Poll::Ready(Pin::new(&mut stream).poll_write(context, b"more"))
        };
        assert!(poll_fn(write).await.is_pending());
        let mut answer = [0; 6];
        stream.read_exact(&mut answer).await.expect("it is here");
        assert_eq!(&answer, b"answer");
        let error = stream.write_all(b"more").await.expect_err("it is closed");
        assert!(is_closed(&error), "{error}");
    }
}
