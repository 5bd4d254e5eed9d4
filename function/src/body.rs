//! The body of a part, generated while it is sent.

use crate::data::{Content, Seed};
use crate::meter::Request;
use crate::spans::Span;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// How many bytes are generated at a time. hyper queues up to 16 frames a connection before it writes them to the
/// socket at once, so this decides what a connection needs of memory and how many system calls a part.
pub const FRAME: usize = 16 << 10;

/// The bytes of a key in `span` as a body that can be sent again: each attempt generates them anew.
pub fn part(seed: Seed, span: Span, request: Request) -> ByteStream {
    // The SDK calls this several times for one attempt: what it makes does nothing until it is polled.
    ByteStream::new(SdkBody::retryable(move || {
        SdkBody::from_body_1_x(Part::new(seed, span, request.clone()))
    }))
}

/// Ends a connection over which the rest of a body would go in vain: S3 has answered, with a refusal.
#[derive(Debug, thiserror::Error)]
#[error("S3 has refused the request")]
struct Refused;

struct Part {
    content: Content,
    remaining: u64,
    request: Request,
    /// The attempt that this body is sent in, known when it is first polled.
    attempt: Option<u32>,
}

impl Part {
    fn new(seed: Seed, span: Span, request: Request) -> Self {
        Self {
            content: seed.content(span.offset),
            remaining: span.length,
            request,
            attempt: None,
        }
    }
}

impl Body for Part {
    type Data = Bytes;
    type Error = Refused;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refused>>> {
        if self.remaining == 0 {
            return Poll::Ready(None);
        }
        let part = &mut *self;
        let attempt = *part.attempt.get_or_insert_with(|| part.request.attempts());
        let length =
            usize::try_from(part.remaining).map_or(FRAME, |remaining| remaining.min(FRAME));
        let bytes = length as u64;
        if !part.request.sent(attempt, bytes, bytes == part.remaining) {
            return Poll::Ready(Some(Err(Refused)));
        }
        part.remaining -= bytes;
        let mut frame = vec![0; length];
        part.content.fill(&mut frame);
        Poll::Ready(Some(Ok(Frame::data(frame.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meter::Meter;
    use http_body_util::BodyExt as _;

    #[tokio::test]
    async fn a_body_has_its_length_and_the_bytes_of_its_span() {
        let seed = Seed::of("k");
        let span = Span {
            number: 2,
            offset: 12_345,
            length: 3 * FRAME as u64 + 17,
        };
        let body = Part::new(seed, span, Meter::start().request());
        assert_eq!(body.size_hint().exact(), Some(span.length));
        let sent = body.collect().await.expect("nobody refuses it").to_bytes();
        assert_eq!(sent.len() as u64, span.length);
        assert_eq!(seed.content(span.offset).first_difference(&sent), None);
    }

    #[tokio::test]
    async fn a_body_that_is_refused_is_not_sent_to_its_end() {
        let request = Meter::start().transfer();
        let whole = Span {
            number: 1,
            offset: 0,
            length: 4 * FRAME as u64,
        };
        let mut body = Part::new(Seed::of("k"), whole, request.clone());
        assert!(body.frame().await.is_some_and(|frame| frame.is_ok()));
        request.fail();
        assert!(body.frame().await.is_some_and(|frame| frame.is_err()));
    }
}
