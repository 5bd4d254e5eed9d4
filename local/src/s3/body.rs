//! Bodies on their way: request bodies that are read to their end whatever happens, the pace of both directions, and
//! answers that break off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Sleep, sleep_until};

use crate::model::Path;
use crate::server::HungUp;

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

/// The body of an answer that breaks off half-way.
#[derive(Debug)]
pub struct Half<B> {
    body: B,
    /// Bytes that still pass.
    left: u64,
    stalls: bool,
}

impl<B: Body> Half<B> {
    /// One after whose first half the connection ends.
    pub fn ending(body: B) -> Self {
        Self::new(body, false)
    }

    /// One after whose first half nothing comes.
    pub fn stalling(body: B) -> Self {
        Self::new(body, true)
    }

    fn new(body: B, stalls: bool) -> Self {
        let left = body.size_hint().lower() / 2;
        Self { body, left, stalls }
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Half<B>
where
    B::Error: From<HungUp>,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let this = self.get_mut();
        if this.left == 0 && !this.body.is_end_stream() {
            return if this.stalls {
                Poll::Pending
            } else {
                Poll::Ready(Some(Err(HungUp.into())))
            };
        }
        let polled = ready!(Pin::new(&mut this.body).poll_frame(context));
        Poll::Ready(polled.map(|frame| {
            frame.map(|frame| {
                frame.map_data(|data| {
                    let most = usize::try_from(this.left).unwrap_or(usize::MAX);
                    let data = data.slice(..data.len().min(most));
                    this.left -= data.len() as u64;
                    data
                })
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    /// What the client is promised: the whole body.
    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
    pub fn new(body: Incoming, path: Path, expects_continue: bool) -> Self {
        Self {
            body: Some(Paced::new(body, path)),
            expects_continue,
            polled: false,
        }
    }
}

impl Received {
    /// Leaves the rest unread: the connection is not to be used again.
    pub fn leave(mut self) {
        self.body = None;
    }

    /// Takes half of the body.
    pub async fn half(&mut self) {
        let mut left = self.size_hint().lower() / 2;
        while left > 0
            && let Some(Ok(frame)) = self.frame().await
        {
            left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
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
            tokio::spawn(async move { while let Some(Ok(_)) = body.frame().await {} });
        }
    }
}
