//! Bodies on their way: request bodies that are read to their end whatever happens, and the pace of both directions.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep_until};

use crate::model::Path;

/// A paced body passes in pieces of at most this size, in bytes: requests that share a link take turns by them.
const PIECE: usize = 16 * 1024;

/// A body whose bytes pass a modelled path.
#[derive(Debug)]
pub struct Paced<B> {
    body: B,
    path: Path,
    rest: Bytes,
    passing: Option<(Bytes, Pin<Box<Sleep>>)>,
}

impl<B> Paced<B> {
    /// Sends a body along a path.
    pub fn new(body: B, path: Path) -> Self {
        Self {
            body,
            path,
            rest: Bytes::new(),
            passing: None,
        }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Paced<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        if this.path.is_free() {
            return Pin::new(&mut this.body).poll_frame(context);
        }
        if this.passing.is_none() && this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => this.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        if this.passing.is_none() {
            let piece = this.rest.split_to(PIECE.min(this.rest.len()));
            if let Some(arrival) = this.path.pass(piece.len()) {
                this.passing = Some((piece, Box::pin(sleep_until(arrival))));
            } else {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
        if let Some((_, arrival)) = &mut this.passing {
            ready!(arrival.as_mut().poll(context));
        }
        Poll::Ready(this.passing.take().map(|(piece, _)| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.passing.is_none() && self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let here = self.rest.len() + self.passing.as_ref().map_or(0, |(piece, _)| piece.len());
        let inner = self.body.size_hint();
        let mut hint = SizeHint::new();
        hint.set_lower(inner.lower() + here as u64);
        if let Some(upper) = inner.upper() {
            hint.set_upper(upper + here as u64);
        }
        hint
    }
}

/// A request's body. If it is given up before its end, the rest is read and dropped in the background: a client that
/// is still sending would otherwise find its connection reset before it could read why.
#[derive(Debug)]
pub struct Received {
    body: Option<Paced<Incoming>>,
    /// The client sends nothing before it has been asked to, which reading does.
    expects_continue: bool,
    polled: bool,
}

impl Received {
    /// A body as it comes from the connection.
    #[must_use]
    pub fn new(body: Incoming, path: Path, expects_continue: bool) -> Self {
        Self {
            body: Some(Paced::new(body, path)),
            expects_continue,
            polled: false,
        }
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        this.polled = true;
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = ready!(Pin::new(body).poll_frame(context));
        if !matches!(polled, Some(Ok(_))) {
            this.body = None;
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        if let Some(mut body) = self.body.take_if(|body| !body.is_end_stream())
            && (self.polled || !self.expects_continue)
        {
            tokio::spawn(async move {
                while let Some(Ok(_)) = http_body_util::BodyExt::frame(&mut body).await {}
            });
        }
    }
}
