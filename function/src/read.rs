//! Reads one object, whole or by ranges side by side, and forgets it.

use crate::data::Seed;
use crate::error::Error;
use crate::event::{Place, Read};
use crate::flight;
use crate::limit::Limit;
use crate::meter::{Meter, Request};
use crate::operation::Operation;
use crate::retry::{self, Failure, Retries, Trouble};
use crate::s3::S3;
use crate::spans::{Division, Span};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use std::sync::Arc;

/// Reads the object of `job` as often as it says.
///
/// # Errors
///
/// What S3 refused, what was wrong with the bytes, or that `limit` was reached.
pub async fn read(s3: &S3, job: &Read, meter: &Meter, limit: &Limit) -> Result<(), Error> {
    let reader = Arc::new(Reader {
        s3: s3.clone(),
        place: job.place.clone(),
        verified: job.verify.then(|| Seed::of(job.place.key.as_str())),
        meter: meter.clone(),
        limit: *limit,
    });
    let (object, first) = tokio::select! {
        opened = reader.open(job.division.map(Division::span)) => opened?,
        error = limit.reached() => return Err(error),
    };
    let object = Arc::new(object);
    let division = job.division.unwrap_or(Division::whole(object.size));
    let spans = division.ranges(object.size);
    // The answer that told the object's size is the beginning of the first span of the first time.
    let opened = std::iter::once(Some(first)).chain(std::iter::repeat_with(|| None));
    let drain = |(span, opened)| {
        let (reader, object) = (Arc::clone(&reader), Arc::clone(&object));
        async move { reader.drain(&object, span, opened).await }
    };
    let times = (0..job.times).flat_map(|_| spans.clone());
    let (in_flight, opening) = (job.connections(), job.schedule.opening);
    flight::all(times.zip(opened), in_flight, opening, limit, drain)
        .await
        .map(drop)
}

struct Reader {
    s3: S3,
    place: Place,
    /// The seed of what the bytes are compared with.
    verified: Option<Seed>,
    meter: Meter,
    limit: Limit,
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
            return Err(Error::empty(self.place.key.as_str()));
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
        let mut retries = Retries::until(&self.limit);
        loop {
            let answer = if let Some(opened) = opened.take() {
                opened
            } else {
                let bytes = format!("bytes={offset}-{}", end - 1);
                self.get(Some(bytes), Some(&object.etag), request).await?
            };
            request = answer.request;
            let began = offset;
            let Some(reason) = self.drain_body(answer.answer, &mut offset, end).await? else {
                request.finish();
                return Ok(());
            };
            request.fail();
            tracing::debug!(offset, reason, "a body broke off");
            if offset > began {
                retries = Retries::until(&self.limit);
            }
            if !retries.pause(Trouble::BrokenOff).await {
                return Err(Error::ShortBody(format!(
                    "object {:?} broke off at byte {offset} of the range {}-{} ({reason}), the last of {} attempts: \
                     check the network, read smaller ranges",
                    self.place.key.as_str(),
                    span.offset,
                    end - 1,
                    request.attempts()
                )));
            }
        }
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
                Err(error) => return Ok(Some(crate::explain::causes(&error))),
            };
            let length = frame.len() as u64;
            if *offset + length > end {
                return Err(Error::S3 {
                    operation: Operation::GetObject,
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
                    key: self.place.key.to_string(),
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
        let key = self.place.key.as_str();
        let get = || {
            self.s3
                .client
                .get_object()
                .bucket(self.place.bucket.as_str())
                .key(key)
                .set_range(range.clone())
                .set_if_match(etag.map(str::to_owned))
                .customize()
                .interceptor(request.clone())
                .send()
        };
        let answer = retry::send(&self.limit, get).await.map_err(|failure| {
            let status = failure
                .error
                .raw_response()
                .map(|response| response.status().as_u16());
            match (status, etag) {
                // No byte of an empty object can be asked for.
                (Some(416), None) => Error::empty(key),
                (Some(412 | 416), Some(_)) => Error::ObjectChanged { key: key.into() },
                (_, Some(_)) if failure.error.code() == Some("NoSuchKey") => {
                    Error::ObjectChanged { key: key.into() }
                }
                _ => {
                    let attempts = request.attempts();
                    let failure = Failure {
                        attempts,
                        ..failure
                    };
                    self.s3.explain(&failure, Operation::GetObject, &self.place)
                }
            }
        })?;
        Ok(Opened { answer, request })
    }
}

fn incomplete(what: &str) -> Error {
    Error::S3 {
        operation: Operation::GetObject,
        reason: format!("the answer does not tell {what}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Job, Order};
    use crate::testing::{answer_with, refusal, s3};
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use serde_json::json;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;
    use tokio::time::Instant;

    /// What becomes of a read of 2 MiB in two ranges, where the later range comes to `later`.
    async fn outcome(
        first: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static,
        later: impl Fn() -> HttpConnectorFuture + Send + Sync + 'static,
    ) -> Result<(), Error> {
        let ranges = AtomicU32::new(0);
        let s3 = s3(move |_| match ranges.fetch_add(1, Ordering::Relaxed) {
            0 => first(),
            _ => later(),
        });
        let event = json!({"op": "read", "bucket": "abc", "key": "k", "range_mb": 1, "ranges_in_flight": 1});
        let Ok(Order::Job(Job::Read(job))) = Order::try_from(event) else {
            panic!("a job");
        };
        let limit = Limit::at(Some(Instant::now() + Duration::from_mins(1)), "this test");
        read(&s3, &job, &Meter::start(), &limit).await
    }

    fn opened() -> HttpConnectorFuture {
        let headers = [("etag", "e"), ("content-range", "bytes 0-1048575/2097152")];
        answer_with(206, &headers, "x".repeat(1 << 20))
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_first_range_tells_that_an_object_is_empty() {
        let out = || {
            refusal(
                416,
                "InvalidRange",
                "The requested range is not satisfiable",
            )
        };
        let error = outcome(out, out).await.expect_err("nothing is there");
        assert!(error.to_string().contains("is empty"), "{error}");
        let error = outcome(opened, out).await.expect_err("it is shorter now");
        assert_eq!(error.kind(), "ObjectChanged", "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_changes_only_while_it_is_read() {
        for (status, code) in [(412, "PreconditionFailed"), (404, "NoSuchKey")] {
            let gone = move || refusal(status, code, "");
            let error = outcome(opened, gone).await.expect_err("it is another");
            assert_eq!(error.kind(), "ObjectChanged", "{error}");
        }
        let missing = || refusal(404, "NoSuchKey", "");
        let error = outcome(missing, missing)
            .await
            .expect_err("it is not there");
        assert_eq!(error.kind(), "NoSuchKey", "{error}");
        let failed = || refusal(412, "PreconditionFailed", "");
        let error = outcome(failed, failed)
            .await
            .expect_err("nothing was asked for");
        assert_eq!(error.kind(), "S3", "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_range_that_always_breaks_off_is_given_up_before_the_limit() {
        let torn = || answer_with(206, &[("etag", "e")], "");
        let began = Instant::now();
        let error = outcome(opened, torn).await.expect_err("nothing comes");
        assert_eq!(error.kind(), "ShortBody", "{error}");
        assert!(
            (58..60).contains(&began.elapsed().as_secs()),
            "{:?}",
            began.elapsed()
        );
    }
}
