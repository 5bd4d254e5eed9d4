//! Reads one object, whole or by ranges side by side, and forgets it.

use crate::action::{Action, Where, explain};
use crate::data::Seed;
use crate::error::Error;
use crate::event::{Read, Target};
use crate::flight;
use crate::limit::Limit;
use crate::meter::{Meter, Request};
use crate::s3::S3;
use crate::spans::{Cut, Span};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use std::sync::Arc;
use std::time::Duration;

/// How often a body that breaks off is asked for again, from the byte at which it broke off.
const RESUMPTIONS: u32 = 5;

/// Reads the object of `job` as often as it says.
///
/// # Errors
///
/// What S3 refused, what was wrong with the bytes, or that `limit` was reached.
pub async fn read(s3: &S3, job: &Read, meter: &Meter, limit: &Limit) -> Result<(), Error> {
    let reader = Arc::new(Reader {
        s3: s3.clone(),
        target: job.target.clone(),
        verified: job.verify.then(|| Seed::of(job.target.key.as_str())),
        meter: meter.clone(),
    });
    let (object, first) = tokio::select! {
        opened = reader.open(job.cut.map(Cut::span)) => opened?,
        error = limit.reached() => return Err(error),
    };
    let object = Arc::new(object);
    let cut = job.cut.unwrap_or(Cut::whole(object.size));
    let spans = cut.ranges(object.size);
    // The answer that told the object's size is the beginning of the first span of the first time.
    let opened = std::iter::once(Some(first)).chain(std::iter::repeat_with(|| None));
    let drain = |(span, opened)| {
        let (reader, object) = (Arc::clone(&reader), Arc::clone(&object));
        async move { reader.drain(&object, span, opened).await }
    };
    let times = (0..job.times).flat_map(|_| spans.clone());
    let (in_flight, opening) = (job.connections(), job.target.opening);
    flight::all(times.zip(opened), in_flight, opening, limit, drain)
        .await
        .map(drop)
}

struct Reader {
    s3: S3,
    target: Target,
    /// The seed of what the bytes are compared with.
    verified: Option<Seed>,
    meter: Meter,
}

/// The object as S3's first answer described it.
struct Object {
    size: u64,
    etag: String,
}

/// An answer whose body is not drained yet.
struct Opened {
    answer: GetObjectOutput,
    request: Request,
}

impl Reader {
    /// Asks for the first range, or the whole object, whose answer tells what the object is.
    async fn open(&self, range: Option<u64>) -> Result<(Object, Opened), Error> {
        let bytes = range.map(|length| format!("bytes=0-{}", length - 1));
        let request = self.meter.request();
        let opened = self.get(bytes, None, request).await?;
        let answer = &opened.answer;
        let size = match &answer.content_range {
            Some(range) => range
                .rsplit_once('/')
                .and_then(|(_, size)| size.parse().ok()),
            None => answer
                .content_length
                .and_then(|length| u64::try_from(length).ok()),
        };
        let object = Object {
            size: size.ok_or_else(|| incomplete("the object's size"))?,
            etag: answer.e_tag.clone().ok_or_else(|| incomplete("an ETag"))?,
        };
        if object.size == 0 {
            return Err(Error::empty(self.target.key.as_str()));
        }
        Ok((object, opened))
    }

    /// Reads one span to its end, asking again for what is left of a body that breaks off.
    async fn drain(
        &self,
        object: &Object,
        span: Span,
        opened: Option<Opened>,
    ) -> Result<(), Error> {
        let end = span.offset + span.length;
        let mut offset = span.offset;
        let mut request = self.meter.request();
        let mut opened = opened;
        for resumption in 0..=RESUMPTIONS {
            let answer = if let Some(opened) = opened.take() {
                opened
            } else {
                let bytes = format!("bytes={offset}-{}", end - 1);
                self.get(Some(bytes), Some(&object.etag), request).await?
            };
            request = answer.request;
            match self.drain_body(answer.answer, &mut offset, end).await? {
                None => {
                    request.finish();
                    return Ok(());
                }
                Some(reason) => {
                    request.fail();
                    request = request.again();
                    tracing::debug!(offset, reason, "a body broke off");
                    if resumption < RESUMPTIONS {
                        let pause = Duration::from_millis(100) * 2_u32.pow(resumption);
                        tokio::time::sleep(pause).await;
                    }
                }
            }
        }
        Err(Error::ShortBody(format!(
            "object {:?} broke off at byte {offset} of the range {}-{}, {} times: check the network, read \
             smaller ranges",
            self.target.key.as_str(),
            span.offset,
            end - 1,
            RESUMPTIONS + 1
        )))
    }

    /// Takes the bytes of one answer, which begin at `offset` and should end at `end`; why they ended before, if so.
    async fn drain_body(
        &self,
        mut answer: GetObjectOutput,
        offset: &mut u64,
        end: u64,
    ) -> Result<Option<String>, Error> {
        let mut expected = self.verified.map(|seed| seed.stream(*offset));
        while let Some(frame) = answer.body.next().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Ok(Some(crate::action::causes(&error))),
            };
            let length = frame.len() as u64;
            if *offset + length > end {
                return Err(Error::S3 {
                    action: Action::GetObject,
                    reason: format!(
                        "the answer goes on after byte {}, the last one asked for",
                        end - 1
                    ),
                });
            }
            self.meter.received(length);
            if let Some(index) = expected
                .as_mut()
                .and_then(|expected| expected.first_difference(&frame))
            {
                return Err(Error::VerifyMismatch {
                    key: self.target.key.to_string(),
                    offset: *offset + index as u64,
                });
            }
            *offset += length;
        }
        Ok((*offset < end).then(|| "the answer ended before its length".to_owned()))
    }

    async fn get(
        &self,
        range: Option<String>,
        etag: Option<&str>,
        request: Request,
    ) -> Result<Opened, Error> {
        let answer = self
            .s3
            .client
            .get_object()
            .bucket(self.target.bucket.as_str())
            .key(self.target.key.as_str())
            .set_range(range)
            .set_if_match(etag.map(str::to_owned))
            .customize()
            .interceptor(request.clone())
            .send()
            .await
            .map_err(|error| {
                let place = Where::of(&self.target, &self.s3.region);
                explain(&error, Action::GetObject, place, request.attempts())
            })?;
        Ok(Opened { answer, request })
    }
}

fn incomplete(what: &str) -> Error {
    Error::S3 {
        action: Action::GetObject,
        reason: format!("the answer does not tell {what}"),
    }
}
