//! Writes objects: their parts side by side, those of small ones whole, and one object after the other so that the
//! requests in flight do not drain between two.

use crate::body;
use crate::data::Seed;
use crate::error::Error;
use crate::event::{Place, Write};
use crate::flight::{Flight, Next, Permit};
use crate::limit::Limit;
use crate::meter::{Meter, Request};
use crate::operation::Operation;
use crate::retry::{self, Failure, Retries, Trouble};
use crate::s3::{ANSWER_TIMEOUT, Dated, S3};
use crate::spans::{Division, Span};
use crate::uploads::{Begun, CleanUp};
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::error::Error as StdError;
use std::future::pending;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// What became of the objects.
#[derive(Debug)]
pub struct Written {
    /// Whether they are there: what S3 refused otherwise, or that the limit was reached.
    pub outcome: Result<(), Error>,
    /// An upload of parts that may be left in the bucket: its id, or `unknown`.
    pub upload_left: Option<String>,
}

impl From<Result<(), Error>> for Written {
    fn from(outcome: Result<(), Error>) -> Self {
        let upload_left = None;
        Self {
            outcome,
            upload_left,
        }
    }
}

/// Writes the objects of `job`, and begins nothing after `end`; gives up at `limit`, and cleans up then.
pub async fn write(
    s3: &S3,
    job: &Write,
    meter: &Meter,
    limit: &Limit,
    end: Option<Instant>,
) -> Written {
    let writer = Arc::new(Writer {
        s3: s3.clone(),
        meter: meter.clone(),
        limit: *limit,
        began: Instant::now(),
        end,
        has_named: AtomicBool::new(false),
        beside: Semaphore::new(job.in_flight),
    });
    let mut stream = Stream::new(job, writer);
    let outcome = stream.run(end).await;
    meter.stop();
    Written {
        outcome,
        upload_left: stream.clean_up().await,
    }
}

/// An object that is being written.
struct Object {
    place: Place,
    seed: Seed,
    /// What is known of its upload, where it has parts.
    begun: Mutex<Begun>,
}

impl Object {
    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().expect("nothing that holds it panics")
    }
}

/// An object in parts that is under way.
struct Upload {
    object: Arc<Object>,
    division: Division,
    /// Its id, empty until S3 has named it.
    id: Arc<str>,
    /// How many parts have not begun.
    waiting: usize,
    in_flight: usize,
    /// Those that S3 has, and how many bytes they are together.
    parts: Vec<CompletedPart>,
    size: u64,
}

/// What a request with a body sends.
enum Piece {
    Object(Arc<Object>),
    /// A part of the object of this index.
    Part(u64, Span),
}

/// What ended well; objects in parts have an index.
enum Ended {
    Object,
    Created(u64, String),
    /// An upload that could not be created before the end; what there may be of it is cleaned up.
    Unserved,
    /// With its entity tag.
    Part(u64, Span, String),
    Completed(u64),
}

/// The objects of a job, one after the other.
struct Stream<'a> {
    job: &'a Write,
    writer: Arc<Writer>,
    flight: Flight<Ended>,
    /// How many objects were prepared so far.
    prepared: u64,
    /// How many objects have had their parts released; their order is that of the keys.
    released: u64,
    /// The uploads that S3 has named while one before them is still being created.
    named: BTreeMap<u64, Arc<str>>,
    /// How many parts the uploads have that are not released.
    expected: usize,
    /// What is ready to be sent, in order.
    waiting: VecDeque<Piece>,
    uploads: HashMap<u64, Upload>,
    /// Objects that are there, and beside which an upload may be that nobody knows.
    untidy: Vec<Arc<Object>>,
}

impl<'a> Stream<'a> {
    fn new(job: &'a Write, writer: Arc<Writer>) -> Self {
        Self {
            job,
            flight: Flight::new(job.in_flight, job.schedule.opening, &writer.limit),
            writer,
            prepared: 0,
            released: 0,
            named: BTreeMap::new(),
            expected: 0,
            waiting: VecDeque::new(),
            uploads: HashMap::new(),
            untidy: Vec::new(),
        }
    }

    async fn run(&mut self, end: Option<Instant>) -> Result<(), Error> {
        let is_over = || end.is_some_and(|end| end <= Instant::now());
        loop {
            if is_over() {
                self.end();
            } else {
                self.prepare();
            }
            match self.flight.next(!self.waiting.is_empty()).await? {
                None => return Ok(()),
                Some(Next::Room(permit)) if !is_over() => self.begin(permit),
                Some(Next::Room(_)) => {}
                Some(Next::Ended(ended)) => self.ended(ended),
            }
        }
    }

    /// Has as much ready as may be in flight so far: an upload is created before its parts can be sent.
    fn prepare(&mut self) {
        while self.prepared < self.job.objects.count()
            && self.waiting.len() + self.expected < self.flight.allowed()
        {
            let index = self.prepared;
            self.prepared += 1;
            let place = self.job.objects.nth(index);
            let object = Arc::new(Object {
                seed: Seed::of(place.key.as_str()),
                place,
                begun: Mutex::default(),
            });
            if self.job.is_in_parts() {
                self.create(index, object);
            } else {
                self.waiting.push_back(Piece::Object(object));
            }
        }
    }

    fn create(&mut self, index: u64, object: Arc<Object>) {
        let division = self.job.division(&object.place.key);
        self.expected += division.parts(self.job.size).count();
        let upload = Upload {
            object: Arc::clone(&object),
            division,
            id: Arc::default(),
            waiting: 0,
            in_flight: 0,
            parts: Vec::new(),
            size: 0,
        };
        self.uploads.insert(index, upload);
        let writer = Arc::clone(&self.writer);
        self.flight.begin(async move {
            let id = writer.create(&object).await?;
            Ok(id.map_or(Ended::Unserved, |id| Ended::Created(index, id)))
        });
    }

    /// Sends what has waited longest.
    fn begin(&mut self, permit: Permit) {
        let writer = Arc::clone(&self.writer);
        match self.waiting.pop_front() {
            None => {}
            Some(Piece::Object(object)) => {
                let size = self.job.size;
                self.flight.begin(async move {
                    let _permit = permit;
                    writer.put_object(&object, size).await?;
                    Ok(Ended::Object)
                });
            }
            Some(Piece::Part(index, span)) => {
                let upload = self.upload(index);
                upload.waiting -= 1;
                upload.in_flight += 1;
                let (object, id) = (Arc::clone(&upload.object), Arc::clone(&upload.id));
                self.flight.begin(async move {
                    let _permit = permit;
                    let etag = writer.upload_part(&object, &id, span).await?;
                    Ok(Ended::Part(index, span, etag))
                });
            }
        }
    }

    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Object | Ended::Unserved => {}
            Ended::Created(index, id) => {
                self.named.insert(index, id.into());
                self.release();
            }
            Ended::Part(index, span, etag) => {
                let number = part_number(span);
                let part = CompletedPart::builder().part_number(number).e_tag(etag);
                let upload = self.upload(index);
                upload.in_flight -= 1;
                upload.size += span.length;
                upload.parts.push(part.build());
                self.complete(index);
            }
            Ended::Completed(index) => {
                let upload = self.uploads.remove(&index);
                let object = upload.expect("it is removed once").object;
                object.begun().completed = true;
                if object.begun().may_have_strays() {
                    self.untidy.push(object);
                }
            }
        }
    }

    /// Has the parts of the next objects wait, one object after the other: whenever the stream ends, its objects are
    /// the first ones, without a gap.
    fn release(&mut self) {
        let size = self.job.size;
        while let Some(id) = self.named.remove(&self.released) {
            let index = self.released;
            self.released += 1;
            let upload = self.upload(index);
            upload.id = id;
            let parts = upload.division.parts(size);
            upload.waiting = parts.clone().count();
            self.expected -= upload.waiting;
            let parts = parts.map(|span| Piece::Part(index, span));
            self.waiting.extend(parts);
        }
    }

    /// Makes the parts of an object that, once all of them are there.
    fn complete(&mut self, index: u64) {
        let upload = self.upload(index);
        if upload.waiting > 0 || upload.in_flight > 0 || upload.parts.is_empty() {
            return;
        }
        let mut parts = mem::take(&mut upload.parts);
        parts.sort_unstable_by_key(CompletedPart::part_number);
        let (object, id, size) = (
            Arc::clone(&upload.object),
            Arc::clone(&upload.id),
            upload.size,
        );
        let writer = Arc::clone(&self.writer);
        self.flight.begin(async move {
            writer.complete(&object.place, &id, parts, size).await?;
            Ok(Ended::Completed(index))
        });
    }

    /// Nothing more is begun: objects are completed with the parts that they have.
    fn end(&mut self) {
        for piece in mem::take(&mut self.waiting) {
            if let Piece::Part(index, _) = piece {
                self.upload(index).waiting -= 1;
            }
        }
        let indices: Vec<u64> = self.uploads.keys().copied().collect();
        for index in indices {
            self.complete(index);
        }
    }

    fn upload(&mut self, index: u64) -> &mut Upload {
        let upload = self.uploads.get_mut(&index);
        upload.expect("an upload is kept until it is completed")
    }

    /// Aborts what is not completed, and the uploads that nobody knows. What may be left of them: an upload's id, or
    /// `unknown`.
    async fn clean_up(self) -> Option<String> {
        let unfinished = self.uploads.into_values().map(|upload| upload.object);
        let objects = unfinished.chain(self.untidy);
        let begun = objects.map(|object| {
            let begun = mem::take(&mut *object.begun());
            (object.place.clone(), begun)
        });
        let clean_up = CleanUp::new(
            &self.writer.s3,
            &self.job.objects,
            self.writer.began,
            &self.writer.limit,
            self.job.in_flight,
        );
        clean_up.run(begun.collect()).await
    }
}

struct Writer {
    s3: S3,
    meter: Meter,
    limit: Limit,
    /// When the job began.
    began: Instant,
    /// When nothing more is begun.
    end: Option<Instant>,
    /// Whether S3 has named an upload of the job.
    has_named: AtomicBool,
    /// The permits of requests beside those with a body.
    beside: Semaphore,
}

impl Writer {
    /// Creates the upload of an object, and keeps what is known of it true whenever this is dropped. None where S3 has
    /// not named it before the end: it can serve nothing any more.
    async fn create(&self, object: &Object) -> Result<Option<String>, Error> {
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
                    let upload = created.upload_id.ok_or_else(|| {
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
                () = self.ended() => false,
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
    async fn ended(&self) {
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

    async fn put_object(&self, object: &Object, size: u64) -> Result<(), Error> {
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
    async fn upload_part(
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

    async fn complete(
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
            self.s3
                .client
                .complete_multipart_upload()
                .bucket(place.bucket.as_str())
                .key(place.key.as_str())
                .upload_id(upload)
                .multipart_upload(parts.clone())
                .customize()
                .interceptor(request)
                .send()
        };
        let _permit = self.permit().await;
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

fn part_number(part: Span) -> i32 {
    i32::try_from(part.number).expect("at most 10,000 parts")
}

fn signed(length: u64) -> i64 {
    i64::try_from(length).expect("at most 5 TiB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Job, Order};
    use crate::http::Unopened;
    use crate::meter::Reading;
    use crate::testing::{
        after, answer, answer_with, broken, in_no_time, key_of, refusal, s3, s3_of,
    };
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use aws_smithy_runtime_api::client::result::ConnectorError;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::collections::HashSet;

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

    fn listed_part() -> HttpConnectorFuture {
        answer(
            200,
            "<ListPartsResult><Part><PartNumber>1</PartNumber></Part></ListPartsResult>",
        )
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

    /// How long a request with a body takes in the tests of streams, and any other one.
    const TRANSFER: Duration = Duration::from_secs(1);
    const CALL: Duration = Duration::from_millis(300);

    /// What S3 got of a stream: when, the method, the key, the number of a part or 0, the bytes.
    type Got = Vec<(Duration, String, String, u64, u64)>;

    /// Writes a stream to an S3 that is in order.
    async fn streamed(fields: Value, end: Option<Duration>) -> (Written, Reading, Got) {
        streamed_but(fields, end, |_, _, _| None).await
    }

    /// The same, but for what `script` says of a request: its kind in words, its key, and which one of both it is, from
    /// 1 on.
    async fn streamed_but(
        fields: Value,
        end: Option<Duration>,
        script: impl Fn(&str, &str, usize) -> Option<HttpConnectorFuture> + Send + Sync + 'static,
    ) -> (Written, Reading, Got) {
        let (written, reading, got, _) =
            streamed_within(Duration::from_hours(1), fields, end, script).await;
        (written, reading, got)
    }

    /// The same within a time; how long all of it took, too.
    async fn streamed_within(
        time: Duration,
        fields: Value,
        end: Option<Duration>,
        script: impl Fn(&str, &str, usize) -> Option<HttpConnectorFuture> + Send + Sync + 'static,
    ) -> (Written, Reading, Got, Duration) {
        let times = Mutex::new(HashMap::new());
        let (got, began) = (Arc::new(Mutex::new(Got::new())), Instant::now());
        let log = Arc::clone(&got);
        let s3 = s3_of(move |request| {
            let (_, query) = request.uri().split_once('?').unwrap_or_default();
            let number = |name| {
                let (_, rest) = query.split_once(name)?;
                rest.split('&').next()?.parse().ok()
            };
            let part = number("partNumber=").unwrap_or_default();
            let length = request.headers().get("content-length");
            let length = length
                .and_then(|length| length.parse().ok())
                .unwrap_or_default();
            let method = request.method().to_owned();
            let query = query.strip_suffix('=').unwrap_or(query);
            let kind = kind(&format!("{method} {query}")).to_owned();
            let key = key_of(&request);
            let entry = (began.elapsed(), method, key.clone(), part, length);
            log.lock().expect("no test panics with it").push(entry);
            let mut times = times.lock().expect("no test panics with it");
            let times: &mut usize = times.entry((kind.clone(), key.clone())).or_default();
            *times += 1;
            script(&kind, &key, *times).unwrap_or_else(|| match kind.as_str() {
                "part" => after(TRANSFER, good("part")),
                "create" | "complete" => after(CALL, good(&kind)),
                other => good(other),
            })
        });
        let mut event = json!({"op": "write", "bucket": "abc", "key": "k", "open_s": 0});
        let more = fields.as_object().expect("it is one").clone();
        event.as_object_mut().expect("it is one").extend(more);
        let Ok(Job::Write(job)) = Job::try_from(event) else {
            panic!("a job");
        };
        let limit = Limit::at(Some(began + time), "this test");
        let meter = Meter::start();
        let end = end.map(|end| began + end);
        let written = write(&s3, &job, &meter, &limit, end).await;
        let got = mem::take(&mut *got.lock().expect("no test panics with it"));
        let reading = meter.read();
        (written, reading, got, began.elapsed())
    }

    /// The requests with a body, or others, of this method.
    fn of<'a>(got: &'a Got, method: &str) -> Vec<&'a (Duration, String, String, u64, u64)> {
        got.iter().filter(|one| one.1 == method).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_in_flight_do_not_drain_between_objects() {
        let fields = json!({"mb_per_file": 15, "part_mb": 5, "parts_in_flight": 4, "objects": 40});
        let (written, reading, got) = streamed(fields, None).await;
        assert_eq!((written.outcome, reading.objects), (Ok(()), 40));
        let parts = of(&got, "PUT");
        assert_eq!(parts.len(), 120);
        // Four at a time from the first creation on, each second.
        let (first, last) = (parts[0].0, parts[119].0);
        assert!(first == CALL && last < first + 30 * TRANSFER, "{last:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn small_objects_go_side_by_side() {
        let fields = json!({"bytes_per_file": 4096, "parts_in_flight": 64, "objects": 640});
        let (written, reading, got) = streamed(fields, None).await;
        assert_eq!((written.outcome, reading.objects), (Ok(()), 640));
        assert_eq!(got.len(), 640, "one request each");
        assert!(got[639].0 < 10 * TRANSFER, "{:?}", got[639]);
    }

    #[tokio::test(start_paused = true)]
    async fn at_its_end_a_stream_completes_what_has_parts_and_aborts_what_has_none() {
        let fields = json!({"mb_per_file": 35, "part_mb": 5, "parts_in_flight": 3, "for_s": 3});
        let end = Duration::from_millis(3500);
        let (written, reading, got) = streamed(fields, Some(end)).await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        // Three at a time from 0.3 s on, each second.
        let parts = of(&got, "PUT");
        assert_eq!(parts.len(), 12);
        assert!(parts.iter().all(|part| part.0 <= end));
        let second: Vec<u64> = parts
            .iter()
            .filter(|part| part.2 == "k/1")
            .map(|part| part.3)
            .collect();
        assert_eq!(second, [1, 2, 3, 4, 5], "the first ones of seven");
        let created = of(&got, "POST").len() - 2;
        assert_eq!((reading.objects, created), (2, 3));
        let aborted = of(&got, "DELETE");
        assert_eq!((aborted.len(), aborted[0].2.as_str()), (1, "k/2"));
        assert!(reading.stop >= reading.start);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_ends_by_time_has_no_gap() {
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 6, "for_s": 3});
        let end = Duration::from_millis(3500);
        for slow in ["k/0", "k/1", "k/4"] {
            let (written, reading, got) =
                streamed_but(fields.clone(), Some(end), move |kind, key, _| {
                    (kind == "create" && key == slow).then(|| after(2 * TRANSFER, good("create")))
                })
                .await;
            assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
            let mut keys: Vec<&str> = of(&got, "PUT").iter().map(|one| one.2.as_str()).collect();
            keys.dedup();
            let expected: Vec<String> = (0..reading.objects).map(|n| format!("k/{n}")).collect();
            assert!(expected.len() > 2, "{expected:?}");
            assert_eq!(keys, expected, "one after the other, {slow} late");
        }
        // A stream that ends while an object near its beginning is still being created.
        let (written, reading, got) = streamed_but(fields, Some(end), |kind, key, _| {
            (kind == "create" && key == "k/1").then(|| after(5 * TRANSFER, good("create")))
        })
        .await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        assert_eq!(reading.objects, 1);
        assert!(of(&got, "PUT").iter().all(|part| part.2 == "k/0"));
        let created = of(&got, "POST").len() - 1;
        assert_eq!(of(&got, "DELETE").len(), created - 1, "{got:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_stream_counts_every_object_that_is_there() {
        let fields = json!({"bytes_per_file": 4096, "parts_in_flight": 4, "objects": 4});
        for failed in ["k/0", "k/3"] {
            let (written, reading, _) = streamed_but(fields.clone(), None, move |_, key, _| {
                (key == failed).then(|| after(TRANSFER, denied()))
            })
            .await;
            assert!(written.outcome.is_err());
            assert_eq!(reading.objects, 3, "{failed} failed");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_its_end_a_stream_does_not_wait_for_an_upload_that_cannot_be_created() {
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 4, "for_s": 3});
        let end = Duration::from_millis(3500);
        for trouble in [broken, || refusal(503, "SlowDown", "")] {
            let (written, reading, _, took) = streamed_within(
                Duration::from_hours(1),
                fields.clone(),
                Some(end),
                move |kind, key, _| {
                    (kind == "create" && !["k/0", "k/1"].contains(&key)).then(trouble)
                },
            )
            .await;
            assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
            assert_eq!(reading.objects, 2);
            let stop = reading
                .stop
                .checked_sub(reading.start)
                .expect("it took time");
            assert!(
                stop <= Duration::from_secs(5) && took < end + Duration::from_secs(5),
                "{took:?}"
            );
            // One that S3 has never named any upload says why.
            let (written, _, _, took) = streamed_within(
                Duration::from_hours(1),
                fields.clone(),
                Some(end),
                move |kind, _, _| (kind == "create").then(trouble),
            )
            .await;
            assert!(
                written.outcome.is_err() && took < end + Duration::from_secs(5),
                "{took:?}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn creations_open_with_the_parts_and_completions_have_as_many_permits() {
        let opening = json!({
            "mb_per_file": 6, "part_mb": 5, "parts_in_flight": 256, "for_s": 1, "open_s": 60
        });
        let (written, _, got) = streamed(opening, Some(Duration::from_secs(1))).await;
        assert_eq!(written.outcome, Ok(()));
        assert!(of(&got, "POST").len() < 12, "{got:?}");

        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 4, "objects": 40});
        let slow = 10 * TRANSFER;
        let (written, reading, got) = streamed_but(fields, None, move |kind, _, _| {
            (kind == "complete").then(|| after(slow, good("complete")))
        })
        .await;
        assert_eq!((written.outcome, reading.objects), (Ok(()), 40));
        let mut created = HashSet::new();
        let mut completions = of(&got, "POST");
        completions.retain(|one| !created.insert(one.2.clone()));
        let moments: Vec<Duration> = completions.iter().map(|one| one.0).collect();
        assert_eq!(moments.len(), 40);
        assert!(
            moments.windows(5).all(|five| five[4] >= five[0] + slow),
            "{moments:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn every_upload_is_aborted_within_the_time_after_the_limit() {
        // Each has two parts, of which none is sent before the limit.
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 128, "for_s": 60});
        let slow = |kind: &str, _: &str, times: usize| match kind {
            "part" => Some(silent()),
            "own" => Some(after(TRANSFER, good("own"))),
            "parts" if times == 1 => Some(after(TRANSFER, listed_part())),
            "parts" => Some(after(TRANSFER, good("parts"))),
            _ => None,
        };
        let limit = Duration::from_secs(4);
        let (written, _, got, took) = streamed_within(limit, fields.clone(), None, slow).await;
        assert!(matches!(written.outcome, Err(Error::Deadline(_))));
        assert_eq!(written.upload_left, None);
        assert!(took <= limit + Duration::from_secs(5), "{took:?}");
        let created = of(&got, "POST").len();
        let aborts = of(&got, "DELETE");
        assert!(created >= 64 && aborts.len() == 2 * created, "{created}");
        let looked = of(&got, "GET");
        assert!(
            aborts[created - 1].0 <= looked[0].0,
            "each is aborted once first"
        );

        let (written, _, _, _) = streamed_within(limit, fields, None, |kind, _, _| match kind {
            "part" => Some(silent()),
            "own" => Some(denied()),
            _ => None,
        })
        .await;
        assert_eq!(
            written.upload_left.as_deref(),
            Some("unknown"),
            "there are many"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn strays_of_many_objects_are_looked_for_together_and_not_longer_than_half_a_minute() {
        let fields = json!({"mb_per_file": 6, "part_mb": 5, "parts_in_flight": 64, "objects": 300});
        let throttled = |kind: &str, _: &str, times: usize| {
            (kind == "create" && times == 1).then(|| refusal(503, "SlowDown", ""))
        };
        let (written, reading, got) = streamed_but(fields.clone(), None, throttled).await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        assert_eq!((reading.objects, of(&got, "GET").len()), (300, 1));

        let (written, reading, _, took) = streamed_within(
            Duration::from_hours(1),
            fields,
            None,
            move |kind, key, times| match kind {
                "list" => Some(silent()),
                _ => throttled(kind, key, times),
            },
        )
        .await;
        assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
        assert_eq!(reading.objects, 300);
        // With 300 objects, two creations, 600 parts by 64.
        assert!((30..70).contains(&took.as_secs()), "{took:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn every_object_is_there_once_with_every_byte(
            size in 1_u64..40 << 20,
            part_mb in 5_u64..16,
            in_flight in 1_usize..20,
            objects in 1_u64..12,
        ) {
            let fields = json!({
                "bytes_per_file": size, "part_mb": part_mb, "parts_in_flight": in_flight, "objects": objects
            });
            let (written, reading, got) = in_no_time(streamed(fields, None));
            prop_assert_eq!((written.outcome, reading.objects), (Ok(()), objects));
            let mut sent: Vec<_> = of(&got, "PUT").iter().map(|one| (one.2.clone(), one.3, one.4)).collect();
            sent.sort();
            let mut expected = Vec::new();
            for index in 0..objects {
                let key = format!("k/{index}");
                if size <= part_mb << 20 {
                    expected.push((key, 0, size));
                } else {
                    let parts = Division::of(&key, part_mb).parts(size);
                    expected.extend(parts.map(|part| (key.clone(), part.number, part.length)));
                }
            }
            expected.sort();
            prop_assert_eq!(sent, expected);
            prop_assert!(of(&got, "DELETE").is_empty());
        }

        #[test]
        fn a_stream_ends_within_one_request_of_its_time(
            mib in 1_u64..40,
            in_flight in 1_usize..20,
            end_ms in 1_000_u64..20_000,
        ) {
            let fields = json!({"mb_per_file": mib, "part_mb": 5, "parts_in_flight": in_flight, "for_s": 1});
            let end = Duration::from_millis(end_ms);
            let (took, written, reading, got) = in_no_time(async {
                let began = Instant::now();
                let (written, reading, got) = streamed(fields, Some(end)).await;
                (began.elapsed(), written, reading, got)
            });
            prop_assert_eq!((written.outcome, written.upload_left), (Ok(()), None));
            let parts = of(&got, "PUT");
            prop_assert!(parts.iter().all(|part| part.0 <= end));
            // A request with a body, and the completion of its object.
            prop_assert!(took <= end + TRANSFER + CALL + Duration::from_millis(20), "{took:?}");
            prop_assert!(took + TRANSFER >= end.saturating_sub(CALL), "{took:?}");
            let mut keys: Vec<&str> = parts.iter().map(|part| part.2.as_str()).collect();
            keys.sort_unstable();
            keys.dedup();
            prop_assert_eq!(reading.objects, keys.len() as u64);
        }
    }
}
