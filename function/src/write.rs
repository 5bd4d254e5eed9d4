//! Writes one object: its parts side by side, or in one request where one part is enough.

use crate::action::{Action, Where, explain};
use crate::body;
use crate::data::Seed;
use crate::error::Error;
use crate::event::{Target, Write};
use crate::flight;
use crate::limit::Limit;
use crate::meter::{Meter, Request};
use crate::s3::{ANSWER_TIMEOUT, ATTEMPTS, S3, without_answer_timeout};
use crate::spans::Span;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

/// How long a failed job may take to throw its parts away: less than [`crate::limit::MARGIN`].
const ABORT_TIMEOUT: Duration = Duration::from_secs(4);

/// How often a part is sent anew because S3 had it all and did not answer.
const UNANSWERED: u32 = 3;

/// Writes the object of `job`.
///
/// # Errors
///
/// What S3 refused, or that `limit` was reached; nothing of a multipart upload is left then, as far as S3 can be told.
pub async fn write(s3: &S3, job: &Write, meter: &Meter, limit: &Limit) -> Result<(), Error> {
    let writer = Arc::new(Writer {
        s3: s3.clone(),
        target: job.target.clone(),
        seed: Seed::of(job.target.key.as_str()),
        meter: meter.clone(),
    });
    if job.cut.count(job.size) == 1 {
        let whole = Span {
            number: 1,
            offset: 0,
            length: job.size,
        };
        let put = |span| {
            let writer = Arc::clone(&writer);
            async move { writer.put_object(span).await }
        };
        return flight::all([whole], 1, job.target.opening, limit, put)
            .await
            .map(drop);
    }
    let upload = tokio::select! {
        upload = writer.create() => Arc::<str>::from(upload?),
        error = limit.reached() => return Err(error),
    };
    let outcome = writer.parts(&upload, job, limit).await;
    if outcome.is_err() {
        meter.stop();
        match tokio::time::timeout(ABORT_TIMEOUT, writer.abort(&upload)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%upload, %error, "the failed upload could not be aborted");
            }
            Err(_) => tracing::warn!(%upload, "the failed upload could not be aborted in time"),
        }
    }
    outcome
}

struct Writer {
    s3: S3,
    target: Target,
    seed: Seed,
    meter: Meter,
}

impl Writer {
    async fn parts(
        self: &Arc<Self>,
        upload: &Arc<str>,
        job: &Write,
        limit: &Limit,
    ) -> Result<(), Error> {
        let send = |span| {
            let (writer, upload) = (Arc::clone(self), Arc::clone(upload));
            async move { writer.upload_part(&upload, span).await }
        };
        let spans = job.cut.parts(job.size);
        let opening = job.target.opening;
        let mut parts = flight::all(spans, job.in_flight, opening, limit, send).await?;
        parts.sort_unstable_by_key(CompletedPart::part_number);
        tokio::select! {
            outcome = self.complete(upload, parts) => outcome,
            error = limit.reached() => Err(error),
        }
    }

    async fn create(&self) -> Result<String, Error> {
        let request = self.meter.request();
        let created = self
            .s3
            .client
            .create_multipart_upload()
            .bucket(self.target.bucket.as_str())
            .key(self.target.key.as_str())
            .customize()
            .interceptor(request.clone())
            .send()
            .await
            .map_err(|error| self.explain(&error, Action::CreateMultipartUpload, &request))?;
        request.finish();
        created
            .upload_id
            .ok_or_else(|| nameless(Action::CreateMultipartUpload, "UploadId"))
    }

    async fn put_object(&self, span: Span) -> Result<(), Error> {
        self.send_body(Action::PutObject, |request| {
            self.s3
                .client
                .put_object()
                .bucket(self.target.bucket.as_str())
                .key(self.target.key.as_str())
                .content_length(signed(span.length))
                .body(body::part(self.seed, span, request.clone()))
                .customize()
                .disable_payload_signing()
                .config_override(without_answer_timeout())
                .interceptor(request)
                .send()
        })
        .await
        .map(drop)
    }

    async fn upload_part(&self, upload: &str, span: Span) -> Result<CompletedPart, Error> {
        let number = i32::try_from(span.number).expect("at most 10,000 parts");
        let sent = self
            .send_body(Action::UploadPart, |request| {
                self.s3
                    .client
                    .upload_part()
                    .bucket(self.target.bucket.as_str())
                    .key(self.target.key.as_str())
                    .upload_id(upload)
                    .part_number(number)
                    .content_length(signed(span.length))
                    .body(body::part(self.seed, span, request.clone()))
                    .customize()
                    .disable_payload_signing()
                    .config_override(without_answer_timeout())
                    .interceptor(request)
                    .send()
            })
            .await?;
        let etag = sent
            .e_tag
            .ok_or_else(|| nameless(Action::UploadPart, "ETag"))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .e_tag(etag)
            .build())
    }

    /// Sends a body until S3 has answered: when it had the last byte and stays silent, on a new connection.
    async fn send_body<O, E, F>(
        &self,
        action: Action,
        send: impl Fn(Request) -> F,
    ) -> Result<O, Error>
    where
        E: ProvideErrorMetadata + StdError + 'static,
        F: Future<Output = Result<O, SdkError<E, HttpResponse>>>,
    {
        let mut request = self.meter.request();
        for _ in 0..UNANSWERED {
            tokio::select! {
                outcome = send(request.clone()) => {
                    let output = outcome.map_err(|error| self.explain(&error, action, &request))?;
                    request.finish();
                    return Ok(output);
                }
                () = silence(&request) => {
                    request.fail();
                    request = request.again();
                }
            }
        }
        let silent = ANSWER_TIMEOUT.as_secs();
        let reason =
            format!("silent for {silent} s after the last byte of its body, {UNANSWERED} times");
        Err(Error::Connect { action, reason })
    }

    async fn complete(&self, upload: &str, parts: Vec<CompletedPart>) -> Result<(), Error> {
        let request = self.meter.request();
        self.s3
            .client
            .complete_multipart_upload()
            .bucket(self.target.bucket.as_str())
            .key(self.target.key.as_str())
            .upload_id(upload)
            .multipart_upload(
                CompletedMultipartUpload::builder()
                    .set_parts(Some(parts))
                    .build(),
            )
            .customize()
            .interceptor(request.clone())
            .send()
            .await
            .map_err(|error| self.explain(&error, Action::CompleteMultipartUpload, &request))?;
        request.finish();
        Ok(())
    }

    /// Throws the parts away, and again while S3 still lists one: a part in flight can outlive an abort.
    ///
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html>
    async fn abort(&self, upload: &str) -> Result<(), Error> {
        loop {
            let aborted = self
                .s3
                .client
                .abort_multipart_upload()
                .bucket(self.target.bucket.as_str())
                .key(self.target.key.as_str())
                .upload_id(upload)
                .send()
                .await;
            match aborted {
                Err(error) if error.code() == Some("NoSuchUpload") => return Ok(()),
                Err(error) => {
                    return Err(explain(
                        &error,
                        Action::AbortMultipartUpload,
                        self.place(),
                        ATTEMPTS,
                    ));
                }
                Ok(_) => {}
            }
            let listed = self
                .s3
                .client
                .list_parts()
                .bucket(self.target.bucket.as_str())
                .key(self.target.key.as_str())
                .upload_id(upload)
                .send()
                .await;
            match listed {
                Err(error) if error.code() == Some("NoSuchUpload") => return Ok(()),
                Err(error) => {
                    return Err(explain(&error, Action::ListParts, self.place(), ATTEMPTS));
                }
                Ok(_) => tokio::time::sleep(Duration::from_millis(500)).await,
            }
        }
    }

    fn place(&self) -> Where<'_> {
        Where::of(&self.target, &self.s3.region)
    }

    fn explain<E>(
        &self,
        error: &SdkError<E, HttpResponse>,
        action: Action,
        request: &Request,
    ) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        explain(error, action, self.place(), request.attempts())
    }
}

/// Ends when S3 has had the whole body for [`ANSWER_TIMEOUT`] and not answered.
async fn silence(request: &Request) {
    let mut every = tokio::time::interval(Duration::from_secs(1));
    loop {
        every.tick().await;
        if request
            .unanswered()
            .is_some_and(|silent| silent >= ANSWER_TIMEOUT)
        {
            return;
        }
    }
}

fn nameless(action: Action, field: &str) -> Error {
    Error::S3 {
        action,
        reason: format!("the answer has no {field}"),
    }
}

fn signed(length: u64) -> i64 {
    i64::try_from(length).expect("at most 5 TiB")
}
