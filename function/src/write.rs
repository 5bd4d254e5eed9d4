//! Writes one object: its parts side by side, or in one request where one part is enough.

use crate::body;
use crate::data::Seed;
use crate::error::Error;
use crate::event::{Place, Write};
use crate::flight;
use crate::limit::Limit;
use crate::meter::{Meter, Request};
use crate::operation::Operation;
use crate::retry::{self, Failure, Retries, Trouble};
use crate::s3::{ANSWER_TIMEOUT, Dated, S3};
use crate::spans::Span;
use crate::uploads::{Begun, Uploads};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What became of the object.
#[derive(Debug)]
pub struct Written {
    /// Whether it is there: what S3 refused otherwise, or that the limit was reached.
    pub outcome: Result<(), Error>,
    /// An upload of its parts that may be left in the bucket: its id, or `unknown`.
    pub upload_left: Option<String>,
}

/// Writes the object of `job`; gives up at `limit`, and cleans up then.
pub async fn write(s3: &S3, job: &Write, meter: &Meter, limit: &Limit) -> Written {
    let uploads = Uploads {
        s3,
        place: &job.place,
        began: Instant::now(),
    };
    let writer = Arc::new(Writer {
        s3: s3.clone(),
        place: job.place.clone(),
        seed: Seed::of(job.place.key.as_str()),
        meter: meter.clone(),
        limit: *limit,
    });
    if job.division.count(job.size) == 1 {
        let whole = Span {
            number: 1,
            offset: 0,
            length: job.size,
        };
        let put = |span| {
            let writer = Arc::clone(&writer);
            async move { writer.put_object(span).await }
        };
        let opening = job.schedule.opening;
        return Written {
            outcome: flight::all([whole], 1, opening, limit, put).await.map(drop),
            upload_left: None,
        };
    }
    let mut begun = Begun::default();
    let outcome = writer.in_parts(job, &uploads, &mut begun).await;
    begun.completed = outcome.is_ok();
    meter.stop();
    Written {
        outcome,
        upload_left: uploads.clean_up(begun, limit).await,
    }
}

struct Writer {
    s3: S3,
    place: Place,
    seed: Seed,
    meter: Meter,
    limit: Limit,
}

impl Writer {
    async fn in_parts(
        self: &Arc<Self>,
        job: &Write,
        uploads: &Uploads<'_>,
        begun: &mut Begun,
    ) -> Result<(), Error> {
        let upload: Arc<str> = tokio::select! {
            biased;
            error = self.limit.reached() => return Err(error),
            upload = self.create(begun) => upload?.into(),
        };
        let send = |span| {
            let (writer, upload) = (Arc::clone(self), Arc::clone(&upload));
            async move { writer.upload_part(&upload, span).await }
        };
        let spans = job.division.parts(job.size);
        let opening = job.schedule.opening;
        let mut parts = flight::all(spans, job.in_flight, opening, &self.limit, send).await?;
        parts.sort_unstable_by_key(CompletedPart::part_number);
        tokio::select! {
            outcome = self.complete(&upload, parts, job.size, uploads) => outcome,
            error = self.limit.reached() => Err(error),
        }
    }

    /// Begins the upload, and keeps `begun` true whenever it is dropped.
    async fn create(&self, begun: &mut Begun) -> Result<String, Error> {
        let request = self.meter.request();
        let mut retries = Retries::until(&self.limit);
        loop {
            let nameless = std::mem::replace(&mut begun.nameless, true);
            let created = self
                .s3
                .client
                .create_multipart_upload()
                .bucket(self.place.bucket.as_str())
                .key(self.place.key.as_str())
                .customize()
                .interceptor(request.clone())
                .send()
                .await;
            let error = match created {
                Ok(created) => {
                    let upload = created.upload_id.ok_or_else(|| {
                        nameless_answer(Operation::CreateMultipartUpload, "UploadId")
                    })?;
                    begun.nameless = nameless;
                    begun.own = Some(upload.clone());
                    request.finish();
                    return Ok(upload);
                }
                Err(error) => error,
            };
            let trouble = Trouble::of(&error);
            begun.nameless = nameless || matches!(trouble, Trouble::BrokenOff | Trouble::Failed);
            if !retries.pause(trouble).await {
                let attempts = request.attempts();
                let failure = Failure { error, attempts };
                return Err(self.explain(&failure, Operation::CreateMultipartUpload));
            }
            begun.repeated |= trouble != Trouble::Unopened;
        }
    }

    async fn put_object(&self, span: Span) -> Result<(), Error> {
        let put = |request: Request| {
            self.s3
                .client
                .put_object()
                .bucket(self.place.bucket.as_str())
                .key(self.place.key.as_str())
                .content_length(signed(span.length))
                .body(body::part(self.seed, span, request.clone()))
                .customize()
                .disable_payload_signing()
                .interceptor(request)
                .send()
        };
        let put = self.send(put).await;
        put.map_err(|failure| self.explain(&failure, Operation::PutObject))?;
        Ok(())
    }

    async fn upload_part(&self, upload: &str, span: Span) -> Result<CompletedPart, Error> {
        let number = i32::try_from(span.number).expect("at most 10,000 parts");
        let part = |request: Request| {
            self.s3
                .client
                .upload_part()
                .bucket(self.place.bucket.as_str())
                .key(self.place.key.as_str())
                .upload_id(upload)
                .part_number(number)
                .content_length(signed(span.length))
                .body(body::part(self.seed, span, request.clone()))
                .customize()
                .disable_payload_signing()
                .interceptor(request)
                .send()
        };
        let sent = self.send(part).await;
        let sent = sent.map_err(|failure| self.explain(&failure, Operation::UploadPart))?;
        let etag = sent
            .e_tag
            .ok_or_else(|| nameless_answer(Operation::UploadPart, "ETag"))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .e_tag(etag)
            .build())
    }

    async fn complete(
        &self,
        upload: &str,
        parts: Vec<CompletedPart>,
        size: u64,
        uploads: &Uploads<'_>,
    ) -> Result<(), Error> {
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let complete = |request| {
            self.s3
                .client
                .complete_multipart_upload()
                .bucket(self.place.bucket.as_str())
                .key(self.place.key.as_str())
                .upload_id(upload)
                .multipart_upload(parts.clone())
                .customize()
                .interceptor(request)
                .send()
        };
        let Err(failure) = self.send(complete).await else {
            return Ok(());
        };
        // An earlier attempt may have done it, and only its answer been lost.
        let gone = failure.error.code() == Some("NoSuchUpload");
        if (gone || failure.attempts > 1) && self.is_there(size, uploads).await {
            return Ok(());
        }
        Err(self.explain(&failure, Operation::CompleteMultipartUpload))
    }

    /// Whether the object is in the bucket, whole, and younger than the job.
    async fn is_there(&self, size: u64, uploads: &Uploads<'_>) -> bool {
        let dated = Dated::default();
        let head = |request| {
            self.s3
                .client
                .head_object()
                .bucket(self.place.bucket.as_str())
                .key(self.place.key.as_str())
                .customize()
                .interceptor(request)
                .interceptor(dated.clone())
                .send()
        };
        match self.send(head).await {
            Ok(object) => {
                object.content_length == Some(signed(size))
                    && object
                        .last_modified
                        .is_some_and(|moment| uploads.since(&dated, moment))
            }
            Err(failure) => {
                let error = self.explain(&failure, Operation::HeadObject);
                tracing::warn!(%error, "whether the object is there cannot be told");
                false
            }
        }
    }

    /// Sends a request until S3 has answered it: when S3 had the last byte of a body and stays silent, on a new
    /// connection.
    async fn send<O, E, F>(&self, send: impl Fn(Request) -> F) -> Result<O, Failure<E>>
    where
        E: ProvideErrorMetadata + StdError + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        let request = self.meter.request();
        let attempt = || async {
            tokio::select! {
                outcome = send(request.clone()) => outcome,
                silence = silence(&request) => {
                    request.fail();
                    Err(SdkError::timeout_error(silence))
                }
            }
        };
        let output = retry::send(&self.limit, attempt).await?;
        request.finish();
        Ok(output)
    }

    fn explain<E>(&self, failure: &Failure<E>, operation: Operation) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        self.s3.explain(failure, operation, &self.place)
    }
}

/// Ends when S3 has had the whole body for [`ANSWER_TIMEOUT`] and not answered; says so.
async fn silence(request: &Request) -> String {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        if request
            .unanswered()
            .is_some_and(|silent| silent >= ANSWER_TIMEOUT)
        {
            let silent = ANSWER_TIMEOUT.as_secs();
            return format!("silent for {silent} s after the last byte of its body");
        }
    }
}

fn nameless_answer(operation: Operation, field: &str) -> Error {
    Error::S3 {
        operation,
        reason: format!("the answer has no {field}"),
    }
}

fn signed(length: u64) -> i64 {
    i64::try_from(length).expect("at most 5 TiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Job, Order};
    use crate::http::Unopened;
    use crate::testing::{answer, answer_with, broken, refusal, s3};
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use serde_json::json;
    use std::sync::Mutex;

    /// S3's clock in these tests, which is not this machine's.
    const NOW: &str = "Wed, 25 Nov 2015 12:00:00 GMT";

    /// What S3 was asked, in words.
    fn kind(request: &str) -> &str {
        let id = || {
            let (_, rest) = request.split_once("uploadId=").unwrap_or_default();
            rest.split('&').next().unwrap_or_default()
        };
        match request.split_once(' ').unwrap_or((request, "")) {
            ("POST", "uploads") => "create",
            ("POST", _) => "complete",
            ("PUT", _) => "part",
            ("HEAD", _) => "head",
            ("DELETE", _) => id(),
            ("GET", query) if query.contains("uploadId") => "parts",
            ("GET", _) => "list",
            _ => panic!("{request}"),
        }
    }

    /// An S3 that is in order.
    fn good(kind: &str) -> HttpConnectorFuture {
        match kind {
            "create" => answer(
                200,
                "<InitiateMultipartUploadResult><UploadId>own</UploadId></InitiateMultipartUploadResult>",
            ),
            "part" => answer_with(200, &[("etag", "e")], ""),
            "complete" => answer(
                200,
                "<CompleteMultipartUploadResult><ETag>e</ETag></CompleteMultipartUploadResult>",
            ),
            "parts" => refusal(404, "NoSuchUpload", "The specified upload does not exist."),
            "head" => answer(404, ""),
            "list" => listed(&[]),
            _ => answer(204, ""),
        }
    }

    /// Uploads: key, id, and when it was initiated on the day of [`NOW`].
    fn listed(uploads: &[(&str, &str, &str)]) -> HttpConnectorFuture {
        let uploads: Vec<String> = uploads
            .iter()
            .map(|(key, id, time)| {
                format!(
                    "<Upload><Key>{key}</Key><UploadId>{id}</UploadId>\
                     <Initiated>2015-11-25T{time}.000Z</Initiated></Upload>"
                )
            })
            .collect();
        let uploads = uploads.concat();
        let page = format!(
            "<ListMultipartUploadsResult><EncodingType>url</EncodingType>{uploads}</ListMultipartUploadsResult>"
        );
        answer_with(200, &[("date", NOW)], page)
    }

    fn found(size: u64, time: &str) -> HttpConnectorFuture {
        let modified = format!("Wed, 25 Nov 2015 {time} GMT");
        let length = size.to_string();
        let headers = [
            ("date", NOW),
            ("content-length", &length),
            ("last-modified", &modified),
        ];
        answer_with(200, &headers, "")
    }

    const SIZE: u64 = 11 << 20;

    fn denied() -> HttpConnectorFuture {
        refusal(403, "AccessDenied", "Access Denied")
    }

    fn silent() -> HttpConnectorFuture {
        HttpConnectorFuture::new(std::future::pending())
    }

    /// Writes an object of three parts, within ten minutes, to an S3 that is in order but for what `script` says of the
    /// nth request of a kind: what became of it, and what S3 was asked.
    async fn written(
        script: impl Fn(&str, usize) -> Option<HttpConnectorFuture> + Send + Sync + 'static,
    ) -> (Written, Vec<String>) {
        written_within(Duration::from_mins(10), script).await
    }

    async fn written_within(
        time: Duration,
        script: impl Fn(&str, usize) -> Option<HttpConnectorFuture> + Send + Sync + 'static,
    ) -> (Written, Vec<String>) {
        let asked = Arc::new(Mutex::new(Vec::<String>::new()));
        let log = Arc::clone(&asked);
        let s3 = s3(move |request| {
            let mut log = log.lock().expect("no test panics with it");
            let kind = kind(request);
            log.push(kind.to_owned());
            let times = log.iter().filter(|one| *one == kind).count();
            script(kind, times).unwrap_or_else(|| good(kind))
        });
        let event =
            json!({"op": "write", "bucket": "abc", "key": "k", "mb_per_file": 11, "part_mb": 5});
        let Ok(Order::Job(Job::Write(job))) = Order::try_from(event) else {
            panic!("a job");
        };
        let limit = Limit::at(Some(Instant::now() + time), "this test");
        let written = write(&s3, &job, &Meter::start(), &limit).await;
        let asked = asked.lock().expect("no test panics with it").clone();
        (written, asked)
    }

    fn count(asked: &[String], kind: &str) -> usize {
        asked.iter().filter(|one| *one == kind).count()
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_is_in_order_nothing_is_looked_for() {
        let (
            Written {
                outcome,
                upload_left,
            },
            asked,
        ) = written(|_, _| None).await;
        assert_eq!((outcome, upload_left), (Ok(()), None));
        assert_eq!(asked, ["create", "part", "part", "part", "complete"]);
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_of_a_repeated_creation_are_aborted_and_no_others() {
        let uploads = [
            ("k", "older", "11:00:00"),
            ("k", "own", "12:00:00"),
            ("k", "stray", "12:00:00"),
            ("k2", "foreign", "12:00:00"),
        ];
        for lost in [
            broken,
            || answer(200, "<cut"),
            || refusal(500, "InternalError", ""),
            || refusal(503, "SlowDown", ""),
        ] {
            let (
                Written {
                    outcome,
                    upload_left,
                },
                asked,
            ) = written(move |kind, times| match (kind, times) {
                ("create", 1) => Some(lost()),
                ("list", _) => Some(listed(&uploads)),
                _ => None,
            })
            .await;
            assert_eq!((outcome, upload_left), (Ok(()), None));
            assert_eq!(
                asked[asked.len() - 3..],
                ["list", "stray", "parts"],
                "{asked:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_without_an_id_is_found_and_aborted() {
        let (
            Written {
                outcome,
                upload_left,
            },
            asked,
        ) = written(|kind, times| match (kind, times) {
            ("create", _) => Some(answer(200, "<InitiateMultipartUploadResult/>")),
            // S3 may take a moment.
            ("list", 2..) => Some(listed(&[("k", "stray", "12:00:00")])),
            _ => None,
        })
        .await;
        assert!(outcome.is_err_and(|error| error.to_string().contains("has no UploadId")));
        assert_eq!(upload_left, None);
        assert_eq!(asked, ["create", "list", "list", "stray", "parts"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_is_answered_too_late_is_found_and_aborted() {
        let (
            Written {
                outcome,
                upload_left,
            },
            asked,
        ) = written(|kind, times| match (kind, times) {
            ("create", _) => Some(silent()),
            ("list", 3..) => Some(listed(&[("k", "stray", "12:00:00")])),
            _ => None,
        })
        .await;
        assert!(matches!(outcome, Err(Error::Deadline(_))), "{outcome:?}");
        assert_eq!((upload_left, count(&asked, "stray")), (None, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_s3_did_not_begin_is_not_looked_for() {
        let unopened = || {
            let refused = Unopened("connection refused".into());
            HttpConnectorFuture::ready(Err(ConnectorError::io(refused.into())))
        };
        for refuse in [denied, unopened] {
            let (written, asked) = written(move |kind, _| (kind == "create").then(refuse)).await;
            assert!(written.outcome.is_err());
            assert_eq!(written.upload_left, None);
            assert_eq!(count(&asked, "create"), asked.len(), "{asked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_asked_after_the_limit() {
        let (written, asked) = written_within(Duration::ZERO, |_, _| None).await;
        let Written {
            outcome,
            upload_left,
        } = written;
        assert!(matches!(outcome, Err(Error::Deadline(_))), "{outcome:?}");
        assert_eq!((upload_left, asked), (None, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn what_cannot_be_aborted_is_named() {
        for trouble in [denied, silent, broken, || refusal(503, "SlowDown", "")] {
            let (
                Written {
                    outcome,
                    upload_left,
                },
                asked,
            ) = written(move |kind, _| match kind {
                "part" => Some(denied()),
                "own" => Some(trouble()),
                _ => None,
            })
            .await;
            assert!(
                matches!(outcome, Err(Error::AccessDenied { .. })),
                "{outcome:?}"
            );
            assert_eq!(upload_left.as_deref(), Some("own"));
            assert!(count(&asked, "own") >= 1, "{asked:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_abort_that_is_throttled_is_repeated_and_one_of_a_part_in_flight_too() {
        let (Written { upload_left, .. }, asked) = written(|kind, times| match (kind, times) {
            ("part", _) => Some(denied()),
            ("own", 1) => Some(refusal(503, "SlowDown", "")),
            ("parts", 1) => Some(answer(
                200,
                "<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>",
            )),
            ("parts", 2) => Some(answer(200, "<ListPartsResult/>")),
            _ => None,
        })
        .await;
        assert_eq!(upload_left, None);
        assert_eq!((count(&asked, "own"), count(&asked, "parts")), (3, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn uploads_that_may_be_there_and_cannot_be_listed_are_unknown() {
        let unlisted = |lost: fn() -> HttpConnectorFuture| {
            written(move |kind, times| match (kind, times) {
                ("create", 1) => Some(lost()),
                ("list", _) => Some(denied()),
                _ => None,
            })
        };
        let (
            Written {
                outcome,
                upload_left,
            },
            _,
        ) = unlisted(broken).await;
        assert_eq!((outcome, upload_left.as_deref()), (Ok(()), Some("unknown")));
        // S3 says itself that it began none.
        let (Written { upload_left, .. }, _) = unlisted(|| refusal(503, "SlowDown", "")).await;
        assert_eq!(upload_left, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stray_that_cannot_be_aborted_is_named() {
        let (Written { upload_left, .. }, _) = written(|kind, times| match (kind, times) {
            ("create", 1) => Some(broken()),
            ("list", _) => Some(listed(&[
                ("k", "a", "12:00:00"),
                ("k", "stray", "12:00:00"),
            ])),
            ("stray", _) => Some(denied()),
            _ => None,
        })
        .await;
        assert_eq!(upload_left.as_deref(), Some("stray"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_completion_whose_answer_was_lost_is_looked_up() {
        let repeated = |head: fn() -> HttpConnectorFuture| {
            written(move |kind, times| match (kind, times) {
                ("complete", 1) => Some(broken()),
                ("complete", _) => Some(good("parts")),
                ("head", _) => Some(head()),
                _ => None,
            })
        };
        let (Written { outcome, .. }, asked) = repeated(|| found(SIZE, "12:00:00")).await;
        assert_eq!(outcome, Ok(()), "{asked:?}");
        assert_eq!(count(&asked, "own"), 0, "nothing is aborted: {asked:?}");
        for head in [
            || found(SIZE - 1, "12:00:00"),
            || found(SIZE, "11:59:00"),
            || answer(404, ""),
            || answer(403, ""),
        ] {
            let (Written { outcome, .. }, _) = repeated(head).await;
            let error = outcome.expect_err("it is another object, or none");
            assert!(error.to_string().contains("NoSuchUpload"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_whose_answer_does_not_come_is_sent_again_until_it_does() {
        let (Written { outcome, .. }, asked) =
            written(|kind, times| (kind == "part" && times < 20).then(broken)).await;
        assert_eq!(outcome, Ok(()));
        assert_eq!(count(&asked, "part"), 22);
    }
}
