//! The requests of a write, each until S3 has answered it.

use crate::body;
use crate::data::Seed;
use crate::error::Error;
use crate::event::{Place, Write};
use crate::limit::Limit;
use crate::meter::{Meter, Request};
use crate::operation::Operation;
use crate::retry::{self, Failure, Retries, Trouble};
use crate::s3::{self, ANSWER_TIMEOUT, Dated, S3};
use crate::spans::Span;
use crate::uploads::Begun;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use std::error::Error as StdError;
use std::future::pending;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// An object that is being written.
pub struct Object {
    pub place: Place,
    seed: Seed,
    /// What is known of its upload, where it has parts.
    begun: Mutex<Begun>,
}

impl Object {
    pub fn new(place: Place) -> Self {
        Self {
            seed: Seed::of(place.key.as_str()),
            place,
            begun: Mutex::default(),
        }
    }

    pub fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().expect("nothing that holds it panics")
    }
}

pub struct Writer {
    pub s3: S3,
    meter: Meter,
    pub limit: Limit,
    /// When the job began.
    pub began: Instant,
    /// When nothing more is begun.
    pub end: Option<Instant>,
    /// Whether S3 has named an upload of the job.
    has_named: AtomicBool,
    /// The permits of requests beside those with a body.
    beside: Semaphore,
}

impl Writer {
    pub fn new(s3: &S3, job: &Write, meter: &Meter, limit: &Limit, end: Option<Instant>) -> Self {
        Self {
            s3: s3.clone(),
            meter: meter.clone(),
            limit: *limit,
            began: Instant::now(),
            end,
            has_named: AtomicBool::new(false),
            beside: Semaphore::new(job.in_flight),
        }
    }

    /// Creates the upload of an object, and keeps what is known of it true whenever this is dropped. None where S3 has
    /// not named it before the end: it can serve nothing any more.
    pub async fn create(&self, object: &Object) -> Result<Option<String>, Error> {
        let request = self.meter.request();
        let mut retries = Retries::until(&self.limit);
        loop {
            let permit = self.permit().await;
            let nameless = mem::replace(&mut object.begun().nameless, true);
            let created = self
                .s3
                .client
                .create_multipart_upload()
                .bucket(object.place.bucket.as_str())
                .key(object.place.key.as_str())
                .customize()
                .interceptor(request.clone())
                .send()
                .await;
            drop(permit);
            let error = match created {
                Ok(created) => {
                    let upload = created.upload_id.filter(|id| !id.is_empty());
                    let upload = upload.ok_or_else(|| {
                        nameless_answer(Operation::CreateMultipartUpload, "UploadId")
                    })?;
                    let mut begun = object.begun();
                    begun.nameless = nameless;
                    begun.own = Some(upload.clone());
                    request.succeed();
                    self.has_named.store(true, Ordering::Relaxed);
                    return Ok(Some(upload));
                }
                Err(error) => error,
            };
            let trouble = Trouble::of(&error);
            object.begun().nameless =
                nameless || matches!(trouble, Trouble::BrokenOff | Trouble::Failed);
            let again = tokio::select! {
                biased;
                again = retries.pause(trouble) => again,
                () = self.until_end() => false,
            };
            if !again {
                let is_over = self.end.is_some_and(|end| end <= Instant::now());
                // Where S3 has named none at all, the job is to say why.
                let has_named = self.has_named.load(Ordering::Relaxed);
                if is_over && has_named && trouble != Trouble::Refused {
                    return Ok(None);
                }
                let attempts = request.attempts();
                let failure = Failure { error, attempts };
                let operation = Operation::CreateMultipartUpload;
                return Err(self.s3.explain(&failure, operation, &object.place));
            }
            object.begun().repeated |= trouble != Trouble::Unopened;
        }
    }

    /// Waits until the stream ends by time.
    async fn until_end(&self) {
        match self.end {
            Some(end) => sleep_until(end).await,
            None => pending().await,
        }
    }

    /// Allows a request beside those with a body.
    async fn permit(&self) -> SemaphorePermit<'_> {
        let permit = self.beside.acquire().await;
        permit.expect("nobody closes the semaphore")
    }

    pub async fn put_object(&self, object: &Object, size: u64) -> Result<(), Error> {
        let whole = Span {
            number: 1,
            offset: 0,
            length: size,
        };
        let put = |request: Request| {
            self.s3
                .client
                .put_object()
                .bucket(object.place.bucket.as_str())
                .key(object.place.key.as_str())
                .content_length(signed(size))
                .body(body::part(object.seed, whole, request.clone()))
                .customize()
                .disable_payload_signing()
                .interceptor(request)
                .send()
        };
        let put = self.send(self.meter.transfer(), put).await;
        put.map_err(|failure| {
            let operation = Operation::PutObject;
            self.s3.explain(&failure, operation, &object.place)
        })?;
        self.meter.object();
        Ok(())
    }

    /// Sends a part; gives its entity tag.
    pub async fn upload_part(
        &self,
        object: &Object,
        upload: &str,
        span: Span,
    ) -> Result<String, Error> {
        let part = |request: Request| {
            self.s3
                .client
                .upload_part()
                .bucket(object.place.bucket.as_str())
                .key(object.place.key.as_str())
                .upload_id(upload)
                .part_number(part_number(span))
                .content_length(signed(span.length))
                .body(body::part(object.seed, span, request.clone()))
                .customize()
                .disable_payload_signing()
                .interceptor(request)
                .send()
        };
        let sent = self.send(self.meter.transfer(), part).await;
        let sent = sent.map_err(|failure| {
            let operation = Operation::UploadPart;
            self.s3.explain(&failure, operation, &object.place)
        })?;
        sent.e_tag
            .ok_or_else(|| nameless_answer(Operation::UploadPart, "ETag"))
    }

    pub async fn complete(
        &self,
        place: &Place,
        upload: &str,
        parts: Vec<CompletedPart>,
        size: u64,
    ) -> Result<(), Error> {
        let parts = CompletedMultipartUpload::builder()
            .set_parts(Some(parts))
            .build();
        let complete = |request| {
            let complete = self
                .s3
                .client
                .complete_multipart_upload()
                .bucket(place.bucket.as_str())
                .key(place.key.as_str())
                .upload_id(upload)
                .multipart_upload(parts.clone())
                .customize()
                .config_override(s3::patient())
                .interceptor(request)
                .send();
            async move {
                let _permit = self.permit().await;
                complete.await
            }
        };
        if let Err(failure) = self.send(self.meter.request(), complete).await {
            // An earlier attempt may have done it, and only its answer been lost.
            let gone = failure.error.code() == Some("NoSuchUpload");
            let repeated = gone || failure.attempts > 1;
            if !(repeated && self.is_there(place, size).await) {
                let operation = Operation::CompleteMultipartUpload;
                return Err(self.s3.explain(&failure, operation, place));
            }
        }
        self.meter.object();
        Ok(())
    }

    /// Whether the object is in the bucket, whole, and younger than the job.
    async fn is_there(&self, place: &Place, size: u64) -> bool {
        let dated = Dated::default();
        let head = |request| {
            self.s3
                .client
                .head_object()
                .bucket(place.bucket.as_str())
                .key(place.key.as_str())
                .customize()
                .interceptor(request)
                .interceptor(dated.clone())
                .send()
        };
        match self.send(self.meter.request(), head).await {
            Ok(object) => {
                object.content_length == Some(signed(size))
                    && object
                        .last_modified
                        .is_some_and(|moment| dated.is_since(self.began, moment))
            }
            Err(failure) => {
                let error = self.s3.explain(&failure, Operation::HeadObject, place);
                tracing::warn!(%error, "whether the object is there cannot be told");
                false
            }
        }
    }

    /// Sends a request until S3 has answered it: when S3 had the last byte of a body and stays silent, on a new
    /// connection.
    async fn send<O, E, F>(
        &self,
        request: Request,
        send: impl Fn(Request) -> F,
    ) -> Result<O, Failure<E>>
    where
        E: ProvideErrorMetadata + StdError + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
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
        request.succeed();
        Ok(output)
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

pub fn part_number(part: Span) -> i32 {
    i32::try_from(part.number).expect("at most 10,000 parts")
}

fn signed(length: u64) -> i64 {
    i64::try_from(length).expect("at most 5 TiB")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{denied, found, good, kind, listed, listed_part, silent};
    use super::super::{Written, write};
    use super::*;
    use crate::event::{Job, Order};
    use crate::http::Unopened;
    use crate::testing::{answer, broken, refusal, s3};
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use serde_json::json;
    use std::sync::Arc;

    const SIZE: u64 = 11 << 20;

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
        let written = write(&s3, &job, &Meter::start(), &limit, None).await;
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
        for id in ["", "<UploadId/>"] {
            let created =
                format!("<InitiateMultipartUploadResult>{id}</InitiateMultipartUploadResult>");
            let (written, asked) = written(move |kind, times| match (kind, times) {
                ("create", _) => Some(answer(200, created.as_str())),
                // S3 may take a moment.
                ("list", 2..) => Some(listed(&[("k", "stray", "12:00:00")])),
                _ => None,
            })
            .await;
            let error = written.outcome.expect_err("no upload is known");
            assert!(error.to_string().contains("has no UploadId"), "{error}");
            assert_eq!(written.upload_left, None);
            assert_eq!(asked, ["create", "list", "list", "stray", "parts"]);
        }
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
            ("parts", 1) => Some(listed_part()),
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
