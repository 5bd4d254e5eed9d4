//! Reads objects, whole or by ranges side by side, and forgets them.

use crate::data::Seed;
use crate::error::Error;
use crate::event::{Place, Read};
use crate::explain::causes;
use crate::flight::{Flight, Next, Permit};
use crate::limit::Limit;
use crate::meter::{Meter, Request};
use crate::operation::Operation;
use crate::retry::{self, Failure, Retries, Trouble};
use crate::s3::S3;
use crate::spans::{Division, Span};
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use tokio::time::Instant;

/// Reads the objects of `job` as often as it says, and begins nothing after `end`.
///
/// # Errors
///
/// What S3 refused, what was wrong with the bytes, or that `limit` was reached.
pub async fn read(
    s3: &S3,
    job: &Read,
    meter: &Meter,
    limit: &Limit,
    end: Option<Instant>,
) -> Result<(), Error> {
    let reader = Arc::new(Reader {
        s3: s3.clone(),
        verify: job.verify,
        pins: Pins::of(job),
        meter: meter.clone(),
        limit: *limit,
    });
    Stream::new(job, reader).run(end).await
}

/// An object as S3's first answer described it.
struct Object {
    place: Place,
    /// The seed of what the bytes are compared with.
    verified: Option<Seed>,
    size: u64,
    etag: String,
}

/// An answer whose body is not drained yet.
struct Opened {
    answer: GetObjectOutput,
    request: Request,
}

/// What GETs are to read.
enum Piece {
    /// The beginning of an object, whose answer tells what the object is. Each draining of an object has an index, from
    /// 0 over all of them.
    Beginning(u64),
    Spans(Draining, Box<dyn Iterator<Item = Span> + Send>),
}

/// An object that is drained for one time.
#[derive(Clone)]
struct Draining {
    object: Arc<Object>,
    /// How many of its spans are not drained yet.
    undrained: Arc<AtomicU64>,
}

enum Done {
    /// The object is known, and its first span opened.
    Opened(Arc<Object>, Box<Opened>, Permit),
    /// A span is drained.
    Span,
}

/// The objects of a job, one after the other, as often as it says.
struct Stream<'a> {
    job: &'a Read,
    reader: Arc<Reader>,
    flight: Flight<Done>,
    /// How many times an object was prepared so far, whichever.
    prepared: u64,
    /// How many objects are asked for that S3 has not described yet.
    unknown: u64,
    /// How many spans the latest object had that S3 described.
    usual_spans: Option<u64>,
    /// A single object, once it is known: it is the same each time.
    known: Option<Arc<Object>>,
    /// What is ready to be asked for, in order, and how many GETs that is.
    waiting: VecDeque<Piece>,
    gets: u64,
}

impl<'a> Stream<'a> {
    fn new(job: &'a Read, reader: Arc<Reader>) -> Self {
        let in_flight = job.connections();
        Self {
            job,
            flight: Flight::new(in_flight, job.schedule.opening, &reader.limit),
            reader,
            prepared: 0,
            unknown: 0,
            usual_spans: None,
            known: None,
            waiting: VecDeque::new(),
            gets: 0,
        }
    }

    /// `write` has the same loop over its own stream: a trait for the two of them would be longer than the loop.
    async fn run(&mut self, end: Option<Instant>) -> Result<(), Error> {
        let is_over = || end.is_some_and(|end| end <= Instant::now());
        loop {
            if is_over() {
                self.waiting.clear();
                self.gets = 0;
            } else {
                self.prepare();
            }
            match self.flight.next(!self.waiting.is_empty()).await? {
                None => return Ok(()),
                Some(Next::Room(permit)) if !is_over() => self.begin(permit),
                Some(Next::Room(_)) => {}
                Some(Next::Done(done)) => self.done(done),
            }
        }
    }

    /// Has as much ready as may be in flight: the next object is asked for while the spans of the one before wait.
    fn prepare(&mut self) {
        let times = self.job.times.saturating_mul(self.job.objects.count());
        let in_flight = self.job.in_flight as u64;
        while self.prepared < times && self.gets + self.expected() < in_flight {
            let index = self.prepared;
            self.prepared += 1;
            if let Some(object) = &self.known {
                self.enqueue(Arc::clone(object), 0);
            } else {
                self.unknown += 1;
                self.gets += 1;
                self.waiting.push_back(Piece::Beginning(index));
            }
        }
    }

    /// How many spans come of the objects that are asked for: before one is known, as many as are wanted.
    fn expected(&self) -> u64 {
        let wanted = self.job.in_flight as u64;
        self.unknown * self.usual_spans.map_or(wanted, |spans| spans - 1)
    }

    /// Has the spans of an object wait, but for those that have `begun`.
    fn enqueue(&mut self, object: Arc<Object>, begun: usize) -> Draining {
        let division = self.job.division_of(&object);
        let count = division.count(object.size);
        let spans = division.ranges(object.size).skip(begun);
        let draining = Draining {
            object,
            undrained: Arc::new(count.into()),
        };
        let waiting = count - begun as u64;
        if waiting > 0 {
            self.gets += waiting;
            let piece = Piece::Spans(draining.clone(), Box::new(spans));
            self.waiting.push_back(piece);
        }
        draining
    }

    /// Asks for what has waited longest.
    fn begin(&mut self, permit: Permit) {
        match self.waiting.front_mut() {
            None => {}
            Some(Piece::Beginning(index)) => {
                let index = *index;
                self.waiting.pop_front();
                self.gets -= 1;
                let reader = Arc::clone(&self.reader);
                let number = index % self.job.objects.count();
                let place = self.job.objects.nth(number);
                let division = self.job.division(&place.key);
                self.flight.begin(async move {
                    let (object, opened) = reader.open(place, division.map(Division::span)).await?;
                    if !reader.pins.hold(number, &object.etag) {
                        let key = object.place.key.to_string();
                        return Err(Error::ObjectChanged { key });
                    }
                    Ok(Done::Opened(Arc::new(object), Box::new(opened), permit))
                });
            }
            Some(Piece::Spans(draining, spans)) => {
                let draining = draining.clone();
                if let Some(span) = spans.next() {
                    self.gets -= 1;
                    self.drain(draining, span, None, permit);
                } else {
                    self.waiting.pop_front();
                }
            }
        }
    }

    fn drain(&mut self, draining: Draining, span: Span, opened: Option<Opened>, permit: Permit) {
        let reader = Arc::clone(&self.reader);
        self.flight.begin(async move {
            let _permit = permit;
            reader.drain(&draining.object, span, opened).await?;
            if draining.undrained.fetch_sub(1, Ordering::Relaxed) == 1 {
                reader.meter.object();
            }
            Ok(Done::Span)
        });
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Opened(object, opened, permit) => {
                self.unknown -= 1;
                let division = self.job.division_of(&object);
                self.usual_spans = Some(division.count(object.size));
                if !self.job.objects.is_stream() {
                    self.known = Some(Arc::clone(&object));
                }
                let first = division.ranges(object.size).next();
                let first = first.expect("it is not empty");
                let draining = self.enqueue(object, 1);
                self.drain(draining, first, Some(*opened), permit);
            }
            Done::Span => {}
        }
    }
}

impl Read {
    /// How `object`, once it is known, is divided into the spans that it is read by.
    fn division_of(&self, object: &Object) -> Division {
        let division = self.division(&object.place.key);
        division.unwrap_or(Division::whole(object.size))
    }
}

/// Where a stream is read several times: a hash of each object's entity tag, 8 bytes, to tell whether it is the same.
struct Pins(Mutex<Vec<Option<NonZeroU64>>>);

impl Pins {
    fn of(job: &Read) -> Self {
        let is_repeated = job.objects.is_stream() && job.times > 1;
        let pinned = if is_repeated { job.objects.count() } else { 0 };
        let pinned = usize::try_from(pinned).expect("at most a million");
        Self(Mutex::new(vec![None; pinned]))
    }

    /// Whether the object of this number is the one that it was, where it was seen before.
    fn hold(&self, number: u64, etag: &str) -> bool {
        let mut hasher = DefaultHasher::new();
        etag.hash(&mut hasher);
        let seen = NonZeroU64::new(hasher.finish() | 1);
        let mut pins = self.0.lock().expect("nothing that holds it panics");
        let number = usize::try_from(number).expect("at most a million");
        match pins.get_mut(number) {
            Some(pin) if pin.is_some() => *pin == seen,
            Some(pin) => {
                *pin = seen;
                true
            }
            None => true,
        }
    }
}

struct Reader {
    s3: S3,
    /// Compare the bytes with those that `write` puts there.
    verify: bool,
    pins: Pins,
    meter: Meter,
    limit: Limit,
}

impl Reader {
    /// Asks for the first range of an object, or the whole of it; the answer tells what the object is.
    async fn open(&self, place: Place, range: Option<u64>) -> Result<(Object, Opened), Error> {
        let bytes = range.map(|length| format!("bytes=0-{}", length - 1));
        let request = self.meter.transfer();
        let opened = self.get(&place, bytes, None, request).await?;
        let answer = &opened.answer;
        let told = told(answer).filter(|(offset, size)| {
            // What tells no range is the whole object, and not what was asked for.
            *offset == 0 && (answer.content_range.is_some() || range != Some(*size))
        });
        let (_, size) = told.ok_or_else(|| incomplete("the object's size"))?;
        if size == 0 {
            return Err(Error::empty(place.key.as_str()));
        }
        let object = Object {
            verified: self.verify.then(|| Seed::of(place.key.as_str())),
            etag: answer.e_tag.clone().ok_or_else(|| incomplete("an ETag"))?,
            size,
            place,
        };
        Ok((object, opened))
    }

    /// Reads one span to its end, asking again for the rest of a body that breaks off.
    async fn drain(
        &self,
        object: &Object,
        span: Span,
        opened: Option<Opened>,
    ) -> Result<(), Error> {
        let end = span.offset + span.length;
        let mut offset = span.offset;
        let mut request = self.meter.transfer();
        let mut opened = opened;
        let mut retries = Retries::until(&self.limit);
        loop {
            let answer = if let Some(opened) = opened.take() {
                opened
            } else {
                let bytes = format!("bytes={offset}-{}", end - 1);
                let etag = Some(object.etag.as_str());
                let opened = self
                    .get(&object.place, Some(bytes.clone()), etag, request)
                    .await?;
                if told(&opened.answer) != Some((offset, object.size)) {
                    let asked = format!("the answer is not of {bytes}, which was asked for");
                    return Err(failed(asked));
                }
                opened
            };
            request = answer.request;
            let began = offset;
            let drained = self.drain_body(object, answer.answer, &mut offset, end);
            let Some(reason) = drained.await? else {
                request.succeed();
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
                    object.place.key.as_str(),
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
        object: &Object,
        mut answer: GetObjectOutput,
        offset: &mut u64,
        end: u64,
    ) -> Result<Option<String>, Error> {
        let mut expected = object.verified.map(|seed| seed.content(*offset));
        while let Some(frame) = answer.body.next().await {
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Ok(Some(causes(&error))),
            };
            let length = frame.len() as u64;
            if *offset + length > end {
                return Err(failed(format!(
                    "the answer goes on after byte {}, the last one asked for",
                    end - 1
                )));
            }
            self.meter.received(length);
            if let Some(index) = expected
                .as_mut()
                .and_then(|expected| expected.first_difference(&frame))
            {
                return Err(Error::VerifyMismatch {
                    key: object.place.key.to_string(),
                    offset: *offset + index as u64,
                });
            }
            *offset += length;
        }
        Ok((*offset < end).then(|| "the answer ended before its length".to_owned()))
    }

    async fn get(
        &self,
        place: &Place,
        range: Option<String>,
        etag: Option<&str>,
        request: Request,
    ) -> Result<Opened, Error> {
        let key = place.key.as_str();
        let get = || {
            self.s3
                .client
                .get_object()
                .bucket(place.bucket.as_str())
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
                    self.s3.explain(&failure, Operation::GetObject, place)
                }
            }
        })?;
        Ok(Opened { answer, request })
    }
}

/// Where in the object the answer begins, and how long the object is, in bytes.
fn told(answer: &GetObjectOutput) -> Option<(u64, u64)> {
    let Some(range) = &answer.content_range else {
        return Some((0, u64::try_from(answer.content_length?).ok()?));
    };
    let (bytes, size) = range.strip_prefix("bytes ")?.split_once('/')?;
    let (offset, _) = bytes.split_once('-')?;
    Some((offset.parse().ok()?, size.parse().ok()?))
}

fn incomplete(what: &str) -> Error {
    failed(format!("the answer does not tell {what}"))
}

const fn failed(reason: String) -> Error {
    Error::S3 {
        operation: Operation::GetObject,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Job, Order};
    use crate::meter::Reading;
    use crate::testing::{after, answer_with, in_no_time, key_of, refusal, s3, s3_of};
    use aws_smithy_runtime_api::client::http::HttpConnectorFuture;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use std::mem;
    use std::sync::atomic::AtomicU32;
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
        read(&s3, &job, &Meter::start(), &limit, None).await
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
    async fn bytes_that_were_not_asked_for_are_no_good_read() {
        let of = |range: Option<&'static str>| {
            let told = range.map(|range| ("content-range", range));
            let headers: Vec<_> = [("content-length", "1048576"), ("etag", "e")]
                .into_iter()
                .chain(told)
                .collect();
            move || answer_with(206, &headers, "x".repeat(1 << 20))
        };
        let second = of(Some("bytes 1048576-2097151/2097152"));
        assert_eq!(outcome(opened, second).await, Ok(()));
        for range in [
            None,
            Some("bytes 0-1048575/2097152"),
            Some("bytes 1048577-2097152/2097152"),
            Some("bytes 1048576-2097151/2097153"),
            Some("1048576-2097151"),
        ] {
            let error = outcome(opened, of(range)).await.expect_err("another range");
            assert_eq!(error.kind(), "S3", "{error}");
            assert!(
                error.to_string().contains("bytes=1048576-2097151"),
                "{error}"
            );
        }
        for range in [None, Some("bytes 1-1048576/2097152")] {
            let error = outcome(of(range), opened).await.expect_err("no beginning");
            assert!(error.to_string().contains("does not tell"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_range_that_always_breaks_off_is_given_up_before_the_limit() {
        let told = ("content-range", "bytes 1048576-2097151/2097152");
        let torn = move || answer_with(206, &[told], "");
        let began = Instant::now();
        let error = outcome(opened, torn).await.expect_err("nothing comes");
        assert_eq!(error.kind(), "ShortBody", "{error}");
        assert!(
            (58..60).contains(&began.elapsed().as_secs()),
            "{:?}",
            began.elapsed()
        );
    }

    /// How long a GET takes in the tests of streams.
    const TRANSFER: Duration = Duration::from_secs(1);

    /// Reads objects of `size` bytes from an S3 that is in order: what was measured, and what was asked for, when.
    async fn streamed(
        size: u64,
        fields: Value,
        end: Option<Duration>,
    ) -> (Result<(), Error>, Reading, Vec<(Duration, String, u64)>) {
        streamed_but(size, fields, end, |_, _| None).await
    }

    /// The same, but for what `script` says of the nth request for a key.
    async fn streamed_but(
        size: u64,
        fields: Value,
        end: Option<Duration>,
        script: impl Fn(&str, usize) -> Option<HttpConnectorFuture> + Send + Sync + 'static,
    ) -> (Result<(), Error>, Reading, Vec<(Duration, String, u64)>) {
        let (asked, began) = (Arc::new(Mutex::new(Vec::new())), Instant::now());
        let log = Arc::clone(&asked);
        let s3 = s3_of(move |request| {
            let range = request.headers().get("range").map(str::to_owned);
            let (first, last) = range.as_deref().map_or((0, size - 1), |range| {
                let (_, range) = range.split_once('=').expect("bytes=");
                let (first, last) = range.split_once('-').expect("a range");
                let number = |text: &str| text.parse::<u64>().expect("a number");
                (number(first), number(last).min(size - 1))
            });
            let key = key_of(&request);
            let mut log = log.lock().expect("no test panics with it");
            log.push((began.elapsed(), key.clone(), first));
            let times = log.iter().filter(|one| one.1 == key).count();
            if let Some(scripted) = script(&key, times) {
                return scripted;
            }
            let length = usize::try_from(last + 1 - first).expect("a small range");
            let told = format!("bytes {first}-{last}/{size}");
            let headers = [("etag", "e"), ("content-range", told.as_str())];
            after(TRANSFER, answer_with(206, &headers, "x".repeat(length)))
        });
        let mut event = json!({"op": "read", "bucket": "abc", "key": "k", "open_s": 0});
        let more = fields.as_object().expect("it is one").clone();
        event.as_object_mut().expect("it is one").extend(more);
        let Ok(Job::Read(job)) = Job::try_from(event) else {
            panic!("a job");
        };
        let limit = Limit::at(Some(began + Duration::from_hours(1)), "this test");
        let meter = Meter::start();
        let end = end.map(|end| began + end);
        let outcome = read(&s3, &job, &meter, &limit, end).await;
        let asked = mem::take(&mut *asked.lock().expect("no test panics with it"));
        (outcome, meter.read(), asked)
    }

    #[tokio::test(start_paused = true)]
    async fn small_objects_are_read_side_by_side_once_one_is_known() {
        let fields = json!({"objects": 641, "ranges_in_flight": 64});
        let (outcome, reading, asked) = streamed(4096, fields, None).await;
        assert_eq!((outcome, reading.objects), (Ok(()), 641));
        assert!(asked[640].0 < 11 * TRANSFER, "{:?}", asked[640]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_single_object_is_described_once_however_often_it_is_read() {
        let fields = json!({"for_s": 1, "ranges_in_flight": 2, "range_mb": 1});
        let (outcome, reading, asked) =
            streamed(3 << 20, fields, Some(Duration::from_secs(20))).await;
        assert_eq!(outcome, Ok(()));
        // One at first, then two at a time.
        assert_eq!((asked.len(), reading.objects), (39, 13));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_read_counts_every_object_that_was_read_to_its_end() {
        let fields = json!({"objects": 3, "ranges_in_flight": 4, "range_mb": 1});
        let (outcome, reading, _) = streamed_but(2 << 20, fields, None, |key, nth| {
            // In the same moment as the last byte of k/2.
            (key == "k/1" && nth == 2).then(|| after(TRANSFER, refusal(403, "AccessDenied", "")))
        })
        .await;
        assert_eq!(outcome.expect_err("one is denied").kind(), "AccessDenied");
        assert_eq!((reading.bytes, reading.objects), (5 << 20, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_of_a_stream_is_the_same_each_time() {
        let other = || {
            let headers = [("etag", "other"), ("content-range", "bytes 0-4095/4096")];
            answer_with(206, &headers, "x".repeat(4096))
        };
        for (times, changes) in [(1, false), (2, true)] {
            let fields = json!({"objects": 3, "read_times": 2});
            let (outcome, _, _) = streamed_but(4096, fields, None, move |key, nth| {
                (key == "k/1" && nth > times).then(other)
            })
            .await;
            let changed = Error::ObjectChanged { key: "k/1".into() };
            let expected = if changes { Ok(()) } else { Err(changed) };
            assert_eq!(outcome, expected, "after {times} times");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn every_object_is_read_to_its_end_as_often_as_asked(
            size in 1_u64..3 << 20,
            range_mb in 0_u64..3,
            in_flight in 1_usize..10,
            objects in prop::option::of(1_u64..6),
            times in 1_u64..4,
        ) {
            let mut fields = json!({"range_mb": range_mb, "ranges_in_flight": in_flight, "read_times": times});
            if let Some(objects) = objects {
                fields["objects"] = objects.into();
            }
            let (outcome, reading, asked) = in_no_time(streamed(size, fields, None));
            let drained = times * objects.unwrap_or(1);
            prop_assert_eq!((outcome, reading.objects, reading.bytes), (Ok(()), drained, drained * size));
            let mut keys: Vec<&str> = asked.iter().filter(|one| one.2 == 0).map(|one| one.1.as_str()).collect();
            keys.sort_unstable();
            prop_assert_eq!(keys.len() as u64, drained);
            prop_assert!(keys.chunk_by(|one, next| one == next).all(|same| same.len() as u64 == times));
        }

        #[test]
        fn a_read_ends_within_one_request_of_its_time(
            size in 1_u64..3 << 20,
            in_flight in 1_usize..10,
            objects in prop::option::of(1_u64..6),
            end_ms in 1_000_u64..20_000,
        ) {
            let mut fields = json!({"range_mb": 1, "ranges_in_flight": in_flight, "for_s": 1});
            if let Some(objects) = objects {
                fields["objects"] = objects.into();
            }
            let end = Duration::from_millis(end_ms);
            let (took, outcome, asked) = in_no_time(async {
                let began = Instant::now();
                let (outcome, _, asked) = streamed(size, fields, Some(end)).await;
                (began.elapsed(), outcome, asked)
            });
            prop_assert_eq!(outcome, Ok(()));
            prop_assert!(asked.iter().all(|one| one.0 <= end));
            prop_assert!(took <= end + TRANSFER + Duration::from_millis(20), "{took:?}");
            prop_assert!(took + TRANSFER >= end, "{took:?}");
        }
    }
}
